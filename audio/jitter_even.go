package audio

import (
	"math"
	"time"
)

const (
	// evenWait is what every packet must have waited at least, so that one frame less leaves half a frame.
	evenWait = FrameDuration + FrameDuration/2
	// evenPatience is for how many windows packets must have come evenly, at most: a minute.
	evenPatience = 12
)

// evenness decides whether packets come so evenly that the delay may be shorter than the usual one. Its windows are of
// packets played: a talk with pauses must not begin them anew.
type evenness struct {
	played   int           // packets in this window
	shortest time.Duration // that one has waited in it
	windows  int           // in a row in which all came evenly
	patience int           // windows that it takes
	short    bool          // the delay is shorter than the usual one
}

func newEvenness() evenness { return evenness{shortest: math.MaxInt64, patience: 2} }

// still reports whether nothing speaks against the last decision.
func (e *evenness) still() bool { return e.short && e.shortest >= evenWait }

// evenly takes how long a packet that is played has waited.
func (b *JitterBuffer) evenly(waited time.Duration) {
	e := &b.even
	e.shortest = min(e.shortest, waited)
	if e.played++; e.played < jitterWindow {
		return
	}
	even := e.shortest >= evenWait
	e.played, e.shortest = 0, math.MaxInt64
	if e.short && b.stats.Target >= b.cfg.StartDelay {
		// They did not, after all, or copies have come.
		e.short = false
		if b.copies.now() == 0 {
			e.patience = min(2*e.patience, evenPatience)
		}
	}
	if !even || b.stats.Target <= b.floor() || b.stats.Target > b.cfg.StartDelay {
		e.windows = 0
		return
	}
	if e.windows++; e.windows < e.patience {
		return
	}
	e.windows, e.short = 0, true
	b.stats.Target = max(b.stats.Target-FrameDuration, b.floor())
	b.skip = 1
}
