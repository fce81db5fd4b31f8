package sfu

import "github.com/openvoiceroom/openvoiceroom/signaling"

// DownLoss returns the share of packets that a member loses, as far as is known, and how much longer than by chance
// losses are in a row.
func (p *Peer) DownLoss() (share, burst float64) {
	p.down.mu.Lock()
	defer p.down.mu.Unlock()
	return p.down.estimate.Loss(), p.down.estimate.Burst()
}

// RelayPacket returns a relay message with one packet.
func RelayPacket(b []byte, user signaling.UserID, seq uint16, payload []byte) []byte {
	return appendRelay(b[:0], user, &packet{stream: 1, seq: seq, ts: uint32(seq) * 960, payload: payload})
}

// AddToRelay adds a packet with a level in -dBov to a relay message.
func AddToRelay(b []byte, user signaling.UserID, seq uint16, level uint8, payload []byte) []byte {
	return appendRelay(b, user, &packet{stream: 1, seq: seq, ts: uint32(seq) * 960, hasLevel: true, level: level, payload: payload})
}

// PreparesFor returns for which share of losses a speaker prepares whose listeners lose these; so many others take copies,
// and lose everything.
func PreparesFor(losses []float64, others int) float64 {
	r := &Room{forward: newForwarder(&counters{})}
	anna := newSpeaker(r, "anna")
	var slots []*slot
	add := func(loss float64) *slot {
		s := newSlot("slot", "1")
		s.down.loss.Store(uint32(loss * shareOf))
		slots = append(slots, s)
		return s
	}
	for range others {
		add(1).takesCopies.Store(true)
	}
	for _, l := range losses {
		add(l)
	}
	anna.place(r, slots)
	r.forward.routes.Store(&routes{"anna": anna})
	return float64((&Peer{room: r, user: "anna"}).worstListener()) / shareOf
}
