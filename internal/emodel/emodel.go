// Package emodel estimates from delay and loss how a conversation is judged: the E-model of ITU-T G.107 (06/2015), with
// its default values (table 3) for whatever a program cannot know of microphones, rooms and telephones.
//
// A rating R of 93.2 is the best that there is. From 80 on users are satisfied, below 60 nearly all are dissatisfied
// (G.109). The model is made for planning telephone networks: it compares lines, and does not know what a person has heard.
package emodel

import (
	"math"
	"time"
)

// The recommendation's default values (table 3), in dB and dBm0p, and what follows from them alone.
const (
	slr  = 8                 // send loudness
	rlr  = 2                 // receive loudness
	telr = 65                // talker echo loudness: an echo canceller at work
	wepl = 110               // weighted echo path loss
	no   = -61.18            // sum of all noise (clause 7.2)
	ro   = 15 - 1.5*(slr+no) // 94.77: basic signal to noise (clause 7.2)
	is   = 1.41              // what comes together with the voice: loudness, side tone, quantising (clause 7.3)
	mT   = 100               // ms: delay below this is not noticed (clause 7.4, the default of minimum perceivable delay)
)

// Opus, which G.113 has no values for. These are ours.
const (
	// ie is 0: at 50 kbit/s Opus is at least as good as G.711, and the narrow-band scale ends there.
	ie = 0
	// bpl says how well losses are borne, which is 25.1 for G.711 and 19 for G.729A (G.113, appendix I), both with what
	// hides them. Opus hides as G.711 does, but 20 ms at a time, as G.729A is sent.
	bpl = 20
)

// Line is how somebody is heard.
type Line struct {
	Delay time.Duration // from mouth to ear
	Lost  float64       // share of the time, 0 to 1, that was made up or left silent: after all repair, not packets lost
	Burst float64       // how many times as long as by chance such gaps are; below 1 counts as 1
}

// R rates a line, from 0 to 93.2 (clause 7.1).
func (l Line) R() float64 {
	ms := max(0, float64(l.Delay)/float64(time.Millisecond))
	return min(max(ro-is-echo(ms)-absolute(ms)-l.loss(), 0), 100)
}

// MOS is R as a mean opinion score (annex B): 1 is bad, 2 poor, 3 fair, 4 good, 4.5 the most.
func (l Line) MOS() float64 { return MOS(l.R()) }

// MOS converts a rating (annex B). Below 6.5 the recommendation's polynomial falls under 1 and turns; it is 1 there.
func MOS(r float64) float64 {
	switch {
	case r <= 6.5:
		return 1
	case r >= 100:
		return 4.5
	}
	return 1 + 0.035*r + r*(r-60)*(100-r)*7e-6
}

// loss is the effective equipment impairment, Ie,eff (clause 7.5).
func (l Line) loss() float64 {
	ppl := 100 * min(max(l.Lost, 0), 1)
	if ppl == 0 {
		return ie
	}
	return ie + (95-ie)*ppl/(ppl/max(l.Burst, 1)+bpl)
}

// absolute is the impairment by too long a delay, Idd (clause 7.4), at the default delay sensitivity of 1.
func absolute(ms float64) float64 {
	if ms <= mT {
		return 0
	}
	x := math.Log2(ms / mT)
	return 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
}

// echo is the impairment by the talker's and the listener's echo, Idte and Idle (clause 7.4), which with an echo
// canceller that works as the default values say is small, and is more the later the echo comes.
func echo(ms float64) float64 {
	// One way, so that the mean one-way delay T is ms, and the round trip Tr twice that.
	terv := telr - 40*math.Log10((1+ms/10)/(1+ms/150)) + 6*math.Exp(-0.3*ms*ms)
	re := 80 + 2.5*(terv-14)
	const roe = -1.5 * (no - rlr)
	talker := ((roe-re)/2 + math.Sqrt((roe-re)*(roe-re)/4+100) - 1) * (1 - math.Exp(-ms))
	rle := 10.5 * (wepl + 7) * math.Pow(2*ms+1, -0.25)
	listener := (ro-rle)/2 + math.Sqrt((ro-rle)*(ro-rle)/4+169)
	return talker + listener
}
