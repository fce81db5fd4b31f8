package server

import (
	"context"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// validity is until when a session is good: as long as the best UserSig that it has shown. Then the client is told, and
// has the grace period to show a newer one; calls and media go on meanwhile. A session that has not done so ends as by a
// logout.
type validity struct {
	mu    sync.Mutex
	until time.Time
	timer *time.Timer
	over  bool // the session has ended
}

// validUntil notes that a UserSig has been shown, and returns until when the session is good now.
func (ses *session) validUntil(expires time.Time) time.Time {
	v := &ses.sig
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over || !expires.After(v.until) { // an older UserSig takes nothing away
		return v.until
	}
	if v.timer != nil {
		v.timer.Stop()
	}
	v.until = expires
	v.timer = time.AfterFunc(time.Until(expires), func() { ses.sigExpired(expires) })
	return expires
}

// holds reports whether a moment is still that at which the session's UserSig expires; v.mu is held.
func (v *validity) holds(expires time.Time) bool { return !v.over && v.until.Equal(expires) }

func (ses *session) sigExpired(expires time.Time) {
	v := &ses.sig
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.holds(expires) {
		return
	}
	grace := ses.srv.grace()
	v.timer = time.AfterFunc(grace, func() { ses.sigGone(expires) })
	ses.notify(signaling.NotifySigExpired, signaling.UserSigExpired{GraceMS: grace.Milliseconds()}) // it only queues
}

func (ses *session) sigGone(expires time.Time) {
	v := &ses.sig
	v.mu.Lock()
	gone := v.holds(expires)
	v.mu.Unlock()
	if gone {
		ses.log.Info("the UserSig has expired and was not renewed")
		ses.endForGood("the UserSig has expired; log in with a new one")
	}
}

func (v *validity) stop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	if v.timer != nil {
		v.timer.Stop()
	}
}

// renew shows a newer UserSig.
func (ses *session) renew(_ context.Context, p signaling.RenewParams) (signaling.RenewResult, error) {
	expires, err := ses.srv.verify(signaling.LoginParams{SDKAppID: ses.app, UserID: ses.user.UserID, UserSig: p.UserSig})
	if err != nil {
		return signaling.RenewResult{}, err
	}
	return signaling.RenewResult{ExpiresAt: ses.validUntil(expires).UnixMilli(), ServerTime: time.Now().UnixMilli()}, nil
}
