package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// FollowUser makes this user a follower of others, 20 in one call and 5000 in all at most. It is not bound to a room,
// and lasts until UnfollowUser. Those who are logged in are told ([Observer.OnMyFollowersListChanged]). Whom one follows
// already is no error.
//
// An error has the code of the first user whose following failed, and names each: [ErrUserNotFound] for who has never
// logged in, [ErrInvalidParameter] for oneself, [signaling.ErrLimit] for one too many. The others are followed.
// [signaling.ErrFreqLimit] says that nobody is: one user a second, after 20, is the rate.
func (e *Engine) FollowUser(ctx context.Context, users ...UserID) error {
	return e.setFollows(ctx, "FollowUser", signaling.MethodFollow, users)
}

// UnfollowUser ends what FollowUser began, with the same limits and errors. Whom one does not follow is no error.
func (e *Engine) UnfollowUser(ctx context.Context, users ...UserID) error {
	return e.setFollows(ctx, "UnfollowUser", signaling.MethodUnfollow, users)
}

func (e *Engine) setFollows(ctx context.Context, op, method string, users []UserID) error {
	var res signaling.FollowResult
	if err := e.call(ctx, method, signaling.FollowParams{UserIDs: users}, &res); err != nil {
		return signaling.WithOp(op, err)
	}
	var failed []string
	var first *Error
	for _, r := range res.Results {
		if r.Code == 0 {
			continue
		}
		if first == nil {
			first = &Error{Code: r.Code, Op: op}
		}
		failed = append(failed, fmt.Sprintf("user %q: %s", r.UserID, r.Message))
	}
	if first == nil {
		return nil
	}
	first.Message = strings.Join(failed, "; ")
	return first
}

// CheckFollow says how this user and others stand to each other, in the order of users, 100 at most. 20 calls in five
// seconds are the rate ([signaling.ErrFreqLimit]), together with those for lists and counts.
func (e *Engine) CheckFollow(ctx context.Context, users ...UserID) ([]FollowType, error) {
	var res signaling.FollowTypes
	if err := e.call(ctx, signaling.MethodCheckFollow, signaling.FollowParams{UserIDs: users}, &res); err != nil {
		return nil, signaling.WithOp("CheckFollow", err)
	}
	types := make([]FollowType, len(res.Types))
	for i, t := range res.Types {
		types[i] = t.Type
	}
	return types, nil
}

// UserFollowInfo counts whom users follow and who follows them, in the order of users, 20 at most. Of somebody with more
// than 512 followers the counts may be two seconds old.
func (e *Engine) UserFollowInfo(ctx context.Context, users ...UserID) ([]FollowInfo, error) {
	var res signaling.FollowInfos
	err := e.call(ctx, signaling.MethodFollowInfo, signaling.FollowParams{UserIDs: users}, &res)
	return res.Infos, signaling.WithOp("UserFollowInfo", err)
}

// FollowPage is a page of one of the lists: at most 100 users, the newest relations first.
type FollowPage struct {
	Users []UserInfo // as their profiles say; who has no account any more has no name
	Next  string     // for the next page; empty on the last
}

// MyFollowingList returns a page of those whom this user follows. cursor is the former page's Next, empty for the first.
// Whoever is in the list all the time is on one page, however it changes meanwhile.
func (e *Engine) MyFollowingList(ctx context.Context, cursor string) (FollowPage, error) {
	return e.followList(ctx, "MyFollowingList", signaling.FollowingList, cursor)
}

// MyFollowersList is MyFollowingList for those who follow this user. With more than 512 of them it may be two seconds old.
func (e *Engine) MyFollowersList(ctx context.Context, cursor string) (FollowPage, error) {
	return e.followList(ctx, "MyFollowersList", signaling.FollowersList, cursor)
}

// MutualFollowersList is MyFollowingList for those who are in both lists.
func (e *Engine) MutualFollowersList(ctx context.Context, cursor string) (FollowPage, error) {
	return e.followList(ctx, "MutualFollowersList", signaling.MutualFollowersList, cursor)
}

func (e *Engine) followList(ctx context.Context, op string, which signaling.FollowList, cursor string) (FollowPage, error) {
	var res signaling.FollowPage
	err := e.call(ctx, signaling.MethodFollowList, signaling.FollowListParams{List: which, NextCursor: cursor}, &res)
	return FollowPage{res.Users, res.NextCursor}, signaling.WithOp(op, err)
}

// followersChanged runs on the connection's reading goroutine.
func (e *Engine) followersChanged(p signaling.FollowersChanged) {
	removed := make([]UserInfo, len(p.Removed))
	for i, u := range p.Removed {
		removed[i] = UserInfo{UserID: u, Role: GeneralUser}
	}
	tell := func(users []UserInfo, isAdd bool) {
		if len(users) > 0 {
			e.post("OnMyFollowersListChanged", func(o *Observer) {
				if o.OnMyFollowersListChanged != nil {
					o.OnMyFollowersListChanged(users, isAdd)
				}
			})
		}
	}
	tell(p.Added, true)
	tell(removed, false)
}
