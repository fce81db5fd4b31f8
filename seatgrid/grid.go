package seatgrid

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/dispatch"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Grid is SeatGridView: one room's seats, as one user of a login sees and uses them.
type Grid struct {
	eng       *engine.Engine
	observers dispatch.Observers[Observer]
	stage     stage // touched by callbacks only

	mu       sync.Mutex // protects what follows
	room     *engine.Room
	layout   chosenLayout
	rule     ConnectedSeatRule
	entering bool
	stay     int               // counts the rooms that it has begun to enter
	asking   map[UserID]string // the ids of the requests under way, by whom they invite; "" is the own application

	clearing   *engine.Room // whose later seats are being cleared
	clearAgain bool         // they may have changed since
}

// New returns a grid that is in no room.
func New(eng *engine.Engine) *Grid {
	return &Grid{eng: eng, layout: chosenLayout{mode: LayoutGrid}, asking: map[UserID]string{}}
}

// undoWait bounds what is undone after a verb that failed halfway.
const undoWait = 5 * time.Second

// StartVoiceRoom creates a room, enters it and takes the first free seat: all of it or nothing. Only info.RoomID is
// required; the mode is [ApplyToTake] and there are 10 seats unless info says otherwise. An owner whose room exists
// already goes back into it, whatever info says, and stays in it when there is no seat.
func (g *Grid) StartVoiceRoom(ctx context.Context, info RoomInfo) (_ RoomInfo, err error) {
	defer wrap("StartVoiceRoom", &err)
	stay, err := g.reserve()
	if err != nil {
		return RoomInfo{}, err
	}
	_, err = g.eng.Create(ctx, info)
	created := err == nil
	if err != nil && !errors.Is(err, engine.ErrRoomIDOwned) {
		g.release(nil)
		return RoomInfo{}, err
	}
	r, err := g.eng.Enter(ctx, info.RoomID, g.translate(stay))
	g.release(r)
	if err != nil {
		if created {
			undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWait)
			defer cancel()
			err = errors.Join(err, g.eng.Discard(undo, info.RoomID))
		}
		return RoomInfo{}, err
	}
	if err = g.seatOwner(ctx, r); err != nil {
		if created {
			undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWait)
			defer cancel()
			if _, left := r.Dismiss(undo); left != nil { // then it can still be stopped
				return RoomInfo{}, errors.Join(err, left)
			}
			g.forget(info.RoomID)
		}
		return RoomInfo{}, err
	}
	return r.Info(), nil
}

// StopVoiceRoom ends the room for everybody, and returns what has happened in it (documents: LiveStatisticsData). Only its
// owner can.
func (g *Grid) StopVoiceRoom(ctx context.Context) (stats engine.LiveStatistics, err error) {
	defer wrap("StopVoiceRoom", &err)
	err = g.leave(func(r *engine.Room) (err error) {
		stats, err = r.Dismiss(ctx)
		return err
	})
	return stats, err
}

// JoinOptions are for JoinVoiceRoom. The zero value is right for most.
type JoinOptions struct {
	Password string // see [engine.EnterRoomOptions]
	// OffSeats keeps an owner who comes back off the seats.
	OffSeats bool
}

// seatOwner seats the owner, who has just come in: on the lowest free seat, also a locked one if there is no other.
func (g *Grid) seatOwner(ctx context.Context, r *engine.Room) error {
	if seated(r) {
		return nil
	}
	_, err := g.take(ctx, r, AnySeat, 0)
	if errors.Is(err, engine.ErrAllSeatsOccupied) {
		for _, s := range r.Seats() {
			if s.UserID == "" && errors.Is(err, engine.ErrAllSeatsOccupied) {
				_, err = g.take(ctx, r, s.Index, 0)
			}
		}
	}
	if errors.Is(err, engine.ErrAlreadyOnSeat) {
		return nil
	}
	return err
}

// JoinVoiceRoom enters somebody's room as audience. What is said there is heard from then on. An owner who comes back is
// seated again (documents: keepOwnerOnSeat), so that StartMicrophone works at once; where no seat can be had, for
// whatever reason, the owner is in the audience. Of several options the last counts.
func (g *Grid) JoinVoiceRoom(ctx context.Context, id RoomID, options ...JoinOptions) (_ RoomInfo, err error) {
	defer wrap("JoinVoiceRoom", &err)
	var o JoinOptions
	if n := len(options); n > 0 {
		o = options[n-1]
	}
	stay, err := g.reserve()
	if err != nil {
		return RoomInfo{}, err
	}
	r, err := g.eng.Enter(ctx, id, g.translate(stay), engine.EnterRoomOptions{Password: o.Password})
	g.release(r)
	if err != nil {
		return RoomInfo{}, err
	}
	if r.Self().Role == engine.RoomOwner && !o.OffSeats {
		if err := g.seatOwner(ctx, r); err != nil && ended(r) {
			return RoomInfo{}, err
		} // else the grid is in the room, and so says the answer
	}
	return r.Info(), nil
}

