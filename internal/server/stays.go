package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// joined notes a stay; old is the one in the same room that it replaces and continues, or nil.
func (ses *session) joined(id signaling.RoomID, m, old *membership) {
	ses.stays++
	m.order = ses.stays
	if old != nil {
		m.order = old.order
	}
	ses.mu.Lock()
	ses.rooms[id] = m
	ses.mu.Unlock()
}

// leaveOldest ends the oldest stays of a session that is in too many rooms. The rooms' homes decide it, so it has its
// place in their order: the others see somebody leave, and the client, also one that is away just then, is told why.
func (ses *session) leaveOldest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cleanLimit)
	defer cancel()
	for len(ses.rooms) > maxRooms {
		var id signaling.RoomID
		var oldest *membership
		for i, m := range ses.rooms {
			if oldest == nil || m.order < oldest.order {
				id, oldest = i, m
			}
		}
		if err := ses.expel(ctx, oldest); err != nil {
			return fmt.Errorf("leaving room %s: %w", id, err)
		}
		ses.leaveLocally(id)
	}
	return nil
}

func (ses *session) expel(ctx context.Context, m *membership) error {
	node := ses.srv.node
	out, err := node.Do(ctx, m.replica.key, room.Command{ID: rand.Text(), By: ses.self(), Action: room.Expel{
		Reason: signaling.KickedForTooManyRooms, Message: fmt.Sprintf("a user may be in %d rooms; this was the first of them", maxRooms),
	}})
	switch {
	case errors.Is(err, signaling.ErrNotInRoom), errors.Is(err, signaling.ErrRoomNotExist):
		return nil // out already
	case err != nil:
		return err
	}
	if err := m.replica.await(ctx, out.Version); err != nil { // the client has to be told before the stay is forgotten
		return &signaling.Error{Code: signaling.ErrServerTimeout.Code, Err: err}
	}
	// Said twice, as of a leave: a new home may have been told of the member meanwhile.
	if err := node.Exit(ctx, m.replica.key, m.member()); err != nil {
		ses.log.Debug("exit not told", "room", m.replica.key.Room, "error", err)
	}
	return nil
}
