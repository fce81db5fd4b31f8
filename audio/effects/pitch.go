package effects

import "math"

// The ear works at 8 kHz, where a period of 70 to 500 Hz is 114 to 16 samples long.
const (
	earStep    = 6 // 48 kHz to 8 kHz
	earHop     = 40
	earKeep    = 230 // the longest lag, the longest window and two samples for the interpolation
	lagMin     = 16
	lagMax     = 114
	earWindow  = 64   // at least 8 ms are compared
	earFloor   = 20.0 // RMS in units of int16: what is softer has no pitch
	voiceBegin = 0.60 // correlation of a period with the one before it
	voiceGoOn  = 0.45
	octave     = 0.88 // a shorter lag that correlates nearly as well is the period, the longer ones its multiples
	tiny       = 1e-9 // what is smaller is nothing: numbers near the least float make a processor slow
)

// ear finds the period of a voice by the normalised correlation of its newest samples with those before them.
type ear struct {
	low, lower, before, high float32 // two low passes at 1 kHz, one high pass at 40 Hz

	phase, fresh int
	x            [earKeep + earHop]float32
	found        [3]float64 // the newest results, in samples at 48 kHz; 0 where there is no pitch
	period       float64    // their median, 0 while there is no pitch
}

// hear takes one sample at 48 kHz.
func (e *ear) hear(v float32) {
	const a = 0.123 // 1 - exp(-2 pi 1000/48000)
	e.low += a * (v - e.low)
	e.lower += a * (e.low - e.lower)
	if e.phase++; e.phase < earStep {
		return
	}
	e.phase = 0
	e.high = e.lower - e.before + 0.97*e.high
	e.before = e.lower
	e.x[earKeep+e.fresh] = e.high
	if e.fresh++; e.fresh < earHop {
		return
	}
	e.fresh = 0
	copy(e.x[:], e.x[earHop:])
	e.think()
	for _, p := range []*float32{&e.low, &e.lower, &e.before, &e.high} {
		settle(p)
	}
}

// think updates the period. It takes the median of three results, so one wrong guess is not heard.
func (e *ear) think() {
	e.found[0], e.found[1], e.found[2] = e.found[1], e.found[2], e.guess()
	a, b, c := e.found[0], e.found[1], e.found[2]
	switch {
	case a > 0 && b > 0 && c > 0:
		e.period = max(min(a, b), min(max(a, b), c))
	case b > 0 && c > 0:
		e.period = c
	case a > 0 && c > 0:
		e.period = c
	case a > 0 && b > 0:
		e.period = b
	default:
		e.period = 0
	}
}

func (e *ear) guess() float64 {
	var r [lagMax + 1]float32
	x := e.x[:earKeep]
	best := float32(0)
	for lag := lagMin; lag <= lagMax; lag++ {
		n := max(lag, earWindow)
		now := x[earKeep-n:]
		then := x[earKeep-n-lag:][:n]
		var ab, aa, bb float32
		for i, v := range now {
			w := then[i]
			ab += v * w
			aa += v * v
			bb += w * w
		}
		if ab > 0 && aa > earFloor*earFloor*float32(n) {
			r[lag] = ab / float32(math.Sqrt(float64(aa)*float64(bb)))
		}
		best = max(best, r[lag])
	}
	need := float32(voiceBegin)
	if e.period > 0 {
		need = voiceGoOn
	}
	if best < need {
		return 0
	}
	for lag := lagMin + 1; lag < lagMax; lag++ {
		if r[lag] < octave*best || r[lag] < r[lag-1] || r[lag] < r[lag+1] {
			continue
		}
		// The peak of the parabola through three points.
		a, b, c := float64(r[lag-1]), float64(r[lag]), float64(r[lag+1])
		return earStep * (float64(lag) + 0.5*(a-c)/(a-2*b+c-1e-12))
	}
	return 0
}

// settle makes nothing of what is hardly anything.
func settle(p *float32) {
	if *p < tiny && *p > -tiny {
		*p = 0
	}
}