// LeaveVoiceRoom leaves the room; a seat becomes free with it. The owner cannot leave ([engine.ErrOwnerCannotLeave]), only
// stop the room, unless the server ends rooms of this app some time after that: then the room waits for the owner until
// then, and JoinVoiceRoom or StartVoiceRoom bring the owner back.
func (g *Grid) LeaveVoiceRoom(ctx context.Context) (err error) {
	defer wrap("LeaveVoiceRoom", &err)
	return g.leave(func(r *engine.Room) error { return r.Leave(ctx) })
}

func (g *Grid) leave(how func(*engine.Room) error) error {
	r, err := g.current()
	if err != nil {
		return err
	}
	if err := how(r); err != nil {
		return err
	}
	g.forget(r.ID())
	return nil
}

// StartMicrophone opens the microphone and publishes what it hears. Only seated users can.
func (g *Grid) StartMicrophone(ctx context.Context) (err error) {
	defer wrap("StartMicrophone", &err)
	return g.withMic(func(m *engine.Microphone) error { return m.Open(ctx) })
}

// StopMicrophone stops publishing and frees the device. Leaving the seat or the room does it too.
func (g *Grid) StopMicrophone(ctx context.Context) (err error) {
	defer wrap("StopMicrophone", &err)
	return g.withMic(func(m *engine.Microphone) error { return m.Close(ctx) })
}

// MuteMicrophone stops publishing; the device stays open. The others see the user without audio.
func (g *Grid) MuteMicrophone(ctx context.Context) (err error) {
	defer wrap("MuteMicrophone", &err)
	return g.withMic(func(m *engine.Microphone) error { return m.SetMuted(ctx, true) })
}

// UnmuteMicrophone publishes again. On a seat whose audio is locked it fails with [engine.ErrSeatAudioLocked].
func (g *Grid) UnmuteMicrophone(ctx context.Context) (err error) {
	defer wrap("UnmuteMicrophone", &err)
	return g.withMic(func(m *engine.Microphone) error { return m.SetMuted(ctx, false) })
}

func (g *Grid) withMic(f func(*engine.Microphone) error) error {
	r, err := g.current()
	if err != nil {
		return err
	}
	m := r.Microphone()
	if m == nil {
		return engine.ErrNoMic
	}
	return f(m)
}

// Room returns the room that the grid is in, nil in none.
func (g *Grid) Room() *engine.Room {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.room
}

// RoomInfo returns the room; the zero value in none.
func (g *Grid) RoomInfo() RoomInfo {
	if r := g.Room(); r != nil {
		return r.Info()
	}
	return RoomInfo{}
}

// Seats returns all seats, vacant ones too: Seats()[i].Index == i. In no room there are none.
func (g *Grid) Seats() []SeatInfo {
	if r := g.Room(); r != nil {
		return r.Seats()
	}
	return nil
}

// PendingRequests returns the requests that wait for an answer: all of the room's for a manager, else this user's own.
func (g *Grid) PendingRequests() []Request {
	if r := g.Room(); r != nil {
		return r.Requests()
	}
	return nil
}

// reserve keeps a second verb from entering another room meanwhile. The stay that begins has a number.
func (g *Grid) reserve() (stay int, err error) {
	if r := g.Room(); r != nil && ended(r) { // a login that ends says nothing of its rooms
		g.forget(r.ID())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.entering || g.room != nil {
		return 0, engine.ErrInOtherRoom
	}
	g.entering = true
	g.stay++
	return g.stay, nil
}

// isIn reports whether the grid has begun to enter no other room since.
func (g *Grid) isIn(stay int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stay == stay
}

func ended(r *engine.Room) bool {
	select {
	case <-r.Done():
		return true
	default:
		return false
	}
}

// release ends what reserve began, with the room that was entered (nil: none).
func (g *Grid) release(r *engine.Room) {
	g.mu.Lock()
	g.entering = false
	entered := r != nil && !ended(r) // it may have ended before the grid knew it
	if entered {
		g.room = r
	}
	g.mu.Unlock()
	if entered {
		g.show(r)
	}
}

// forget takes the grid out of a room that has ended. It may be in a later one with the same id by now.
func (g *Grid) forget(id RoomID) {
	g.mu.Lock()
	r := g.room
	ours := r != nil && r.ID() == id && ended(r)
	if ours {
		g.room = nil
	}
	g.mu.Unlock()
	if ours {
		g.hide(r)
	}
}

func (g *Grid) current() (*engine.Room, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.room == nil {
		return nil, engine.ErrNotInRoom
	}
	return g.room, nil
}

// wrap names the verb in an error. A context's error stays recognisable.
func wrap(op string, err *error) {
	if *err != nil && !errors.Is(*err, context.Canceled) && !errors.Is(*err, context.DeadlineExceeded) {
		*err = signaling.WithOp(op, *err)
	}
}
