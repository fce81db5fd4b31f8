package server

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gorilla/websocket"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// loginNotice tells the other nodes that a user has logged in here: a later login ends the earlier one.
type loginNotice struct {
	User    signaling.UserID `json:"user"`
	Session string           `json:"session"`
	At      int64            `json:"at"` // Unix nanoseconds
}

// loginsCross is how long the notice of a login may be under way. Clocks of nodes may differ by more.
const loginsCross = 2 * time.Second

func (ses *session) login(_ context.Context, p signaling.LoginParams) (signaling.LoginResult, error) {
	s := ses.srv
	if ses.user.UserID != "" {
		return signaling.LoginResult{}, signaling.Errorf(signaling.ErrRepeatOperation.Code, "this connection is logged in already; open another for another user")
	}
	expires, err := s.verify(p)
	if err != nil {
		return signaling.LoginResult{}, err
	}
	if !signaling.ValidText(p.UserName, 100) || !signaling.ValidText(p.AvatarURL, 200) {
		return signaling.LoginResult{}, signaling.Errorf(signaling.ErrInvalidParameter.Code, "userName may have 100 bytes and avatarUrl 200, without control characters")
	}
	ses.app = p.SDKAppID
	ses.user = signaling.UserInfo{UserID: p.UserID, UserName: p.UserName, AvatarURL: p.AvatarURL, Role: signaling.GeneralUser}
	ses.log = ses.log.With("app", ses.app, "user", ses.user.UserID)

	key := userKey{ses.app, p.UserID}
	s.mu.Lock()
	ses.since = time.Now()
	if !ses.since.After(s.lastLogin) { // no two at once: which is the later one is decided by it
		ses.since = s.lastLogin.Add(1)
	}
	s.lastLogin = ses.since
	former := s.users[key]
	s.users[key] = ses
	s.mu.Unlock()
	if former != nil {
		former.kickOff()
	}
	notice, err := json.Marshal(loginNotice{User: p.UserID, Session: ses.id, At: ses.since.UnixNano()})
	if err == nil {
		err = s.cfg.Store.Publish(store.Topic{Kind: store.KindLogin, App: ses.app}, notice)
	}
	if err != nil {
		ses.log.Warn("other nodes not told of the login", "error", err)
	}
	ses.log.Info("logged in", "client", p.Client)
	return signaling.LoginResult{
		SessionID: ses.id, GraceMS: s.grace().Milliseconds(), PingMS: pingEvery.Milliseconds(),
		ExpiresAt: expires.UnixMilli(), ServerTime: ses.since.UnixMilli(), Nodes: s.node.URLs(),
	}, nil
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
	claims, err := usersig.Verify(p.UserSig, p.SDKAppID, secret, p.UserID, time.Now())
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

// kickOff ends a session because its user has logged in elsewhere.
func (ses *session) kickOff() {
	ses.notify(signaling.NotifyKickedOff, signaling.KickedOffLine{Message: "the same user has logged in elsewhere"})
	ses.end(websocket.ClosePolicyViolation, "the same user has logged in elsewhere")
}

// loggedInElsewhere hears of logins at any node, this one included.
func (s *Server) loggedInElsewhere(app signaling.AppID, data []byte) {
	var l loginNotice
	if err := json.Unmarshal(data, &l); err != nil {
		s.log.Error("unreadable notice of a login", "error", err)
		return
	}
	s.mu.Lock()
	ses := s.users[userKey{app, l.User}]
	s.mu.Unlock()
	if ses == nil || ses.id == l.Session {
		return
	}
	// Who was here first is the earlier one. Only of two logins that cross does each hear of the other's, and then the
	// clocks decide, or both would end.
	if time.Since(ses.since) > loginsCross || ses.since.UnixNano() <= l.At {
		ses.kickOff()
	}
}
