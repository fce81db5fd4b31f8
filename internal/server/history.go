package server

import (
	"context"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Bounds of a room's history on a node. It is kept for clients that come back; who needs more gets a snapshot.
const (
	maxPast       = 256      // entries
	maxPastEvents = 1024     // in all of them
	maxReplay     = 64 << 10 // bytes of the events in one notification: it has to stay far below what a client reads, 256 KiB
)

// history is what has happened in a room lately: consecutive entries, the newest last, but for those that tell nothing.
type history struct {
	list   []past
	events int
	newest uint64 // the version of the newest entry, which has told nothing if it is not in the list
	filled bool   // the log has been asked

	filling chan struct{} // while it is being asked; closed with the answer
}

type past struct {
	version uint64
	events  []room.Event
}

// quiet reports whether an entry tells clients nothing.
func quiet(e home.Entry) bool {
	return !slices.ContainsFunc(e.Events, func(ev room.Event) bool { return ev.Event != nil })
}

// add appends an entry. complete is false when the one before it is not here.
func (h *history) add(e home.Entry, complete bool) {
	if !complete {
		h.list, h.events = nil, 0
	}
	if h.newest = e.Version; len(h.list) > 0 && quiet(e) {
		return
	}
	events := forMembers(e.Events)
	h.list = append(h.list, past{e.Version, events})
	h.events += len(events)
	for len(h.list) > maxPast || h.events > maxPastEvents && len(h.list) > 1 {
		h.events -= len(h.list[0].events)
		h.list[0].events = nil // the array keeps its place until it grows
		h.list = h.list[1:]
	}
}

// forMembers leaves out what members are never told: of a crowd the app's server hears each name.
func forMembers(list []room.Event) []room.Event {
	app := func(e room.Event) bool { return e.For == room.ForApp }
	if !slices.ContainsFunc(list, app) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), app)
}

// reaches reports whether everything after a version is here.
func (h *history) reaches(since uint64) bool {
	return len(h.list) > 0 && h.list[0].version <= since+1
}

// visible returns what a user may know of everything after a version, up to the moment when it is taken out of the
// room. known is false when the history does not reach that far, or it is too much for one message.
func (h *history) visible(u signaling.UserID, since uint64) (seen signaling.EventList, known bool) {
	if !h.reaches(since) || since > max(h.newest, h.list[len(h.list)-1].version) { // or a version that there is not
		return nil, false
	}
	for _, p := range h.list {
		if p.version <= since {
			continue
		}
		for _, e := range p.events {
			if e.Event != nil && (e.To == nil || slices.Contains(e.To, u)) {
				seen = append(seen, e.Event)
			}
		}
		if expels(p.events, u) {
			break
		}
	}
	return seen, len(seen) == 0 || replayable(seen)
}

// replayable reports whether events fit into one message with other things. Their sizes differ by a factor of thousand:
// a crowd that came in together is one event.
func replayable(list signaling.EventList) bool {
	size := 0
	for _, e := range list {
		b, err := signaling.MarshalEvent(e)
		if size += len(b); err != nil || size > maxReplay {
			return false
		}
	}
	return true
}

// expelled reports whether a user has been taken out of the room after a version.
func (h *history) expelled(u signaling.UserID, since uint64) bool {
	return slices.ContainsFunc(h.list, func(p past) bool { return p.version > since && expels(p.events, u) })
}

// reach fills the history from the log, once, so that it begins with a version: this node has not had the room for long.
// After a node's death many come back in the same moment: one asks, and the others wait for the answer.
func (r *replica) reach(ctx context.Context, since uint64) {
	for {
		r.mu.Lock()
		if r.past.reaches(since) || r.past.filled || len(r.past.list) == 0 {
			r.mu.Unlock()
			return
		}
		first, filling := r.entry, r.past.filling
		if filling == nil {
			r.past.filling = make(chan struct{})
		}
		r.mu.Unlock()
		if filling == nil {
			r.fill(ctx, first)
			return
		}
		select {
		case <-filling:
		case <-ctx.Done():
			return
		}
	}
}

// fill asks the log for what was before the history.
func (r *replica) fill(ctx context.Context, first home.Entry) {
	list, err := r.srv.node.Past(ctx, r.key, r.srv.grace()+time.Minute)
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.past.filling)
	r.past.filling, r.past.filled = nil, err == nil // else perhaps only the one who asked has gone
	if err != nil {
		r.srv.log.Debug("no history of a room", "room", r.key.Room, "error", err)
		return
	}
	for _, e := range slices.Backward(list) {
		e.Events = forMembers(e.Events)
		switch begin := r.past.list[0].version; {
		case e.Version >= begin:
		case e.Version != begin-1 || e.State.Info.CreateTime != first.State.Info.CreateTime,
			len(r.past.list) >= maxPast || r.past.events+len(e.Events) > maxPastEvents:
			return
		default:
			r.past.list = slices.Insert(r.past.list, 0, past{e.Version, e.Events})
			r.past.events += len(e.Events)
		}
	}
}

// pause stops the flow of events to a member whose client is away.
func (r *replica) pause(m *membership) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.active, m.owed = false, false // it is told everything when it comes back
}

// resume tells a member what has happened since a version, and lets the events flow again. When that is not known the
// client is told a version without the one before it, as after any gap, and asks for a snapshot.
func (r *replica) resume(ctx context.Context, m *membership, since uint64) {
	r.reach(ctx, since)
	r.mu.Lock()
	now := signaling.RoomEvents{RoomID: r.key.Room, Version: r.entry.Version, Prev: since}
	var known bool
	switch now.Events, known = r.past.visible(m.user.UserID, since); {
	case !known:
		now.Events, now.Prev = nil, now.Version
	case m.out && !r.past.expelled(m.user.UserID, since):
		now.Events = nil // it knows that it is out: what came after that is not for it
	}
	if m.lastWord != nil {
		now.Version, now.Events = max(now.Version, since+1), append(now.Events, *m.lastWord)
	}
	m.active, m.prev, m.lines, m.seating = !m.out && !r.over, since, 0, 0
	if m.totals != r.totals.version {
		r.armStatistics()
	}
	if now.Version > since && len(now.Events) > 0 || !known {
		m.prev = now.Version
		m.session.notify(signaling.NotifyRoomEvents, now)
	}
	r.mu.Unlock()
	m.retellSlots()
}

// expelledSince reports whether a user has been taken out of the room after a version, as far as is known.
func (r *replica) expelledSince(ctx context.Context, u signaling.UserID, since uint64) bool {
	r.reach(ctx, since)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.past.expelled(u, since)
}
