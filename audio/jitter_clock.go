package audio

import (
	"math"
	"time"
)

const (
	clockWindow  = 2 * time.Second // in which the packet that came fastest says how the clocks stand
	clockPackets = 20              // that a window needs for that
	clockStep    = 3e-3            // s: what no clock drifts in a few windows is another way, or a queue
	clockQueue   = 5               // windows that come later before that is the way now
	// clockFade is by how much an observation counts less with each window: half after 3 minutes, in which a card that
	// warms up drifts otherwise.
	clockFade = 0.9923
	// clockSure is the standard error, in ppm, at which the drift is told; sound cards are 10 to 100 ppm off.
	clockSure = 5
	// clockSpan is how much the windows must spread besides, in s²: as 36 s without a pause do. Of few the error says little.
	clockSpan = 2000
)

// clock compares the sender's clock, which timestamps packets, with the one here: how much longer packets seem to be on
// their way as time goes on. Queues only ever make it longer, so that of each window the shortest counts; a line is laid
// through these by least squares, and its slope is the drift. Where the sender paused, or the way has changed, another line
// of the same slope begins.
type clock struct {
	any     bool
	ts      uint32    // of the last packet
	arrival time.Time // of the first packet of this line
	media   int64     // samples since then, by the sender's clock

	jitter float64 // s: RFC 3550 section 6.4.1
	last   float64 // s: how long the last packet was on its way, against the line's first

	window  time.Time // when it began
	packets int
	least   float64 // s: the shortest way in it

	base  float64 // s: the last window's that was taken
	has   bool
	queue int // windows in a row that were later than that

	line, former fit
}

// fit is what least squares need of a line: weights fade with time. Of former lines only the sums count.
type fit struct{ n, x, y, xx, xy, yy float64 }

func (f *fit) fade() {
	f.n *= clockFade
	f.xx *= clockFade
	f.xy *= clockFade
	f.yy *= clockFade
}

func (f *fit) add(x, y float64) {
	f.n++
	dx, dy := x-f.x, y-f.y
	f.x += dx / f.n
	f.y += dy / f.n
	f.xx += dx * (x - f.x)
	f.xy += dx * (y - f.y)
	f.yy += dy * (y - f.y)
}

// packet takes a packet's timestamp and arrival. pause says that what was before it is another line.
func (c *clock) packet(ts uint32, pause bool, now time.Time) {
	step := int32(ts - c.ts)
	if !c.any || pause || step > 60*SampleRate || step < -SampleRate {
		c.begin(ts, now)
		return
	}
	if step > 0 {
		c.ts = ts
		c.media += int64(step)
		step = 0
	}
	way := now.Sub(c.arrival).Seconds() - float64(c.media+int64(step))/SampleRate
	c.jitter += (math.Abs(way-c.last) - c.jitter) / 16
	c.last = way
	if c.packets == 0 || way < c.least {
		c.least = way
	}
	c.packets++
	if now.Sub(c.window) >= clockWindow {
		c.turn(now)
	}
}

// begin begins another line.
func (c *clock) begin(ts uint32, now time.Time) {
	c.any, c.ts, c.arrival, c.media, c.last = true, ts, now, 0, 0
	c.window, c.packets = now, 0
	c.another()
}

func (c *clock) another() {
	if f := &c.line; f.n > 2 {
		// One of its windows has gone into its height.
		c.former.n += f.n - 1
		c.former.xx += f.xx
		c.former.xy += f.xy
		c.former.yy += f.yy
	}
	c.line, c.has, c.queue = fit{}, false, 0
}

// turn ends a window.
func (c *clock) turn(now time.Time) {
	enough, least := c.packets >= clockPackets, c.least
	c.window, c.packets = now, 0
	if !enough {
		return
	}
	switch {
	case c.has && least > c.base+clockStep && c.queue < clockQueue:
		c.queue++
		return // a queue, which will pass
	case c.has && math.Abs(least-c.base) > clockStep:
		c.another()
	}
	c.has, c.queue, c.base = true, 0, least
	c.line.fade()
	c.former.fade()
	c.line.add(now.Sub(c.arrival).Seconds(), least*1e6)
}

// drift returns by how many parts in a million the sender's clock is faster; 0 until that is known.
func (c *clock) drift() float64 {
	xx := c.line.xx + c.former.xx
	n := c.line.n + c.former.n - 2
	if xx < clockSpan || n <= 0 {
		return 0
	}
	slope := (c.line.xy + c.former.xy) / xx
	rest := max(0, c.line.yy+c.former.yy-slope*slope*xx)
	if math.Sqrt(rest/n/xx) > clockSure {
		return 0
	}
	return -slope
}

// Restart says that what comes from now on is another sender's: the clock is measured anew. Counts go on.
func (b *JitterBuffer) Restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = clock{}
}
