package effects

import (
	"math"
	"testing"

	"github.com/openvoiceroom/openvoiceroom/internal/speech"

	"github.com/stretchr/testify/assert"
)

// through returns what units make of a sound of one channel.
func through(in []int16, units ...unit) []float64 {
	x, out := buffers(1, 960), make([]float64, 0, len(in))
	for at := 0; at+960 <= len(in); at += 960 {
		for i := range x[0] {
			x[0][i] = float32(in[at+i])
		}
		chain(units).process(x)
		for _, v := range x[0] {
			out = append(out, float64(v))
		}
	}
	return out
}

// partials returns the logarithmic spectrum of 43 ms up to 2.8 kHz, fine enough to see a voice's partials, or nil if it is
// soft.
func partials(x []float64) []float64 {
	const n = 2048
	list, power := make([]float64, 0, 120), 0.0
	for _, v := range x[:n] {
		power += v * v / n
	}
	if power < 1000*1000 {
		return nil
	}
	var cos, windowed [n]float64
	for i := range cos {
		cos[i] = math.Cos(2 * math.Pi * float64(i) / n)
		windowed[i] = x[i] * (0.5 - 0.5*cos[i])
	}
	for bin := 3; bin < 120; bin++ {
		var re, im float64
		for i, v := range windowed {
			re, im = re+v*cos[bin*i%n], im+v*cos[(bin*i+n/4)%n]
		}
		list = append(list, math.Log(math.Hypot(re, im)+1000))
	}
	return list
}

// likeness is the mean correlation of two sounds' spectra, b later than a.
func likeness(a, b []float64, later int) float64 {
	sum, n := 0.0, 0.0
	for at := 0; at+2048+later <= len(b); at += 4800 {
		x, y := partials(a[at:]), partials(b[at+later:])
		if x == nil || y == nil {
			continue
		}
		var mx, my, xy, xx, yy float64
		for i := range x {
			mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(x))
		}
		for i := range x {
			xy, xx, yy = xy+(x[i]-mx)*(y[i]-my), xx+(x[i]-mx)*(x[i]-mx), yy+(y[i]-my)*(y[i]-my)
		}
		sum, n = sum+xy/math.Sqrt(xx*yy), n+1
	}
	return sum / n
}

// Speech that is cut into grains and put together again is still that speech, and so is speech that is made a child's and
// then brought back. 0.98 is how alike speech is to itself 4 ms later.
func TestThereAndBack(t *testing.T) {
	for name, in := range map[string][]int16{"host": speech.Host(), "guest": speech.Guest()} {
		in = in[:5*48000]
		same := newShifter(shifting{pitch: 1, formant: 1, swing: 1}, 1)
		there := newShifter(shifting{pitch: 1.41, formant: 1.2, swing: 1}, 1)
		back := newShifter(shifting{pitch: 1 / 1.41, formant: 1 / 1.2, swing: 1}, 1)
		was := through(in)
		stayed, returned := likeness(was, through(in, same), shiftDelay), likeness(was, through(in, there, back), 2*shiftDelay)
		t.Logf("%s: unchanged %.3f, there and back %.3f", name, stayed, returned)
		assert.Greater(t, stayed, 0.93, name)
		assert.Greater(t, returned, 0.89, name)
	}
}

// What has no pitch passes as it is when only the pitch changes.
func TestNoiseKeepsItsShape(t *testing.T) {
	in := make([]int16, 24000)
	state := uint32(7)
	for i := range in {
		state = state*1664525 + 1013904223
		in[i] = int16(state >> 19)
	}
	s := newShifter(shifting{pitch: 1.5, formant: 1, swing: 1}, 1)
	out := through(in, s)
	for i := 4800; i < len(out); i++ {
		if math.Abs(out[i]-float64(in[i-shiftDelay])) > 1 {
			t.Fatalf("sample %d: %v, was %v", i, out[i], in[i-shiftDelay])
		}
	}
}
