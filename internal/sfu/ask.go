package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"github.com/openvoiceroom/openvoiceroom/internal/redundancy"
)

const (
	// askRate is how many packets a listener may ask for in a second, all slots together: what is lost of ten speakers at
	// 10 %. They go along with packets that are sent anyway, three with one, so that little asking cannot make much traffic.
	askRate  = 50
	askBurst = 25
	maxAsked = 3 // waiting for one slot's next packet
)

// ask notes which packets of a slot the member misses.
func (p *Peer) ask(s *slot, n *rtcp.TransportLayerNack, now time.Time) {
	if s == nil || n.MediaSSRC != s.ssrc.Load() || !s.takesCopies.Load() {
		return
	}
	p.down.mu.Lock()
	defer p.down.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pair := range n.Nacks {
		pair.Range(func(seq uint16) bool {
			// Only what was sent, of this speaker, and is still kept.
			behind := s.lastSeq - seq
			if !s.started || behind == 0 || behind > redundancy.Depth || s.lastSeq-s.first <= behind {
				return true
			}
			if len(s.asked) >= maxAsked || !p.down.asking.takeAt(now, askRate, askBurst) {
				return false
			}
			s.asked = append(s.asked, seq)
			return true
		})
	}
}

// answer returns the packet that is being sent as number seq with copies of those that were asked for, nil if none is left.
// The lock is held.
func (s *slot) answer(from *speaker, seq uint16) []byte {
	level := redundancy.Level(s.copies.Load())
	if seq-s.first <= level.Reach() {
		level = redundancy.None
	}
	for i := range s.asked {
		s.asked[i] -= s.seqOff // the speaker's own numbers
	}
	payload := from.history.With(level, s.pt, s.asked)
	s.asked = s.asked[:0]
	return payload
}
