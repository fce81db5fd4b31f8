// Package netquality turns what is measured of a line into the six levels of the documents' NetworkQuality. Server and SDK
// use the same table, so that users see of themselves what the others see of them.
package netquality

import (
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Interval is how often levels are looked at and told (documents: 2 s).
const Interval = 2 * time.Second

// Unknown is a figure that has not been measured, or not of late.
const Unknown = -1

// Figures are what is known of a line. Shares are from 0 to 1; each figure may be [Unknown].
type Figures struct {
	UpLoss, DownLoss float64       // share of packets
	RoundTrip        time.Duration // to the server and back
	Jitter           time.Duration // RFC 3550 section 6.4.1
	Down             bool          // there is no path, or no longer
}

// Nothing is a line of which nothing is known.
func Nothing() Figures {
	return Figures{UpLoss: Unknown, DownLoss: Unknown, RoundTrip: Unknown, Jitter: Unknown}
}

// The greatest figures that each quality may have, from Excellent to Bad; what is beyond is VeryBad.
//
// Losses: below 1 % nothing is done about them, and one lost packet of a hundred is concealed unnoticed. To 3 % one copy
// goes along, which repairs nearly all. To 8 % two copies do. At 15 % some of what is said is lost for good, and beyond it
// words are; behind copies, single losses of 30 % are a few per cent that is made up.
//
// Round trips: a talk goes undisturbed up to 150 ms from mouth to ear, and badly from 400 ms on (ITU-T G.114). Of that a
// frame, the least jitter buffer and two sound cards take about 80 ms, and the rest is half of each end's round trip: if
// both are alike, 70 ms and 320 ms are these limits. 100 is where it begins to be noticed.
//
// Jitter: packets are waited for 40 ms from the beginning and 200 ms at most, and the latest one in a hundred is two to
// three times as late as the mean deviation that jitter is. So 15 ms cost nothing, and more than 80 ms cannot be waited for.
var (
	losses     = [...]float64{0.01, 0.03, 0.08, 0.15}
	roundTrips = [...]float64{0.100, 0.200, 0.320, 0.600} // s
	jitters    = [...]float64{0.015, 0.030, 0.050, 0.080} // s
)

// better is how far below a limit a figure has to fall before it counts as better again, so that a line at a limit does not
// go to and fro.
const better = 0.8

// Level is the quality of one line as time goes on. The zero value is a line of which nothing is known.
type Level struct{ up, down, trip, jitter, all signaling.NetworkQuality }

// Quality returns the level as a whole: that of its worst figure.
func (l Level) Quality() signaling.NetworkQuality { return l.all }

// Next takes new figures: worse at once, better when they are clearly so. Two levels are equal when nothing has changed
// that somebody should hear of.
func (l Level) Next(f Figures) Level {
	if f.Down {
		return Level{all: signaling.NetworkDown}
	}
	l = Level{
		up:     step(l.up, f.UpLoss, losses[:]),
		down:   step(l.down, f.DownLoss, losses[:]),
		trip:   step(l.trip, seconds(f.RoundTrip), roundTrips[:]),
		jitter: step(l.jitter, seconds(f.Jitter), jitters[:]),
	}
	l.all = max(l.up, l.down, l.trip, l.jitter)
	return l
}

func seconds(d time.Duration) float64 {
	if d < 0 {
		return Unknown
	}
	return d.Seconds()
}

// step returns the quality of one figure.
func step(was signaling.NetworkQuality, v float64, limits []float64) signaling.NetworkQuality {
	if v < 0 {
		return signaling.NetworkUnknown
	}
	now := quality(v, limits)
	if now < was && was <= signaling.NetworkVeryBad {
		return min(was, quality(v/better, limits))
	}
	return now
}

func quality(v float64, limits []float64) signaling.NetworkQuality {
	q := signaling.NetworkExcellent
	for _, limit := range limits {
		if v > limit {
			q++
		}
	}
	return q
}

// Info is a level as it is told, with its figures in the documents' units.
func (l Level) Info(u signaling.UserID, f Figures) signaling.NetworkInfo {
	return signaling.NetworkInfo{
		UserID: u, Quality: l.all, UpLoss: percent(f.UpLoss), DownLoss: percent(f.DownLoss),
		Delay: max(0, int(f.RoundTrip.Round(time.Millisecond)/time.Millisecond)),
	}
}

func percent(share float64) int { return int(min(max(share, 0), 1)*100 + 0.5) }
