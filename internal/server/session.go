package server

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// session is one login. It outlives its connection by the grace period: seats, requests and media stay as they are, and
// the client goes on with them over another connection.
type session struct {
	srv   *Server
	log   *slog.Logger
	id    string
	app   signaling.AppID
	since time.Time

	// Changed under mu: by the link's reading goroutine, names also by who follows the profile. The id never changes.
	mu      sync.Mutex
	user    signaling.UserInfo
	profile following

	resumes string // the id of the session at another node that this one goes on with

	link atomic.Pointer[link] // nil while the client is away
	sig  validity

	// Of the link's reading goroutine; while the client is away of whoever ends that state. Written under mu, for
	// others read them under it.
	rooms map[signaling.RoomID]*membership

	// Of the same goroutine.
	origin  room.Origin   // where the client logged in from last
	stays   uint64        // so far
	renames *rate.Limiter // of setSelfInfo
	lists   *rate.Limiter // of listRooms

	passwords *rate.Limiter // of the same goroutine, too: passwords of rooms
	asks      *rate.Limiter // rooms that are asked for a connection; of the same goroutine
	likes     liker         // of the same goroutine

	// Of the same goroutine: users that are followed or unfollowed, and questions about that.
	follows, followAsks *rate.Limiter

	news followNews

	// Guarded by srv.mu:
	state  sessionState
	holder *link       // while attached; longer than link, for its goroutine lets the session go last
	final  bool        // not to be kept when its connection ends: replaced by a later login, or its UserSig has expired
	grace  *time.Timer // while away
}

type sessionState int

const (
	attached sessionState = iota // a connection serves it
	away                         // its connection is gone, and it waits for another
	ended
)

// newSession registers a session on its connection; srv.mu is held.
func (s *Server) newSession(l *link, app signaling.AppID, user signaling.UserInfo) *session {
	ses := &session{
		srv: s, id: rand.Text(), app: app, user: user, since: time.Now(), holder: l, rooms: map[signaling.RoomID]*membership{},
		renames:    rate.NewLimiter(renamesPerSecond, renamesBurst),
		asks:       rate.NewLimiter(connectionsPerSecond, connectionsBurst),
		lists:      rate.NewLimiter(listsPerSecond, listsBurst),
		passwords:  rate.NewLimiter(passwordsPerSecond, passwordsBurst),
		follows:    rate.NewLimiter(followsPerSecond, followsBurst),
		followAsks: rate.NewLimiter(followAsksPerSecond, followAsksBurst),
	}
	ses.log = l.log.With("session", ses.id, "app", app, "user", user.UserID)
	ses.link.Store(l)
	s.sessions[ses.id] = ses
	return ses
}

// send queues a message; nothing happens while the client is away: it is told when it comes back.
func (ses *session) send(b []byte) {
	if l := ses.link.Load(); l != nil {
		l.send(b)
	}
}

func (ses *session) notify(method string, params any) {
	b, err := signaling.EncodeNotification(method, params)
	if err != nil {
		ses.log.Error("notification not encoded", "method", method, "error", err)
		return
	}
	ses.send(b)
}

// self returns who the session's user is, under the present name.
func (ses *session) self() signaling.UserInfo {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.user
}

func (ses *session) key() userKey { return userKey{ses.app, ses.user.UserID} }

// letGo is the end of the session's connection. Unless the login ends with it, the session waits for another.
func (ses *session) letGo(loggedOut bool) {
	s := ses.srv
	ses.link.Store(nil)
	for _, m := range ses.rooms {
		m.replica.pause(m)
	}
	s.mu.Lock()
	kept := !s.closed && !loggedOut && !ses.final
	s.mu.Unlock()
	if kept { // while nobody else can have it
		ses.tellHeartbeat()
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return // Close ends it, when the rooms cannot take that for a departure any more
	}
	if !loggedOut && !ses.final {
		ses.state, ses.holder = away, nil
		ses.grace = time.AfterFunc(s.grace(), ses.expire)
		s.mu.Unlock()
		return
	}
	s.forget(ses)
	s.mu.Unlock()
	ses.clean()
	if loggedOut {
		ses.tellEnd()
	}
}

// tellHeartbeat tells the session's rooms that its client is away, or back.
func (ses *session) tellHeartbeat() {
	for _, m := range ses.rooms {
		if !m.isOut() && !m.replica.isOver() {
			ses.srv.node.Heartbeat(m.replica.key, m.member())
		}
	}
}

