package home

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A room's password is never kept. The log has a salt and the hash of a key that is derived of both; who enters with the
// password has their node derive that key, which takes milliseconds, and the room's home compares the hash, which does not.

const (
	passwordRounds = 20_000      // of PBKDF2: about 5 ms for each guess of one who has read the log
	passwordTries  = 5           // wrong ones of one user at one room
	passwordPause  = time.Minute // in so long
	maxGuessers    = 10_000      // users of one room of whom that is counted
	maxDerived     = 1_000       // keys that a node remembers
)

// proof is the key that a node has derived of the password somebody enters with, and of what salt.
type proof struct {
	Salt []byte `json:"salt"`
	Key  []byte `json:"key"`
}

// NewPassword makes what is kept of a password; of "" that is nothing.
func NewPassword(text string) (room.Password, error) {
	if text == "" {
		return room.Password{}, nil
	}
	if !signaling.ValidText(text, room.MaxPasswordBytes) {
		return room.Password{}, signaling.Errorf(signaling.ErrInvalidParameter.Code, "a room's password has 1 to %d bytes of UTF-8 without control characters", room.MaxPasswordBytes)
	}
	salt := make([]byte, room.PasswordSalt)
	rand.Read(salt)
	key, err := derive(text, salt)
	if err != nil {
		return room.Password{}, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	hash := sha256.Sum256(key)
	return room.Password{Salt: salt, Hash: hash[:]}, nil
}

func derive(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, passwordRounds, sha256.Size)
}

// derived are keys that have opened rooms: many enter by one password.
type derived struct {
	mu     sync.Mutex
	secret []byte            // under which passwords are known again
	keys   map[string][]byte // by salt and password
}

func (d *derived) id(password string, salt []byte) string {
	if d.secret == nil {
		d.secret = make([]byte, sha256.Size)
		rand.Read(d.secret)
	}
	mac := hmac.New(sha256.New, d.secret)
	mac.Write(salt)
	mac.Write([]byte(password))
	return string(mac.Sum(nil))
}

// prove derives the key of a password, or remembers it. opened keeps it when it has opened the room.
func (d *derived) prove(password string, salt []byte) (p *proof, opened func(), err error) {
	d.mu.Lock()
	id := d.id(password, salt)
	key, known := d.keys[id]
	d.mu.Unlock()
	if !known {
		if key, err = derive(password, salt); err != nil {
			return nil, nil, err
		}
	}
	return &proof{Salt: salt, Key: key}, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.keys == nil || len(d.keys) >= maxDerived {
			d.keys = map[string][]byte{}
		}
		d.keys[id] = key
	}, nil
}

// guesses counts the wrong passwords of one user.
type guesses struct {
	wrong int
	until time.Time // when that is forgotten
}

// admits checks the password of somebody who comes in. Who is in the room, or waited for, has shown it; owner and
// administrators need none.
func (h *home) admits(t *turn, m Member) error {
	p, u := t.state.Password, m.User.UserID
	_, here := h.present[u]
	_, awaited := h.away[u]
	if !p.Set() || here || awaited || t.state.RoleOf(u).Manages() {
		return nil
	}
	g, guessed := h.guesses[u]
	if guessed && !t.now.Before(g.until) {
		delete(h.guesses, u)
		g, guessed = guesses{}, false
	}
	if g.wrong >= passwordTries || !guessed && h.tooManyGuess(t.now) {
		return signaling.Errorf(signaling.ErrTooFrequent.Code, "too many wrong passwords; wait a minute and try again")
	}
	if m.Proof == nil || subtle.ConstantTimeCompare(m.Proof.Salt, p.Salt) != 1 {
		return signaling.ErrPasswordNeeded
	}
	if hash := sha256.Sum256(m.Proof.Key); subtle.ConstantTimeCompare(hash[:], p.Hash) == 1 {
		delete(h.guesses, u)
		return nil
	}
	if !guessed {
		g.until = t.now.Add(passwordPause)
	}
	g.wrong++
	h.guesses[u] = g
	return signaling.ErrWrongPassword
}

// tooManyGuess reports whether wrong passwords of a further user could not be counted. It forgets what is old.
func (h *home) tooManyGuess(now time.Time) bool {
	if len(h.guesses) < maxGuessers {
		return false
	}
	for u, g := range h.guesses {
		if !now.Before(g.until) {
			delete(h.guesses, u)
		}
	}
	return len(h.guesses) >= maxGuessers
}

// tellsWho reports whether the log has to say who is here: for an app that wants to know, and for members who come back
// to a new home without the password.
func (h *home) tellsWho(s room.State) bool { return h.wanted() || s.Password.Set() }
