package audio

import (
	"fmt"
	"math"
)

const (
	// resampleZeros is the half width of the filter in zero crossings of the lower rate, resampleBeta the Kaiser
	// window's shape: together 80 dB of stop band and a pass band up to 0.84 of the lower rate's half.
	resampleZeros = 32
	resampleBeta  = 8.0
	resampleCut   = 0.92 // of the lower Nyquist frequency: the middle of the transition
)

// Resampler changes the sample rate of one channel as the sound comes: a polyphase windowed-sinc filter. Its delay is
// taken out: the first sample out belongs to the first sample in. One goroutine uses it.
type Resampler struct {
	up, down int // reduced: out = in * up / down
	half     int // taps before the current sample
	bank     [][]float32

	hist []float32 // input from sample base on
	base int64     // index of hist[0] in the input; negative while the silence before the beginning is there
	in   int64     // samples in so far
	out  int64     // samples out so far
}

// NewResampler returns a resampler between two rates in Hz, each 1 to 768000 and their ratio at most 64. Two rates with no common
// divisor worth the name (44101 and 48000) cost a large table and are refused with [ErrFormat].
func NewResampler(from, to int) (*Resampler, error) {
	if from < 1 || to < 1 || from > 768000 || to > 768000 || from > 64*to || to > 64*from {
		return nil, fmt.Errorf("%w: cannot resample %d Hz to %d Hz", ErrFormat, from, to)
	}
	g := gcd(from, to)
	r := &Resampler{up: to / g, down: from / g}
	// In units of input samples the filter is as wide as the lower rate demands.
	r.half = int(math.Ceil(resampleZeros * max(1, float64(r.down)/float64(r.up))))
	if r.up*r.half > 1<<21 {
		return nil, fmt.Errorf("%w: %d Hz and %d Hz have no useful common divisor", ErrFormat, from, to)
	}
	r.bank = resampleBank(r.up, r.down, r.half)
	r.Reset()
	return r, nil
}

// Reset forgets the past.
func (r *Resampler) Reset() {
	r.hist = append(r.hist[:0], make([]float32, r.half)...)
	r.base = -int64(r.half)
	r.in, r.out = 0, 0
}

// Resample appends to dst what can be computed from in and what came before, and returns it.
func (r *Resampler) Resample(dst, in []int16) []int16 {
	for _, s := range in {
		r.hist = append(r.hist, float32(s))
	}
	r.in += int64(len(in))
	return r.drain(dst, r.in)
}

// Flush appends the end, which the filter still held back, and resets. Altogether ceil(in*to/from) samples come out.
func (r *Resampler) Flush(dst []int16) []int16 {
	r.hist = append(r.hist, make([]float32, r.half+1)...)
	want := (r.in*int64(r.up) + int64(r.down) - 1) / int64(r.down)
	end := r.in + int64(r.half) + 1
	dst = r.drain(dst, end)
	// The silence behind the end gives samples that belong to no input.
	if extra := r.out - want; extra > 0 {
		dst = dst[:len(dst)-int(extra)]
	}
	r.Reset()
	return dst
}

// drain computes every sample whose taps lie before the input's end.
func (r *Resampler) drain(dst []int16, end int64) []int16 {
	for {
		pos := r.out * int64(r.down)
		at, phase := pos/int64(r.up), int(pos%int64(r.up))
		if at+int64(r.half) >= end {
			break
		}
		taps := r.bank[phase]
		x := r.hist[at-int64(r.half)+1-r.base:]
		x = x[:len(taps)]
		var sum float32
		for i, c := range taps {
			sum += c * x[i]
		}
		dst = append(dst, fromFloat(float64(sum)))
		r.out++
	}
	next := r.out*int64(r.down)/int64(r.up) - int64(r.half) + 1
	if drop := next - r.base; drop > 0 {
		drop = min(drop, int64(len(r.hist)))
		r.hist = r.hist[:copy(r.hist, r.hist[drop:])]
		r.base += drop
	}
	return dst
}

// Resample changes the rate of a whole mono sound; rates as for [NewResampler]. The result has
// ceil(len(samples)*to/from) samples. Equal rates return samples itself.
func Resample(samples []int16, from, to int) ([]int16, error) {
	if from == to && from > 0 {
		return samples, nil
	}
	r, err := NewResampler(from, to)
	if err != nil {
		return nil, err
	}
	out := make([]int16, 0, len(samples)*r.up/r.down+r.half*r.up/r.down+2)
	return r.Flush(r.Resample(out, samples)), nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// resampleBank returns the filter's taps for each of up phases between two input samples, each scaled so that a constant
// stays what it is.
func resampleBank(up, down, half int) [][]float32 {
	cut := resampleCut * min(1, float64(up)/float64(down))
	bank := make([][]float32, up)
	for phase := range bank {
		taps := make([]float64, 2*half)
		sum := 0.0
		for i := range taps {
			d := float64(half-1-i) + float64(phase)/float64(up)
			taps[i] = sinc(cut*d) * kaiser(d/float64(half))
			sum += taps[i]
		}
		bank[phase] = make([]float32, len(taps))
		for i, v := range taps {
			bank[phase][i] = float32(v / sum)
		}
	}
	return bank
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window for x from -1 to 1, not scaled.
func kaiser(x float64) float64 {
	if x < -1 || x > 1 {
		return 0
	}
	return bessel0(resampleBeta * math.Sqrt(1-x*x))
}

// bessel0 is the modified Bessel function of order 0, by its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}
