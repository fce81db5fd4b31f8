package effects

import "math"

// space says how a reverb sounds.
type space struct {
	rt60     float64 // seconds until 60 dB less
	treble   float64 // the same at 5 kHz
	from, to float64 // ms: the shortest and the longest line, as long as the way between two walls
	before   float64 // ms until it begins
	wet      float64 // dB: the energy of what comes back against that of the voice
	early    []float64
	share    float64 // of the energy in the early reflections, whose times in ms stand above
	echo     float64 // ms between echoes; 0 is none
	drift    float64 // Hz at which the lines change their length; 0 is not at all
	combs    bool    // the lines do not mix, so each rings on its own
}

const (
	lines      = 8
	earlyMax   = 8
	preSize    = 16384
	preMask    = preSize - 1
	diffusion  = 0.6
	driftDepth = 9.0 // samples
	echoGain   = 0.5
	echoAgain  = 0.4
)

// tank is a feedback delay network: what comes out of eight lines of different prime lengths goes back into all of them,
// so that echoes soon come from everywhere and decay together.
type tank struct {
	space
	dry, tail float32

	pre                 [][]float32 // the voice of the last 0.3 s
	at, begin, echoStep int
	taps                [earlyMax]int
	tapGain             [earlyMax]float32

	diffuse [][2]allPass // for each channel

	line [lines][]float32
	pos  [lines]int
	back [lines]float32 // gain of one way through a line
	damp [lines]float32 // pole of its low pass
	soft [lines]float32 // the low pass's state
	osc  oscillator
}

func newTank(s space, channels int) *tank {
	t := makeTank(s, channels)
	// What the network makes of an impulse is measured, so that wet means the same for every room.
	bare := s
	bare.early = nil
	energy := makeTank(bare, channels).measure()
	wet := math.Pow(10, s.wet/10)
	t.dry = float32(1 / math.Sqrt(1+wet))
	t.tail = t.dry * float32(math.Sqrt(wet*(1-s.share)/energy))
	for i := range t.tapGain {
		t.tapGain[i] *= t.dry * float32(math.Sqrt(wet*s.share))
	}
	return t
}

func makeTank(s space, channels int) *tank {
	t := &tank{
		space: s, pre: buffers(channels, preSize), begin: samples(s.before), echoStep: samples(s.echo),
		diffuse: make([][2]allPass, channels), osc: newOscillator(s.drift), tail: 1,
	}
	for c := range t.diffuse {
		// As long as a small part of the room, so that a small one stays short.
		t.diffuse[c] = [2]allPass{newAllPass(prime(s.from * 0.31)), newAllPass(prime(s.from * 0.73))}
	}
	sum := 0.0
	for i, ms := range s.early {
		t.taps[i] = samples(ms)
		t.tapGain[i] = float32(math.Pow(0.85, float64(i)))
		sum += math.Pow(0.85, 2*float64(i))
	}
	for i := range s.early {
		t.tapGain[i] /= float32(math.Sqrt(sum))
	}
	for i := range t.line {
		n := prime(s.from * math.Pow(s.to/s.from, float64(i)/(lines-1)))
		t.line[i] = make([]float32, n)
		pole, gain := dampers(loss(n, s.rt60), loss(n, s.treble))
		t.damp[i], t.back[i] = float32(pole), float32(gain)
	}
	return t
}

func samples(ms float64) int { return int(ms * sampleRate / 1000) }

// prime returns the first prime number of samples from a time in ms on.
func prime(ms float64) int {
	n := max(samples(ms), 2)
	for d := 2; d*d <= n; d++ {
		if n%d == 0 {
			n, d = n+1, 1
		}
	}
	return n
}

// loss is the gain of n samples when 60 dB are lost in rt60 seconds.
func loss(n int, rt60 float64) float64 { return math.Pow(10, -3*float64(n)/(sampleRate*rt60)) }

// middle and top are where the two decay times of a space hold, in Hz.
const middle, top = 700, 5000

// dampers returns the pole of a low pass of first order, and the gain before it, that together let through so much at
// the middle and so much at the top.
func dampers(atMiddle, atTop float64) (pole, gain float64) {
	c1, c2 := math.Cos(2*math.Pi*middle/sampleRate), math.Cos(2*math.Pi*top/sampleRate)
	ratio := atTop / atMiddle
	if ratio >= 1 {
		return 0, atMiddle
	}
	q, b := 1-ratio*ratio, c1-ratio*ratio*c2
	pole = (b - math.Sqrt(b*b-q*q)) / q
	return pole, atMiddle * math.Sqrt(1-2*pole*c1+pole*pole) / (1 - pole)
}

