package server

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// With Config.MultiLogin a user may be logged in several times, with a phone and a computer. In one room they are by one
// of them: the later stay ends the earlier one, and seat and requests go on with it.

// onlyStay ends the user's other stays in a room that this session has just entered, at every node. fresh tells that it
// was not in it before: then its microphone is closed, whatever that of the other device was.
func (m *membership) onlyStay(ctx context.Context, fresh bool) {
	s := m.session.srv
	if !s.cfg.MultiLogin {
		return
	}
	if fresh && slices.Contains(m.replica.speakers(), m.user.UserID) {
		_, err := s.node.Do(ctx, m.replica.key, room.Command{ID: rand.Text(), By: m.session.self(), Origin: m.session.origin, Action: room.SetAudio{On: false}})
		if err != nil {
			m.session.log.Debug("audio of another device not switched off", "room", m.replica.key.Room, "error", err)
		}
	}
	m.replica.mu.Lock()
	m.entered = time.Now()
	n := loginNotice{User: m.user.UserID, Session: m.session.id, At: m.entered.UnixNano(), Room: m.replica.key.Room}
	m.replica.mu.Unlock()
	m.replica.endOtherStays(n)
	m.session.tell(n)
}

// enteredElsewhere hears of stays at any node, this one included.
func (s *Server) enteredElsewhere(app signaling.AppID, n loginNotice) {
	s.mu.Lock()
	r := s.replicas[store.Key{App: app, Room: n.Room}]
	if key := (stayKey{userKey{app, n.User}, n.Room}); s.cfg.MultiLogin && s.stays[key].at <= n.At {
		s.stays[key] = lastLogin{session: n.Session, at: n.At, heard: time.Now()}
	}
	s.mu.Unlock()
	if r != nil {
		r.endOtherStays(n)
	}
}

// stayKey is a user in a room.
type stayKey struct {
	user userKey
	room signaling.RoomID
}

// overtaken refuses a client that comes back to a room, at another node than before, when the user has entered it with
// another device meanwhile and is there still, as the answer of the room's home says. Where the home does not know yet, the
// client has to ask again.
func (ses *session) overtaken(id signaling.RoomID, answer home.Entry) error {
	s := ses.srv
	s.mu.Lock()
	last, known := s.stays[stayKey{ses.key(), id}]
	s.mu.Unlock()
	switch {
	case !known || last.session == ses.id || last.session == ses.resumes:
		return nil
	case slices.Contains(answer.Sessions, last.session):
		return signaling.Errorf(signaling.ErrKickedOffLine.Code, "%s", enteredElsewhere)
	case answer.Gathering:
		return signaling.Errorf(signaling.ErrServerTimeout.Code, "the room has just moved to another node, which does not know yet who is in it; try again")
	}
	return nil
}

const enteredElsewhere = "the same user has entered this room with another login"

// endOtherStays ends the stays that began before that of the notice. Only the sessions concerned are told: for everybody
// else the user never left.
func (r *replica) endOtherStays(n loginNotice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.members {
		if m.user.UserID != n.User || m.session.id == n.Session || m.out || m.entered.IsZero() || m.later(n) {
			continue
		}
		m.lastWord = &signaling.KickedOutOfRoom{
			Reason: signaling.KickedByLoginOnOtherDevice, Message: enteredElsewhere,
		}
		if m.active {
			// Nothing follows for this session, so the version after the last one that it was told is free.
			m.session.notify(signaling.NotifyRoomEvents, signaling.RoomEvents{
				RoomID: r.key.Room, Version: m.prev + 1, Prev: m.prev, Events: signaling.EventList{*m.lastWord},
			})
		}
		m.active, m.out = false, true
		r.srv.spawn(m.exit) // not here: it waits for goroutines
	}
}

// later reports whether this stay began after that of the notice. As with logins, clocks decide only between two that
// cross.
func (m *membership) later(n loginNotice) bool {
	at := m.entered.UnixNano()
	return time.Since(m.entered) <= loginsCross && (at > n.At || at == n.At && m.session.id > n.Session)
}

// exit ends the media of a stay that is over, and tells the room's home that this session is not in the room any more.
func (m *membership) exit() {
	m.endMedia()
	ctx, cancel := context.WithTimeout(m.session.srv.ctx, cleanLimit)
	defer cancel()
	if err := m.session.srv.node.Exit(ctx, m.replica.key, m.member()); err != nil {
		m.session.log.Debug("room not told that a stay ended", "room", m.replica.key.Room, "error", err)
	}
}

// speakers are those who may be heard.
func (r *replica) speakers() []signaling.UserID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entry.State.Speakers()
}
