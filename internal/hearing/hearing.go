// Package hearing judges what came out of a call: [Compare] says whether what was heard is what was said, [Silent] whether
// nothing was, and [ToneLevel] how much of one tone there is. It asks what a listener would ask (is it the same voice,
// as loud, without holes, soon enough) rather than whether packets arrived. Everything is at 48 kHz mono.
package hearing

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

const (
	windowLen   = audio.SampleRate / 2   // 500 ms: some syllables, short enough for a delay that wanders
	stepLen     = audio.SampleRate / 100 // 10 ms, so that a lost frame of 20 ms always covers a whole step
	searchRate  = 4000                   // the rate at which the delay is first looked for: enough for voices, and 4 times as fast as 8000
	speechBelow = 30.0                   // dB under the loudest step that still count as speech
	missBelow   = 20.0                   // dB under what was said from which it counts as missing
	gapSteps    = 4                      // a run of more missing steps (40 ms) is a gap that people notice
	minSpeech   = 0.4                    // share of a window that must be speech to be aligned by
	trustworthy = 0.5                    // correlation below which a window's own delay is worth nothing
	floor       = -99.0                  // dB written for nothing at all: JSON has no infinity
)

// Options are the limits of what is good. The zero value is what calls on a good network must reach.
type Options struct {
	MaxDelay       time.Duration // where to look for what was said; 0 means 300 ms
	MinCorrelation float64       // 0 means 0.8
	MaxLevel       float64       // dB that it may be louder or softer; 0 means 3
	MaxMissing     float64       // percent of speech, exclusive; 0 means 2
}

func (o Options) withDefaults() Options {
	o.MaxDelay = cmp.Or(max(o.MaxDelay, 0), 300*time.Millisecond)
	o.MinCorrelation = cmp.Or(o.MinCorrelation, 0.8)
	o.MaxLevel = cmp.Or(o.MaxLevel, 3)
	o.MaxMissing = cmp.Or(o.MaxMissing, 2)
	return o
}

// Report is what [Compare] found.
type Report struct {
	Correlation float64 `json:"correlation"` // median over windows of 500 ms, 1 is identical
	LevelDB     float64 `json:"level_db"`    // heard against said
	MissingPct  float64 `json:"missing_pct"` // share of speech that was not heard
	Gaps        int     `json:"gaps"`        // holes in speech of more than 40 ms
	DelayMS     float64 `json:"delay_ms"`    // median over windows
	OK          bool    `json:"ok"`
	Reason      string  `json:"reason,omitempty"` // why it is not ok
}

// Compare judges heard against said, both 48 kHz mono. The caller has lined them up by the clock: heard[0] is what was
// heard at the moment when said[0] was spoken, so that what is looked for lies 0 to MaxDelay later. Each window of
// 500 ms with speech is aligned by itself, because a jitter buffer changes the delay during a call. Inputs in which
// nothing can be judged are not ok, with the reason.
func Compare(said, heard []int16, opts Options) Report {
	opts = opts.withDefaults()
	if len(said) < windowLen {
		return Report{LevelDB: floor, MissingPct: 100, Reason: "too little was said: less than 500 ms"}
	}
	steps := speechSteps(said)
	windows := speechWindows(steps)
	if len(windows) == 0 {
		return Report{LevelDB: floor, MissingPct: 100, Reason: "nothing was said: no speech in it"}
	}
	if energy(heard) == 0 {
		return Report{LevelDB: floor, MissingPct: 100, Reason: "nothing was heard"}
	}
	a := newAligner(said, heard, int(opts.MaxDelay.Seconds()*audio.SampleRate))
	for i := range windows {
		windows[i].lag, windows[i].correlation = a.align(windows[i].at)
	}
	return judge(said, heard, steps, windows, opts)
}

// window is 500 ms of speech and where it was found.
type window struct {
	at          int // index into said
	lag         int // samples that it was heard later
	correlation float64
}

