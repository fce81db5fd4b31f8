package usersig

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	maxToken    = 4 << 10
	maxInflated = 8 << 10
	maxSkew     = 5 * time.Minute

	version = "2.0"
)

// Claims is what a verified UserSig says.
type Claims struct {
	App     signaling.AppID
	User    signaling.UserID
	Issued  time.Time
	Expires time.Time
	UserBuf []byte // nil when there is none: what the app's server put in, such as a room's permissions
}

// payload is the JSON of a UserSig, in its own order. Base64 inside it is the ordinary one.
type payload struct {
	Version string `json:"TLS.ver"`
	User    string `json:"TLS.identifier"`
	App     uint64 `json:"TLS.sdkappid"`
	Expire  int64  `json:"TLS.expire"` // seconds
	Time    int64  `json:"TLS.time"`   // Unix seconds
	UserBuf string `json:"TLS.userbuf,omitempty"`
	Sig     string `json:"TLS.sig"`
}

// mac is the HMAC over the fields in the order of the format; each ends its line, so none can pose as another as long
// as no identifier holds a line end.
func (p *payload) mac(secret string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(h, "TLS.identifier:%s\nTLS.sdkappid:%d\nTLS.time:%d\nTLS.expire:%d\n", p.User, p.App, p.Time, p.Expire)
	if p.UserBuf != "" {
		fmt.Fprintf(h, "TLS.userbuf:%s\n", p.UserBuf)
	}
	return h.Sum(nil)
}

// verified decides about a token whose form is right. The order is a promise, see [Verify].
func (p *payload) verified(sig []byte, app signaling.AppID, secret string, user signaling.UserID, now time.Time) (Claims, error) {
	if p.App != uint64(app) {
		return Claims{}, ErrWrongApp
	}
	if secret == "" || !hmac.Equal(sig, p.mac(secret)) {
		return Claims{}, ErrSignature
	}
	if p.User != string(user) {
		return Claims{}, ErrMismatch
	}
	c, err := p.claims()
	if err != nil {
		return Claims{}, err
	}
	if c.Issued.After(now.Add(maxSkew)) {
		return Claims{}, ErrFuture
	}
	if c.Expires.Before(now) {
		return Claims{}, ErrExpired
	}
	return c, nil
}

// claims is what the token says, whether it is true or not.
func (p *payload) claims() (Claims, error) {
	c := Claims{
		App: signaling.AppID(p.App), User: signaling.UserID(p.User),
		Issued: time.Unix(p.Time, 0), Expires: time.Unix(p.Time+p.Expire, 0),
	}
	if p.UserBuf != "" {
		var err error
		if c.UserBuf, err = base64.StdEncoding.DecodeString(p.UserBuf); err != nil {
			return Claims{}, ErrMalformed
		}
	}
	return c, nil
}
