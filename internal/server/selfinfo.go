package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

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
	user := ses.user
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
	ses.user.UserName, ses.user.AvatarURL = user.UserName, user.AvatarURL // not the id, which other goroutines read
	ses.forgetEnded()
	for _, m := range ses.rooms { // first everywhere: a room that gets a new home meanwhile is told by the node
		m.setUser(user)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for id, m := range ses.rooms {
		wg.Go(func() {
			if err := m.tellSelfInfo(ctx, user); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("room %s: %w", id, err))
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return signaling.Empty{}, &signaling.Error{
			Code: signaling.ErrServerTimeout.Code, Message: "the change is made, but not every room could be told of it; call again", Err: err,
		}
	}
	return signaling.Empty{}, nil
}

func (m *membership) setUser(u signaling.UserInfo) {
	m.replica.mu.Lock()
	defer m.replica.mu.Unlock()
	m.user.UserName, m.user.AvatarURL = u.UserName, u.AvatarURL
}

// tellSelfInfo has the room's home show the member as u. It is no error that the member is out of the room by now.
func (m *membership) tellSelfInfo(ctx context.Context, u signaling.UserInfo) error {
	out, err := m.replica.srv.node.Do(ctx, m.replica.key, room.Command{
		ID: rand.Text(), By: u, Origin: m.session.origin, Action: room.SetInfo{UserName: u.UserName, AvatarURL: u.AvatarURL},
	})
	switch {
	case errors.Is(err, signaling.ErrRoomNotExist), errors.Is(err, signaling.ErrNotInRoom):
		return nil
	case err != nil:
		return err
	}
	return m.replica.await(ctx, out.Version)
}
