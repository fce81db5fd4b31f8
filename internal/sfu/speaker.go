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
	user  signaling.UserID
	level atomic.Int32 // smoothed -dBov * levelScale; lower is louder
	at    atomic.Int64 // Unix ns of the last packet
	local atomic.Int64 // Unix ns of the last packet from a connection to this node

	mu      sync.Mutex // held while a packet is forwarded; two connections of the user may both have one
	history redundancy.History
}

func newSpeaker(user signaling.UserID) *speaker {
	s := &speaker{user: user}
	s.level.Store(silentLevel * levelScale)
	return s
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
