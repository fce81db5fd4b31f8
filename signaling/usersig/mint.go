package usersig

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Mint makes a UserSig for user of app that is good from now on for expire, in whole seconds. secret is the app's key.
// It returns ErrInvalid for arguments that no token can carry, ErrTooLarge for a user too long. It is the documents'
// genUserSig.
func Mint(app signaling.AppID, secret string, user signaling.UserID, expire time.Duration, now time.Time) (string, error) {
	return MintWithUserBuf(app, secret, user, expire, now, nil)
}

// MintWithUserBuf is [Mint] with bytes that the token vouches for as well, such as a PrivateMapKey. They are signed, not
// hidden. An empty userBuf is none.
func MintWithUserBuf(app signaling.AppID, secret string, user signaling.UserID, expire time.Duration, now time.Time, userBuf []byte) (string, error) {
	if secret == "" || !validUser(string(user)) || expire < time.Second || now.Unix() < 0 || now.Unix() > maxTime {
		return "", ErrInvalid
	}
	p := payload{user: []byte(user), app: int64(app), expire: int64(expire / time.Second), time: now.Unix()}
	if len(userBuf) > 0 {
		p.has |= fieldUserBuf
		p.userBuf = base64.StdEncoding.AppendEncode(nil, userBuf)
	}
	p.sig = base64.StdEncoding.AppendEncode(nil, p.mac(secret))
	text := p.text()
	if len(text) > maxInflated {
		return "", ErrTooLarge
	}
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	if _, err := w.Write(text); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	token := toToken.Replace(base64.StdEncoding.EncodeToString(buf.Bytes()))
	if len(token) > maxToken {
		return "", ErrTooLarge
	}
	return token, nil
}

var toToken = strings.NewReplacer("+", "*", "/", "-", "=", "_")

// validUser refuses identifiers that could be read as two lines of what is signed. Which users an app permits is
// not decided here.
func validUser(user string) bool {
	return user != "" && utf8.ValidString(user) && !strings.ContainsAny(user, "\r\n")
}
