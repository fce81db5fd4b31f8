package seatgrid

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// ConnectedSeatRule says which seats of the room are used while it is connected with others. A grid that was told nothing
// leaves all of them.
type ConnectedSeatRule int

// The rules. The server knows neither: they are a matter of what is shown.
const (
	ConnectedSeatsAll ConnectedSeatRule = 0 // every seat, also those that SeatCells does not show
	// ConnectedSeatsFirst: the first [ConnectedSeats] alone, as in the documents' app. The grid of a manager who accepts
	// applications or invites refuses what leads to a later seat, and every grid to take one; the owner's grid takes users
	// off later seats, whoever has let them sit there, and moves its own user to a free seat before.
	ConnectedSeatsFirst ConnectedSeatRule = 1
)

func (r ConnectedSeatRule) String() string {
	return name(int(r), "ConnectedSeatsAll", "ConnectedSeatsFirst")
}

// SetConnectedSeatRule chooses which seats are used while the room is connected, from now on and in the rooms that the grid
// enters later. The others of the room are not told: the rule does as much as the grids of its owner and administrators
// that have it. Users are taken off later seats as soon as the owner is in the room and connected; who comes to a later
// seat while the owner is away sits there until then.
func (g *Grid) SetConnectedSeatRule(rule ConnectedSeatRule) {
	g.mu.Lock()
	g.rule = rule
	r := g.room
	g.mu.Unlock()
	if r != nil {
		g.clearLaterSeats(r)
	}
}

// firstOnly reports whether only the first seats of the room are used now.
func (g *Grid) firstOnly(r *engine.Room) bool {
	g.mu.Lock()
	rule := g.rule
	g.mu.Unlock()
	return rule == ConnectedSeatsFirst && len(r.Connections().Connected()) > 1
}

// usable refuses a seat that is not used now, and any seat when none of those that are is free.
func (g *Grid) usable(r *engine.Room, index SeatIndex) error {
	if !g.firstOnly(r) {
		return nil
	}
	if index >= ConnectedSeats {
		return signaling.Errorf(engine.ErrSeatLocked.Code, "seat %d is not used while the room is connected with others; choose one of 0 to %d", index, ConnectedSeats-1)
	}
	if _, free := freeFirst(r); index == AnySeat && !free {
		return signaling.Errorf(engine.ErrAllSeatsOccupied.Code,
			"the first %d seats are taken or locked, and others are not used while the room is connected with others", ConnectedSeats)
	}
	return nil
}

// freeFirst returns the lowest free seat of those that are used.
func freeFirst(r *engine.Room) (SeatIndex, bool) {
	seats := r.Seats()
	i := slices.IndexFunc(seats[:min(len(seats), ConnectedSeats)], func(s SeatInfo) bool { return s.UserID == "" && !s.Locked })
	return SeatIndex(i), i >= 0
}

// clearLaterSeats has the owner's grid take off whoever sits on a seat that is not used. It returns at once.
func (g *Grid) clearLaterSeats(r *engine.Room) {
	if r.Self().Role != engine.RoomOwner || !g.firstOnly(r) {
		return
	}
	g.mu.Lock()
	busy := g.clearing == r
	g.clearing, g.clearAgain = r, busy
	g.mu.Unlock()
	if busy {
		return // whoever does it looks once more
	}
	r.Later(func(ctx context.Context) {
		for again := true; again; {
			g.takeOffLaterSeats(ctx, r)
			g.mu.Lock()
			again = g.clearing == r && g.clearAgain && ctx.Err() == nil
			g.clearAgain = false
			if !again && g.clearing == r {
				g.clearing = nil
			}
			g.mu.Unlock()
		}
	})
}

// clearPause is how long to wait when the server says that this user does too much.
const clearPause = time.Second

func (g *Grid) takeOffLaterSeats(ctx context.Context, r *engine.Room) {
	seats := r.Seats()
	for i := ConnectedSeats; i < len(seats); i++ {
		for ctx.Err() == nil && g.firstOnly(r) && r.Self().Role == engine.RoomOwner {
			// As it is by now: who has moved must not be taken off a seat that is used.
			now := r.Seats()
			if i >= len(now) || now[i].UserID == "" {
				break
			}
			if err := takeOffLaterSeat(ctx, r, now[i].UserID); !errors.Is(err, engine.ErrFreqLimit) {
				break // done, or refused: for who has got up, or owns the room by now
			}
			select {
			case <-ctx.Done():
			case <-time.After(clearPause):
			}
		}
	}
}

func takeOffLaterSeat(ctx context.Context, r *engine.Room, user UserID) error {
	if user != r.Self().UserID {
		return kickOffSeat(ctx, r, user)
	}
	to, free := freeFirst(r)
	if !free {
		return nil // nobody takes an owner off a seat: who is on the air stays so
	}
	return moveSeat(ctx, r, to)
}
