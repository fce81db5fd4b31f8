package server

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Whoever is followed is told, so following has a rate of its own: nobody keeps another's screen busy. A call of the most
// users that it may name is one burst. What only asks has the chat documents' rate, 20 calls in 5 seconds.
const (
	followsPerSecond    = 1
	followsBurst        = signaling.MaxFollowUsers
	followAsksPerSecond = 4
	followAsksBurst     = 20
)

// A session is told of its followers this often, and of so many at most. The list tells the rest.
const (
	followNewsEvery = time.Second
	followNewsMost  = 50
)

// followNotice tells the nodes who follows whom from now on, or no longer.
type followNotice struct {
	Follower signaling.UserInfo `json:"follower"`
	User     signaling.UserID   `json:"user"`
	On       bool               `json:"on"`
}

func (ses *session) relate(ctx context.Context, m signaling.Message) (result any, ok bool, err error) {
	switch m.Method {
	case signaling.MethodFollow:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.FollowParams) (signaling.FollowResult, error) {
			return ses.setFollows(ctx, p, true)
		})
	case signaling.MethodUnfollow:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.FollowParams) (signaling.FollowResult, error) {
			return ses.setFollows(ctx, p, false)
		})
	case signaling.MethodCheckFollow:
		result, err = with(ctx, m, ses.checkFollow)
	case signaling.MethodFollowInfo:
		result, err = with(ctx, m, ses.followInfo)
	case signaling.MethodFollowList:
		result, err = with(ctx, m, ses.followList)
	default:
		return nil, false, nil
	}
	return result, true, storeAway(err)
}

// storeAway gives an error of the store the code of one that may be gone at the next try.
func storeAway(err error) error {
	if _, ok := errors.AsType[*signaling.Error](err); ok || err == nil {
		return err
	}
	return &signaling.Error{Code: signaling.ErrServer.Code, Message: "the server's store does not answer; call again, which is safe", Err: err}
}

// checkUsers demands a list of users of the right length.
func checkUsers(users []signaling.UserID, most int) error {
	if len(users) < 1 || len(users) > most {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "userIds names 1 to %d users, this call %d", most, len(users))
	}
	return nil
}

// setFollows follows or unfollows several users. Each has a result of its own; an error of the store is the call's, which
// can be repeated.
func (ses *session) setFollows(ctx context.Context, p signaling.FollowParams, on bool) (res signaling.FollowResult, err error) {
	if err := checkUsers(p.UserIDs, signaling.MaxFollowUsers); err != nil {
		return res, err
	}
	if !ses.follows.AllowN(time.Now(), len(p.UserIDs)) {
		return res, signaling.ErrFreqLimit
	}
	s, self := ses.srv, ses.self()
	set := s.follows.Unfollow
	if on {
		set = s.follows.Follow
	}
	for _, user := range p.UserIDs {
		err := user.Valid()
		if err == nil && on {
			if _, err = s.accounts.Get(ctx, ses.app, user); errors.Is(err, account.ErrUnknown) {
				err = signaling.Errorf(signaling.ErrUserNotFound.Code, "no such user: nobody has logged in under this id yet")
			}
		}
		changed := false
		if err == nil {
			changed, err = set(ctx, ses.app, self.UserID, user)
		}
		one := signaling.FollowOperationResult{UserID: user}
		if e, ok := errors.AsType[*signaling.Error](err); ok {
			one.Code, one.Message = e.Code, e.Message
			if one.Message == "" {
				one.Message = e.Code.String()
			}
		} else if err != nil {
			return res, err
		}
		if changed {
			ses.tellFollowed(followNotice{Follower: self, User: user, On: on})
		}
		res.Results = append(res.Results, one)
	}
	return res, nil
}

// tellFollowed tells every node, this one included.
func (ses *session) tellFollowed(n followNotice) {
	b, err := json.Marshal(n)
	if err == nil {
		err = ses.srv.cfg.Store.Publish(store.Topic{Kind: store.KindFollow, App: ses.app}, b)
	}
	if err != nil {
		ses.log.Warn("the followed user is not told", "error", err) // the list tells
	}
}

// followed hears of followers at any node.
func (s *Server) followed(app signaling.AppID, data []byte) {
	var n followNotice
	if err := json.Unmarshal(data, &n); err != nil {
		s.log.Error("unreadable notice of a follower", "error", err)
		return
	}
	s.mu.Lock()
	list := s.sessionsOf(userKey{app, n.User})
	s.mu.Unlock()
	for _, ses := range list {
		ses.news.add(ses, n)
	}
}

