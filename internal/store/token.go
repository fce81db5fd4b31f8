package store

import (
	"encoding/base64"
	"errors"
)

// emptyToken stands for the empty id. No id has it: a single character is never base64 of anything.
const emptyToken = "_"

var strictBase64 = base64.RawURLEncoding.Strict()

// Token is the one way in which an id becomes part of a subject, key or name of the bus: base64url without padding of
// its bytes. It is injective, and its result holds only A-Z, a-z, 0-9, - and _. Room ids are any printable ASCII, and
// NATS would take `*`, `>`, dots and spaces at their word.
func Token(id string) string {
	if id == "" {
		return emptyToken
	}
	return strictBase64.EncodeToString([]byte(id))
}

// ParseToken undoes [Token], and refuses everything that Token does not make.
func ParseToken(token string) (id string, err error) {
	if token == emptyToken {
		return "", nil
	}
	b, err := strictBase64.DecodeString(token)
	if err != nil || Token(string(b)) != token { // the decoder skips line ends
		return "", errors.New("store: not a token: " + token)
	}
	return string(b), nil
}
