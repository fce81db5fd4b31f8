package audio

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Feed is a [Source] that a program fills: what it writes is heard in its time, however fast it comes. Where nothing is
// left it is silent, as a microphone is. Write, Drain, Drop and Buffered may be called from any goroutine.
//
//	voice := audio.NewFeed(1, 10*time.Second)
//	eng, err := engine.Login(ctx, engine.Config{Microphone: voice, ...})
//	err = voice.Write(ctx, synthesised)
type Feed struct {
	device
	channels int

	queue   sync.Mutex // protects what is below
	samples []int16    // a ring
	first   int
	n       int
	changed chan struct{} // closed when samples have gone; nil while nobody waits for that
}

var _ Source = (*Feed)(nil)

// NewFeed returns an empty feed for 1 or 2 channels (another number is refused by Start) that holds so much sound, at least
// 20 ms.
func NewFeed(channels int, capacity time.Duration) *Feed {
	frames := max(1, int(capacity/FrameDuration))
	f := &Feed{channels: channels}
	f.samples = make([]int16, frames*FrameSamples*f.Channels())
	return f
}

// Channels returns 1 or 2.
func (f *Feed) Channels() int { return min(max(f.channels, 1), 2) }

// Start begins to give what was written. What was written before is kept.
func (f *Feed) Start(ctx context.Context) error {
	if f.channels != f.Channels() {
		return fmt.Errorf("%w: %d, want 1 or 2", ErrChannels, f.channels)
	}
	return f.start(ctx)
}

// Write appends interleaved samples at 48 kHz, and waits while there is no room for them. When ctx ends, a part of them may
// have been taken. Samples that do not make whole sets of channels are [ErrFrameSize].
func (f *Feed) Write(ctx context.Context, samples []int16) error {
	if len(samples)%f.Channels() != 0 {
		return fmt.Errorf("%w: %d samples for %d channels", ErrFrameSize, len(samples), f.Channels())
	}
	for {
		f.queue.Lock()
		n := min(len(samples), len(f.samples)-f.n)
		for _, s := range samples[:n] {
			f.samples[(f.first+f.n)%len(f.samples)] = s
			f.n++
		}
		samples = samples[n:]
		if len(samples) == 0 {
			f.queue.Unlock()
			return nil
		}
		changed := f.wait()
		f.queue.Unlock()
		if err := until(ctx, changed); err != nil {
			return err
		}
	}
}

// Drain waits until everything that was written has been given, or dropped.
func (f *Feed) Drain(ctx context.Context) error {
	for {
		f.queue.Lock()
		if f.n == 0 {
			f.queue.Unlock()
			return nil
		}
		changed := f.wait()
		f.queue.Unlock()
		if err := until(ctx, changed); err != nil {
			return err
		}
	}
}

func until(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Drop forgets what was written and not given yet: whoever speaks is interrupted.
func (f *Feed) Drop() {
	f.queue.Lock()
	defer f.queue.Unlock()
	f.n = 0
	f.went()
}

// Buffered returns how much sound waits.
func (f *Feed) Buffered() time.Duration {
	f.queue.Lock()
	defer f.queue.Unlock()
	return time.Duration(f.n/f.Channels()) * time.Second / SampleRate
}

// ReadFrame gives the next 20 ms, filled up with silence.
func (f *Feed) ReadFrame(ctx context.Context, dst Frame) error {
	if err := f.ready(dst, f.Channels()); err != nil {
		return err
	}
	if _, err := f.pacer.Wait(ctx); err != nil {
		return err
	}
	f.queue.Lock()
	defer f.queue.Unlock()
	n := min(len(dst), f.n)
	for i := range n {
		dst[i] = f.samples[(f.first+i)%len(f.samples)]
	}
	clear(dst[n:])
	f.first = (f.first + n) % len(f.samples)
	f.n -= n
	if n > 0 {
		f.went()
	}
	return nil
}

// Stop keeps what was not given.
func (f *Feed) Stop() error { return f.stop() }

// wait returns what is closed when samples have gone; the lock is held.
func (f *Feed) wait() <-chan struct{} {
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return f.changed
}

// went wakes whoever waits; the lock is held.
func (f *Feed) went() {
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}
