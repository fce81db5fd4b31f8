package sfu

import (
	"time"

	"github.com/pion/rtp"
)

const (
	maxPayload  = 1200 // bytes: the largest Opus frame has 1,275, a sensible one under 400; with all headers it still fits an MTU
	maxRate     = 100  // packets a second of one publisher: frames of 10 ms
	rateBurst   = 50   // packets: half a second that a slow network delivers at once
	frameTicks  = 960  // 20 ms at 48 kHz
	silentLevel = 127  // -dBov, RFC 6464
)

// packet is what is left of an RTP packet between a speaker and the receivers.
type packet struct {
	stream   uint32 // the speaker's SSRC: another one is another numbering
	seq      uint16
	ts       uint32 // 48 kHz
	marker   bool
	hasLevel bool
	level    uint8  // RFC 6464: voice bit and -dBov
	payload  []byte // valid during the call
}

// parsePacket reads b as RTP (RFC 3550 section 5.1). h is scratch. levelID is the id of the level extension in the
// publisher's offer, 0 if it has none. Everything comes from a stranger: lengths are checked here and nowhere later.
func parsePacket(p *packet, h *rtp.Header, b []byte, levelID uint8) (drop, bool) {
	n, err := h.Unmarshal(b)
	if err != nil || h.Version != 2 || n > len(b) {
		return dropMalformed, false
	}
	payload := b[n:]
	if h.Padding {
		if len(payload) == 0 {
			return dropMalformed, false
		}
		pad := int(payload[len(payload)-1])
		if pad == 0 || pad > len(payload) {
			return dropMalformed, false
		}
		payload = payload[:len(payload)-pad]
	}
	switch {
	case len(payload) == 0:
		return dropMalformed, false
	case len(payload) > maxPayload:
		return dropTooLarge, false
	}
	*p = packet{stream: h.SSRC, seq: h.SequenceNumber, ts: h.Timestamp, marker: h.Marker, payload: payload}
	if levelID != 0 {
		if l := h.GetExtension(levelID); len(l) > 0 {
			p.hasLevel, p.level = true, l[0]
		}
	}
	return 0, true
}

// bucket is a token bucket. The time is passed in; one goroutine uses it.
type bucket struct {
	tokens float64
	last   time.Time
}

// take reports whether one more packet is within the rate.
func (b *bucket) take(now time.Time) bool { return b.takeAt(now, maxRate, rateBurst) }

func (b *bucket) takeAt(now time.Time, rate, burst float64) bool {
	if b.last.IsZero() {
		b.tokens = burst
	} else if d := now.Sub(b.last); d > 0 {
		b.tokens = min(burst, b.tokens+d.Seconds()*rate)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
