package hearing

import (
	"errors"
	"math"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// The OVR speech score compares what was heard with what was said as an ear roughly would: by the levels in bands a third
// of an octave wide, every 10 ms. It is ours and no standard's (it is neither PESQ nor POLQA nor STOI, and no mean opinion):
// a number by which one build of this program is compared with another, 100 being what was said itself.
//
//   - Each window of 500 ms is aligned by itself, so that no delay counts, not even one that changes; the level of the whole
//     is made that of what was said, so that no volume counts.
//   - Distortion is by how many dB the levels of the bands differ, as the root of the mean square over the bands of 20 ms
//     under a Hann window, averaged over time; what is far softer than the speech counts as
//     silence.
//   - Agreement is the correlation of each band's level over 500 ms, averaged: whether the syllables still rise and fall.
//   - The score is 100 · agreement · e^(−distortion / scoreDecay).
const (
	scoreBands  = 19     // from 125 Hz to 8 kHz: where the voices of package speech are
	scoreLowest = 125.0  // Hz, the middle of the lowest band
	scoreFloor  = 1.0e-4 // of the speech's mean power in a band: 40 dB below
	scoreLeast  = 1.0e-6 // of the mean of all bands: 60 dB below, where nobody hears anything beside the rest
	scoreDecay  = 14.0   // dB of distortion at which e times less is left
	scoreWindow = audio.FrameSamples
	scoreFFT    = 1024
	scoreSteps  = windowLen / stepLen // frames in a window, each begins 10 ms after the one before
)

// Errors of [Score], for comparisons that say nothing.
var (
	ErrTooShort = errors.New("hearing: less than 500 ms was said; a score needs some syllables")
	ErrNoSpeech = errors.New("hearing: nothing was said; a score needs speech to compare with")
)

// Score returns the OVR speech score, 0 to 100, of heard against said, both 48 kHz mono and lined up by the clock as for
// [Compare]: what was said is looked for 0 to maxDelay later. The same samples give the same score.
func Score(said, heard []int16, maxDelay time.Duration) (float64, error) {
	if len(said) < windowLen {
		return 0, ErrTooShort
	}
	windows := speechWindows(speechSteps(said))
	if len(windows) == 0 {
		return 0, ErrNoSpeech
	}
	if energy(heard) == 0 {
		return 0, nil
	}
	a := newAligner(said, heard, int(maxDelay.Seconds()*audio.SampleRate))
	for i := range windows {
		windows[i].lag, windows[i].correlation = a.align(windows[i].at)
	}
	usual := median(windows, func(w window) float64 { return float64(w.lag) }, func(w window) bool { return w.correlation >= trustworthy })
	var was, is []spectrum
	for at := 0; at+windowLen <= len(said); at += windowLen {
		lag := nearest(windows, at).lagOr(usual)
		for step := range scoreSteps {
			from := at + step*stepLen
			w, i := bandPowers(a.said, a.heard, from, from+lag)
			was, is = append(was, w), append(is, i)
		}
	}
	levels(was, is)
	return round(100*agreement(was, is)*math.Exp(-distortion(was, is)/scoreDecay), 2), nil
}

// spectrum is what is in each band: its power, and later its level in dB.
type spectrum [scoreBands]float64

// edges are the FFT's lines at which the bands begin; the last one ends the last band.
var edges = func() (e [scoreBands + 1]int) {
	for i := range e {
		hz := scoreLowest * math.Pow(2, (float64(i)-0.5)/3)
		e[i] = int(math.Ceil(hz * scoreFFT / audio.SampleRate))
	}
	for i := range scoreBands { // the lowest bands are narrower than a line
		e[i+1] = max(e[i+1], e[i]+1)
	}
	return e
}()

var hann = func() (w [scoreWindow]float64) {
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/scoreWindow)
	}
	return w
}()

