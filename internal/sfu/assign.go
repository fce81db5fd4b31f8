package sfu

import (
	"cmp"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The numbers of a swap: a waiting speaker takes the slot of the quietest one after being clearly louder for a while.
const (
	louderBy  = 6 * levelScale         // dB, in the scale of loudness
	louderFor = 300 * time.Millisecond // so that a cough does not take a slot
	swapEvery = 500 * time.Millisecond // and a discussion does not cut everybody to pieces
)

// source names a speaker for the members of one room.
type source struct {
	room signaling.RoomID // a connected room, "" for the members' own
	user signaling.UserID // "": nobody
}

// heardUser is a speaker as the assignment sees one.
type heardUser struct {
	source
	loudness int // dBov * levelScale, higher is louder
}

// seating is who is heard on which slot of one member.
type seating struct {
	slots    []source // the zero source: free
	louder   map[source]time.Time
	lastSwap time.Time
}

// assign decides who is heard at now, given the speakers in the order of their seats without the member itself. Whoever has
// a slot keeps it; free slots, the lowest first, go to those who wait; with more speakers than slots the loudest have them,
// with hysteresis. It returns a new seating, changed is whether anybody moved, and waiting is whether anybody has no slot,
// so that time alone can change the result.
func assign(old seating, speakers []heardUser, now time.Time) (s seating, changed, waiting bool) {
	s = seating{slots: slices.Clone(old.slots), lastSwap: old.lastSwap}
	for i, u := range s.slots {
		if u != (source{}) && indexOf(speakers, u) < 0 {
			s.slots[i] = source{}
		}
	}
	queue := make([]heardUser, 0, len(speakers))
	for _, sp := range speakers {
		if !slices.Contains(s.slots, sp.source) {
			queue = append(queue, sp)
		}
	}
	if free := s.free(); len(queue) > free {
		// Stable: among equally loud ones the seat decides.
		slices.SortStableFunc(queue, func(a, b heardUser) int { return cmp.Compare(b.loudness, a.loudness) })
	}
	for i, u := range s.slots {
		if u == (source{}) && len(queue) > 0 {
			s.slots[i], queue = queue[0].source, queue[1:]
		}
	}
	if len(queue) > 0 && len(s.slots) > 0 {
		s.swap(old, queue, speakers, now)
	}
	return s, !slices.Equal(s.slots, old.slots), len(queue) > 0 && len(s.slots) > 0
}

// swap gives the quietest one's slot to the loudest waiting one, if it is time.
func (s *seating) swap(old seating, queue, speakers []heardUser, now time.Time) {
	quietest, least := -1, 0
	for i, u := range s.slots {
		// From the last slot on, so that among equally quiet ones the seats in front keep theirs.
		if l := speakers[indexOf(speakers, u)].loudness; quietest < 0 || l <= least {
			quietest, least = i, l
		}
	}
	s.louder = make(map[source]time.Time)
	best := -1
	for i, w := range queue {
		if w.loudness < least+louderBy {
			continue
		}
		since, ok := old.louder[w.source]
		if !ok {
			since = now
		}
		s.louder[w.source] = since
		if now.Sub(since) >= louderFor && (best < 0 || w.loudness > queue[best].loudness) {
			best = i
		}
	}
	if best < 0 || now.Sub(s.lastSwap) < swapEvery {
		return
	}
	s.slots[quietest] = queue[best].source
	s.lastSwap = now
	delete(s.louder, queue[best].source)
}

func indexOf(speakers []heardUser, u source) int {
	return slices.IndexFunc(speakers, func(s heardUser) bool { return s.source == u })
}

func (s *seating) free() (n int) {
	for _, u := range s.slots {
		if u == (source{}) {
			n++
		}
	}
	return n
}
