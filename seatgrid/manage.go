package seatgrid

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// SeatLockParams is what a seat's locks become: position, audio, video, and which of them apply.
type SeatLockParams struct {
	LockSeat  bool // general users cannot take it; who sits there is taken off first
	LockVideo bool // stored and shown; a voice room does nothing with it
	LockAudio bool // who sits there is not heard, now and later; its release unmutes nobody
	// LockFlag names the fields that apply; 0 means all three, so the others are overwritten too (documents,
	// SeatLockParams).
	LockFlag engine.LockFlag
}

// UpdateRoomSeatMode changes whether the audience asks before it sits down. Pending applications stay and can be
// answered. Managers can.
func (g *Grid) UpdateRoomSeatMode(ctx context.Context, mode SeatMode) (err error) {
	defer wrap("UpdateRoomSeatMode", &err)
	return g.send(ctx, signaling.MethodUpdateRoom, func(r *engine.Room) any {
		return signaling.UpdateRoomParams{CommandID: rand.Text(), RoomID: r.ID(), SeatMode: &mode}
	})
}

// MoveToSeat changes to another seat, which must be free. It needs no approval. Locks stay with the seats: on one
// whose audio is locked the mover is silent.
func (g *Grid) MoveToSeat(ctx context.Context, index SeatIndex) (err error) {
	defer wrap("MoveToSeat", &err)
	r, err := g.current()
	if err == nil {
		err = g.usable(r, index)
	}
	if err != nil {
		return err
	}
	return moveSeat(ctx, r, index)
}

func moveSeat(ctx context.Context, r *engine.Room, index SeatIndex) error {
	return r.Call(ctx, signaling.MethodMoveSeat, signaling.MoveSeatParams{CommandID: rand.Text(), RoomID: r.ID(), Index: index}, nil)
}

// TakeUserOnSeatByAdmin invites a member to sit down and waits until the member has answered, the invitation is
// cancelled, or timeout has passed (0: never). [AnySeat] means the lowest free one when the member accepts. Managers can.
func (g *Grid) TakeUserOnSeatByAdmin(ctx context.Context, index SeatIndex, userID UserID, timeout time.Duration) (_ RequestResult, err error) {
	defer wrap("TakeUserOnSeatByAdmin", &err)
	r, err := g.current()
	if err != nil {
		return RequestResult{Type: Failed}, err
	}
	seconds, err := wholeSeconds(timeout)
	if err == nil {
		err = g.usable(r, index)
	}
	if err != nil {
		return RequestResult{Type: Failed}, err
	}
	id := rand.Text()
	defer g.ask(userID, id)()
	err = r.Call(ctx, signaling.MethodInvite, signaling.InviteParams{
		CommandID: id, RoomID: r.ID(), UserID: userID, Index: index, Timeout: seconds,
	}, nil)
	var res RequestResult
	if err == nil {
		res, err = g.await(ctx, r, id, userID)
	}
	if err != nil && ctx.Err() != nil {
		g.withdraw(ctx, r, id) // the server may have it
	}
	if err != nil {
		res.Type = Failed
	}
	return res, err
}

// KickUserOffSeatByAdmin takes a member off their seat; they stay in the room. Managers can; the owner cannot be taken
// off.
func (g *Grid) KickUserOffSeatByAdmin(ctx context.Context, userID UserID) (err error) {
	defer wrap("KickUserOffSeatByAdmin", &err)
	r, err := g.current()
	if err != nil {
		return err
	}
	return kickOffSeat(ctx, r, userID)
}

func kickOffSeat(ctx context.Context, r *engine.Room, user UserID) error {
	return r.Call(ctx, signaling.MethodKickOffSeat, signaling.UserParams{CommandID: rand.Text(), RoomID: r.ID(), UserID: user}, nil)
}

// LockSeat sets a seat's locks. Managers can. Managers are exempt from the position lock, not from the audio lock.
func (g *Grid) LockSeat(ctx context.Context, index SeatIndex, p SeatLockParams) (err error) {
	defer wrap("LockSeat", &err)
	return g.send(ctx, signaling.MethodLockSeat, func(r *engine.Room) any {
		return signaling.LockSeatParams{
			CommandID: rand.Text(), RoomID: r.ID(), Index: index,
			SeatLock: engine.SeatLock{Seat: p.LockSeat, Video: p.LockVideo, Audio: p.LockAudio, Which: p.LockFlag},
		}
	})
}

// send sends a command about the current room.
func (g *Grid) send(ctx context.Context, method string, params func(*engine.Room) any) error {
	r, err := g.current()
	if err != nil {
		return err
	}
	return r.Call(ctx, method, params(r), nil)
}
