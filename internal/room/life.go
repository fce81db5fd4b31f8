package room

import (
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Bounds of [LifeRules] (documents, "room auto-dismiss").
const (
	DefaultEmpty = 30 * time.Minute
	MinEmpty     = 10 * time.Minute
	MaxEmpty     = 24 * time.Hour
	MinOwnerAway = 2 * time.Minute
	MaxOwnerAway = 12 * time.Hour
)

// LifeRules say when a room ends by itself. They are an app's, and may change while its rooms live.
type LifeRules struct {
	Empty     time.Duration // after the last member has gone; 10 min to 24 h
	OwnerLeft time.Duration // after the owner has left by their own will; 2 min to 12 h, 0 is never
	OwnerLost time.Duration // after the owner's connections are lost; likewise
}

// Check refuses what the documents do not allow.
func (r LifeRules) Check() error {
	if r.Empty < MinEmpty || r.Empty > MaxEmpty {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "an empty room ends after 10 minutes to 24 hours, not after %s", r.Empty)
	}
	for _, t := range []time.Duration{r.OwnerLeft, r.OwnerLost} {
		if t != 0 && (t < MinOwnerAway || t > MaxOwnerAway) {
			return signaling.Errorf(signaling.ErrInvalidParameter.Code, "a room without its owner ends after 2 minutes to 12 hours, or never (0), not after %s", t)
		}
	}
	return nil
}

// Life is since when a room has been without somebody it needs, each in Unix milliseconds; 0: it is not. In a room that
// nobody has ever entered all of it is 0: the documents' rules begin with a member, and with the owner, who has been here.
type Life struct {
	Empty     int64 `json:"empty,omitempty"`     // without members
	OwnerHere bool  `json:"ownerHere,omitempty"` // the owner is in the room, with a connection
	OwnerLeft int64 `json:"ownerLeft,omitempty"` // the owner has left by their own will
	OwnerLost int64 `json:"ownerLost,omitempty"` // the owner is gone otherwise: has no connection, or was taken out
}

// Attended returns the state after a look at who is in the room, which its home knows: anybody at all, also somebody whom
// it waits for, and the owner, with a connection.
func (s State) Attended(anybody, owner bool, now time.Time) State {
	l, at := s.Life, now.UnixMilli()
	switch {
	case !s.Exists():
		return s
	case anybody:
		l.Empty = 0
	case l.Empty == 0 && s.Info.ViewCount > 0:
		l.Empty = at
	}
	switch {
	case owner:
		l.OwnerHere, l.OwnerLeft, l.OwnerLost = true, 0, 0
	case l.OwnerHere:
		l.OwnerHere, l.OwnerLost = false, at
	}
	s.Life = l
	return s
}

// LeftByOwner returns the state after the owner has left by their own will.
func (s State) LeftByOwner(now time.Time) State {
	s.Life.OwnerHere, s.Life.OwnerLeft, s.Life.OwnerLost = false, now.UnixMilli(), 0
	return s
}

// Lapses returns when the room ends by itself if nothing happens before; ok is false when it does not.
func (s State) Lapses(r LifeRules) (t time.Time, ok bool) {
	t, rule := s.lapses(r)
	return t, rule != ""
}

// lapses is Lapses with the rule by which the room ends; none when it does not.
func (s State) lapses(r LifeRules) (t time.Time, rule string) {
	if !s.Exists() {
		return t, ""
	}
	for _, x := range []struct {
		rule  string
		since int64
		after time.Duration
	}{{"empty", s.Life.Empty, r.Empty}, {"owner left", s.Life.OwnerLeft, r.OwnerLeft}, {"owner lost", s.Life.OwnerLost, r.OwnerLost}} {
		if x.since == 0 || x.after <= 0 {
			continue
		}
		if at := time.UnixMilli(x.since).Add(x.after); rule == "" || at.Before(t) {
			t, rule = at, x.rule
		}
	}
	return t, rule
}

// Lapse ends the room if it is overdue by the rules, and else does nothing: it may be issued at any time and any number
// of times. It is the server's own.
type Lapse struct {
	Rules LifeRules `json:"rules"`
}

func (Lapse) actionType() string { return "lapse" }

func (d *decision) lapse(a Lapse) error {
	if d.by.UserID != "" {
		return signaling.ErrNoPermission
	}
	if at, some := d.state.Lapses(a.Rules); !some || d.now.Before(at) {
		return nil
	}
	return d.dismiss(Dismiss{Reason: signaling.DismissedByServer})
}
