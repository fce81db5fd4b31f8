package server

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// loginNotice tells the other nodes that a user has logged in here: a later login ends the earlier one.
type loginNotice struct {
	User    signaling.UserID `json:"user"`
	Session string           `json:"session"`
	Resumes string           `json:"resumes,omitempty"` // the session of the same client that this one goes on with
	At      int64            `json:"at"`                // when the session began, Unix nanoseconds
	Ended   bool             `json:"ended,omitempty"`   // it has logged out: what its client has left elsewhere ends too

	// Room makes it a notice of a stay: the session has entered the room, which ends the user's other stays there.
	Room signaling.RoomID `json:"room,omitempty"`

	// Changed and Deleted make it a notice of the account: see account.go.
	Changed *account.Change `json:"changed,omitempty"`
	Deleted bool            `json:"deleted,omitempty"`
}

// lastLogin is the newest login of a user at any node, as far as this node has heard. It is remembered for a while, so
// that a client that was away cannot push it out by coming back: a resume is no second login.
type lastLogin struct {
	session, resumes string
	at               int64     // by its node's clock, Unix nanoseconds
	heard            time.Time // by this node's
}

// loginsCross is how long the notice of a login may be under way. Clocks of nodes may differ by more.
const loginsCross = 2 * time.Second

var errReplaced = &signaling.Error{Code: signaling.ErrKickedOffLine.Code, Message: "the same user has logged in elsewhere meanwhile"}

func (l *link) login(ctx context.Context, p signaling.LoginParams) (res signaling.LoginResult, err error) {
	s := l.srv
	if l.ses != nil {
		return res, signaling.Errorf(signaling.ErrRepeatOperation.Code, "this connection is logged in already; open another for another user")
	}
	expires, err := s.verify(p)
	if err != nil {
		return res, err
	}
	if err := checkNames(p.UserName, p.AvatarURL); err != nil {
		return res, err
	}
	key := userKey{p.SDKAppID, p.UserID}
	if p.Resume != nil {
		if !signaling.ValidText(p.Resume.SessionID, 64) {
			return res, signaling.Errorf(signaling.ErrBadRequest.Code, "resume.sessionId is a sessionId of an earlier login")
		}
		if s.replaced(key, p.Resume.SessionID) {
			return res, errReplaced
		}
		ses := s.claim(key, p.Resume.SessionID, l)
		if ses == nil {
			ses = s.claim(key, s.resumedBy(key, p.Resume.SessionID), l)
		}
		if ses != nil {
			l.ses, res.Resumed = ses, true
			res.Rooms = ses.resume(ctx, p.Resume.Versions)
		} else if s.replaced(key, p.Resume.SessionID) { // while the claim waited
			return res, errReplaced
		}
	}
	if l.ses == nil {
		level, missing := s.account(ctx, &p)
		l.ses = s.logIn(l, p, level, missing)
	}
	l.ses.mu.Lock()
	l.ses.origin = l.origin(p.Platform)
	l.ses.mu.Unlock()
	expires = l.ses.validUntil(expires)
	l.log = l.ses.log
	l.log.Info("logged in", "client", p.Client, "resumed", res.Resumed)
	res.SessionID, res.GraceMS, res.PingMS = l.ses.id, s.grace().Milliseconds(), s.pingEvery().Milliseconds()
	res.ExpiresAt, res.ServerTime, res.Nodes = expires.UnixMilli(), time.Now().UnixMilli(), s.node.URLs()
	l.nodes.Store(&res.Nodes)
	return res, nil
}

// origin is where a login on this connection comes from. Browsers name themselves without knowing it.
func (l *link) origin(p signaling.Platform) room.Origin {
	if p == "" && l.browser {
		p = signaling.PlatformWeb
	}
	return room.Origin{IP: l.ip, Platform: p.OfClient()}
}

// logIn starts a session and ends the user's earlier ones, here and at the other nodes.
func (s *Server) logIn(l *link, p signaling.LoginParams, level uint32, missing wanted) *session {
	key := userKey{p.SDKAppID, p.UserID}
	notice := loginNotice{User: p.UserID}
	if p.Resume != nil {
		notice.Resumes = p.Resume.SessionID
	}
	s.mu.Lock()
	ses := s.newSession(l, p.SDKAppID, signaling.UserInfo{
		UserID: p.UserID, UserName: p.UserName, AvatarURL: p.AvatarURL, Level: level, Role: signaling.GeneralUser,
	})
	if !ses.since.After(s.loginTime) { // no two at once: which is the later one is decided by it
		ses.since = s.loginTime.Add(1)
	}
	s.loginTime = ses.since
	ses.resumes = notice.Resumes
	notice.Session, notice.At = ses.id, ses.since.UnixNano()
	former := s.users[key]
	if s.cfg.MultiLogin {
		former = nil
	}
	s.users[key] = ses
	s.remember(p.SDKAppID, notice)
	s.mu.Unlock()
	if former != nil {
		former.kickOff(loggedInTwice)
	}
	ses.tell(notice)
	ses.follow(missing)
	return ses
}

// tell tells the other nodes of a login, or of its end.
func (ses *session) tell(n loginNotice) {
	b, err := json.Marshal(n)
	if err == nil {
		err = ses.srv.cfg.Store.Publish(store.Topic{Kind: store.KindLogin, App: ses.app}, b)
	}
	if err != nil {
		ses.log.Warn("other nodes not told", "error", err)
	}
}

// tellEnd is a logout. The client may have been at another node before, where its seat waits for it.
func (ses *session) tellEnd() {
	ses.tell(loginNotice{User: ses.user.UserID, Session: ses.id, Resumes: ses.resumes, At: ses.since.UnixNano(), Ended: true})
}

