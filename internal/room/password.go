package room

import "github.com/openvoiceroom/openvoiceroom/signaling"

// Bounds of a room's password. The documents give none.
const (
	MaxPasswordBytes = 64 // of the password itself
	PasswordSalt     = 16
	PasswordHash     = 32
)

// Password is what is kept of a room's password; the rules only carry it. Of none both are empty.
type Password struct {
	Salt []byte `json:"salt,omitempty"`
	Hash []byte `json:"hash,omitempty"`
}

// Set reports whether there is a password.
func (p Password) Set() bool { return len(p.Hash) > 0 }

func (p Password) check() error {
	if p.Set() && (len(p.Salt) != PasswordSalt || len(p.Hash) != PasswordHash) || !p.Set() && len(p.Salt) > 0 {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "a password is kept as %d bytes of salt and %d bytes of hash", PasswordSalt, PasswordHash)
	}
	return nil
}
