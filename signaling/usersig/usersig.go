package usersig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	maxToken    = 4 << 10
	maxInflated = 8 << 10
	maxSig      = 128 // base64 of 32 bytes of HMAC or some 71 of ECDSA
	maxSkew     = 5 * time.Minute

	version = "2.0"
)

// Claims is what a verified UserSig says.
type Claims struct {
	App     signaling.AppID
	User    signaling.UserID
	Issued  time.Time
	Expires time.Time
	UserBuf []byte // nil when there is none: what the app's server put in, such as a PrivateMapKey
	Legacy  bool   // of version 1, signed by ECDSA-SHA256; else of version 2.0, by HMAC-SHA256
}

// PrivateMapKey returns the PrivateMapKey that the UserSig carries. ok is false where UserBuf is none, or is one of
// another app.
func (c Claims) PrivateMapKey() (k PrivateMapKey, ok bool) {
	k, err := ParsePrivateMapKey(c.UserBuf)
	if err != nil || k.App != c.App {
		return PrivateMapKey{}, false
	}
	return k, true
}

// payload is what a UserSig's JSON says, whichever its version is.
type payload struct {
	version []byte
	user    []byte
	app     int64
	expire  int64  // seconds
	time    int64  // Unix seconds
	userBuf []byte // in ordinary base64, as it is signed
	buf     []byte // what that says
	sig     []byte // in base64 too
	legacy  bool   // the fields of version 1
	account int64  // its TLS.account_type
	third   int64  // its TLS.appid_at_3rd

	has field // those that are there
}

// sign writes what the signature is over: the fields in the order of the format. Each ends its line, so none can pose as
// another as long as no identifier holds a line end. A user buffer counts as soon as it is there, even empty.
func (p *payload) sign(h hash.Hash) []byte {
	if p.legacy {
		if p.has&fieldThird != 0 {
			fmt.Fprintf(h, "TLS.appid_at_3rd:%d\n", p.third)
		}
		fmt.Fprintf(h, "TLS.account_type:%d\n", p.account)
	}
	line := func(name string, text []byte) {
		h.Write([]byte(name))
		h.Write(text)
		h.Write([]byte{'\n'})
	}
	line("TLS.identifier:", p.user)
	numbers := "TLS.sdkappid:%d\nTLS.time:%d\nTLS.expire:%d\n"
	if p.legacy {
		numbers = "TLS.sdk_appid:%d\nTLS.time:%d\nTLS.expire_after:%d\n"
	}
	fmt.Fprintf(h, numbers, p.app, p.time, p.expire)
	if p.has&fieldUserBuf != 0 {
		line("TLS.userbuf:", p.userBuf)
	}
	return h.Sum(nil)
}

func (p *payload) mac(secret string) []byte { return p.sign(hmac.New(sha256.New, []byte(secret))) }

// text is the JSON of a token of version 2.0, byte for byte what the library of npm makes.
func (p *payload) text() []byte {
	b := make([]byte, 0, 512)
	b = append(b, `{"TLS.ver":"2.0","TLS.identifier":`...)
	b = appendString(b, p.user)
	b = fmt.Appendf(b, `,"TLS.sdkappid":%d,"TLS.time":%d,"TLS.expire":%d`, p.app, p.time, p.expire)
	if p.has&fieldUserBuf != 0 {
		b = fmt.Appendf(b, `,"TLS.userbuf":"%s"`, p.userBuf)
	}
	return fmt.Appendf(b, `,"TLS.sig":"%s"}`, p.sig)
}

// genuine checks the signature with the one key that is for its kind. What a token says about itself chooses the kind
// and never the key: the public key is no secret, and as one of HMAC's anybody could sign with it.
func (v Verifier) genuine(p *payload) error {
	if len(p.sig) > maxSig {
		return ErrMalformed
	}
	sig, err := decode(p.sig)
	if err != nil {
		return ErrMalformed
	}
	if p.legacy {
		if v.PublicKey == nil {
			return ErrLegacy
		}
		if !ecdsa.VerifyASN1(v.PublicKey, p.sign(sha256.New()), sig) {
			return ErrSignature
		}
		return nil
	}
	if len(sig) != sha256.Size {
		return ErrMalformed
	}
	if v.Secret == "" || !hmac.Equal(sig, p.mac(v.Secret)) {
		return ErrSignature
	}
	return nil
}

// claims is what the token says, whether it is true or not. Its form has been checked.
func (p *payload) claims() Claims {
	return Claims{
		App: signaling.AppID(p.app), User: signaling.UserID(p.user),
		Issued: time.Unix(p.time, 0), Expires: time.Unix(p.time+p.expire, 0), UserBuf: p.buf, Legacy: p.legacy,
	}
}

// decode reads ordinary base64 in its one spelling.
func decode(text []byte) ([]byte, error) {
	if bytes.ContainsAny(text, "\r\n") { // which base64 passes over
		return nil, ErrMalformed
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(b, text)
	return b[:n], err
}