func judge(said, heard []int16, steps []bool, windows []window, opts Options) Report {
	usual := median(windows, func(w window) float64 { return float64(w.lag) }, func(w window) bool { return w.correlation >= trustworthy })
	r := Report{
		Correlation: round(median(windows, func(w window) float64 { return w.correlation }, nil), 3),
		DelayMS:     round(usual/audio.SampleRate*1000, 1),
	}
	var saidEnergy, heardEnergy float64
	for _, w := range windows {
		saidEnergy += energy(part(said, w.at, windowLen))
		heardEnergy += energy(part(heard, w.at+w.lagOr(usual), windowLen))
	}
	r.LevelDB = round(max(decibel(heardEnergy/saidEnergy), floor), 1)

	speech, missing, run := 0, 0, 0
	for i, isSpeech := range steps {
		if !isSpeech {
			continue // a hole that spans a pause between words is one hole
		}
		speech++
		at := i * stepLen
		lag := nearest(windows, at).lagOr(usual)
		if lost(part(said, at, stepLen), part(heard, at+lag, stepLen)) {
			missing++
			if run++; run == gapSteps+1 {
				r.Gaps++
			}
		} else {
			run = 0
		}
	}
	r.MissingPct = round(100*float64(missing)/float64(speech), 1)

	var reasons []string
	if r.Correlation < opts.MinCorrelation {
		reasons = append(reasons, fmt.Sprintf("it is not what was said: correlation %.3f, want %.2f", r.Correlation, opts.MinCorrelation))
	}
	if math.Abs(r.LevelDB) > opts.MaxLevel {
		reasons = append(reasons, fmt.Sprintf("level %+.1f dB, want within %g", r.LevelDB, opts.MaxLevel))
	}
	if r.MissingPct >= opts.MaxMissing {
		reasons = append(reasons, fmt.Sprintf("%.1f %% is missing, want less than %g", r.MissingPct, opts.MaxMissing))
	}
	r.OK, r.Reason = len(reasons) == 0, strings.Join(reasons, "; ")
	return r
}

// lagOr returns the window's delay, or the usual one if the window was not found.
func (w window) lagOr(usual float64) int {
	if w.correlation < trustworthy {
		return int(usual)
	}
	return w.lag
}

// speechSteps says of each whole step of 10 ms whether it is speech.
func speechSteps(said []int16) []bool {
	steps := make([]bool, len(said)/stepLen)
	loudest := 0.0
	for i := range steps {
		loudest = max(loudest, energy(part(said, i*stepLen, stepLen)))
	}
	least := loudest * math.Pow(10, -speechBelow/10)
	for i := range steps {
		e := energy(part(said, i*stepLen, stepLen))
		steps[i] = e > 0 && e >= least
	}
	return steps
}

func speechWindows(steps []bool) (windows []window) {
	const n = windowLen / stepLen
	for i := 0; i+n <= len(steps); i += n {
		speech := 0
		for _, s := range steps[i : i+n] {
			if s {
				speech++
			}
		}
		if float64(speech) >= minSpeech*n {
			windows = append(windows, window{at: i * stepLen})
		}
	}
	return windows
}

func nearest(windows []window, at int) window {
	best := windows[0]
	for _, w := range windows {
		if distance(w, at) < distance(best, at) {
			best = w
		}
	}
	return best
}

func distance(w window, at int) int { return max(w.at-at, at-(w.at+windowLen-1), 0) }

func lost(said, heard []int16) bool {
	return energy(heard) < energy(said)*math.Pow(10, -missBelow/10)
}

// part returns n samples from at on, fewer at the end.
func part(s []int16, at, n int) []int16 {
	at = min(at, len(s))
	return s[at:min(at+n, len(s))]
}

func energy(s []int16) float64 {
	var sum int64
	for _, v := range s {
		sum += int64(v) * int64(v)
	}
	return float64(sum)
}

func decibel(power float64) float64 { return 10 * math.Log10(power) }

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p)/p + 0 // no negative zero
}

// median of what value gives for the windows that count, 0 if none does.
func median(windows []window, value func(window) float64, counts func(window) bool) float64 {
	var vs []float64
	for _, w := range windows {
		if counts == nil || counts(w) {
			vs = append(vs, value(w))
		}
	}
	if len(vs) == 0 {
		return 0
	}
	slices.Sort(vs)
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}
