package effects_test

import (
	"math"
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio/effects"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// impulse returns what a reverb answers a click with, the click at 0.
func impulse(t *testing.T, seconds float64, r effects.Reverb) []float64 {
	t.Helper()
	in := make([]int16, int(seconds*rate))
	in[0] = 23000
	out := processed(t, in, 1, effects.VoiceNone, r)
	x := make([]float64, len(out))
	for i, v := range out {
		x[i] = float64(v) / 23000
	}
	return x
}

// decay returns the reverberation time of a room in an octave around hz. Noise fills the room and stops; what is left
// from then on, integrated backwards, falls on a line whose slope between -5 and -25 dB is the answer.
func decay(t *testing.T, r effects.Reverb, hz, about float64) float64 {
	t.Helper()
	burst := noise(1, 18000)
	out := processed(t, append(burst, make([]int16, int(2*about*rate))...), 1, effects.VoiceNone, r)
	x := make([]float64, len(out))
	for i, v := range out {
		x[i] = float64(v)
	}
	for range 4 {
		x = octaveBand(x, hz)
	}
	x = x[len(burst):]
	sum, left := 0.0, make([]float64, len(x))
	for i := len(x) - 1; i >= 0; i-- {
		sum += x[i] * x[i]
		left[i] = sum
	}
	begin, end := 0, 0
	for i, v := range left {
		if v > left[0]*math.Pow(10, -0.5) {
			begin = i
		}
		if v > left[0]*math.Pow(10, -2.5) {
			end = i
		}
	}
	return 3 * float64(end-begin) / rate
}

// octaveBand passes an octave around hz, with 6 dB an octave on either side.
func octaveBand(x []float64, hz float64) []float64 {
	w := 2 * math.Pi * hz / rate
	a := math.Sin(w) * math.Sqrt2 / 4
	out := make([]float64, len(x))
	var x1, x2, y1, y2 float64
	for i, v := range x {
		y := (a*(v-x2) + 2*math.Cos(w)*y1 - (1-a)*y2) / (1 + a)
		x1, x2, y1, y2 = v, x1, y, y1
		out[i] = y
	}
	return out
}

func TestDecay(t *testing.T) {
	want := []float64{0, 1.3, 0.4, 2.4, 1.8, 0.9, 0.6, 0.3, 3.5, 0.2, 2.0, 0.5}
	require.Len(t, want, int(effects.ReverbStudio2)+1)
	for r := effects.ReverbKTV; r <= effects.ReverbStudio2; r++ {
		got := decay(t, r, 700, want[r])
		t.Logf("%v: %.2f s, said %.1f s", r, got, want[r])
		assert.InEpsilon(t, want[r], got, 0.15, r)
	}
	treble := decay(t, effects.ReverbDeep, 5000, 0.45)
	t.Logf("deep at 5 kHz: %.2f s", treble)
	assert.InEpsilon(t, 0.45, treble, 0.2)
}

func TestNoReverb(t *testing.T) {
	x := impulse(t, 0.1, effects.ReverbNone)
	require.Equal(t, 1.0, x[0])
	require.Zero(t, energyOf(x[1:]))
}

func energyOf(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum
}

// ms is a place in an impulse response.
func ms(n float64) int { return int(n * rate / 1000) }

func TestKTVEchoes(t *testing.T) {
	x := impulse(t, 1, effects.ReverbKTV)
	for n, want := range []float64{1, 0.5, 0.2} {
		got := x[ms(180)*n] / x[0]
		t.Logf("echo %d: %.2f", n, got)
		assert.InDelta(t, want, got, 0.05)
	}
}

func TestWhenARoomBegins(t *testing.T) {
	// The first wall is heard when the shortest line has come back, or by a diffuser, after the time before.
	for r, before := range map[effects.Reverb]float64{effects.ReverbGreatHall: 30, effects.ReverbEthereal: 40} {
		x := impulse(t, 0.5, r)
		assert.Zero(t, energyOf(x[1:ms(before)]), r)
		assert.NotZero(t, energyOf(x[ms(before):ms(before+60)]), r)
	}
}

func TestResonantIsEarly(t *testing.T) {
	x := impulse(t, 1, effects.ReverbResonant)
	x = octaveBand(x, 700)
	early, late := energyOf(x[ms(6):ms(40)]), energyOf(x[ms(40):])
	t.Logf("early to late: %.1f dB", 10*math.Log10(early/late))
	assert.InDelta(t, 0, 10*math.Log10(early/late), 3)
}

// The combs ring at multiples of the inverse of their lengths: after a while a metallic room answers noise with those
// tones alone, and a hall does not.
func TestMetallicRings(t *testing.T) {
	peaks := func(r effects.Reverb) float64 {
		out := processed(t, append(noise(1, 18000), make([]int16, rate/2)...), 1, effects.VoiceNone, r)
		power := spectrum(out[rate+rate/10:][:rate/4])
		top, sum := 0.0, 0.0
		for _, v := range power[20:180] { // 230 Hz to 2.1 kHz
			top, sum = max(top, v), sum+v
		}
		return 10 * math.Log10(top/(sum/160))
	}
	metallic, small := peaks(effects.ReverbMetallic), peaks(effects.ReverbResonant)
	t.Logf("peaks above the mean: metallic %.1f dB, resonant %.1f dB", metallic, small)
	// The lowest comb, of 120 Hz, and the highest, of 227 Hz.
	assert.Greater(t, metallic, small)
	for _, hz := range []float64{119.5, 226} {
		best := 0.0
		x := impulse(t, 0.3, effects.ReverbMetallic)[1:]
		near := int(rate / hz)
		for i := near - 8; i <= near+8; i++ {
			best = max(best, math.Abs(x[i]))
		}
		assert.Greater(t, best, 0.01, "a comb of %v Hz", hz)
	}
}

// A room whose echoes move answers the same click otherwise a second later, and the same again after two: 0.5 Hz.
func TestMelodiousMoves(t *testing.T) {
	alike := func(r effects.Reverb, seconds float64) float64 {
		in := make([]int16, 13*rate)
		in[0], in[int((6+seconds)*rate)] = 23000, 23000
		out := processed(t, in, 1, effects.VoiceNone, r)
		x, y := make([]float64, rate/2), make([]float64, rate/2)
		for i := range x {
			x[i], y[i] = float64(out[ms(200)+i]), float64(out[int((6+seconds)*rate)+ms(200)+i])
		}
		return correlation(x, y)
	}
	still, half, whole := alike(effects.ReverbGreatHall, 1), alike(effects.ReverbMelodious, 1), alike(effects.ReverbMelodious, 2)
	t.Logf("great hall %.3f, melodious after 7 s %.3f, after 8 s %.3f", still, half, whole)
	assert.Greater(t, still, 0.95)
	assert.Less(t, half, 0.8)
	assert.Greater(t, whole, 0.95)
}
