package speex

import (
	"math"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

const (
	// farMost is how many played frames are kept. As many come at once only when nobody has captured for that long.
	farMost = 8

	// farWatch is over how many captured frames, a minute, one that was never needed is noticed: for the first time, and then
	// twice as many each time, up to four minutes. Else it would be left out and missed again and again where the two
	// goroutines come at about the same moment.
	farWatch    = 3000
	farPatience = 4 * farWatch

	// A sample between two is computed from two on either side, so what is read lies so much behind.
	farBehind = 3
)

// far is what has been played and not yet been compared with what was captured: a short queue, for the two goroutines
// come at their own times and, with two cards, at slightly different paces. Every frame in it makes the echo come sooner
// after what it is compared with, and an echo that comes before cannot be cancelled. So it is kept as short as the
// goroutines' unsteadiness allows:
//
//   - Empty, it gives silence, and the frame that was late makes it longer by one.
//   - One that was to spare for a minute is left out.
//   - Full, it begins anew with the newest: nothing has been captured meanwhile.
//
// Each of these moves the echo by 20 ms, which the canceller has to learn again. The difference between two clocks would
// do that every few minutes, and meanwhile move the echo by parts of a sample all the time, which is worse. So what was
// played is read a little faster or slower than it came, by the drift that was measured.
type far struct {
	channels int

	mu      sync.Mutex // protects what follows, for as long as a frame is copied
	ring    []int16
	written int     // samples per channel so far, whole frames
	read    int     // of them
	part    float64 // of a sample, after read
	stale   bool    // nothing has been read while all of this was written
	spare   int     // the least that was left behind since looked began
	looked  int     // captured frames
	watch   int     // as many are looked at
	drift   drift
}

func newFar(channels int) *far {
	const size = farMost * audio.FrameSamples
	return &far{
		channels: channels, ring: make([]int16, size*channels), written: size, read: size - farBehind, spare: math.MaxInt,
		watch: farWatch,
	}
}

// push takes a frame of 1 or 2 channels.
func (q *far) push(f audio.Frame, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := q.written * q.channels % len(q.ring)
	if err := audio.Convert(q.ring[at:at+audio.FrameSamples*q.channels], f); err != nil {
		return err
	}
	q.written += audio.FrameSamples
	if q.left() > (farMost-1)*audio.FrameSamples {
		q.read += audio.FrameSamples
		q.stale = true
	}
	q.drift.played(now)
	return nil
}

// left is how much has been written and not read.
func (q *far) left() int { return q.written - q.read }

// pop fills f with the oldest 20 ms, or with silence.
func (q *far) pop(f audio.Frame, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drift.captured(now)
	q.shorten()
	step := 1 + q.drift.follow()
	end := q.part + audio.FrameSamples*step
	switch {
	case q.left() < int(end)+farBehind:
		clear(f)
	case step == 1 && q.part == 0:
		n := copy(f, q.ring[q.read*q.channels%len(q.ring):])
		copy(f[n:], q.ring)
		q.read += audio.FrameSamples
	default:
		for i := range audio.FrameSamples {
			q.sample(f[i*q.channels:(i+1)*q.channels], q.part+float64(i)*step)
		}
		whole := math.Floor(end)
		q.read, q.part = q.read+int(whole), end-whole
	}
	q.spare = min(q.spare, q.left()-farBehind)
}

// shorten leaves out what nobody needs.
func (q *far) shorten() {
	q.looked++
	frames := 0
	switch {
	case q.stale:
		frames = q.left()/audio.FrameSamples - 1
		q.watch = farWatch
	case q.looked > q.watch:
		if frames = max(q.spare, 0) / audio.FrameSamples; frames > 0 {
			q.watch = min(2*q.watch, farPatience)
		}
	default:
		return
	}
	q.read += frames * audio.FrameSamples
	q.stale, q.looked, q.spare = false, 0, math.MaxInt
}

// sample gives what there was at so many samples after read: on the curve through the two samples around it that goes
// there in the direction from the one before to the one after (Catmull and Rom).
func (q *far) sample(dst []int16, after float64) {
	whole := int(after)
	x := after - float64(whole)
	at := (q.read + whole) * q.channels
	for c := range dst {
		y0 := float64(q.ring[(at+c-q.channels)%len(q.ring)])
		y1 := float64(q.ring[(at+c)%len(q.ring)])
		y2 := float64(q.ring[(at+c+q.channels)%len(q.ring)])
		y3 := float64(q.ring[(at+c+2*q.channels)%len(q.ring)])
		y := y1 + x/2*(y2-y0+x*(2*y0-5*y1+4*y2-y3+x*(3*(y1-y2)+y3-y0)))
		dst[c] = int16(math.Round(min(max(y, -32767), 32767)))
	}
}
