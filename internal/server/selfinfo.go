package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A change of name is told to whole rooms, and anybody in the audience may make one: it has a rate of its own.
const (
	renamesPerSecond = 1
	renamesBurst     = 5
)

func checkNames(userName, avatarURL string) error {
	if !signaling.ValidText(userName, 100) || !signaling.ValidText(avatarURL, 200) {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "userName may have 100 bytes and avatarUrl 200, without control characters")
	}
	return nil
}

// setSelfInfo changes the name and the avatar of the login and tells all of its rooms side by side: one that cannot be
// reached does not keep the others from it. The answer comes after the events of all.
func (ses *session) setSelfInfo(ctx context.Context, p signaling.SelfInfoParams) (signaling.Empty, error) {
	user := ses.self()
	if p.UserName != nil {
		user.UserName = *p.UserName
	}
	if p.AvatarURL != nil {
		user.AvatarURL = *p.AvatarURL
	}
	if err := checkNames(user.UserName, user.AvatarURL); err != nil {
		return signaling.Empty{}, err
	}
	if !ses.renames.Allow() {
		return signaling.Empty{}, signaling.ErrFreqLimit
	}
	ses.forgetEnded()
	var wg sync.WaitGroup
	var profile, rooms error
	wg.Go(func() {
		_, profile = ses.srv.accounts.Import(ctx, ses.app, user.UserID, p.UserName, p.AvatarURL)
	})
	wg.Go(func() { rooms = ses.rename(ctx, account.Change{Name: true, Avatar: true}, user) })
	wg.Wait()
	if profile != nil {
		profile = fmt.Errorf("profile: %w", profile)
	}
	if err := errors.Join(rooms, profile); err != nil {
		return signaling.Empty{}, &signaling.Error{
			Code: signaling.ErrServerTimeout.Code, Message: "the change is made, but not every room, or not the profile, could be told of it; call again", Err: err,
		}
	}
	return signaling.Empty{}, nil
}

// rename shows the session's user otherwise from now on, in all its rooms.
func (ses *session) rename(ctx context.Context, c account.Change, to signaling.UserInfo) error {
	ses.mu.Lock()
	if c.Name {
		ses.user.UserName = to.UserName
	}
	if c.Avatar {
		ses.user.AvatarURL = to.AvatarURL
	}
	if c.Level {
		ses.user.Level = to.Level
	}
	user, origin, rooms := ses.user, ses.origin, maps.Clone(ses.rooms)
	ses.mu.Unlock()
	for _, m := range rooms { // first everywhere: a room that gets a new home meanwhile is told by the node
		m.setUser(user)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for id, m := range rooms {
		wg.Go(func() {
			if err := m.tellSelfInfo(ctx, user, origin); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("room %s: %w", id, err))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (m *membership) setUser(u signaling.UserInfo) {
	m.replica.mu.Lock()
	defer m.replica.mu.Unlock()
	m.user.UserName, m.user.AvatarURL, m.user.Level = u.UserName, u.AvatarURL, u.Level
}

// tellSelfInfo has the room's home show the member as u. It is no error that the member is out of the room by now.
func (m *membership) tellSelfInfo(ctx context.Context, u signaling.UserInfo, from room.Origin) error {
	out, err := m.replica.srv.node.Do(ctx, m.replica.key, room.Command{
		ID: rand.Text(), By: u, Origin: from, Action: room.SetInfo{UserName: u.UserName, AvatarURL: u.AvatarURL, Level: u.Level},
	})
	switch {
	case errors.Is(err, signaling.ErrRoomNotExist), errors.Is(err, signaling.ErrNotInRoom):
		return nil
	case err != nil:
		return err
	}
	return m.replica.await(ctx, out.Version)
}
