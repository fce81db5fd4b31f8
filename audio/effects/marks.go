package effects

import "math"

// mark is the place of one pulse of the voice in the input, and the voice's period there.
type mark struct {
	at     int
	period float64
}

// marks follow the pulses of a voice, one period after another: each is where the sound is strongest near the place at
// which the one before it lets it be expected.
type marks struct {
	ear   ear
	power []int64 // running sum of squares: a difference is the energy of a stretch, exact however long a call is
	total int64
	n     int // samples heard

	list [16]mark // a ring
	made int      // marks ever made
	on   bool     // the newest mark belongs to a voice that still sounds
	mean float64  // logarithm of the usual period, 0 before the first mark
}

// ringSize is how much of the past is kept, a power of two: more than the delay, a period and a grain.
const (
	ringSize = 4096
	ringMask = ringSize - 1
)

// backward is how far back the first pulse of a voice is looked for: when the ear has noticed it, it is no longer new.
const backward = 700

// meanTime is how many seconds of voice the usual period is the mean of.
const meanTime = 0.7

// newMarks begins to count at the ring's size, so that there is a silent past.
func newMarks() marks { return marks{power: make([]int64, ringSize), n: ringSize} }

// hear takes one sample.
func (m *marks) hear(v float32) {
	m.total += int64(v) * int64(v)
	m.power[m.n&ringMask] = m.total
	m.n++
	m.ear.hear(v)
}

// energy is that of the n samples from the given one on.
func (m *marks) energy(from, n int) int64 {
	return m.power[(from+n-1)&ringMask] - m.power[(from-1)&ringMask]
}

// follow marks every pulse of which enough has been heard.
func (m *marks) follow() {
	period := m.ear.period
	if period == 0 {
		m.on = false
		return
	}
	if !m.on {
		start := m.n - max(backward, int(2*period))
		if last := m.last(); m.made > 0 && start < last.at+int(period/2) {
			start = last.at + int(period/2)
		}
		if !m.find(start+int(period/2), period, 0.5, 0) {
			return
		}
		m.on = true
	}
	for m.find(m.last().at+int(period+0.5), period, 0.2, 1) {
	}
}

func (m *marks) last() mark { return m.list[(m.made+len(m.list)-1)%len(m.list)] }

// find marks the strongest place within a share of the period around a sample, and tells whether that can be known yet.
// Strict is how much less a place counts at the end of that stretch.
func (m *marks) find(near int, period, share, strict float64) bool {
	reach := int(share * period)
	width := max(int(period/4), 24)
	if near+reach+width/2 >= m.n {
		return false
	}
	best, at := -1.0, near
	for d := -reach; d <= reach; d++ {
		off := float64(d) / float64(reach)
		if e := float64(m.energy(near+d-width/2, width)) * (1 - 0.5*strict*off*off); e > best {
			best, at = e, near+d
		}
	}
	m.list[m.made%len(m.list)] = mark{at, period}
	m.made++
	v := math.Log(period)
	if m.mean == 0 {
		m.mean = v
	}
	m.mean += (v - m.mean) * period / (meanTime * sampleRate)
	return true
}

// nearest returns the mark next to a place, and whether a voice sounds there.
func (m *marks) nearest(at float64) (mark, bool) {
	var best mark
	found := false
	for i := range min(m.made, len(m.list)) {
		if k := m.list[i]; !found || distance(k, at) < distance(best, at) {
			best, found = k, true
		}
	}
	if !found {
		return mark{}, false
	}
	// The newest mark of a voice that goes on stands for the next, too, which is not known yet.
	reach := 0.8 * best.period
	if m.on && best == m.last() {
		reach = 1.3 * best.period
	}
	return best, distance(best, at) <= reach
}

// period returns the period at a mark that is to be heard now. The ear's newest answer is about a time shortly before, as
// the mark is, and so knows better than the one from which the mark was expected.
func (m *marks) period(k mark) float64 {
	if now := m.ear.period; m.on && math.Abs(now-k.period) < 0.2*k.period {
		return now
	}
	return k.period
}

func distance(k mark, at float64) float64 {
	d := at - float64(k.at)
	return max(d, -d)
}
