package audio

import (
	"fmt"
	"time"
)

const (
	// SampleRate is the only rate inside the client, in Hz: Opus's own (RFC 6716 section 2), so nothing is resampled
	// between a sound card and the network.
	SampleRate = 48000

	// FrameDuration is the length of a [Frame]: the usual trade of delay against packets per second (RFC 7587 section 3).
	FrameDuration = 20 * time.Millisecond

	// FrameSamples is the number of samples per channel in a [Frame].
	FrameSamples = 960
)

// Frame is 20 ms of sound: FrameSamples samples for each channel, interleaved (left, right, left, ...), full scale at
// ±32767.
type Frame []int16

// NewFrame returns a silent frame for 1 or 2 channels.
func NewFrame(channels int) Frame { return make(Frame, FrameSamples*channels) }

// Channels returns how many channels f holds, or 0 if its length is not that of a frame.
func (f Frame) Channels() int {
	if len(f) == 0 || len(f)%FrameSamples != 0 {
		return 0
	}
	return len(f) / FrameSamples
}

func (f Frame) check(channels int) error {
	if len(f) != FrameSamples*channels {
		return fmt.Errorf("%w: %d samples where %d channel(s) need %d", ErrFrameSize, len(f), channels, FrameSamples*channels)
	}
	return nil
}
