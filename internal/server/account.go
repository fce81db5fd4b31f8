package server

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What accounts are to logins: a login imports its account and is shown as the profile says, a change of the profile is
// seen in the user's rooms, and the end of the account is the end of its logins.

const (
	accountWait  = time.Second      // what a login waits for the store; then it goes on without the profile
	profilePause = 30 * time.Second // at most, between two attempts to read a profile
)

func newAccounts(cfg Config) *account.Accounts {
	return account.New(account.Config{Values: cfg.Store, Admins: cfg.AppAdmins})
}

// wanted is what a session has to learn from the profile.
type wanted struct {
	account.Change
	Import bool // the account may not be there yet
}

func (w wanted) any() bool { return w.Import || w.Change.Any() }

// following is the reading of the profile by one session: one goroutine at a time, so the newest name wins.
type following struct {
	wanted
	running bool
}

// account reads and imports the account of who logs in, and returns its level. Name and avatar that the login does not give are the profile's.
// A store that is slow or away keeps nobody out: what is returned has to be made up for.
func (s *Server) account(ctx context.Context, p *signaling.LoginParams) (level uint32, missing wanted) {
	ctx, cancel := context.WithTimeout(ctx, accountWait)
	defer cancel()
	acc, err := s.accounts.Login(ctx, p.SDKAppID, signaling.UserInfo{UserID: p.UserID, UserName: p.UserName, AvatarURL: p.AvatarURL})
	if err != nil {
		s.log.Warn("login without its account: the store does not answer", "app", p.SDKAppID, "user", p.UserID, "error", err)
		return 0, wanted{account.Change{Name: p.UserName == "", Avatar: p.AvatarURL == "", Level: true}, true}
	}
	name, avatar := acc.Shown()
	if p.UserName == "" {
		p.UserName = name
	}
	if p.AvatarURL == "" {
		p.AvatarURL = avatar
	}
	return acc.Level(), wanted{}
}

// follow has the session shown as the profile says, as soon as the store answers.
func (ses *session) follow(w wanted) {
	if !w.any() {
		return
	}
	ses.mu.Lock()
	ses.profile.add(w)
	first := !ses.profile.running
	ses.profile.running = true
	ses.mu.Unlock()
	if first {
		ses.srv.spawn(ses.followProfile) // a server that is closing needs no names
	}
}

func (f *following) add(w wanted) {
	f.Name, f.Avatar, f.Level, f.Import = f.Name || w.Name, f.Avatar || w.Avatar, f.Level || w.Level, f.Import || w.Import
}

func (ses *session) followProfile() {
	for pause := accountWait; ; pause = min(2*pause, profilePause) {
		over := ses.over()
		ses.mu.Lock()
		w := ses.profile.wanted
		ses.profile.wanted = wanted{}
		ses.profile.running = w.any() && !over
		running := ses.profile.running
		ses.mu.Unlock()
		if !running {
			return
		}
		if err := ses.readProfile(w); err == nil {
			pause = accountWait / 2
			continue
		} else {
			ses.log.Warn("not shown as the profile says", "error", err)
		}
		ses.mu.Lock()
		ses.profile.add(w)
		ses.mu.Unlock()
		select {
		case <-ses.srv.ctx.Done():
		case <-time.After(pause):
		}
	}
}

// over reports whether the session, or the server, has ended.
func (ses *session) over() bool {
	ses.srv.mu.Lock()
	defer ses.srv.mu.Unlock()
	return ses.state == ended || ses.srv.closed
}

func (ses *session) readProfile(w wanted) error {
	ctx, cancel := context.WithTimeout(ses.srv.ctx, cleanLimit)
	defer cancel()
	var acc account.Account
	var err error
	if w.Import {
		acc, err = ses.srv.accounts.Login(ctx, ses.app, ses.self())
	} else {
		acc, err = ses.srv.accounts.Get(ctx, ses.app, ses.user.UserID)
	}
	if errors.Is(err, account.ErrUnknown) { // deleted: the login ends in a moment
		return nil
	}
	if err != nil || !w.Change.Any() {
		return err
	}
	var to signaling.UserInfo
	to.UserName, to.AvatarURL = acc.Shown()
	to.Level = acc.Level()
	return ses.rename(ctx, w.Change, to)
}

// renamedMeanwhile tells a room whose join was under way when its member was renamed.
func (ses *session) renamedMeanwhile(m *membership) {
	user := ses.self()
	if shown := m.member().User; shown.UserName != user.UserName || shown.AvatarURL != user.AvatarURL || shown.Level != user.Level {
		ses.follow(wanted{Change: account.Change{Name: true, Avatar: true, Level: true}})
	}
}

// restUsers is what the REST API sees of those who are logged in.
type restUsers struct{ srv *Server }

var _ adminapi.Users = restUsers{}

// Changed implements [adminapi.Users].
func (r restUsers) Changed(app signaling.AppID, user signaling.UserID, what account.Change) {
	r.tell(app, loginNotice{User: user, Changed: &what})
}

// LogOut implements [adminapi.Users].
func (r restUsers) LogOut(app signaling.AppID, user signaling.UserID) {
	r.tell(app, loginNotice{User: user, Deleted: true})
}

// tell reaches every node, this one included.
func (r restUsers) tell(app signaling.AppID, n loginNotice) {
	n.At = time.Now().UnixNano()
	b, err := json.Marshal(n)
	if err == nil {
		err = r.srv.cfg.Store.Publish(store.Topic{Kind: store.KindLogin, App: app}, b)
	}
	if err != nil {
		r.srv.log.Warn("nodes not told of a change of an account", "app", app, "user", n.User, "error", err)
	}
}

// accountChanged hears of accounts at any node, this one included.
func (s *Server) accountChanged(app signaling.AppID, n loginNotice) {
	s.mu.Lock()
	list := s.sessionsOf(userKey{app, n.User})
	if n.Deleted { // a client that is away does not come back as somebody who was deleted
		n.Session = "none"
		s.remember(app, n)
	}
	s.mu.Unlock()
	for _, ses := range list {
		if n.Deleted {
			ses.kickOff("the account has been deleted")
		} else {
			ses.follow(wanted{Change: *n.Changed})
		}
	}
}

// sessionsOf returns a user's logins here; srv.mu is held.
func (s *Server) sessionsOf(key userKey) (list []*session) {
	if !s.cfg.MultiLogin {
		if ses := s.users[key]; ses != nil {
			list = append(list, ses)
		}
		return list
	}
	for _, ses := range s.sessions {
		if ses.key() == key {
			list = append(list, ses)
		}
	}
	return list
}
