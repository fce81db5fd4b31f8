package server

import (
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Who comes and goes gives way to everything else for a client that is slow to read: it must not lose its connection by
// the crowd alone. Nothing is lost by that but names. Its prev stays, so it sees no gap, and the true count follows with
// the next thing that it is told, or when it has read what was waiting.

// presenceOnly reports whether events are about nothing but who has come and gone.
func presenceOnly(seen signaling.EventList) bool {
	return !slices.ContainsFunc(seen, func(e signaling.Event) bool {
		switch e.(type) {
		case signaling.UsersEntered, signaling.UsersLeft:
			return false
		}
		return true
	})
}

// slow reports whether half of what may wait for the client is waiting: the other half is for what it cannot do without.
func (l *link) slow() bool { return len(l.out) >= cap(l.out)/2 }

// owe notes that a member is to be told how many there are, as soon as its client has read what is waiting; replica.mu
// is held.
func (m *membership) owe(l *link) {
	if m.owed {
		return
	}
	m.owed = true
	l.oweMu.Lock()
	defer l.oweMu.Unlock()
	l.owed = append(l.owed, m)
	l.owing.Store(true)
}

// makeUp tells what is owed. It is called by the writing goroutine when nothing is waiting.
func (l *link) makeUp() {
	l.oweMu.Lock()
	list := l.owed
	l.owed = nil
	l.owing.Store(false)
	l.oweMu.Unlock()
	for _, m := range list {
		m.replica.recount(m)
	}
}

// recount tells a member how many there are, unless it has been told since.
func (r *replica) recount(m *membership) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !m.owed {
		return
	}
	m.owed = false
	if !m.active || m.prev >= r.entry.Version {
		return // it begins anew, with a snapshot or with what it has missed
	}
	m.session.notify(signaling.NotifyRoomEvents, signaling.RoomEvents{
		RoomID: r.key.Room, Version: r.entry.Version, Prev: m.prev, Events: signaling.EventList{r.count()},
	})
	m.prev = r.entry.Version
}

// count is an event that says how many there are, and names nobody; r.mu is held.
func (r *replica) count() signaling.Event {
	return signaling.UsersEntered{Users: []signaling.UserInfo{}, Count: r.entry.Members, ViewCount: r.entry.State.Info.ViewCount}
}
