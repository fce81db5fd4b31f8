package audio

import (
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio/red"
)

const (
	maxReach = red.MaxAge / FrameSamples // frames

	// A copy's age counts as a habit of the sender's, for which it pays to wait, when half of the packets bring one of it;
	// others were asked for. Six packets in a row make a habit.
	copyWeight = 32
	copyFade   = 3 // of a weight, one in 8 goes with each packet, so that copies with all of them come to 256
	copyHabit  = 128

	// A longer delay is put where it is not heard, or where something is missing anyway; after a second anywhere.
	stretchPatience = 50 // frames
)

// copyReach is how old the copies are that come regularly.
type copyReach struct {
	weight       [maxReach + 1]uint16 // of copies of late, by age in frames
	this, before int                  // frames: the oldest habit in this window, in the last one
	pending      int                  // frames since the delay has been shorter than that
}

// packet fades what was; it is called with every packet.
func (c *copyReach) packet() {
	for i, w := range c.weight {
		c.weight[i] = w - w>>copyFade
	}
}

func (c *copyReach) add(age uint32) {
	if c.weight[age] += copyWeight; c.weight[age] >= copyHabit {
		c.this = max(c.this, int(age))
	}
}

// now returns the reach in frames.
func (c *copyReach) now() int { return max(c.this, c.before) }

// turn ends a window.
func (c *copyReach) turn() { c.before, c.this = c.this, 0 }

// PushCopy takes a copy of an earlier packet that came with a later one: the timestamp of the packet that it is of, its age
// (how much older than the packet that brought it, in samples), and its payload, which is copied. Push the packet that
// brought it first. A copy is played like the packet if that is missing, and else left out.
func (b *JitterBuffer) PushCopy(ts, age uint32, payload []byte, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	frames := age / FrameSamples
	if !b.any || len(payload) == 0 || len(payload) > MaxPacket || frames == 0 || frames > maxReach {
		return
	}
	b.copies.add(frames)
	oldest := b.played
	if b.fresh {
		oldest++ // nothing was played, so nothing is known of what was before
	} else if behind := int32(b.nextTS - ts); behind > 0 {
		// Its turn is over. If it was concealed the delay was too short, unless copies so old come by chance only.
		if behind%FrameSamples == 0 && int(frames) <= b.copies.now() {
			b.tardy(b.played - int64(behind/FrameSamples) + 1)
		}
		return
	}
	ext, ok := red.Locate(ts, oldest, b.high, FrameSamples, func(seq int64) (uint32, bool) {
		if seq == b.played && !b.fresh {
			return b.nextTS - FrameSamples, true
		}
		s := b.find(seq)
		if s == nil {
			return 0, false
		}
		return s.ts, true
	})
	if !ok {
		return
	}
	// It counts as having come when it would have, or the delay would look shorter than it is.
	at := now.Add(-time.Duration(age) * time.Second / SampleRate)
	s := b.slot(ext)
	s.seq, s.ts, s.marker, s.arrival, s.full = ext, ts, false, at, true
	s.size = copy(s.data[:], payload)
	b.stored++
	b.stats.Copies++
}

// tardy makes the delay longer for a copy that came too late for the packet ext.
func (b *JitterBuffer) tardy(ext int64) {
	if s := b.slot(ext); s.seq == ext || ext < 0 {
		return // it was there
	}
	b.lengthen(ext)
}

// floor is the least delay: that of the configuration, or what the copies that come regularly need.
func (b *JitterBuffer) floor() time.Duration {
	if b.copies.now() == 0 {
		return b.cfg.MinDelay
	}
	return b.usual()
}

// usual is the least delay where it is not known that packets come evenly.
func (b *JitterBuffer) usual() time.Duration {
	return min(max(b.cfg.StartDelay, time.Duration(b.copies.now())*FrameDuration), b.cfg.MaxDelay)
}

// stretch reports whether to insert a frame now because the delay is shorter than the copies need.
func (b *JitterBuffer) stretch(missing bool) bool {
	if b.stats.Target >= b.floor() {
		b.copies.pending = 0
		return false
	}
	b.copies.pending++
	if !b.quiet && !missing && b.copies.pending < stretchPatience {
		return false
	}
	b.stats.Target += FrameDuration
	return true
}

// Missing appends to dst the sequence numbers of packets that have not come though later ones have, and that can still be
// played if they come within the given time. Each is named once.
func (b *JitterBuffer) Missing(dst []uint16, within time.Duration, now time.Time) []uint16 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fresh || !b.any || b.state == jitterIdle {
		return dst
	}
	// Of the packet after played it is not known how far into its frame play-out is: it is taken to be due.
	left := time.Duration(0)
	if b.state == jitterStarting {
		left = max(0, b.stats.Target-now.Sub(b.head().arrival))
	}
	for seq := max(b.played, b.named) + 1; seq < b.high; seq++ {
		if b.find(seq) == nil && left+time.Duration(seq-b.played-1)*FrameDuration >= within {
			dst = append(dst, uint16(seq))
		}
	}
	b.named = max(b.named, b.high)
	return dst
}
