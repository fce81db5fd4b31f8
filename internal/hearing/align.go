package hearing

import (
	"math"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// aligner finds windows of what was said in what was heard.
type aligner struct {
	said, heard         []float32 // 48 kHz; heard has silence behind it
	slowSaid, slowHeard []float32 // the same at searchRate
	maxLag              int
}

const slowBy = audio.SampleRate / searchRate

func newAligner(said, heard []int16, maxLag int) *aligner {
	// Nothing later than this is looked at, however long heard is.
	heard = append([]int16(nil), heard[:min(len(heard), len(said)+maxLag)]...)
	heard = append(heard, make([]int16, len(said)+maxLag+slowBy*2-len(heard))...)
	return &aligner{
		said: floats(said), heard: floats(heard),
		slowSaid: slow(said), slowHeard: slow(heard),
		maxLag: maxLag,
	}
}

// align returns the delay in samples at which the window of said from at on fits best, and how well: the normalised
// cross-correlation there. It looks roughly at searchRate and then finely around the best.
func (a *aligner) align(at int) (lag int, correlation float64) {
	rough, _ := best(a.slowSaid, a.slowHeard, at/slowBy, windowLen/slowBy, 0, a.maxLag/slowBy)
	return best(a.said, a.heard, at, windowLen, max(rough-1, 0)*slowBy, min((rough+1)*slowBy, a.maxLag))
}

func best(said, heard []float32, at, n, from, to int) (lag int, correlation float64) {
	at = min(at, len(said))
	x := said[at:min(at+n, len(said))]
	n = len(x)
	to = min(to, len(heard)-at-n)
	if n == 0 || from > to {
		return from, 0
	}
	power := dot(x, x)
	if power == 0 {
		return from, 0
	}
	lag, correlation = from, -1
	there := dot(heard[at+from:at+from+n], heard[at+from:at+from+n])
	for l := from; l <= to; l++ {
		y := heard[at+l : at+l+n]
		if there > float64(n) { // less than one step of 16 bits is no sound
			if c := dot(x, y) / math.Sqrt(power*there); c > correlation {
				lag, correlation = l, c
			}
		}
		if l < to {
			in, out := float64(heard[at+l+n]), float64(heard[at+l])
			there += in*in - out*out
		}
	}
	return lag, max(correlation, 0)
}

// dot adds in four lanes, which the compiler does not do by itself and which is what makes the search fast.
func dot(x, y []float32) float64 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	sum, i := 0.0, 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
		s2 += x[i+2] * y[i+2]
		s3 += x[i+3] * y[i+3]
		if i&1023 == 0 { // float32 loses what is small beside a long sum
			sum += float64(s0) + float64(s1) + float64(s2) + float64(s3)
			s0, s1, s2, s3 = 0, 0, 0, 0
		}
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return sum + float64(s0) + float64(s1) + float64(s2) + float64(s3)
}

func slow(s []int16) []float32 {
	out, err := audio.Resample(s, audio.SampleRate, searchRate)
	if err != nil { // the two rates are constants that work
		return nil
	}
	return floats(out)
}

func floats(s []int16) []float32 {
	out := make([]float32, len(s))
	for i, v := range s {
		out[i] = float32(v)
	}
	return out
}
