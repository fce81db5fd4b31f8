package server

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// seatingPause is the time between two messages about the seats of connected rooms, however often these change.
const seatingPause = 250 * time.Millisecond

// seating tells a room's members who sits in the rooms that it is connected with. These rooms' logs are followed here
// anyway, and their seats are told whole: what is lost with a connection is made good by the next message.
type seating struct {
	replica *replica

	mu      sync.Mutex // protects what follows; held during a look, which only queues
	closed  bool
	armed   bool
	timer   *time.Timer
	last    time.Time
	version uint64                                     // grows with each change; 0: nothing to tell yet
	told    map[signaling.RoomID]*[]signaling.SeatInfo // by version
}

// arm lets a look come soon: something may have changed, or somebody is new.
func (s *seating) arm() {
	own := s.replica.hearing.standing.Load()
	if own == nil || own.over || len(own.connected) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.armed {
		return
	}
	s.armed = true
	wait := max(seatingPause-time.Since(s.last), 0)
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.look)
	} else {
		s.timer.Reset(wait)
	}
}

// forget notes that this room is connected with no others than these: members forget the seats of the rest, and are told them
// anew when a room comes back, also before the next look and with the same seats.
func (s *seating) forget(connected []room.ConnectedWith) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.told, func(id signaling.RoomID, _ *[]signaling.SeatInfo) bool {
		return !slices.ContainsFunc(connected, func(c room.ConnectedWith) bool { return c.RoomID == id })
	})
}

func (s *seating) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// look finds what has changed since the last time, and tells it.
func (s *seating) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.armed, s.last = false, time.Now()
	now := s.replica.connectedSeats()
	changed := maps.Clone(now)
	maps.DeleteFunc(changed, func(id signaling.RoomID, seats *[]signaling.SeatInfo) bool { return s.told[id] == seats })
	if s.told = now; len(changed) > 0 {
		s.version++
	}
	s.replica.tellSeats(s.version, changed, now)
}

// connectedSeats returns the seats of the connected rooms, as far as this node knows them.
func (r *replica) connectedSeats() map[signaling.RoomID]*[]signaling.SeatInfo {
	list := map[signaling.RoomID]*[]signaling.SeatInfo{}
	own := r.hearing.standing.Load()
	if own == nil || own.over {
		return list
	}
	r.hearing.mu.Lock()
	defer r.hearing.mu.Unlock()
	for _, c := range own.connected {
		o := r.hearing.held[c.RoomID]
		if o == nil {
			continue
		}
		if theirs, seats := o.hearing.standing.Load(), o.hearing.seats.Load(); theirs != nil && theirs.created == c.Created && seats != nil {
			list[c.RoomID] = seats
		}
	}
	return list
}

// reseat notes the seats of a new entry, for the rooms that this one is connected with. It is called in the order of the
// entries.
func (r *replica) reseat(seats []signaling.SeatInfo) {
	if was := r.hearing.seats.Load(); was != nil && slices.Equal(*was, seats) {
		return
	}
	r.hearing.seats.Store(&seats)
	r.hearing.mu.Lock()
	by := slices.Collect(maps.Keys(r.hearing.by))
	r.hearing.mu.Unlock()
	for _, o := range by {
		o.seating.arm()
	}
}

// tellSeats queues the seats of connected rooms for the members here: what has changed with a version for those who have
// the one before it, and all for the others. It encodes each once.
func (r *replica) tellSeats(version uint64, changed, all map[signaling.RoomID]*[]signaling.SeatInfo) {
	encode := func(of map[signaling.RoomID]*[]signaling.SeatInfo) []byte {
		p := signaling.ConnectedSeats{RoomID: r.key.Room}
		for _, id := range slices.Sorted(maps.Keys(of)) {
			p.Rooms = append(p.Rooms, signaling.SeatsOfRoom{RoomID: id, Seats: *of[id]})
		}
		b, err := signaling.EncodeNotification(signaling.NotifyConnectedSeats, p)
		if err != nil {
			r.srv.log.Error("seats of connected rooms not encoded", "error", err)
		}
		return b
	}
	var some, whole []byte
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.members {
		if !m.active || m.seating == version {
			continue
		}
		switch {
		case m.seating == version-1 && len(changed) > 0:
			if some == nil {
				some = encode(changed)
			}
			m.session.send(some)
		case len(all) > 0:
			if whole == nil {
				whole = encode(all)
			}
			m.session.send(whole)
		}
		m.seating = version
	}
}
