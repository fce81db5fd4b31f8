package effects

import "math"

// shiftDelay is the delay of everything that changes pitch or formants: a grain can begin when its pulse, the middle, has
// been found. At 16 ms that is so for voices of 110 Hz and more; the lowest, of 70 Hz, come up to 4 ms later.
const shiftDelay = 768

const (
	shiftStep = 120 // how often marks and grains are made
	noiseHalf = 240 // half a grain of what has no pitch
	maxBefore = 360 // a grain before its pulse at most: longer ones would have to begin before the pulse is known
	maxPast   = 432 // and behind it
	maxGrains = 16
)

// shifting says what a shifter does to the voice.
type shifting struct {
	pitch   float64 // ratio
	formant float64 // ratio
	note    float64 // Hz; if not 0, the pitch is this whatever is said
	swing   float64 // how far the pitch moves around its mean; 1 is as it comes
}

// grain is a piece of the voice under a Hann window, on its way to the output.
type grain struct {
	from         float64 // its middle in the input
	to           float64 // its middle in the output; both count samples of the input
	before, past float64 // its length on either side of the middle, in the output
	gain         float32
	voiced       bool
}

// shifter changes pitch and formants by grains of two periods around each pulse (pitch-synchronous overlap and add): laid
// down at another distance they have another pitch, read at another speed other formants. What has no pitch is made of
// grains of 10 ms, at the distance that it came with.
type shifter struct {
	shifting
	marks  marks
	in     [][]float32 // rings
	out    [][]float32 // one frame
	n      int         // samples heard
	next   float64     // the next grain's middle in the output
	voiced bool        // the newest grain is of a voice
	grains [maxGrains]grain
	live   int
}

func newShifter(s shifting, channels int) *shifter {
	return &shifter{
		shifting: s, marks: newMarks(), in: buffers(channels, ringSize), out: buffers(channels, shiftStep),
		n: ringSize, next: ringSize,
	}
}

func (s *shifter) delay() int { return shiftDelay }

func (s *shifter) process(x [][]float32) {
	for at := 0; at < len(x[0]); at += shiftStep {
		s.hear(x, at)
		s.marks.follow()
		s.plan()
		s.play()
		for c := range x {
			copy(x[c][at:], s.out[c])
		}
	}
}

// hear takes a step's samples. Of two channels the ear hears a mixture in which nothing cancels out.
func (s *shifter) hear(x [][]float32, at int) {
	for i := range shiftStep {
		v := x[0][at+i]
		s.in[0][(s.n+i)&ringMask] = v
		if len(x) == 2 {
			w := x[1][at+i]
			s.in[1][(s.n+i)&ringMask] = w
			v += 0.4 * (w - v)
		}
		s.marks.hear(v)
	}
	s.n += shiftStep
}

// plan makes the grains that begin before the end of this step.
func (s *shifter) plan() {
	for {
		g, step := s.grain(s.next)
		if g.to-g.before >= float64(s.n) {
			return
		}
		// A grain that begins with the step begins from nothing, however late it was known.
		g.before = min(g.before, g.to-float64(s.n-shiftStep))
		s.voiced, s.next = g.voiced, g.to+step
		if s.live < maxGrains && g.before > 1 {
			s.grains[s.live] = g
			s.live++
		}
	}
}

// grain returns what is to be heard around a place in the output, and how far it is to the next grain.
func (s *shifter) grain(to float64) (grain, float64) {
	from := to - shiftDelay
	m, voiced := s.marks.nearest(from)
	if !voiced {
		step, gain := float64(noiseHalf), 1.0
		if s.note > 0 {
			step = sampleRate / s.note
		}
		if s.note > 0 || s.formant != 1 { // grains that do not belong together add up by their power
			gain = math.Sqrt(step / (0.75 * noiseHalf))
		}
		return grain{from, to, noiseHalf, noiseHalf, float32(gain), false}, step
	}
	if !s.voiced { // a voice begins where it began
		to = max(float64(m.at)+shiftDelay, to-noiseHalf/2)
	}
	period := s.marks.period(m)
	step := period / s.pitch
	if s.note > 0 {
		step = sampleRate / s.note
	}
	if s.swing != 1 { // the pitch goes further from its mean
		step *= min(max(math.Exp((s.swing-1)*(math.Log(period)-s.marks.mean)), 0.6), 1.6)
	}
	half := period / s.formant
	gain := math.Sqrt(s.formant * step / period)
	return grain{float64(m.at), to, min(half, maxBefore), min(half, maxPast), float32(gain), true}, step
}

// play renders the newest step of the output.
func (s *shifter) play() {
	for c := range s.out {
		clear(s.out[c])
	}
	begin := s.n - shiftStep
	kept := 0
	for i := range s.live {
		g := s.grains[i]
		s.render(&g, begin)
		if g.to+g.past > float64(s.n) {
			s.grains[kept] = g
			kept++
		}
	}
	s.live = kept
}

func (s *shifter) render(g *grain, begin int) {
	first := max(begin, int(math.Ceil(g.to-g.before)))
	end := min(s.n, int(math.Ceil(g.to+g.past)))
	for t := first; t < end; t++ {
		d := float64(t) - g.to
		u := d / g.past
		if d < 0 {
			u = -d / g.before
		}
		w := g.gain * hann(u)
		pos := g.from + d*s.formant
		k := int(pos)
		f := float32(pos - float64(k))
		for c, in := range s.in {
			p0, p1, p2, p3 := in[(k-1)&ringMask], in[k&ringMask], in[(k+1)&ringMask], in[(k+2)&ringMask]
			// The cubic through the two nearest samples with their neighbours' slopes.
			v := p1 + 0.5*f*(p2-p0+f*(2*p0-5*p1+4*p2-p3+f*(3*(p1-p2)+p3-p0)))
			s.out[c][t-begin] += w * v
		}
	}
}

const sampleRate = 48000.0

// hann is the right half of a Hann window, from 1 at 0 to 0 at 1.
func hann(u float64) float32 {
	v := u * hannSize
	k := int(v)
	if k >= hannSize {
		return 0
	}
	return hannTable[k] + float32(v-float64(k))*(hannTable[k+1]-hannTable[k])
}

const hannSize = 512

var hannTable = func() (table [hannSize + 1]float32) {
	for i := range table {
		table[i] = float32(0.5 + 0.5*math.Cos(math.Pi*float64(i)/hannSize))
	}
	return table
}()
