package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// TokenSource fetches a UserSig of the login's user from whoever makes them. The login calls it shortly before the one
// it has expires, and when it comes back after a broken connection with one that has: from any goroutine, never twice at
// once. ctx ends with the login, or after ten seconds. It must not call the Engine.
type TokenSource func(ctx context.Context) (userSig string, err error)

const (
	maxMargin     = 5 * time.Minute  // a UserSig is replaced so long before it expires, at most
	marginShare   = 10               // and when this part of its time is left
	sourceWait    = 10 * time.Second // for one answer of a TokenSource, and again for the server's
	firstSigPause = time.Second      // between attempts to replace it, doubled each time
	maxSigPause   = 10 * time.Second
)

// credential is what this login shows to the server, and until when that is good by the server's clock. Only spans of
// time are taken from the server: what this machine's clock says does not matter.
type credential struct {
	source TokenSource        // nil: none
	busy   chan struct{}      // full while the source is asked
	life   context.Context    // ends with the login
	end    context.CancelFunc // ends it

	mu        sync.Mutex    // protects what follows
	sig       string        // what the server has accepted last
	shown     string        // by the login under way
	expiresAt int64         // as the server said, Unix milliseconds; 0: never, or not known yet
	expires   time.Time     // the same moment by this machine's clock; zero with expiresAt
	margin    time.Duration // how long before it a newer one is asked for
	warned    int64         // the expiresAt of which the observers have been told that it is near
	lapsed    int64         // ... that it has passed
	changed   chan struct{} // closed and replaced when a login or a newer UserSig has changed expires
}

