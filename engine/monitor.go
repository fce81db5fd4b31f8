package engine

import (
	"sync"
	"sync/atomic"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// monitor brings what a microphone captures to the speaker beside it. The two keep their own time: what is late is not
// played any more, and what is not there yet is silence.
type monitor struct {
	on     atomic.Bool
	volume atomic.Int32 // in per cent

	mu     sync.Mutex // protects what follows; held to copy a frame
	frames [monitorFrames]audio.Frame
	first  int
	n      int
}

// monitorFrames is what may wait: one for the other side to be at work, one for the jitter between the two.
const monitorFrames = 2

// set begins or ends, with nothing of what was heard before.
func (m *monitor) set(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on.Store(on)
	m.n = 0
}

// put takes a frame that was captured.
func (m *monitor) put(f audio.Frame) {
	if !m.on.Load() {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n == monitorFrames {
		m.first = (m.first + 1) % monitorFrames
		m.n--
	}
	at := (m.first + m.n) % monitorFrames
	if len(m.frames[at]) != len(f) {
		m.frames[at] = make(audio.Frame, len(f)) // once: a microphone's frames are of one size
	}
	copy(m.frames[at], f)
	m.n++
}

// mix adds the next frame to what is played, if there is one.
func (m *monitor) mix(to *audio.Mixer) error {
	if !m.on.Load() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n == 0 {
		return nil
	}
	f := m.frames[m.first]
	m.first = (m.first + 1) % monitorFrames
	m.n--
	return to.Add(f, int(m.volume.Load()))
}
