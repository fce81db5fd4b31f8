package portaudio

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// What Options.Latency may be besides a duration. The card's driver says what is low and high for it.
const (
	LatencyDefault time.Duration = 0  // 20 ms where the card can do that
	LatencyLow     time.Duration = -1 // as little as the card can do; a busy machine crackles
	LatencyHigh    time.Duration = -2 // safe on a busy machine
)

// Options say how a card is used. The zero value is the default device in mono.
type Options struct {
	Device   string        // a [Device]'s id, its name, or a part of its name in any case; empty means the default
	Channels int           // of the frames, 1 or 2, whatever the card has; 0 means 1
	Latency  time.Duration // what the card is to keep in its buffer: a duration or one of the three above
	Rate     int           // in Hz, to open the card with; 0 means 48000, or the card's own if it refuses that

	// OnLost is called when the device fails while it runs, OnBack when it, or what took its place as the default,
	// works again. They are called one after another on a goroutine of their own and may call everything here.
	OnLost func(d Device, err error)
	OnBack func(d Device)

	Logger *slog.Logger // nil means none
}

func (o Options) withDefaults() (Options, error) {
	if o.Channels == 0 {
		o.Channels = 1
	}
	if o.Channels != 1 && o.Channels != 2 {
		return o, fmt.Errorf("%w: %d, want 1 or 2", audio.ErrChannels, o.Channels)
	}
	if o.Latency < LatencyHigh || o.Latency > time.Second {
		return o, fmt.Errorf("portaudio: a latency of %v makes no sense: at most a second", o.Latency)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// latency is what the card is asked for, of what it says it can do.
func (o Options) latency(low, high time.Duration) time.Duration {
	switch o.Latency {
	case LatencyDefault:
		return max(low, min(20*time.Millisecond, high))
	case LatencyLow:
		return low
	case LatencyHigh:
		return max(low, high)
	}
	return o.Latency
}

// margin is how much more than the card's next turn a speaker keeps ready, for the time that a goroutine takes to wake up.
func (o Options) margin() time.Duration {
	switch o.Latency {
	case LatencyDefault:
		return 10 * time.Millisecond
	case LatencyLow:
		return 5 * time.Millisecond
	case LatencyHigh:
		return 20 * time.Millisecond
	}
	return max(5*time.Millisecond, min(o.Latency/2, 50*time.Millisecond))
}

// Stats are what a card has gone through since it was made. The counters never go back.
type Stats struct {
	Device   Device        // the one that is open, or was last
	Rate     int           // at which it runs, in Hz
	Channels int           // with which it runs; the frames have those of the options
	Latency  time.Duration // of the card, as its driver says
	Queued   time.Duration // what waits between the card and the program at this moment

	Underruns uint64 // times that the other side came too late: a speaker's card got silence, a microphone's reader did
	Overruns  uint64 // times that sound was thrown away because the other side came too late
	Losses    uint64 // times that the device failed while it ran
}
