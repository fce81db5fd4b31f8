package portaudio

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// Speaker is an [audio.Sink] that plays through a sound card.
type Speaker struct {
	card *card
	pace pace

	// The writer's.
	line *line
	raw  []int16 // for the card
	more time.Duration
	seen uint64 // underruns
	calm int    // frames since
}

var _ audio.Sink = (*Speaker)(nil)

// NewSpeaker returns a speaker, which is opened by Start. Options that make no sense are refused there.
func NewSpeaker(opts Options) *Speaker { return newSpeaker(process, opts) }

func newSpeaker(o *owner, opts Options) *Speaker { return &Speaker{card: newCard(o, out, opts)} }

// Channels returns 1 or 2, as the options say.
func (s *Speaker) Channels() int { return s.card.channels() }

// Start opens the device.
func (s *Speaker) Start(ctx context.Context) error {
	if err := s.card.start(ctx); err != nil {
		return err
	}
	s.pace.begin()
	s.line = nil
	return nil
}

// Stop closes the device. What waits to be played is dropped.
func (s *Speaker) Stop() error { return s.card.stop() }

// SetDevice changes the device, as Options.Device names it. While the speaker is open, the other device is opened
// first. If that fails, everything stays as it is.
func (s *Speaker) SetDevice(ctx context.Context, device string) error {
	return s.card.setDevice(ctx, device)
}

// Stats returns what the card has gone through.
func (s *Speaker) Stats() Stats { return s.card.stats() }

// WriteFrame plays f and returns when the card wants the next frame. While the device takes nothing, f is swallowed.
func (s *Speaker) WriteFrame(ctx context.Context, f audio.Frame) error {
	if err := ready(ctx, s.card, f); err != nil {
		return err
	}
	s.follow()
	s.give(f)
	for {
		now, wait := time.Now(), checkEvery
		l := s.card.line.Load()
		if l != nil {
			if l != s.line {
				return nil // another device, which waits for its first frame
			}
			if wait = s.tooEarly(l); wait <= 0 {
				return nil
			}
		}
		s.pace.look(l, now)
		late := s.pace.deadline().Sub(now)
		if late <= 0 {
			s.pace.missed(now)
			return nil
		}
		if err := s.pace.wait(ctx, min(late, max(wait, time.Millisecond))); err != nil {
			return err
		}
	}
}

// follow goes over to the device that is open now.
func (s *Speaker) follow() {
	l := s.card.line.Load()
	if l != s.line {
		s.line, s.more, s.seen = l, 0, s.card.count.underruns.Load()
	}
}

// tooEarly returns in how long the card will want the next frame.
func (s *Speaker) tooEarly(l *line) time.Duration {
	return l.after(l.waiting()-int(l.period.Load())) - s.card.asked.margin() - s.more
}

// give hands f to the card, or drops it where the card does not take what it has.
func (s *Speaker) give(f audio.Frame) {
	l := s.line
	if l == nil {
		return
	}
	s.raw = l.convert.convert(s.raw[:0], f)
	if s.tooEarly(l) > patience || l.room() < len(s.raw) {
		s.card.count.overruns.Add(1) // the card stands still: what is past is not to be played
		return
	}
	l.write(s.raw)
	l.fed.Store(1)
	s.adapt()
}

const (
	moreStep = 5 * time.Millisecond
	moreMost = 60 * time.Millisecond
	moreCalm = 1500 // frames, half a minute
)

// adapt keeps more ready after an underrun, and less again when there has been none for a while.
func (s *Speaker) adapt() {
	n := s.card.count.underruns.Load()
	s.calm++
	switch {
	case n != s.seen:
		s.more = min(s.more+moreStep, moreMost)
		s.seen, s.calm = n, 0
	case s.calm >= moreCalm:
		s.more = max(s.more-moreStep, 0)
		s.calm = 0
	}
}