// forget takes a session off the lists; srv.mu is held. Whoever does it has to end its memberships.
func (s *Server) forget(ses *session) {
	ses.state = ended
	ses.sig.stop()
	ses.news.stop()
	if ses.grace != nil {
		ses.grace.Stop()
	}
	delete(s.sessions, ses.id)
	if s.users[ses.key()] == ses {
		delete(s.users, ses.key())
	}
}

// endAway ends the session if its client is away.
func (ses *session) endAway() {
	s := ses.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	if ses.state == away && !s.closed {
		s.forget(ses)
		s.wg.Go(ses.clean)
	}
}

// expire is the end of the grace period.
func (ses *session) expire() {
	ses.log.Info("did not come back")
	ses.endAway()
}

// claim takes over a session for a new connection, from an old one if need be: that is a dead path, whatever it looks
// like from here. nil means that there is no such session any more.
func (s *Server) claim(key userKey, id string, l *link) *session {
	for {
		s.mu.Lock()
		ses := s.sessions[id]
		if ses == nil || ses.key() != key || ses.final || s.closed {
			s.mu.Unlock()
			return nil
		}
		if ses.state == away {
			if !ses.grace.Stop() { // it runs out at this moment
				s.mu.Unlock()
				return nil
			}
			ses.state, ses.holder = attached, l
			ses.link.Store(l)
			s.mu.Unlock()
			return ses
		}
		old := ses.holder
		s.mu.Unlock()
		old.cut()
		<-old.over
	}
}

// loggedInTwice is why a session ends whose user has logged in elsewhere.
const loggedInTwice = "the same user has logged in elsewhere"

// kickOff ends a session for good; its client is told why.
func (ses *session) kickOff(reason string) {
	ses.notify(signaling.NotifyKickedOff, signaling.KickedOffLine{Message: reason})
	ses.endForGood(reason)
}

// endForGood closes the session's connection, if it has one, and keeps nothing for its return.
func (ses *session) endForGood(reason string) {
	s := ses.srv
	s.mu.Lock()
	ses.final = true
	s.mu.Unlock()
	if l := ses.link.Load(); l != nil {
		l.end(websocket.ClosePolicyViolation, reason)
	}
	ses.endAway()
}

// moved is the return of the session's client to another node. What it had here waits until it has joined there.
func (ses *session) moved() {
	if l := ses.link.Load(); l != nil {
		l.cut()
	}
}

// clean takes the session out of its rooms.
func (ses *session) clean() {
	s := ses.srv
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), cleanLimit)
	defer cancel()
	for id := range ses.rooms {
		if m := ses.leaveLocally(id); m != nil {
			if err := s.node.Exit(ctx, m.replica.key, m.member()); err != nil {
				ses.log.Debug("room not told that the session ended", "room", id, "error", err)
			}
		}
	}
}

// dropSessions ends what the sessions hold here and tells nobody: the server has stopped.
func (s *Server) dropSessions() {
	s.mu.Lock()
	left := slices.Collect(maps.Values(s.sessions))
	for _, ses := range left {
		s.forget(ses)
	}
	s.mu.Unlock()
	for _, ses := range left {
		for id := range ses.rooms {
			ses.leaveLocally(id)
		}
	}
}

// away counts the sessions whose client is away.
func (s *Server) away() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ses := range s.sessions {
		if ses.state == away {
			n++
		}
	}
	return n
}

// leaveLocally forgets a membership and ends its media; nil when there is none.
func (ses *session) leaveLocally(id signaling.RoomID) *membership {
	m := ses.rooms[id]
	if m == nil {
		return nil
	}
	ses.mu.Lock()
	delete(ses.rooms, id)
	ses.mu.Unlock()
	m.end()
	return m
}

// end takes a membership off the replica, which is closed with its last one, and ends its media.
func (m *membership) end() {
	m.replica.remove(m)
	m.endMedia()
	m.session.srv.release(m.replica)
}

// member is how the room's home knows the stay.
func (m *membership) member() home.Member {
	m.replica.mu.Lock()
	defer m.replica.mu.Unlock()
	return m.memberLocked()
}

// memberLocked is member with replica.mu held.
func (m *membership) memberLocked() home.Member {
	return home.Member{User: m.user, Session: m.session.id, Away: m.session.link.Load() == nil, Since: m.came.UnixMilli(), Entering: m.entering}
}