func newCredential(cfg Config) *credential {
	c := &credential{source: cfg.TokenSource, sig: cfg.UserSig, busy: make(chan struct{}, 1), changed: make(chan struct{})}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// userSig returns what to log in with: the UserSig at hand while it is good for longer, else a new one, and without a
// new one that at hand all the same: the server decides about it.
func (c *credential) userSig(ctx context.Context) (sig string, err error) {
	c.mu.Lock()
	sig = c.sig
	known := c.expiresAt != 0
	left := time.Until(c.expires)
	good := sig != "" && (!known || left > c.margin)
	c.mu.Unlock()
	if !good && c.source != nil {
		fresh, err := c.ask(ctx)
		if err != nil && (sig == "" || left <= 0) {
			return "", err
		}
		if err == nil {
			sig = fresh
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shown = sig
	return sig, nil
}

// ask gets a UserSig from the source.
func (c *credential) ask(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, sourceWait)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	select {
	case c.busy <- struct{}{}:
		defer func() { <-c.busy }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	sig, err := c.source(ctx)
	if err == nil && sig == "" {
		err = errors.New("the TokenSource returned no UserSig")
	}
	return sig, err
}

// loggedIn takes over what the server says about the UserSig of a login.
func (c *credential) loggedIn(res signaling.LoginResult) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sig = c.shown
	c.set(res.ExpiresAt, res.ServerTime)
}

// renewed takes over the answer to a renewal, and reports whether the login is good for longer now.
func (c *credential) renewed(sig string, res signaling.RenewResult) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.expiresAt != 0 && res.ExpiresAt <= c.expiresAt {
		return false
	}
	c.sig = sig
	c.set(res.ExpiresAt, res.ServerTime)
	return true
}

// set notes an expiry; c.mu is held.
func (c *credential) set(expiresAt, serverTime int64) {
	left := time.Duration(expiresAt-serverTime) * time.Millisecond
	if expiresAt != c.expiresAt { // else it is the same UserSig, of which some time has passed
		c.margin = min(left/marginShare, maxMargin)
	}
	c.expiresAt, c.expires = expiresAt, time.Time{}
	if expiresAt != 0 {
		c.expires = time.Now().Add(left)
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// once reports whether this is the first time that the observers are to be told something of this UserSig.
func (c *credential) once(told *int64) (expires time.Time, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first = *told != c.expiresAt
	*told = c.expiresAt
	return c.expires, first
}

// keepUserSig replaces the UserSig before it expires, or tells the observers that somebody has to.
func (e *Engine) keepUserSig() {
	c := e.credential
	for c.life.Err() == nil {
		c.mu.Lock()
		expires, margin, changed := c.expires, c.margin, c.changed
		c.mu.Unlock()
		var due time.Time
		if !expires.IsZero() {
			due = expires.Add(-margin)
		}
		if c.sleepUntil(due, changed) {
			e.replaceUserSig(expires.Add(-margin/2), changed)
		}
	}
}

// replaceUserSig tries until the expiry has changed or the login is over. When that has not helped by warnAt, the
// observers are told.
func (e *Engine) replaceUserSig(warnAt time.Time, changed <-chan struct{}) {
	c := e.credential
	for pause := firstSigPause; ; pause = min(2*pause, maxSigPause) {
		if c.source != nil {
			err := e.renewFromSource()
			if err == nil || c.life.Err() != nil {
				return
			}
			e.log.Warn("no newer UserSig", "error", err)
		}
		var again time.Time
		if c.source != nil {
			again = time.Now().Add(pause)
		}
		if c.source != nil && time.Now().Before(warnAt) {
			if again.After(warnAt) {
				again = warnAt
			}
		} else {
			e.sigWillExpire()
		}
		if !c.sleepUntil(again, changed) {
			return
		}
	}
}

// sleepUntil returns false when the expiry has changed before, or the login is over. The zero time never comes.
func (c *credential) sleepUntil(t time.Time, changed <-chan struct{}) bool {
	var passed <-chan time.Time
	if !t.IsZero() {
		timer := time.NewTimer(time.Until(t))
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-passed:
		return true
	case <-changed:
		return false
	case <-c.life.Done():
		return false
	}
}

func (e *Engine) renewFromSource() error {
	c := e.credential
	sig, err := c.ask(c.life)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.life, sourceWait)
	defer cancel()
	fresher, err := e.renew(ctx, sig)
	if err == nil && !fresher {
		err = errors.New("the TokenSource returned a UserSig that is good for no longer than the one before")
	}
	return err
}

func (e *Engine) renew(ctx context.Context, sig string) (fresher bool, err error) {
	var res signaling.RenewResult
	if err := e.call(ctx, signaling.MethodRenew, signaling.RenewParams{UserSig: sig}, &res); err != nil {
		return false, err
	}
	return e.credential.renewed(sig, res), nil
}

// RenewUserSig gives the login a newer UserSig, in place: rooms, seats and audio do not notice. It is for apps without
// a [TokenSource], when OnUserSigWillExpire or OnUserSigExpired says that it is time; after the latter there is the
// server's grace period left, 30 s unless it is set otherwise. One that is good for no longer than the present changes
// nothing. Refusals are those of [Login]: [ErrUserSigExpired], [ErrUserSigInvalid], [signaling.ErrUserSigWrongUser].
func (e *Engine) RenewUserSig(ctx context.Context, userSig string) error {
	_, err := e.renew(ctx, userSig)
	return signaling.WithOp("RenewUserSig", err)
}

func (e *Engine) sigWillExpire() {
	expires, first := e.credential.once(&e.credential.warned)
	if left := time.Until(expires); first && left > 0 {
		e.post("OnUserSigWillExpire", func(o *Observer) {
			if o.OnUserSigWillExpire != nil {
				o.OnUserSigWillExpire(left)
			}
		})
	}
}

// sigExpired is told by the server, whose clock counts.
func (e *Engine) sigExpired() {
	if _, first := e.credential.once(&e.credential.lapsed); first {
		e.post("OnUserSigExpired", func(o *Observer) {
			if o.OnUserSigExpired != nil {
				o.OnUserSigExpired()
			}
		})
	}
}
