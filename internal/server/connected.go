package server

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A node that has members of a room needs the rooms that this is connected with, too: who may be heard there is in their
// logs, as are their seats, and what is said there comes over their subjects. It holds their replicas, also of rooms of
// which nobody is here, for as long as it has members of the room.

// standing is what a room's connections depend on, of its newest entry. It is never changed, only replaced.
type standing struct {
	created   int64
	over      bool
	connected []room.ConnectedWith
}

// hearing is what a replica has to do with connected rooms.
type hearing struct {
	standing atomic.Pointer[standing]             // nil before the first entry
	seats    atomic.Pointer[[]signaling.SeatInfo] // of the newest entry; never changed
	wake     chan struct{}                        // capacity one: there is something to tend

	mu      sync.Mutex // protects what follows; media is told while it is held, nothing is waited for
	members int        // who uses the replica for a member: only they want to hear other rooms
	tending bool
	held    map[signaling.RoomID]*replica
	by      map[*replica]struct{} // those who hold this one
}

// hearAgain is how long a node waits after a connected room could not be had.
const hearAgain = 2 * time.Second

// connect takes from a new entry what matters to connected rooms. What is over or muted is not heard from the return on;
// what is new is heard when this node has its log. It is called in the order of the entries.
func (r *replica) connect(now standing) {
	was := r.hearing.standing.Swap(&now)
	if was != nil && was.created == now.created && was.over == now.over && slices.Equal(was.connected, now.connected) {
		return
	}
	r.seating.forget(now.connected)
	r.rehear()
	r.tend()
	r.hearing.mu.Lock()
	by := make([]*replica, 0, len(r.hearing.by))
	for o := range r.hearing.by {
		by = append(by, o)
	}
	r.hearing.mu.Unlock()
	for _, o := range by {
		o.rehear()
		o.tend()
	}
}

// connectedWith reports whether this room's newest entry names a room, with its time of creation, and whether it is heard.
func (s *standing) connectedWith(id signaling.RoomID, created int64) (named, muted bool) {
	if s == nil || s.over {
		return false, false
	}
	for _, c := range s.connected {
		if c.RoomID == id && c.Created == created {
			return true, c.Muted
		}
	}
	return false, false
}

// rehear sets whom the members here hear of the rooms that are held: those that this room's log and their own both name, so
// that a connection is over as soon as one of the two says so.
func (r *replica) rehear() {
	defer r.seating.arm() // with what is held, what is known of seats changes
	h := &r.hearing
	h.mu.Lock()
	defer h.mu.Unlock()
	var rooms []*sfu.Room
	if own := h.standing.Load(); own != nil && !own.over && h.members > 0 {
		for _, c := range own.connected {
			o := h.held[c.RoomID]
			if o == nil || c.Muted {
				continue
			}
			theirs := o.hearing.standing.Load()
			if named, _ := theirs.connectedWith(r.key.Room, own.created); named && theirs.created == c.Created {
				rooms = append(rooms, o.media)
			}
		}
	}
	r.media.Hear(rooms)
}

// uses counts those who use the replica for a member, by n more or less.
func (r *replica) uses(n int) {
	h := &r.hearing
	h.mu.Lock()
	h.members += n
	change := h.members == 0 || h.members == n
	h.mu.Unlock()
	if change {
		r.rehear()
		r.tend()
	}
}

// tend brings the rooms that are held to those that are wanted, on a goroutine of its own.
func (r *replica) tend() {
	h := &r.hearing
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
	if h.tending {
		return
	}
	if len(h.held) == 0 && len(r.wantedLocked()) == 0 {
		return
	}
	h.tending = true
	if !r.srv.spawn(r.tendAll) {
		// The server is closing: nothing is wanted any more, and those who close it wait.
		h.mu.Unlock()
		r.letGo(nil)
		h.mu.Lock()
		h.tending = false
	}
}

// tendAll works until there is nothing to do.
func (r *replica) tendAll() {
	h := &r.hearing
	for {
		select {
		case <-h.wake:
		default:
		}
		h.mu.Lock()
		wanted := r.wantedLocked()
		h.mu.Unlock()
		if r.srv.ctx.Err() != nil {
			wanted = nil
		}
		r.letGo(wanted)
		failed := r.take(wanted)
		r.rehear()
		h.mu.Lock()
		if len(h.wake) == 0 && !failed {
			h.tending = false
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
		if failed {
			select {
			case <-h.wake:
			case <-r.srv.ctx.Done():
			case <-time.After(hearAgain):
			}
		}
	}
}

// wantedLocked returns the rooms whose logs this node needs: those that are muted here too, whose seats are shown all the
// same; hearing.mu is held.
func (r *replica) wantedLocked() (ids []signaling.RoomID) {
	own := r.hearing.standing.Load()
	if own == nil || own.over || r.hearing.members == 0 {
		return nil
	}
	for _, c := range own.connected {
		if c.RoomID != r.key.Room {
			ids = append(ids, c.RoomID)
		}
	}
	return ids
}

// letGo releases the rooms that are held and not wanted, and those that are over: another may have their id by now.
func (r *replica) letGo(wanted []signaling.RoomID) {
	h := &r.hearing
	var gone []*replica
	h.mu.Lock()
	for id, o := range h.held {
		if !slices.Contains(wanted, id) || o.hearing.standing.Load().over {
			delete(h.held, id)
			gone = append(gone, o)
		}
	}
	h.mu.Unlock()
	r.rehear()
	for _, o := range gone {
		o.hearing.mu.Lock()
		delete(o.hearing.by, r)
		o.hearing.mu.Unlock()
		r.srv.unhold(o)
	}
}

// take gets the rooms that are wanted and not held; failed means that it is worth to try again.
func (r *replica) take(wanted []signaling.RoomID) (failed bool) {
	h := &r.hearing
	for _, id := range wanted {
		h.mu.Lock()
		held := h.held[id] != nil
		h.mu.Unlock()
		if held {
			continue
		}
		ctx, cancel := context.WithTimeout(r.srv.ctx, callLimit)
		o, err := r.srv.hold(ctx, store.Key{App: r.key.App, Room: id})
		cancel()
		if err == nil && o.hearing.standing.Load().over { // its log is there for a while yet
			r.srv.unhold(o)
			continue
		}
		if err != nil {
			// A room that is gone does not come back; the connection's log will say so.
			if !errors.Is(err, signaling.ErrRoomNotExist) && r.srv.ctx.Err() == nil {
				r.srv.log.Warn("a connected room cannot be heard yet", "room", r.key.Room, "connected", id, "error", err)
				failed = true
			}
			continue
		}
		o.hearing.mu.Lock()
		if o.hearing.by == nil {
			o.hearing.by = map[*replica]struct{}{}
		}
		o.hearing.by[r] = struct{}{}
		o.hearing.mu.Unlock()
		h.mu.Lock()
		if h.held == nil {
			h.held = map[signaling.RoomID]*replica{}
		}
		h.held[id] = o
		h.mu.Unlock()
		r.rehear()
	}
	return failed
}
