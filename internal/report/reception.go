package report

import "github.com/pion/rtcp"

const (
	maxDropout  = 3000 // numbers that a stream may jump forward (RFC 3550 appendix A.1)
	maxMisorder = 100  // numbers that a packet may be late
)

// Counts are of packets since a connection began.
type Counts struct {
	Expected uint32
	Lost     uint32
	Runs     uint32 // of losses: packets lost in a row are one
}

// Plus adds the counts of two streams.
func (c Counts) Plus(d Counts) Counts {
	return Counts{c.Expected + d.Expected, c.Lost + d.Lost, c.Runs + d.Runs}
}

// Reception counts what of one RTP stream arrives. The zero value is ready. One goroutine uses it at a time.
type Reception struct {
	started  bool
	bad      int    // the number that would confirm another numbering, or 0
	high     uint32 // highest number, extended by the turns of the 16 bits
	base     uint32 // first number of this numbering
	expected uint32 // of numberings before this one
	received uint32
	runs     uint32
	told     uint32 // expected, when Report was called last
	toldGot  uint32 // received, then

}

// Add counts a packet by its sequence number. It returns how many numbers before it have been skipped by it.
func (r *Reception) Add(seq uint16) (skipped int) {
	if !r.started {
		r.begin(seq)
		r.received++
		return 0
	}
	step := int(int16(seq - uint16(r.high)))
	switch {
	case step > maxDropout || step < -maxMisorder:
		// One stray number must not look like a great loss; two in a row are another numbering.
		if r.bad != int(seq)+1 {
			r.bad = int(seq+1) + 1
			return 0
		}
		r.expected += r.high - r.base + 1
		r.begin(seq)
		r.received++
		return 0
	case step > 0:
		r.high += uint32(step)
		if step > 1 {
			r.runs++
		}
		skipped = step - 1
	case step == 0:
		return 0 // twice the newest; that an older one comes twice cannot be told from one that is late
	}
	r.bad = 0
	r.received++
	return skipped
}

func (r *Reception) begin(seq uint16) {
	r.started, r.bad = true, 0
	r.high = 1<<16 | uint32(seq)
	r.base = r.high
}

// Counts returns the counts so far.
func (r *Reception) Counts() Counts {
	if !r.started {
		return Counts{}
	}
	c := Counts{Expected: r.expected + r.high - r.base + 1, Runs: r.runs}
	if r.received < c.Expected {
		c.Lost = c.Expected - r.received
	}
	return c
}

// Report returns a reception report about the stream, with the share lost since the last one (RFC 3550 section 6.4.1).
func (r *Reception) Report(ssrc uint32) rtcp.ReceptionReport {
	c := r.Counts()
	expected, got := c.Expected-r.told, r.received-r.toldGot
	r.told, r.toldGot = c.Expected, r.received
	b := rtcp.ReceptionReport{SSRC: ssrc, LastSequenceNumber: r.high - 1<<16, TotalLost: min(c.Lost, 1<<23-1)}
	if expected > got {
		b.FractionLost = uint8(min(255, (expected-got)*256/expected))
	}
	return b
}
