package audio

import "time"

// Pop says what to play next; call it every 20 ms. The payload comes with [Packet] and [FEC], else it is nil, and is
// valid until the next Pop. reset comes with Packet only: Reset the decoder before decoding, for a speaker begins.
func (b *JitterBuffer) Pop(now time.Time) (payload []byte, kind Kind, reset bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == jitterPlaying {
		b.shorten()
	}
	switch {
	case b.state == jitterPlaying && b.stored > 0:
		return b.play(now)
	case b.state == jitterPlaying:
		return b.starve()
	case b.stored > 0:
		return b.start(now)
	}
	b.state = jitterIdle
	return b.nothing()
}

// play answers while packets are there.
func (b *JitterBuffer) play(now time.Time) ([]byte, Kind, bool) {
	head := b.head()
	missing := head.seq - b.played - 1
	// Time that was spent waiting for packets which turn out to be lost is not spent again on concealing them.
	for ; missing > 0 && b.waited > 0; b.waited-- {
		missing--
		b.lose()
	}
	late := b.waited
	b.waited = 0
	if gap := int32(head.ts-b.nextTS) / FrameSamples; int64(gap) > missing {
		// Silence lies before head. Whether it or the loss came first cannot be known, so the loss joins the silence.
		b.lastLost = missing > 0
		b.state = jitterStarting
		return b.start(now)
	}
	if b.grow > 0 {
		b.grow--
		return b.answer(Conceal)
	}
	if b.stretch(missing > 0) {
		return b.answer(Conceal)
	}
	switch missing {
	case 0:
		b.stats.Target = min(b.stats.Target+time.Duration(late)*FrameDuration, b.cfg.MaxDelay)
		return b.take(head, now)
	case 1:
		b.lose()
		if b.cfg.HasFEC != nil && !b.cfg.HasFEC(head.data[:head.size]) {
			return b.fade()
		}
		b.run = 0
		b.stats.FEC++
		return b.out[:copy(b.out[:], head.data[:head.size])], FEC, false
	}
	b.lose()
	return b.fade()
}

// starve answers in a talk spurt when nothing is there: wait for the next packet, which lets the delay grow. Should it
// grow too long, shorten leaves out what then comes in a heap.
func (b *JitterBuffer) starve() ([]byte, Kind, bool) {
	if b.dtx || b.run >= b.cfg.MaxConceal {
		b.state = jitterIdle
		b.lastLost = false
		b.stats.Faded += uint64(b.waited)
		b.waited = 0
		return b.nothing()
	}
	b.waited++
	b.leastLeft = 0
	return b.answer(Conceal)
}

// start answers while a talk spurt's first packet ages.
func (b *JitterBuffer) start(now time.Time) ([]byte, Kind, bool) {
	b.state = jitterStarting
	head := b.head()
	// A packet that overtook head tells how long head has been due as well as head itself does.
	age := now.Sub(head.arrival)
	for seq := head.seq + 1; seq <= b.high; seq++ {
		if s := b.find(seq); s != nil {
			ahead := time.Duration(int32(s.ts-head.ts)) * time.Second / SampleRate
			age = max(age, now.Sub(s.arrival)+min(ahead, b.cfg.MaxDelay))
		}
	}
	// Pop comes every 20 ms, so the nearest Pop is at most half a frame off.
	if age+FrameDuration/2 < b.stats.Target {
		return b.nothing()
	}
	if missing := head.seq - b.played - 1; missing > 0 && !b.fresh {
		b.stats.Lost += uint64(missing)
		b.reset = true // what was lost may have carried the marker
	}
	b.fresh = false
	b.played = head.seq - 1
	b.state = jitterPlaying
	b.grow, b.waited, b.skip = 0, 0, 0
	b.window, b.leastLeft, b.overdue = 0, jitterSlots, false
	b.longest = 0
	b.lastLost = false
	return b.take(head, now)
}

// take plays the packet in s.
func (b *JitterBuffer) take(s *jitterSlot, now time.Time) ([]byte, Kind, bool) {
	reset := b.reset || s.marker
	b.reset, b.run = false, 0
	b.dtx, b.comfort = s.size <= dtxSize, 0
	b.stats.Played++
	b.longest = max(b.longest, now.Sub(s.arrival))
	b.evenly(now.Sub(s.arrival))
	b.stats.Delay += (max(now.Sub(s.arrival), 0) - b.stats.Delay) / 16
	b.leave(s)
	b.leastLeft = min(b.leastLeft, b.stored)
	return b.out[:copy(b.out[:], s.data[:s.size])], Packet, reset
}

// leave decides the packet in s, the one after played.
func (b *JitterBuffer) leave(s *jitterSlot) {
	s.full = false
	b.stored--
	b.played = s.seq
	b.nextTS = s.ts + FrameSamples
}

// lose decides the packet after played, which has not come.
func (b *JitterBuffer) lose() {
	b.played++
	b.nextTS += FrameSamples
	b.stats.Lost++
}

// fade conceals, but not for ever.
func (b *JitterBuffer) fade() ([]byte, Kind, bool) {
	if b.run >= b.cfg.MaxConceal {
		return b.answer(Silence)
	}
	return b.answer(Conceal)
}

// nothing answers between talk spurts: silence, after what was cut off by a loss has faded, or the speaker's background.
func (b *JitterBuffer) nothing() ([]byte, Kind, bool) {
	if b.lastLost {
		return b.fade()
	}
	if b.dtx && b.comfort < maxComfort {
		b.comfort++
		b.stats.Comfort++
		return b.answer(Comfort)
	}
	return b.answer(Silence)
}

func (b *JitterBuffer) answer(kind Kind) ([]byte, Kind, bool) {
	if kind == Conceal {
		if b.run == 0 {
			b.stats.Gaps++
		}
		b.run++
		b.stats.Concealed++
	}
	return nil, kind, false
}

// shorten leaves out packets: at once those beyond the longest delay, one by one those that turned out to be more than
// needed.
func (b *JitterBuffer) shorten() {
	for b.stored > int(b.cfg.MaxDelay/FrameDuration)+1 {
		b.drop()
	}
	if b.window++; b.window >= jitterWindow {
		b.measure()
	}
	if b.skip > 0 && b.stored > 1 && (b.quiet || b.overdue) && b.find(b.played+1) != nil {
		b.skip--
		b.overdue = false
		b.drop()
	}
}

// measure ends a window: if even at its worst moment two packets were left, one is more than needed.
//
// What is waited for a packet counts as longer delay. Where the sender's clock is slow that only fills up what the clock
// has eaten, so that the delay aimed at comes back to what there is: the longest that a packet has waited.
func (b *JitterBuffer) measure() {
	least := b.usual()
	is := (b.longest + FrameDuration - 1) / FrameDuration * FrameDuration
	b.stats.Target = min(b.stats.Target, max(is, least))
	spare := b.leastLeft >= 2 && b.stats.Target > least || b.leastLeft > int(least/FrameDuration) || b.skip > 0 && b.even.still()
	b.overdue = b.skip > 0 && spare
	if spare && b.skip == 0 {
		b.skip = 1
		b.stats.Target = min(b.stats.Target, max(b.stats.Target-FrameDuration, least))
	}
	if !spare {
		b.skip = 0
	}
	b.window, b.leastLeft = 0, jitterSlots
	b.longest = 0
	b.copies.turn()
}

// drop leaves out the first packet that is there and everything missing before it.
func (b *JitterBuffer) drop() {
	head := b.head()
	b.stats.Lost += uint64(head.seq - b.played - 1)
	b.stats.Dropped++
	b.reset = b.reset || head.marker
	b.leave(head)
}
