package speex

import (
	"math"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

const (
	// driftWindow is over how many captured frames, 30 s, a difference of clocks is measured. Frames come some ms early or
	// late; over so many of them that is an error of 10 ppm.
	driftWindow = 1500

	// driftMost is the greatest difference that is believed. Cards are within 100 ppm of what they say.
	driftMost = 400e-6

	// driftAgree is how far two windows in a row may be apart. A hiccup of a card looks like hundreds of ppm, once.
	driftAgree = 30e-6

	// driftNoise is what one measurement may be wrong by. Less than that, divided by the root of how many there are, is
	// taken for none: most microphones and loudspeakers are of one card, and there the echo must stay where it is.
	driftNoise = 25e-6

	// driftCount is over how many measurements, of 30 s each, the mean is taken.
	driftCount = 8

	// driftGap ends a measurement: one of the two has paused.
	driftGap = 5 * audio.FrameDuration
)

// drift measures how much faster the loudspeaker's clock runs than the microphone's, by when frames come: the lead that
// the one has over the other, in frames and fractions of them by the time since the last, grows by that much for every
// frame. The line through it is that of least squares.
type drift struct {
	rate float64 // played frames for each captured one, less 1: the mean of what was measured

	pushed, popped time.Time // the last frame of either
	lead           int       // frames played since the window began, less those captured
	n              int       // captured since then
	sum, moment    float64   // of the lead, and of the lead by its number
	before         float64   // what the window before said
	known          bool      // there was one
	count          int       // measurements in rate
}

func (d *drift) played(now time.Time) {
	if now.Sub(d.pushed) > driftGap {
		d.restart()
	}
	d.pushed = now
	d.lead++
}

func (d *drift) captured(now time.Time) {
	if now.Sub(d.popped) > driftGap || now.Sub(d.pushed) > driftGap {
		d.restart()
	}
	d.popped = now
	lead := float64(d.lead) + float64(now.Sub(d.pushed))/float64(audio.FrameDuration)
	d.sum += lead
	d.moment += lead * float64(d.n)
	d.n++
	d.lead--
	if d.n < driftWindow {
		return
	}
	n := float64(d.n)
	slope := (d.moment - d.sum*(n-1)/2) * 12 / (n * (n*n - 1))
	believed := d.known && max(slope-d.before, d.before-slope) < driftAgree
	if mean := (slope + d.before) / 2; believed && max(mean, -mean) < driftMost {
		d.believe(mean)
	}
	d.restart()
	d.before, d.known = slope, true
}

// believe takes the mean of the last measurements, unless this one is about another card.
func (d *drift) believe(rate float64) {
	if max(rate-d.rate, d.rate-rate) > driftAgree {
		d.count = 0
	}
	d.count = min(d.count+1, driftCount)
	d.rate += (rate - d.rate) / float64(d.count)
}

// follow returns the drift to follow.
func (d *drift) follow() float64 {
	if max(d.rate, -d.rate)*math.Sqrt(float64(d.count)) < driftNoise {
		return 0
	}
	return d.rate
}

// restart begins a new window. What is believed stays: the cards are the same.
func (d *drift) restart() {
	d.lead, d.n, d.sum, d.moment, d.known = 0, 0, 0, 0, false
}
