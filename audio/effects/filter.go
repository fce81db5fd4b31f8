package effects

import "math"

// filter is a second-order filter for each channel. Its coefficients are those of the analog prototypes under the
// bilinear transform, with the frequency they name kept in place.
type filter struct {
	b0, b1, b2, a1, a2 float64
	state              [2][2]float64
}

func newFilter(b0, b1, b2, a0, a1, a2 float64) *filter {
	return &filter{b0: b0 / a0, b1: b1 / a0, b2: b2 / a0, a1: a1 / a0, a2: a2 / a0}
}

func angle(hz, q float64) (cos, alpha float64) {
	w := 2 * math.Pi * hz / sampleRate
	return math.Cos(w), math.Sin(w) / (2 * q)
}

// lowPass and highPass lose 12 dB an octave beyond hz.
func lowPass(hz float64) *filter {
	c, a := angle(hz, math.Sqrt2/2)
	return newFilter((1-c)/2, 1-c, (1-c)/2, 1+a, -2*c, 1-a)
}

func highPass(hz float64) *filter {
	c, a := angle(hz, math.Sqrt2/2)
	return newFilter((1+c)/2, -1-c, (1+c)/2, 1+a, -2*c, 1-a)
}

// bell raises what is around hz by dB.
func bell(hz, dB float64) *filter {
	c, a := angle(hz, 1)
	g := math.Pow(10, dB/40)
	return newFilter(1+a*g, -2*c, 1-a*g, 1+a/g, -2*c, 1-a/g)
}

// lowShelf raises what is below hz by dB, highShelf what is above.
func lowShelf(hz, dB float64) *filter { return shelf(hz, dB, 1) }

func highShelf(hz, dB float64) *filter { return shelf(hz, dB, -1) }

func shelf(hz, dB, side float64) *filter {
	c, a := angle(hz, math.Sqrt2/2)
	c *= side
	g := math.Pow(10, dB/40)
	s := 2 * math.Sqrt(g) * a
	return newFilter(
		g*(g+1-(g-1)*c+s), side*2*g*(g-1-(g+1)*c), g*(g+1-(g-1)*c-s),
		g+1+(g-1)*c+s, side*-2*(g-1+(g+1)*c), g+1+(g-1)*c-s,
	)
}

func (f *filter) delay() int { return 0 }

func (f *filter) process(x [][]float32) {
	for c := range x {
		z0, z1 := f.state[c][0], f.state[c][1]
		for i, v := range x[c] {
			in := float64(v)
			out := f.b0*in + z0
			z0 = f.b1*in - f.a1*out + z1
			z1 = f.b2*in - f.a2*out
			x[c][i] = float32(out)
		}
		if math.Abs(z0)+math.Abs(z1) < tiny {
			z0, z1 = 0, 0
		}
		f.state[c] = [2]float64{z0, z1}
	}
}
