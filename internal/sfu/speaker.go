package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/redundancy"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	quietAfter   = 200 * time.Millisecond // without a packet somebody is silent: DTX, or gone
	levelScale   = 256                    // fixed point of the smoothed level
	levelShift   = 3                      // smoothing over 8 packets, 160 ms
	localFreshNs = int64(time.Second)     // how long a local packet outranks relayed ones of the same user
)

// speaker is one user who may be heard in a room, for as long as SetSpeakers says so. Its fields change on the packet path:
// a lost update of a level between two of the user's connections does not matter, so that only the history has a lock.
type speaker struct {
	room  *Room // in which the user speaks
	user  signaling.UserID
	level atomic.Int32 // smoothed -dBov * levelScale; lower is louder
	at    atomic.Int64 // Unix ns of the last packet
	local atomic.Int64 // Unix ns of the last packet from a connection to this node

	mu      sync.Mutex // held while a packet is forwarded; two connections of the user may both have one
	history redundancy.History

	heardIn atomic.Pointer[[]place] // never changed, only replaced

	placing sync.Mutex // held while heardIn is replaced
}

// place is one room whose members hear a speaker: the speaker's own, or one that is connected with it.
type place struct {
	room  *Room
	slots []*slot
}

func newSpeaker(room *Room, user signaling.UserID) *speaker {
	s := &speaker{room: room, user: user}
	s.level.Store(silentLevel * levelScale)
	return s
}

// places are where the speaker is heard.
func (s *speaker) places() []place {
	if list := s.heardIn.Load(); list != nil {
		return *list
	}
	return nil
}

// place sets on which slots a room's members hear the speaker. The room's lock is held; other rooms may call it as well.
func (s *speaker) place(room *Room, slots []*slot) {
	s.placing.Lock()
	defer s.placing.Unlock()
	old := s.places()
	next := make([]place, 0, len(old)+1)
	for _, p := range old {
		if p.room != room {
			next = append(next, p)
		}
	}
	if len(slots) > 0 {
		next = append(next, place{room, slots})
	}
	s.heardIn.Store(&next)
}

// heard notes one packet.
func (s *speaker) heard(p *packet, now time.Time) {
	s.at.Store(now.UnixNano())
	if !p.hasLevel {
		return
	}
	old := s.level.Load()
	s.level.Store(old + (int32(p.level&0x7f)*levelScale-old)>>levelShift)
}

// loudness returns the smoothed level at now in dBov/levelScale, higher is louder; a silent speaker is at the bottom.
func (s *speaker) loudness(now time.Time) int {
	if now.UnixNano()-s.at.Load() > int64(quietAfter) {
		return -silentLevel * levelScale
	}
	return -int(s.level.Load())
}
