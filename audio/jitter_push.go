package audio

import "time"

// Push takes a packet: its RTP sequence number, timestamp (48 kHz) and marker bit, and its payload of 1 to [MaxPacket]
// bytes, which is copied. now is when it came.
func (b *JitterBuffer) Push(seq uint16, ts uint32, marker bool, payload []byte, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stats.Received++
	b.copies.packet()
	if len(payload) == 0 || len(payload) > MaxPacket {
		b.stats.Dropped++
		return
	}
	ext, ok := b.extend(seq)
	if !ok {
		b.stats.Late++
		return
	}
	b.clock.packet(ts, marker || b.stored == 0 && b.fresh, now)
	if ext <= b.played {
		b.missed(ext)
		return
	}
	if b.find(ext) != nil {
		b.stats.Duplicate++
		return
	}
	if ext-b.played > jitterSlots {
		b.forget(ext - jitterSlots)
	}
	s := b.slot(ext)
	s.seq, s.ts, s.marker, s.arrival, s.full = ext, ts, marker, now, true
	s.size = copy(s.data[:], payload)
	b.stored++
	b.high = max(b.high, ext)
}

// extend makes a sequence number that does not wrap, beginning a new stream where it jumps. It is false for a packet
// to be left out: one stray number must not throw away a running stream, two in a row are another stream (RFC 3550
// appendix A.1).
func (b *JitterBuffer) extend(seq uint16) (int64, bool) {
	if !b.any {
		b.any = true
		return b.begin(seq), true
	}
	step := int64(int16(seq - uint16(b.high)))
	if step > -jitterMaxMisorder && step < jitterMaxDropout {
		b.badSeq = -1
		return b.high + step, true
	}
	if int(seq) != b.badSeq {
		b.badSeq = int(seq + 1)
		return 0, false
	}
	b.badSeq = -1
	b.reset = true
	return b.begin(seq), true
}

// begin empties the buffer for a stream whose first packet has this number. Earlier ones may still come after it.
func (b *JitterBuffer) begin(seq uint16) int64 {
	for i := range b.slots {
		b.slots[i].full, b.slots[i].seq = false, -1
	}
	b.stored = 0
	// Extended numbers start high enough that none is negative and keep the 16 bits as they came.
	ext := int64(seq) + 1<<16
	b.high = ext
	b.played = ext - jitterSlots/2
	b.fresh = true
	b.named = 0
	b.state = jitterIdle
	b.grow, b.waited, b.skip = 0, 0, 0
	return ext
}

// missed counts a packet that came too late to be played.
func (b *JitterBuffer) missed(ext int64) {
	if s := b.slot(ext); s.seq == ext {
		b.stats.Duplicate++
		return
	}
	b.stats.Late++
	b.lengthen(ext)
}

// lengthen makes the delay so long that a packet which has just come would have been in time.
func (b *JitterBuffer) lengthen(ext int64) {
	if b.state != jitterPlaying {
		return
	}
	behind := int(b.played-ext) + 1
	room := int((b.cfg.MaxDelay - b.stats.Target) / FrameDuration)
	// A packet later than the longest delay is not worth waiting for; those of one burst ask for the same frames.
	if behind > int(b.cfg.MaxDelay/FrameDuration) {
		return
	}
	if more := min(behind-b.grow, room); more > 0 {
		b.grow += more
		b.stats.Target += time.Duration(more) * FrameDuration
	}
}

// forget decides everything up to seq without playing it: play-out has stopped, or much was lost at once.
func (b *JitterBuffer) forget(seq int64) {
	missing := seq - b.played
	for i := range b.slots {
		if s := &b.slots[i]; s.full && s.seq <= seq {
			s.full = false
			b.stored--
			b.stats.Dropped++
			missing--
		}
	}
	if !b.fresh {
		b.stats.Lost += uint64(missing)
	}
	b.played = seq
	b.reset = true // what is gone may have carried the marker
	b.state = jitterIdle
	b.waited = 0
}