// resume goes on in the rooms that the session is in, over a new connection, and returns which they are.
func (ses *session) resume(ctx context.Context, versions map[signaling.RoomID]uint64) []signaling.RoomID {
	ses.tellHeartbeat()
	rooms := []signaling.RoomID{}
	for id, m := range ses.rooms {
		// A room that the client does not name is one it has not got the answer to its join of: it will ask again.
		if since, known := versions[id]; known {
			m.replica.resume(ctx, m, since)
			rooms = append(rooms, id)
		}
	}
	slices.Sort(rooms)
	return rooms
}

// verify checks who somebody claims to be. Which codes stand for what is the documents'.
func (s *Server) verify(p signaling.LoginParams) (expires time.Time, _ error) {
	if err := p.UserID.Valid(); err != nil {
		return expires, err
	}
	secret, known := s.cfg.Apps[p.SDKAppID]
	if !known {
		return expires, signaling.ErrAppNotFound
	}
	v := usersig.Verifier{App: p.SDKAppID, Secret: secret, PublicKey: s.cfg.PublicKeys[p.SDKAppID]}
	claims, err := v.Verify(p.UserSig, p.UserID, time.Now())
	if _, restricted := claims.PrivateMapKey(); restricted {
		// It says "this room, and no more than this". A login opens every room, so it must not do as one.
		return expires, signaling.Errorf(signaling.ErrUserSigInvalid.Code, "the UserSig carries a PrivateMapKey, which is for one room and no login; log in with a UserSig that carries none")
	}
	switch {
	case err == nil:
		return claims.Expires, nil
	case errors.Is(err, usersig.ErrExpired):
		return expires, signaling.ErrUserSigExpired
	case errors.Is(err, usersig.ErrMismatch):
		return expires, signaling.ErrUserSigWrongUser
	default:
		return expires, &signaling.Error{Code: signaling.ErrUserSigInvalid.Code, Message: "the UserSig is not valid: " + err.Error()}
	}
}

func (s *Server) grace() time.Duration {
	if s.cfg.Grace > 0 {
		return s.cfg.Grace
	}
	return 30 * time.Second
}

// remember notes a login as the user's newest; s.mu is held.
func (s *Server) remember(app signaling.AppID, n loginNotice) {
	// A client tries to come back for longer than its seat waits. Until it has stopped it must not be forgotten who
	// has replaced it: its return would push out the later login.
	now, keep := time.Now(), max(2*s.grace(), 2*signaling.GiveUpAfter)
	if now.Sub(s.swept) > keep {
		maps.DeleteFunc(s.latest, func(_ userKey, l lastLogin) bool { return now.Sub(l.heard) > keep })
		maps.DeleteFunc(s.stays, func(_ stayKey, l lastLogin) bool { return now.Sub(l.heard) > keep })
		s.swept = now
	}
	key := userKey{app, n.User}
	if l := s.latest[key]; l.at > n.At && now.Sub(l.heard) <= loginsCross {
		return // the notices have overtaken each other
	}
	s.latest[key] = lastLogin{session: n.Session, resumes: n.Resumes, at: n.At, heard: now}
}

// replaced reports whether the user has logged in with another session since this one.
func (s *Server) replaced(key userKey, session string) bool {
	if s.cfg.MultiLogin {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l, heard := s.latest[key]
	// A client that never got the answer to its last resume repeats it.
	return heard && l.session != session && l.resumes != session
}

// resumedBy returns the session that a login elsewhere has gone on with, empty for none. A client that was there for a
// moment and comes back here goes on with what it has here.
func (s *Server) resumedBy(key userKey, session string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.latest[key]; l.session == session {
		return l.resumes
	}
	return ""
}

// loggedInElsewhere hears of logins at any node, this one included.
func (s *Server) loggedInElsewhere(app signaling.AppID, data []byte) {
	var l loginNotice
	if err := json.Unmarshal(data, &l); err != nil {
		s.log.Error("unreadable notice of a login", "error", err)
		return
	}
	switch {
	case l.Room != "":
		s.enteredElsewhere(app, l)
		return
	case l.Changed != nil, l.Deleted:
		s.accountChanged(app, l)
		return
	}
	s.mu.Lock()
	ses := s.users[userKey{app, l.User}]
	if s.cfg.MultiLogin { // one session has nothing to do with another, except with its own former self
		ses = s.sessions[l.Resumes]
		if ses != nil && ses.key() != (userKey{app, l.User}) {
			ses = nil
		}
	}
	if l.Ended {
		s.mu.Unlock()
		if ses != nil && ses.since.UnixNano() < l.At {
			ses.endAway()
		}
		return
	}
	if ses == nil || ses.id != l.Session && !ses.later(l) {
		s.remember(app, l)
	}
	s.mu.Unlock()
	if ses == nil || ses.id == l.Session {
		return
	}
	if l.Resumes != "" && ses.id != l.Resumes && ses.resumes != l.Resumes && ses.link.Load() != nil {
		// A client that was away has come back to a node that did not know of this login, for it has been restarted. It is
		// the earlier one all the same.
		again := loginNotice{User: ses.user.UserID, Session: ses.id, Resumes: ses.resumes, At: time.Now().UnixNano()}
		s.mu.Lock()
		s.remember(app, again) // or this login's own return would be refused
		s.mu.Unlock()
		ses.tell(again)
		return
	}
	if ses.id == l.Resumes {
		ses.moved()
		return
	}
	if !ses.later(l) {
		ses.kickOff(loggedInTwice)
	}
}

// later reports whether this login came after that of the notice. Who was here first is the earlier one. Only of two
// logins that cross does each hear of the other's, and then the clocks decide, or both would end.
func (ses *session) later(l loginNotice) bool {
	return time.Since(ses.since) <= loginsCross && ses.since.UnixNano() > l.At
}
