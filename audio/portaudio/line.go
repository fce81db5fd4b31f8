package portaudio

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// line is an open device in one direction. What the card's thread does with it is captured and played, and nothing else.
type line struct {
	dir      direction
	device   Device
	channels int // of the card's frames
	rate     int
	ring     *ring
	convert  *converter // between the card's frames and the user's, who alone uses it
	counts   *counts

	beats  atomic.Uint64 // calls of the card's thread: it is alive while they grow
	period atomic.Int64  // samples per channel in its largest call
	fed    atomic.Bool   // a speaker has been given something: from now on silence is an underrun
	cut    atomic.Bool   // closed under its user's hands, and not opened again

	// For the goroutine that talks to PortAudio.
	params  params
	stream  stream
	latency atomic.Int64
}

// counts are what the Stats are made of.
type counts struct {
	underruns, overruns, losses atomic.Uint64
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

// captured is called on the card's thread with what the microphone has heard. It neither allocates, locks, logs nor
// waits. trouble says that the card lost some before.
func (l *line) captured(heard []int16, trouble bool) {
	l.beat(len(heard))
	if l.ring.write(heard) < len(heard) || trouble {
		l.counts.overruns.Add(1)
	}
}

// played is called on the card's thread to fill what the speaker plays next, under the same law.
func (l *line) played(next []int16, trouble bool) {
	l.beat(len(next))
	n := l.ring.read(next)
	clear(next[n:])
	if l.fed.Load() && (n < len(next) || trouble) {
		l.counts.underruns.Add(1)
	}
}

func (l *line) beat(samples int) {
	l.beats.Add(1)
	if n := int64(samples / l.channels); n > l.period.Load() {
		l.period.Store(n) // this thread is the only writer
	}
}

// callback is what the card's thread calls.
func (l *line) callback() func(samples []int16, trouble bool) {
	if l.dir == in {
		return l.captured
	}
	return l.played
}

// waiting returns how many samples per channel wait in the ring. To who is neither its reader nor its writer it may seem
// to be less than none.
func (l *line) waiting() int { return max(l.ring.len(), 0) / l.channels }

// after returns how long n samples per channel last.
func (l *line) after(n int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(l.rate)
}

// in returns how many samples per channel d lasts.
func (l *line) in(d time.Duration) int { return int(d * time.Duration(l.rate) / time.Second) }