// followNews collects what a session is to be told of its followers: a hundred at once are one message.
type followNews struct {
	mu      sync.Mutex
	pending []followNotice
	timer   *time.Timer // while something waits to be told
	last    time.Time   // when it was told last
	over    bool
}

func (n *followNews) add(ses *session, notice followNotice) {
	if ses.link.Load() == nil {
		return // who is away reads the list
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	same := func(other followNotice) bool { return other.Follower.UserID == notice.Follower.UserID }
	switch i := slices.IndexFunc(n.pending, same); {
	case n.over:
		return
	case i >= 0:
		n.pending[i] = notice
	case len(n.pending) < followNewsMost:
		n.pending = append(n.pending, notice)
	}
	if n.timer != nil {
		return
	}
	wait := followNewsEvery - time.Since(n.last)
	if wait <= 0 {
		n.tell(ses)
		return
	}
	n.timer = time.AfterFunc(wait, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.timer = nil
		if !n.over {
			n.tell(ses)
		}
	})
}

// tell sends what is pending; n.mu is held.
func (n *followNews) tell(ses *session) {
	var p signaling.FollowersChanged
	for _, x := range n.pending {
		if x.On {
			p.Added = append(p.Added, x.Follower)
		} else {
			p.Removed = append(p.Removed, x.Follower.UserID)
		}
	}
	n.pending, n.last = nil, time.Now()
	ses.notify(signaling.NotifyFollowers, p)
}

// stop is the end of the session.
func (n *followNews) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = true
	if n.timer != nil {
		n.timer.Stop()
	}
}

func (ses *session) checkFollow(ctx context.Context, p signaling.FollowParams) (res signaling.FollowTypes, err error) {
	if err := ses.mayAsk(p.UserIDs, signaling.MaxFollowChecks); err != nil {
		return res, err
	}
	types, err := ses.srv.follows.Check(ctx, ses.app, ses.user.UserID, p.UserIDs)
	for i, t := range types {
		res.Types = append(res.Types, signaling.FollowTypeCheck{UserID: p.UserIDs[i], Type: t})
	}
	return res, err
}

func (ses *session) followInfo(ctx context.Context, p signaling.FollowParams) (res signaling.FollowInfos, err error) {
	if err := ses.mayAsk(p.UserIDs, signaling.MaxFollowUsers); err != nil {
		return res, err
	}
	for _, user := range p.UserIDs {
		c, err := ses.srv.follows.Count(ctx, ses.app, user)
		if err != nil {
			return signaling.FollowInfos{}, err
		}
		res.Infos = append(res.Infos, signaling.FollowInfo{
			UserID: user, FollowingCount: c.Following, FollowersCount: c.Followers, MutualFollowersCount: c.Mutual,
		})
	}
	return res, nil
}

// mayAsk checks what asks about users, and the rate of that.
func (ses *session) mayAsk(users []signaling.UserID, most int) error {
	if err := checkUsers(users, most); err != nil {
		return err
	}
	for _, user := range users {
		if err := user.Valid(); err != nil { // before it becomes a key
			return err
		}
	}
	if !ses.followAsks.Allow() {
		return signaling.ErrFreqLimit
	}
	return nil
}

func (ses *session) followList(ctx context.Context, p signaling.FollowListParams) (res signaling.FollowPage, err error) {
	if p.Limit, err = pageLimit(p.Limit, signaling.FollowPageLimit); err != nil {
		return res, err
	}
	switch p.List {
	case signaling.FollowingList, signaling.FollowersList, signaling.MutualFollowersList:
	default:
		return res, signaling.Errorf(signaling.ErrInvalidParameter.Code, "list is %q, %q or %q, not %.20q",
			signaling.FollowingList, signaling.FollowersList, signaling.MutualFollowersList, p.List)
	}
	if !ses.followAsks.Allow() {
		return res, signaling.ErrFreqLimit
	}
	users, next, err := ses.srv.follows.Page(ctx, ses.app, ses.user.UserID, p.List, p.NextCursor, p.Limit)
	if err != nil {
		return res, err
	}
	accounts, err := ses.srv.accounts.GetAll(ctx, ses.app, users)
	if err != nil {
		return res, err
	}
	res = signaling.FollowPage{Users: make([]signaling.UserInfo, len(users)), NextCursor: next}
	for i, user := range users {
		u := signaling.UserInfo{UserID: user, Role: signaling.GeneralUser}
		u.UserName, u.AvatarURL = accounts[i].Account.Shown() // nothing of a deleted account
		u.Level = accounts[i].Account.Level()
		res.Users[i] = u
	}
	return res, nil
}
