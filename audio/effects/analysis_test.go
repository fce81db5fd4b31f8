package effects_test

import (
	"math"
	"math/bits"
	"math/cmplx"
	"slices"
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/effects"

	"github.com/stretchr/testify/require"
)

const rate = audio.SampleRate

// The synthetic speaker's mouth: an open vowel.
var vowel = []float64{700, 1220, 2600, 3500}

// speak returns a voiced sound: pulses whose rate follows pitch (Hz at a time in seconds), through resonances at the
// formants.
func speak(seconds float64, pitch func(t float64) float64, formants []float64) []int16 {
	n := int(seconds * rate)
	x := make([]float64, n)
	phase := 0.0
	for i := range x {
		step := pitch(float64(i)/rate) / rate
		if phase += step; phase >= 1 {
			phase--
			// The pulse falls between two samples.
			f := min(phase/step, 1)
			x[i] += 1 - f
			if i > 0 {
				x[i-1] += f
			}
		}
	}
	// A glottal pulse loses 12 dB an octave, the lips give 6 back.
	low := 0.0
	for i := range x {
		low += 0.02 * (x[i] - low)
		x[i] = low
	}
	for k, hz := range formants {
		r := math.Exp(-math.Pi * (70 + 20*float64(k)) / rate)
		a, b := 2*r*math.Cos(2*math.Pi*hz/rate), -r*r
		var y1, y2 float64
		for i := range x {
			y := (1-a-b)*x[i] + a*y1 + b*y2
			x[i], y1, y2 = y, y, y1
		}
	}
	peak := 0.0
	for _, v := range x {
		peak = max(peak, math.Abs(v))
	}
	out := make([]int16, n)
	for i, v := range x {
		out[i] = int16(math.Round(12000 * v / peak))
	}
	return out
}

func steady(hz float64) func(float64) float64 { return func(float64) float64 { return hz } }

// gliding moves up and down by a share of hz, so that partials pass over every frequency.
func gliding(hz, share, speed float64) func(float64) float64 {
	return func(t float64) float64 { return hz * (1 + share*math.Sin(2*math.Pi*speed*t)) }
}

func tone(seconds, hz, amplitude float64) []int16 {
	out := make([]int16, int(seconds*rate))
	for i := range out {
		out[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(i)/rate)))
	}
	return out
}

// processed returns what the effects make of a sound of so many channels, interleaved; of a last part frame nothing.
func processed(t testing.TB, in []int16, channels int, v effects.VoiceChanger, r effects.Reverb) []int16 {
	t.Helper()
	p, err := effects.New(channels)
	require.NoError(t, err)
	require.NoError(t, p.SetVoiceChanger(v))
	require.NoError(t, p.SetReverb(r))
	silence := audio.NewFrame(channels)
	for range 3 { // until it has taken over
		require.NoError(t, p.Process(silence))
		clear(silence)
	}
	return through(t, p, in, channels)
}

func through(t testing.TB, p *effects.Processor, in []int16, channels int) []int16 {
	t.Helper()
	out := slices.Clone(in)
	for frame := range slices.Chunk(out, audio.FrameSamples*channels) {
		if len(frame) == audio.FrameSamples*channels {
			require.NoError(t, p.Process(frame))
		}
	}
	return out[:len(out)/(audio.FrameSamples*channels)*audio.FrameSamples*channels]
}

func rms(x []int16) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(x)))
}

func dB(ratio float64) float64 { return 20 * math.Log10(ratio) }

// The pitch is looked for at 12 kHz.
const dozen = rate / 4

// quartered returns x at 12 kHz.
func quartered(x []int16) []float64 {
	out := make([]float64, len(x)/4)
	for i := range out {
		for _, v := range x[4*i:][:4] {
			out[i] += float64(v) / 4
		}
	}
	return out
}

// pitchAt returns the pitch of a stretch of 40 ms at 12 kHz by its autocorrelation, and how much the sound repeats with it.
func pitchAt(x []float64, at int) (hz, strength float64) {
	const n, least, most = 480, dozen / 700, dozen / 50
	r := make([]float64, most+1)
	best := 0.0
	for lag := least; lag <= most; lag++ {
		var ab, aa, bb float64
		for i := range n {
			a, b := x[at+i], x[at+i+lag]
			ab, aa, bb = ab+a*b, aa+a*a, bb+b*b
		}
		r[lag] = ab / math.Sqrt(aa*bb+1)
		best = max(best, r[lag])
	}
	for lag := least + 1; lag < most; lag++ {
		if r[lag] > 0.93*best && r[lag] >= r[lag-1] && r[lag] >= r[lag+1] {
			a, b, c := r[lag-1], r[lag], r[lag+1]
			return dozen / (float64(lag) + 0.5*(a-c)/(a-2*b+c)), b
		}
	}
	return 0, best
}

