// Package speech has two people's speech for tests and demos, so that one can hear, and a program can tell, who is
// heard in a room. README.md says how the voices were made.
package speech

import (
	_ "embed"
	"slices"
	"sync"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

//go:embed host.wav
var hostWAV []byte

//go:embed guest.wav
var guestWAV []byte

var (
	host  = sync.OnceValue(func() []int16 { return decode(hostWAV) })
	guest = sync.OnceValue(func() []int16 { return decode(guestWAV) })
)

// Host returns a man welcoming people to a room, 8.5 s at 48 kHz mono with a peak of -6 dBFS. The slice is the
// caller's own.
func Host() []int16 { return slices.Clone(host()) }

// Guest returns a woman who has taken a seat, 7.9 s at 48 kHz mono with a peak of -6 dBFS. The slice is the caller's
// own.
func Guest() []int16 { return slices.Clone(guest()) }

// decode gives nil for files that are not WAV at a rate we can use, which the package's test rules out.
func decode(data []byte) []int16 {
	wav, err := audio.ReadWAV(data)
	if err != nil {
		return nil
	}
	samples, err := audio.Resample(wav.Mono(), wav.Rate, audio.SampleRate)
	if err != nil {
		return nil
	}
	return samples
}
