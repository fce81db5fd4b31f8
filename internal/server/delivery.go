package server

import (
	"slices"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// delivery encodes one entry for many members, each variant once.
type delivery struct {
	room     signaling.RoomID
	entry    home.Entry
	complete bool
	public   signaling.EventList // what everybody may know
	private  bool                // there is more for some
	count    signaling.Event     // how many members there are
	encoded  map[encodedKey][]byte
	sent     int
}

// encodedKey tells variants apart: what was told before, whether there is something for this user alone, and whether it
// has to be told how many there are.
type encodedKey struct {
	prev uint64
	user signaling.UserID // empty for those who see the public events only
	owed bool
}

// delivery prepares the newest entry for the members; r.mu is held.
func (r *replica) delivery(complete bool) delivery {
	d := delivery{room: r.key.Room, entry: r.entry, complete: complete, count: r.count(), encoded: map[encodedKey][]byte{}}
	for _, e := range r.entry.Events {
		switch {
		case e.Event == nil, e.For == room.ForApp:
		case e.To == nil:
			d.public = append(d.public, e.Event)
		default:
			d.private = true
		}
	}
	return d
}

// seen returns what a member may know, and whether that is more than everybody may.
func (d *delivery) seen(u signaling.UserID) (seen signaling.EventList, own bool) {
	if !d.private || !slices.ContainsFunc(d.entry.Events, func(e room.Event) bool { return slices.Contains(e.To, u) }) {
		return d.public, false
	}
	for _, e := range d.entry.Events {
		if e.Event != nil && e.For != room.ForApp && (e.To == nil || slices.Contains(e.To, u)) {
			seen = append(seen, e.Event)
		}
	}
	return seen, true
}

// to queues the entry for a member; replica.mu is held. It allocates nothing for those who are told the same.
func (d *delivery) to(m *membership) {
	key := encodedKey{prev: m.prev}
	seen, own := d.seen(m.user.UserID)
	if own {
		key.user = m.user.UserID
	}
	l := m.session.link.Load()
	switch {
	case !d.complete:
		// Something before this entry is lost for good. A prev that the client does not have makes it ask for a snapshot.
		seen, key = nil, encodedKey{prev: d.entry.Version - 1}
	case len(seen) == 0:
		return // nothing that this member may know: its prev stays, so it sees no gap
	case l != nil && l.slow() && presenceOnly(seen):
		m.owe(l)
		return
	case m.owed && !presenceOnly(seen): // which count by themselves
		key.owed = true
	}
	b, known := d.encoded[key]
	if !known {
		if key.owed {
			seen = append(slices.Clip(seen), d.count)
		}
		var err error
		b, err = signaling.EncodeNotification(signaling.NotifyRoomEvents, signaling.RoomEvents{
			RoomID: d.room, Version: d.entry.Version, Prev: key.prev, Events: seen,
		})
		if err != nil {
			m.session.log.Error("events not encoded", "error", err)
			return
		}
		d.encoded[key] = b
	}
	m.prev, m.owed = d.entry.Version, false
	m.session.send(b)
	d.sent++
}
