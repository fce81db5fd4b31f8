package engine

import (
	"math"
	"sync"
	"time"
)

// VolumeInterval is how often OnUserVoiceVolumeChanged is called (documents: 300 ms).
const VolumeInterval = 300 * time.Millisecond

// Speaking is the volume above which the documents' apps show somebody as speaking.
const Speaking = 25

// quietest is the level that is volume 0, in -dBov: a quiet room. Volumes are linear in decibels from there to 100, which
// is the loudest sound there is; speech is around 60, and Speaking is 45 dB below the loudest.
const quietest = 60

// meter measures how loud a stream is between two readings.
type meter struct {
	mu     sync.Mutex
	power  float64 // sum over the frames, 1 being the loudest
	frames int
}

// add takes one frame's level, as RFC 6464 has it: -dBov, 127 being silence.
func (m *meter) add(level uint8) {
	m.mu.Lock()
	m.power += powers[level&0x7f]
	m.frames++
	m.mu.Unlock()
}

// take returns the volume since the last reading, 0 to 100.
func (m *meter) take() int {
	m.mu.Lock()
	power, frames := m.power, m.frames
	m.power, m.frames = 0, 0
	m.mu.Unlock()
	if power == 0 {
		return 0
	}
	db := 10 * math.Log10(power/float64(frames))
	return int(min(max(math.Round(100*(quietest+db)/quietest), 0), 100))
}

var powers = func() (p [128]float64) {
	for level := range 127 { // 127 is no sound at all
		p[level] = math.Pow(10, -float64(level)/10)
	}
	return p
}()

// reportVolumes tells how loud those on the seats are, until the room is over.
func (m *media) reportVolumes() {
	tick := time.NewTicker(VolumeInterval)
	defer tick.Stop()
	silent := true
	for {
		select {
		case <-tick.C:
		case <-m.room.done:
			return
		}
		volumes, loud := m.volumes()
		if silent && !loud {
			continue // nothing new
		}
		silent = !loud
		m.room.post("OnUserVoiceVolumeChanged", func(o *RoomObserver) {
			if o.OnUserVoiceVolumeChanged != nil {
				o.OnUserVoiceVolumeChanged(volumes)
			}
		})
	}
}

// volumes reads the meters of those on the seats; loud is false when all are 0.
func (m *media) volumes() (volumes map[UserID]int, loud bool) {
	r, l := m.room, m.line.Load()
	volumes = map[UserID]int{}
	r.mu.Lock()
	self := r.view.Self.UserID
	for _, s := range r.view.Seats {
		if s.UserID != "" {
			volumes[s.UserID] = 0
		}
	}
	r.mu.Unlock()
	own := m.mic.meter.take()
	l.mu.Lock()
	defer l.mu.Unlock()
	for u := range volumes {
		switch ear := l.heard[u]; {
		case u == self:
			volumes[u] = own
		case ear != nil:
			volumes[u] = ear.meter.take()
		}
		loud = loud || volumes[u] > 0
	}
	return volumes, loud
}