// pitches returns the pitch of x every so many ms, 0 where it repeats less than that.
func pitches(x []int16, ms int, strength float64) []float64 {
	var list []float64
	y := quartered(x)
	for at := 0; at+480+dozen/50 < len(y); at += dozen * ms / 1000 {
		hz, s := pitchAt(y, at)
		if s < strength || rms(x[4*at:][:1920]) < 200 {
			hz = 0
		}
		list = append(list, hz)
	}
	return list
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Clone(x)
	slices.Sort(x)
	return x[len(x)/2]
}

// spectrum returns the mean power of x in bins of rate/4096 Hz.
func spectrum(x []int16) []float64 {
	const n = 4096
	sum := make([]float64, n/2)
	buf := make([]complex128, n)
	for at := 0; at+n <= len(x); at += n / 2 {
		for i := range buf {
			buf[i] = complex(float64(x[at+i])*(0.5-0.5*math.Cos(2*math.Pi*float64(i)/n)), 0)
		}
		fft(buf)
		for i := range sum {
			sum[i] += real(buf[i] * cmplx.Conj(buf[i]))
		}
	}
	return sum
}

// fft transforms in place; the length is a power of two.
func fft(x []complex128) {
	n := len(x)
	shift := bits.LeadingZeros32(uint32(n)) + 1
	for i := range x {
		if k := int(bits.Reverse32(uint32(i)) >> shift); k > i {
			x[i], x[k] = x[k], x[i]
		}
	}
	for half := 1; half < n; half *= 2 {
		turn := cmplx.Rect(1, -math.Pi/float64(half))
		w := complex(1, 0)
		for k := range half {
			for i := k; i < n; i += 2 * half {
				a, b := x[i], x[i+half]*w
				x[i], x[i+half] = a+b, a-b
			}
			w *= turn
		}
	}
}

// bandLevel returns the level of x between two frequencies in dB.
func bandLevel(power []float64, from, to float64) float64 {
	sum := 1e-9
	for i := int(from * 4096 / rate); i <= int(to*4096/rate); i++ {
		sum += power[i]
	}
	return 10 * math.Log10(sum)
}

// envelope returns the spectral envelope of x in dB on a logarithmic axis of 48 points an octave from 100 to 8000 Hz,
// without its tilt.
func envelope(x []int16) []float64 {
	power := spectrum(x)
	const points, perOctave = 304, 48
	list := make([]float64, points)
	for i := range list {
		hz := 100 * math.Exp2(float64(i)/perOctave)
		list[i] = bandLevel(power, hz/1.09, hz*1.09) - 10*math.Log10(hz)
	}
	return list
}

// formantRatio returns by how much the resonances of b are higher than those of a: the shift of one envelope on a
// logarithmic axis at which they are most alike.
func formantRatio(a, b []int16) float64 {
	x, y := envelope(a), envelope(b)
	best, at := math.Inf(-1), 0
	score := func(shift int) float64 {
		var xs, ys []float64
		for i := 96; i < 272; i++ { // 400 Hz to 5 kHz
			if k := i + shift; k >= 0 && k < len(y) {
				xs, ys = append(xs, x[i]), append(ys, y[k])
			}
		}
		return correlation(xs, ys)
	}
	for shift := -32; shift <= 32; shift++ {
		if s := score(shift); s > best {
			best, at = s, shift
		}
	}
	p, q := score(at-1), score(at+1)
	return math.Exp2((float64(at) + 0.5*(p-q)/(p-2*best+q)) / 48)
}

func correlation(x, y []float64) float64 {
	var mx, my float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(x))
	}
	var xy, xx, yy float64
	for i := range x {
		a, b := x[i]-mx, y[i]-my
		xy, xx, yy = xy+a*b, xx+a*a, yy+b*b
	}
	return xy / math.Sqrt(xx*yy+1e-12)
}
