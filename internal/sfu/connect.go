package sfu

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// connections is what a room has to do with others. A speaker of another room is the same here and there, with one level
// and one history: a packet is taken once, whoever hears it, and a member of this room gets it as early as one of that.
//
// No lock of a room is held while another's is taken: rooms hear each other both ways. A room reads what the others have
// published, and each change there lets it read again.
type connections struct {
	audible atomic.Pointer[[]*speaker] // the room's own speakers, for the rooms that hear it

	hearing sync.Mutex // held during a change of hears

	hears   []*Room            // whose speakers the members hear besides their own; guarded by Room.mu
	hearers map[*Room]struct{} // who hears this one's speakers; guarded by Room.mu
}

// Hear sets which other rooms' speakers this room's members hear besides their own, in this order. It works one way: for
// the other one, each room has to hear the other. What is not in others any more is not heard from the return on.
//
// A user is the same person in every room. Nobody hears themselves, from whichever room, and who speaks in several of them
// is heard once: in the members' own room, else in the first of others. So one voice does not come twice, a moment apart.
func (r *Room) Hear(others []*Room) {
	r.hearing.Lock()
	defer r.hearing.Unlock()
	next := make([]*Room, 0, len(others))
	for _, o := range others {
		if o != r && o != nil && !slices.Contains(next, o) {
			next = append(next, o)
		}
	}
	r.mu.Lock()
	old := r.hears
	if r.closed {
		next = nil
	}
	r.mu.Unlock()
	if slices.Equal(old, next) {
		return
	}
	// To be told first, then to look: so no change is missed. And to look first, then to be told no more.
	for _, o := range next {
		if !slices.Contains(old, o) {
			o.hearer(r, true)
		}
	}
	r.mu.Lock()
	r.hears = next
	r.unlockAndTell(r.reseat(time.Now(), false))
	for _, o := range old {
		if !slices.Contains(next, o) {
			o.hearer(r, false)
		}
	}
}

// hearer notes that another room hears this one's speakers, or no longer.
func (r *Room) hearer(by *Room, hears bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !hears {
		delete(r.hearers, by)
		return
	}
	if r.hearers == nil {
		r.hearers = map[*Room]struct{}{}
	}
	r.hearers[by] = struct{}{}
}

// tellHearers lets those who hear this room see its speakers of now. No room's lock is held.
func (r *Room) tellHearers() {
	r.mu.Lock()
	list := make([]*Room, 0, len(r.hearers))
	for h := range r.hearers {
		list = append(list, h)
	}
	r.mu.Unlock()
	for _, h := range list {
		h.mu.Lock()
		h.unlockAndTell(h.reseat(time.Now(), false))
	}
}

// everybody returns all speakers who may be heard in this room: its own in the order of the seats, then the others' in the
// order of the rooms, each user once. The lock is held.
func (r *Room) everybody() []*speaker {
	if len(r.hears) == 0 {
		return r.speakers
	}
	all := slices.Clone(r.speakers)
	taken := make(map[signaling.UserID]bool, len(all))
	for _, s := range all {
		taken[s.user] = true
	}
	for _, o := range r.hears {
		theirs := o.audible.Load()
		if theirs == nil {
			continue
		}
		for _, s := range *theirs {
			if !taken[s.user] {
				taken[s.user] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// source names a speaker for this room's members.
func (r *Room) source(s *speaker) source {
	if s.room == r {
		return source{user: s.user}
	}
	return source{s.room.id, s.user}
}
