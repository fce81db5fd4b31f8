package hearing

import (
	"math"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

const (
	silentBelow = -60.0 // dBFS: a quiet room's noise is louder
	fullScale   = 32768.0
)

// Silent says whether samples hold nothing to hear, and the RMS level of their loudest 20 ms in dBFS (0 is a full-scale
// square wave, -99 nothing at all). The loudest, because a muted microphone must not let a single word through.
func Silent(samples []int16) (bool, float64) {
	loudest := 0.0
	for i := 0; i < len(samples); i += audio.FrameSamples {
		loudest = max(loudest, energy(part(samples, i, audio.FrameSamples))/audio.FrameSamples)
	}
	level := round(max(decibel(loudest/(fullScale*fullScale)), floor), 1)
	return level < silentBelow, level
}

// ToneLevel returns how loud a tone of hz is in samples at 48 kHz mono, as its amplitude in dBFS (0 is a full-scale sine,
// -99 nothing): Goertzel's filter behind a Hann window, so that other tones further off than 4/duration do not count.
func ToneLevel(samples []int16, hz float64) float64 {
	n := len(samples)
	if n < 2 {
		return floor
	}
	w := 2 * math.Pi * hz / audio.SampleRate
	k := 2 * math.Cos(w)
	var s1, s2 float64
	for i, v := range samples {
		hann := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(n-1))
		s1, s2 = float64(v)*hann+k*s1-s2, s1
	}
	power := max(s1*s1+s2*s2-k*s1*s2, 0)
	// A sine of amplitude a gives a*n/2, and the window passes half of it.
	amplitude := math.Sqrt(power) / float64(n) * 4
	return round(max(20*math.Log10(amplitude/fullScale), floor), 1)
}
