package portaudio

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// Microphone is an [audio.Source] that hears through a sound card.
type Microphone struct {
	card *card
	pace pace

	// The reader's.
	line  *line
	raw   []int16 // of the card
	ready []int16 // at 48 kHz, not yet given
	spare spare
}

var _ audio.Source = (*Microphone)(nil)

// NewMicrophone returns a microphone, which is opened by Start. Options that make no sense are refused there.
func NewMicrophone(opts Options) *Microphone { return newMicrophone(process, opts) }

func newMicrophone(o *owner, opts Options) *Microphone {
	return &Microphone{card: newCard(o, in, opts)}
}

// Channels returns 1 or 2, as the options say.
func (m *Microphone) Channels() int { return m.card.channels() }

// Start opens the device.
func (m *Microphone) Start(ctx context.Context) error {
	if err := m.card.start(ctx); err != nil {
		return err
	}
	m.pace.begin()
	m.line = nil
	m.ready = m.ready[:0]
	return nil
}

// Stop closes the device.
func (m *Microphone) Stop() error { return m.card.stop() }

// SetDevice changes the device, as Options.Device names it. While the microphone is open it stays so: the other device
// is opened first, and what was muted stays muted. If that fails, everything stays as it is.
func (m *Microphone) SetDevice(ctx context.Context, device string) error {
	return m.card.setDevice(ctx, device)
}

// Stats returns what the card has gone through.
func (m *Microphone) Stats() Stats { return m.card.stats() }

// ReadFrame fills f with the next 20 ms. While the device gives nothing, that is silence.
func (m *Microphone) ReadFrame(ctx context.Context, f audio.Frame) error {
	if err := ready(ctx, m.card, f); err != nil {
		return err
	}
	for {
		m.follow()
		missing := m.fetch(len(f))
		now := time.Now()
		m.pace.look(m.line, now)
		if missing == 0 {
			copy(f, m.ready)
			m.ready = m.ready[:copy(m.ready, m.ready[len(f):])]
			m.catchUp()
			return nil
		}
		late := m.pace.deadline().Sub(now)
		if late <= 0 {
			n := copy(f, m.ready) // what there is, is not kept for later
			clear(f[n:])
			m.ready = m.ready[:0]
			m.pace.missed(now)
			if m.line != nil {
				m.card.count.underruns.Add(1)
			}
			return nil
		}
		if err := m.pace.wait(ctx, min(late, max(missing, time.Millisecond), checkEvery)); err != nil {
			return err
		}
	}
}

// follow goes over to the device that is open now.
func (m *Microphone) follow() {
	l := m.card.line.Load()
	if l == m.line {
		return
	}
	m.line, m.spare = l, spare{}
	if l != nil {
		m.raw = make([]int16, l.in(audio.FrameDuration)*l.channels)
	}
}

// fetch converts what the card has given until n samples are ready, and returns how long the rest will take.
func (m *Microphone) fetch(n int) time.Duration {
	for len(m.ready) < n {
		if m.line == nil {
			return checkEvery
		}
		got := m.line.read(m.raw)
		if got == 0 {
			return audio.FrameDuration * time.Duration(n-len(m.ready)) / time.Duration(n)
		}
		m.ready = m.line.convert.convert(m.ready, m.raw[:got])
	}
	return 0
}

// catchUp drops what has piled up while the reader or the device was late: more would only be heard later.
func (m *Microphone) catchUp() {
	l := m.line
	if l == nil {
		return
	}
	waiting := l.after(l.waiting())
	if surplus := m.spare.of(waiting, 2*l.after(int(l.period.Load()))); surplus > 0 {
		l.skip(l.in(surplus) * l.channels)
		m.card.count.overruns.Add(1)
	}
}

// spare finds out how much of what waits is never needed.
type spare struct {
	frames int
	least  time.Duration
}

const (
	spareMost   = 100 * time.Millisecond // more is dropped at once
	spareFrames = 100                    // what was there during 2 s is not needed
	spareKeep   = 5 * time.Millisecond
)

// of is told what waits after each frame, and how much the card may give at a time, and returns what to drop.
func (s *spare) of(waiting, burst time.Duration) time.Duration {
	if waiting > spareMost+burst {
		*s = spare{}
		return waiting - burst
	}
	if s.frames == 0 || waiting < s.least {
		s.least = waiting
	}
	if s.frames++; s.frames < spareFrames {
		return 0
	}
	surplus := s.least - spareKeep
	*s = spare{}
	if surplus < audio.FrameDuration/2 {
		return 0 // not worth a click
	}
	return surplus
}
