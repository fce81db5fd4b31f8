package effects

import "math"

// chain is units one after another.
type chain []unit

func (c chain) process(x [][]float32) {
	for _, u := range c {
		u.process(x)
	}
}

func (c chain) delay() int {
	n := 0
	for _, u := range c {
		n += u.delay()
	}
	return n
}

// gain makes everything louder or softer.
type gain float32

func decibels(dB float64) gain { return gain(math.Pow(10, dB/20)) }

func (g gain) delay() int { return 0 }

func (g gain) process(x [][]float32) {
	for c := range x {
		for i := range x[c] {
			x[c][i] *= float32(g)
		}
	}
}

// oscillator turns a pointer by a fixed angle with each sample, so that no sine is computed for it.
type oscillator struct{ cos, sin, stepCos, stepSin float64 }

func newOscillator(hz float64) oscillator {
	s, c := math.Sincos(2 * math.Pi * hz / sampleRate)
	return oscillator{cos: 1, stepCos: c, stepSin: s}
}

func (o *oscillator) turn() {
	o.cos, o.sin = o.cos*o.stepCos-o.sin*o.stepSin, o.sin*o.stepCos+o.cos*o.stepSin
}

// keep brings the pointer back to its length, which rounding changes.
func (o *oscillator) keep() {
	r := 1 / math.Hypot(o.cos, o.sin)
	o.cos *= r
	o.sin *= r
}

// modulation multiplies the voice by still + moving * sine. Without the first part it is a ring modulator, with a greater
// first part a tremolo.
type modulation struct {
	osc           oscillator
	still, moving float64
}

// tremolo swells the voice between 1 - depth and 1 of its strength, at the same power as before.
func tremolo(hz, depth float64) *modulation {
	still, moving := 1-depth/2, depth/2
	norm := 1 / math.Sqrt(still*still+moving*moving/2)
	return &modulation{newOscillator(hz), still * norm, moving * norm}
}

// ring leaves nothing of the voice in its place: every partial becomes two, hz above and hz below.
func ring(hz float64) *modulation { return &modulation{newOscillator(hz), 0, math.Sqrt2} }

func (m *modulation) delay() int { return 0 }

func (m *modulation) process(x [][]float32) {
	for i := range x[0] {
		g := float32(m.still + m.moving*m.osc.sin)
		for c := range x {
			x[c][i] *= g
		}
		m.osc.turn()
	}
	m.osc.keep()
}

// The drive's follower rises within 2 ms and falls within 40 ms; what is below the floor is not driven.
const (
	driveRise  = 0.0104
	driveFall  = 0.00052
	driveFloor = 60
)

// drive saturates the voice as an amplifier does, relative to the voice's own level: soft and loud words are torn alike.
type drive struct {
	amount, level float32
	env           float32
}

func newDrive(dB float64) *drive {
	return &drive{amount: float32(decibels(dB)), level: 0.52}
}

func (d *drive) delay() int { return 0 }

func (d *drive) process(x [][]float32) {
	for i := range x[0] {
		peak := max(x[0][i], -x[0][i])
		for _, other := range x[1:] {
			peak = max(peak, other[i], -other[i])
		}
		if peak > d.env {
			d.env += driveRise * (peak - d.env)
		} else {
			d.env += driveFall * (peak - d.env)
		}
		in, out := d.amount/(d.env+driveFloor), d.level*d.env
		for c := range x {
			x[c][i] = out * saturate(in*x[c][i])
		}
	}
	settle(&d.env)
}

// saturate is close to the hyperbolic tangent and reaches 1 at 3.
func saturate(v float32) float32 {
	v = min(max(v, -3), 3)
	return v * (27 + v*v) / (27 + 9*v*v)
}

// chorus adds two copies of the voice whose delays swing a quarter of a turn apart.
type chorus struct {
	osc  oscillator
	line [][]float32
	at   int
}

const (
	chorusSize  = 2048
	chorusMask  = chorusSize - 1
	chorusFirst = 430.0 // 9 ms
	chorusOther = 650.0 // 13.5 ms
	chorusSwing = 110.0 // 2.3 ms
	chorusDry   = 0.75
	chorusWet   = 0.47
)

func newChorus(hz float64, channels int) *chorus {
	return &chorus{osc: newOscillator(hz), line: buffers(channels, chorusSize)}
}

func (h *chorus) delay() int { return 0 }

func (h *chorus) process(x [][]float32) {
	for i := range x[0] {
		a := chorusFirst + chorusSwing*h.osc.sin
		b := chorusOther + chorusSwing*h.osc.cos
		for c := range x {
			line := h.line[c]
			v := x[c][i]
			line[h.at] = v
			x[c][i] = chorusDry*v + chorusWet*(tap(line, chorusMask, h.at, a)+tap(line, chorusMask, h.at, b))
		}
		h.at = (h.at + 1) & chorusMask
		h.osc.turn()
	}
	h.osc.keep()
}

// tap reads a ring of a power of two between two samples, some samples before at.
func tap(line []float32, mask, at int, before float64) float32 {
	k := int(before)
	f := float32(before - float64(k))
	a, b := line[(at-k)&mask], line[(at-k-1)&mask]
	return a + f*(b-a)
}
