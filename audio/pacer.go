package audio

import (
	"context"
	"time"
)

// pacerCatchUp is how many frames may be made up for after a late wake-up, about what a sound card buffers.
const pacerCatchUp = 5

// Pacer paces frames on an absolute schedule, so that lateness does not add up: a file or a buffer in memory then
// behaves like a sound card. It has one user at a time and starts no goroutine. The zero value is not ready; use
// [NewPacer].
type Pacer struct {
	interval time.Duration
	next     time.Time
	timer    *time.Timer
}

// NewPacer returns a pacer whose first Wait ends one interval from now. An interval of 0 or less means [FrameDuration].
func NewPacer(interval time.Duration) *Pacer {
	if interval <= 0 {
		interval = FrameDuration
	}
	return &Pacer{interval: interval, next: time.Now().Add(interval)}
}

// Wait blocks until the next interval is over or ctx ends, and then returns the context's error; that interval can be
// waited for again. Up to 5 intervals that went by unnoticed are made up for, by waits that end at once. If there are
// more, the schedule begins anew and missed is their number.
func (p *Pacer) Wait(ctx context.Context) (missed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	wait := time.Until(p.next)
	if wait <= 0 {
		if late := int(-wait / p.interval); late > pacerCatchUp {
			missed = late
			p.next = p.next.Add(time.Duration(late) * p.interval)
		}
		p.next = p.next.Add(p.interval)
		return missed, nil
	}
	if p.timer == nil {
		p.timer = time.NewTimer(wait)
	} else {
		p.timer.Reset(wait)
	}
	select {
	case <-p.timer.C:
		p.next = p.next.Add(p.interval)
		return 0, nil
	case <-ctx.Done():
		p.timer.Stop()
		return 0, ctx.Err()
	}
}
