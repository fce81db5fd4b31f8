package engine

import (
	"cmp"
	"math"
	"sync"
	"time"
)

// VolumeInterval is how often OnUserVoiceVolumeChanged is called, unless Config.VolumeInterval says otherwise (documents:
// 300 ms).
const VolumeInterval = 300 * time.Millisecond

const leastVolumeInterval = 100 * time.Millisecond // as with the media SDK below the documents' own

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

// reportVolumes tells how loud those on the seats are, and those of connected rooms, until the room is over.
func (m *media) reportVolumes() {
	every := cmp.Or(m.room.eng.cfg.VolumeInterval, VolumeInterval)
	if every < 0 {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	silent, silentThere := true, true
	for {
		select {
		case <-tick.C:
		case <-m.room.done:
			return
		}
		if volumes, loud := m.volumes(); loud || !silent { // else there is nothing new
			silent = !loud
			m.room.post("OnUserVoiceVolumeChanged", func(o *RoomObserver) {
				if o.OnUserVoiceVolumeChanged != nil {
					o.OnUserVoiceVolumeChanged(volumes)
				}
			})
		}
		if volumes, loud := m.connectedVolumes(); loud || !silentThere {
			silentThere = !loud
			m.room.post("OnConnectedUserVoiceVolumeChanged", func(o *RoomObserver) {
				if o.OnConnectedUserVoiceVolumeChanged != nil {
					o.OnConnectedUserVoiceVolumeChanged(volumes)
				}
			})
		}
	}
}

// connectedVolumes reads the meters of those who are heard from connected rooms; loud is false when all are 0.
func (m *media) connectedVolumes() (volumes map[RoomID]map[UserID]int, loud bool) {
	l := m.line.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	volumes = map[RoomID]map[UserID]int{}
	for w, ear := range l.heard {
		if w.room == "" {
			continue
		}
		if volumes[w.room] == nil {
			volumes[w.room] = map[UserID]int{}
		}
		volume := ear.meter.take()
		volumes[w.room][w.user] = volume
		loud = loud || volume > 0
	}
	return volumes, loud
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
		switch ear := l.heard[who{user: u}]; {
		case u == self:
			volumes[u] = own
		case ear != nil:
			volumes[u] = ear.meter.take()
		}
		loud = loud || volumes[u] > 0
	}
	return volumes, loud
}
