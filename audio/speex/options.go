package speex

import (
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

const (
	// LevelOff is an [Options.Level] that never asks for gain control.
	LevelOff = 1

	defaultTail  = 200 * time.Millisecond
	shortestTail = audio.FrameDuration
	longestTail  = time.Second

	// More than SpeexDSP's own 15 dB, as a fan that is still there at 15 is gone at 20 and speech sounds the same.
	defaultSuppression = 20
	mostSuppression    = 60

	defaultLevel  = -24
	lowestLevel   = -40
	highestLevel  = -22 // SpeexDSP's own target ends there
	speexLevel    = 8000
	speexLevelDBs = -34 // what speech comes to with speexLevel, measured
)

// Options of a [Processor]. The zero value is a mono microphone with everything on.
type Options struct {
	// Channels of the captured frames, 1 or 2; 0 means 1.
	Channels int
	// FarChannels is for how many channels of the loudspeaker echo is cancelled, 1 or 2; 0 means 1. Frames of both kinds
	// may be played with either.
	FarChannels int
	// EchoTail is how long after it was given to the loudspeaker something may be heard and still be cancelled, 20 ms to
	// 1 s; 0 means 200 ms. A longer one takes more work and learns more slowly.
	EchoTail time.Duration
	// NoiseSuppression is by how much steady noise is made softer at most, 1 to 60 dB; 0 means 20.
	NoiseSuppression int
	// Level is where the gain control brings speech, in dBov (RMS, short pauses included), -40 to -22; 0 means -24.
	// Nothing is amplified by more than 30 dB. LevelOff: the gain control cannot be switched on.
	Level int
}

func (o Options) withDefaults() (Options, error) {
	if o.Channels == 0 {
		o.Channels = 1
	}
	if o.FarChannels == 0 {
		o.FarChannels = 1
	}
	if o.EchoTail == 0 {
		o.EchoTail = defaultTail
	}
	if o.NoiseSuppression == 0 {
		o.NoiseSuppression = defaultSuppression
	}
	if o.Level == 0 {
		o.Level = defaultLevel
	}
	switch {
	case o.Channels != 1 && o.Channels != 2:
		return o, fmt.Errorf("%w: Options.Channels is %d, want 1 or 2", audio.ErrChannels, o.Channels)
	case o.FarChannels != 1 && o.FarChannels != 2:
		return o, fmt.Errorf("%w: Options.FarChannels is %d, want 1 or 2", audio.ErrChannels, o.FarChannels)
	case o.EchoTail < shortestTail || o.EchoTail > longestTail:
		return o, fmt.Errorf("speex: Options.EchoTail is %v, want %v to %v", o.EchoTail, shortestTail, longestTail)
	case o.NoiseSuppression < 1 || o.NoiseSuppression > mostSuppression:
		return o, fmt.Errorf("speex: Options.NoiseSuppression is %d dB, want 1 to %d; SetNoiseSuppression(false) switches it off", o.NoiseSuppression, mostSuppression)
	case o.Level != LevelOff && (o.Level < lowestLevel || o.Level > highestLevel):
		return o, fmt.Errorf("speex: Options.Level is %d dBov, want %d to %d; SetGainControl(false) switches it off", o.Level, lowestLevel, highestLevel)
	}
	return o, nil
}