// measure returns the energy that the network answers with to a pulse of the energy 1 that is as dull as speech. A third
// of its decay holds 99 % of that.
func (t *tank) measure() float64 {
	const frame, dull = 960, 0.9
	x := buffers(len(t.pre), frame)
	pulse := 1e6 * math.Sqrt(1-dull*dull)
	energy := 0.0
	for range int(t.rt60*50/3) + 8 {
		for c := range x {
			v := pulse
			for i := range x[c] {
				x[c][i] = float32(v)
				v *= dull
			}
		}
		pulse = 0
		t.process(x)
		for _, v := range x[0] {
			energy += float64(v) * float64(v) * 1e-12
		}
	}
	return energy
}

func (t *tank) delay() int { return 0 }

func (t *tank) process(x [][]float32) {
	other := x[len(x)-1]
	for i, v := range x[0] {
		left, right := t.pass(v, other[i])
		x[0][i] = left
		if len(x) == 2 {
			other[i] = right
		}
	}
	for i := range t.soft {
		settle(&t.soft[i])
	}
	if t.drift > 0 {
		t.osc.keep()
	}
}

// pass takes a sample of either side and returns what is heard there. With one channel both are the same.
func (t *tank) pass(left, right float32) (float32, float32) {
	last := len(t.pre) - 1
	a, b := t.into(0, left), float32(0)
	if last == 1 {
		b = t.into(1, right)
	} else {
		b = a
	}
	var out [lines]float32
	sum := float32(0)
	for k := range out {
		line, pos := t.line[k], t.pos[k]
		v := line[pos]
		if t.drift > 0 {
			v = t.drifted(k)
		}
		t.soft[k] = v + t.damp[k]*(t.soft[k]-v)
		out[k] = t.back[k] * t.soft[k]
		sum += out[k]
	}
	if t.drift > 0 {
		t.osc.turn()
	}
	sum *= 2.0 / lines
	if t.combs {
		sum = 0
	}
	for k := range out {
		in := a
		if k&1 == 1 {
			in = b
		}
		v := in + out[k] - sum
		settle(&v)
		t.line[k][t.pos[k]] = v
		if t.pos[k]++; t.pos[k] == len(t.line[k]) {
			t.pos[k] = 0
		}
	}
	// Either side hears all lines, with signs of its own.
	l := out[0] - out[2] + out[4] - out[6] + 0.5*(out[1]-out[3]+out[5]-out[7])
	r := out[1] - out[3] + out[5] - out[7] + 0.5*(out[0]-out[2]+out[4]-out[6])
	wetL, wetR := t.tail*l+t.reflections(0), float32(0)
	if last == 1 {
		wetR = t.tail*r + t.reflections(1)
	}
	t.at = (t.at + 1) & preMask
	return t.dry*left + wetL, t.dry*right + wetR
}

// into keeps a sample of one side for later, and returns what enters the network now. An echo is kept with the voice, and
// so echoes again.
func (t *tank) into(c int, v float32) float32 {
	pre := t.pre[c]
	pre[t.at] = v
	if t.echoStep > 0 {
		v += echoAgain * pre[(t.at-t.echoStep)&preMask]
		settle(&v)
		pre[t.at] = v
	}
	return t.diffuse[c][1].pass(t.diffuse[c][0].pass(pre[(t.at-t.begin)&preMask]))
}

// reflections are the first ones, and the echoes.
func (t *tank) reflections(c int) float32 {
	pre, sum := t.pre[c], float32(0)
	for i := range t.early {
		sum += t.tapGain[i] * pre[(t.at-t.taps[i])&preMask]
	}
	if t.echoStep > 0 {
		sum += t.dry * echoGain * pre[(t.at-t.echoStep)&preMask]
	}
	return sum
}

// drifted reads a line at an end that moves, each line's at another time.
func (t *tank) drifted(k int) float32 {
	move := t.osc.sin
	if k&1 == 1 {
		move = t.osc.cos
	}
	if k&2 == 2 {
		move = -move
	}
	line := t.line[k]
	ahead := driftDepth * (1 + move)
	n := int(ahead)
	f := float32(ahead - float64(n))
	p := t.pos[k] + n
	if p >= len(line) {
		p -= len(line)
	}
	q := p + 1
	if q == len(line) {
		q = 0
	}
	return line[p] + f*(line[q]-line[p])
}

// allPass spreads a sound in time and leaves its spectrum.
type allPass struct {
	line []float32
	at   int
}

func newAllPass(n int) allPass { return allPass{line: make([]float32, n)} }

func (p *allPass) pass(v float32) float32 {
	old := p.line[p.at]
	in := v + diffusion*old
	settle(&in)
	p.line[p.at] = in
	if p.at++; p.at == len(p.line) {
		p.at = 0
	}
	return old - diffusion*in
}