// bandPowers returns the powers of 20 ms of what was said and of what was heard; what lies behind the ends is silence. Both
// are transformed at once, the one as the real and the other as the imaginary part.
func bandPowers(said, heard []float32, from, later int) (was, is spectrum) {
	var x [scoreFFT]complex128
	for i, w := range hann {
		var re, im float64
		if from+i < len(said) {
			re = float64(said[from+i]) * w
		}
		if later+i < len(heard) {
			im = float64(heard[later+i]) * w
		}
		x[i] = complex(re, im)
	}
	fft(&x)
	for b := range was {
		for k := edges[b]; k < edges[b+1]; k++ {
			one, other := x[k], x[scoreFFT-k]
			was[b] += square(real(one)+real(other), imag(one)-imag(other)) / 4
			is[b] += square(imag(one)+imag(other), real(other)-real(one)) / 4
		}
	}
	return was, is
}

func square(re, im float64) float64 { return re*re + im*im }

// levels makes dB of powers, in each band above scoreFloor below the speech's mean power there, so that a voice's faint high
// bands count like the low ones; and of what was heard as if it had been as loud as what was said.
func levels(was, is []spectrum) {
	var mean spectrum
	said, heard := 0.0, 0.0
	for i := range was {
		for b, p := range was[i] {
			mean[b] += p / float64(len(was))
			said += p
			heard += is[i][b]
		}
	}
	total := 0.0
	for _, p := range mean {
		total += p / scoreBands
	}
	gain := said / max(heard, 1)
	for b, p := range mean {
		floor := max(p*scoreFloor, total*scoreLeast)
		for i := range was {
			was[i][b] = 10 * math.Log10(was[i][b]/floor+1)
			is[i][b] = 10 * math.Log10(is[i][b]*gain/floor+1)
		}
	}
}

// distortion returns by how many dB the levels differ.
func distortion(was, is []spectrum) float64 {
	sum := 0.0
	for i := range was {
		squares := 0.0
		for b := range scoreBands {
			d := is[i][b] - was[i][b]
			squares += d * d
		}
		sum += math.Sqrt(squares / scoreBands)
	}
	return sum / float64(len(was))
}

// agreement returns how well levels rise and fall together, 0 to 1. A band in which nothing rises or falls says nothing.
func agreement(was, is []spectrum) float64 {
	sum, n := 0.0, 0
	for from := 0; from+scoreSteps <= len(was); from += scoreSteps {
		for b := range scoreBands {
			var x, y, xx, yy, xy float64
			for i := from; i < from+scoreSteps; i++ {
				x += was[i][b]
				y += is[i][b]
			}
			x, y = x/scoreSteps, y/scoreSteps
			for i := from; i < from+scoreSteps; i++ {
				dx, dy := was[i][b]-x, is[i][b]-y
				xx, yy, xy = xx+dx*dx, yy+dy*dy, xy+dx*dy
			}
			if xx < scoreSteps { // 1 dB
				continue
			}
			n++
			if yy > 0 {
				sum += max(xy/math.Sqrt(xx*yy), 0)
			}
		}
	}
	if n == 0 {
		return 0
	}
	return min(sum/float64(n), 1)
}

var twiddles = func() (w [scoreFFT / 2]complex128) {
	for i := range w {
		sin, cos := math.Sincos(-2 * math.Pi * float64(i) / scoreFFT)
		w[i] = complex(cos, sin)
	}
	return w
}()

// fft transforms in place: radix 2, decimation in time.
func fft(x *[scoreFFT]complex128) {
	for i, j := 1, 0; i < scoreFFT; i++ {
		bit := scoreFFT >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for n := 2; n <= scoreFFT; n *= 2 {
		for from := 0; from < scoreFFT; from += n {
			for k := range n / 2 {
				even, odd := x[from+k], x[from+k+n/2]*twiddles[k*(scoreFFT/n)]
				x[from+k], x[from+k+n/2] = even+odd, even-odd
			}
		}
	}
}
