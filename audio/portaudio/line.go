package portaudio

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// line is an open device in one direction. What the card's thread does with it is in thread.c, and nothing else.
type line struct {
	dir      direction
	device   Device
	channels int // of the card's frames
	rate     int
	ring
	convert *converter // between the card's frames and the user's, who alone uses it
	counts  *counts

	cut atomic.Bool // closed under its user's hands, and not opened again

	// For the goroutine that talks to PortAudio.
	params  params
	stream  stream
	latency atomic.Int64
}

// counts are what the Stats are made of. The card's thread writes them too: there is no pointer in them.
type counts struct {
	underruns, overruns, losses word
}

// newLine refuses rates that cannot be changed to ours.
func newLine(dir direction, d Device, p params, channels int, c *counts) (*line, error) {
	convert, err := newConverter(p.channels, channels, p.rate, audio.SampleRate)
	if dir == out {
		convert, err = newConverter(channels, p.channels, audio.SampleRate, p.rate)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFormat, err)
	}
	// Enough for the card's buffer, a frame and a quarter of a second of a program that is late.
	held := p.latency + audio.FrameDuration + 250*time.Millisecond
	return &line{
		dir: dir, device: d, channels: p.channels, rate: p.rate, params: p, counts: c, convert: convert,
		ring: newRing(int(held.Seconds()*float64(p.rate)) * p.channels),
	}, nil
}

// waiting returns how many samples per channel wait in the ring. To who is neither its reader nor its writer it may seem
// to be less than none.
func (l *line) waiting() int { return max(l.len(), 0) / l.channels }

// after returns how long n samples per channel last.
func (l *line) after(n int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(l.rate)
}

// in returns how many samples per channel d lasts.
func (l *line) in(d time.Duration) int { return int(d * time.Duration(l.rate) / time.Second) }
