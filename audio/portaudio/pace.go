package portaudio

import (
	"context"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// pace is the time that frames keep. While the card is alive its clock decides, and it is waited for; when it stands
// still for longer than patience, frames go by without it, each 20 ms after the one before.
type pace struct {
	line  *line
	beats uint64    // of the line, when looked at last
	last  time.Time // of the card's last sign of life, or of the frame that went by without
	still bool
	timer *time.Timer
}

// mostBehind is how late a frame that goes by without the card may be made up for.
const mostBehind = 5*audio.FrameDuration + patience

func (p *pace) begin() { p.line, p.last, p.still = nil, time.Now(), false }

// look sees whether the card has done anything since the last look.
func (p *pace) look(l *line, now time.Time) {
	if l == nil {
		p.line = nil
		return
	}
	if beats := l.beats.Load(); l != p.line || beats != p.beats {
		p.line, p.beats = l, beats
		p.last, p.still = now, false
	}
}

// deadline is when the card is not waited for any longer.
func (p *pace) deadline() time.Time {
	if p.still {
		return p.last.Add(audio.FrameDuration)
	}
	return p.last.Add(audio.FrameDuration + patience)
}

// missed notes that a frame went by without the card. The time of patience is made up for at once.
func (p *pace) missed(now time.Time) {
	p.still = true
	p.last = p.last.Add(audio.FrameDuration)
	if now.Sub(p.last) > mostBehind {
		p.last = now
	}
}

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
