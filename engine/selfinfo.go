package engine

import (
	"context"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Self returns the user who is logged in.
func (e *Engine) Self() UserInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.self
}

// SetSelfInfo changes under which name (at most 100 bytes) and avatar (at most 200) this user is shown; empty ones are
// removed. Everybody in the rooms of this login sees it at once: on the seat, in requests, in the lists of members
// (the documents' engine lets that take ten minutes). When it returns, [Engine.Self] and [Room.Self] show it too, and
// later rooms begin with it. Control characters and longer texts are [ErrInvalidParameter], more than a few changes a
// second [signaling.ErrFreqLimit]. [signaling.ErrServerTimeout] says that some room could not be told; call again then.
func (e *Engine) SetSelfInfo(ctx context.Context, userName, avatarURL string) error {
	const op = "SetSelfInfo"
	select {
	case e.naming <- struct{}{}:
		defer func() { <-e.naming }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := e.call(ctx, signaling.MethodSetSelfInfo, signaling.SelfInfoParams{UserName: &userName, AvatarURL: &avatarURL}, nil)
	if err != nil {
		return signaling.WithOp(op, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.self.UserName, e.self.AvatarURL = userName, avatarURL
	return nil
}

// renamed has later rooms, and a login after a lost connection, begin with the present name.
func (e *Engine) renamed(u UserInfo) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.self.UserName, e.self.AvatarURL = u.UserName, u.AvatarURL
}

// userInfoChanged follows a change of name; the seats have an event of their own. r.mu is held.
func (r *Room) userInfoChanged(u UserInfo) {
	if u.UserID == r.view.Self.UserID {
		r.view.Self.UserName, r.view.Self.AvatarURL, r.view.Self.Level = u.UserName, u.AvatarURL, u.Level
		r.eng.renamed(u) // perhaps by the app's own server
	}
	if u.UserID == r.view.Room.OwnerID {
		r.view.Room.OwnerName = u.UserName
	}
	r.view.Requests = slices.Clone(r.view.Requests)
	for i := range r.view.Requests {
		if from := &r.view.Requests[i].From; from.UserID == u.UserID {
			from.UserName, from.AvatarURL, from.Level = u.UserName, u.AvatarURL, u.Level
		}
	}
	r.audienceRenamed(u)
	r.post("OnUserInfoChanged", func(o *RoomObserver) {
		if o.OnUserInfoChanged != nil {
			o.OnUserInfoChanged(r.id, u)
		}
	})
}
