package portaudio

import (
	"context"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// pace is the time that frames keep when the card does not: each is due 20 ms after the one before. As long as the card
// works, its clock decides.
type pace struct {
	last  time.Time
	timer *time.Timer
}

// mostBehind is how far a pace that nobody asked may lie behind; that much is made up for.
const mostBehind = 5*audio.FrameDuration + patience

func (p *pace) begin() { p.last = time.Now() }

// met notes that the card was there for a frame.
func (p *pace) met(now time.Time) { p.last = now }

// missed notes that a frame went by without the card.
func (p *pace) missed(now time.Time) {
	p.last = p.last.Add(audio.FrameDuration)
	if behind := now.Sub(p.last); behind > mostBehind {
		p.last = now.Add(-patience)
	}
}

// deadline is when the card is not waited for any longer.
func (p *pace) deadline() time.Time { return p.last.Add(audio.FrameDuration + patience) }

func (p *pace) wait(ctx context.Context, d time.Duration) error {
	if p.timer == nil {
		p.timer = time.NewTimer(d)
	} else {
		p.timer.Reset(d)
	}
	select {
	case <-p.timer.C:
		return nil
	case <-ctx.Done():
		p.timer.Stop()
		return ctx.Err()
	}
}

// ready says whether a frame can be moved.
func ready(ctx context.Context, c *card, f audio.Frame) error {
	if !c.running.Load() {
		return audio.ErrNotStarted
	}
	if want := audio.FrameSamples * c.channels(); len(f) != want {
		return fmt.Errorf("%w: %d samples where %d channel(s) need %d", audio.ErrFrameSize, len(f), c.channels(), want)
	}
	return ctx.Err()
}
