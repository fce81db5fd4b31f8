package effects

import (
	"math"
	"sync/atomic"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// unit changes a frame in place: one slice of FrameSamples for each channel.
type unit interface {
	process(x [][]float32)
	delay() int
}

// choice is what a stage shall do. No unit means: nothing.
type choice struct {
	unit   unit
	resets int // how often everything had been forgotten before
}

func (c *choice) delay() int {
	if c.unit == nil {
		return 0
	}
	return c.unit.delay()
}

func (c *choice) process(x [][]float32) {
	if c.unit != nil {
		c.unit.process(x)
	}
}

// stage runs one unit and changes to another without a click: the new one listens for a frame, so that its delay is
// filled, and in the next frame the old one is faded into it.
type stage struct {
	want atomic.Pointer[choice] // the setters write it

	// Process's own.
	now, next *choice
	resets    int
	heard     bool // next has listened to a frame
	spare     [][]float32
	fade      []float32
	nothing   choice
}

// gentle is the number of samples, 5 ms, in which a new unit begins to hear.
const gentle = audio.FrameSamples / 4

func (s *stage) init(channels int) {
	s.now = &s.nothing
	s.want.Store(s.now)
	s.spare = buffers(channels, audio.FrameSamples)
	s.fade = make([]float32, audio.FrameSamples)
	for i := range s.fade {
		s.fade[i] = float32(0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/audio.FrameSamples))
	}
}

// turn takes up what was chosen and tells whether there is anything to do in this frame.
func (s *stage) turn() bool {
	want := s.want.Load()
	if want.resets != s.resets {
		s.resets, s.now, s.next = want.resets, &s.nothing, nil
	}
	if s.next == nil && want != s.now {
		s.next, s.heard = want, false
	}
	if s.next != nil && s.now.unit == nil && s.next.unit == nil {
		s.now, s.next = s.next, nil
	}
	return s.now.unit != nil || s.next != nil
}

func (s *stage) process(x [][]float32) {
	if s.next == nil {
		s.now.process(x)
		return
	}
	for c := range x {
		copy(s.spare[c], x[c])
	}
	s.now.process(x)
	if !s.heard { // what it listens to begins gently: a room would answer a click for seconds
		for c := range x {
			for i := range gentle {
				s.spare[c][i] *= s.fade[i*(audio.FrameSamples/gentle)]
			}
		}
	}
	s.next.process(s.spare)
	if !s.heard {
		s.heard = true
		return
	}
	for c := range x {
		old, fresh := x[c], s.spare[c]
		for i, g := range s.fade {
			old[i] += g * (fresh[i] - old[i])
		}
	}
	s.now, s.next = s.next, nil
}
