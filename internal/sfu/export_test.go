package sfu

import "github.com/openvoiceroom/openvoiceroom/signaling"

// PendingRTCP takes the unread reports of a peer and returns how many there were.
func (p *Peer) PendingRTCP() int { return p.drainRTCP(make([]byte, receiveMTU)) }

// RelayPacket returns a relay message with one packet.
func RelayPacket(b []byte, user signaling.UserID, seq uint16, payload []byte) []byte {
	return appendRelay(b[:0], user, &packet{stream: 1, seq: seq, ts: uint32(seq) * 960, payload: payload})
}
