package engine

import (
	"maps"
	"sync/atomic"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// MaxVolume is the loudest that volumes can be set to, in per cent. 100 changes nothing, 0 is silence (documents, 0 to 150).
const MaxVolume = 150

func checkVolume(op string, volume int) error {
	if volume < 0 || volume > MaxVolume {
		return signaling.WithOp(op, signaling.Errorf(ErrInvalidParameter.Code, "volume %d; it goes from 0 to %d, and 100 changes nothing", volume, MaxVolume))
	}
	return nil
}

// gains is how loud those are played whom a room lets be heard. It ends with the room.
type gains struct {
	playout atomic.Int32                   // of everybody, in per cent
	users   atomic.Pointer[map[UserID]int] // of those who are not at 100; copied when it changes
	muted   atomic.Pointer[map[UserID]int] // who is not played, whatever the volume; the value is not used
}

// of returns how loud a user is played, in per cent.
func (g *gains) of(u UserID) int {
	if muted := g.muted.Load(); muted != nil {
		if _, is := (*muted)[u]; is {
			return 0
		}
	}
	all := int(g.playout.Load())
	if users := g.users.Load(); users != nil {
		if own, is := (*users)[u]; is {
			return all * own / 100
		}
	}
	return all
}

// with returns m with u's entry, or without it.
func with(m *map[UserID]int, u UserID, value int, is bool) *map[UserID]int {
	next := map[UserID]int{}
	if m != nil {
		maps.Copy(next, *m)
	}
	delete(next, u)
	if is {
		next[u] = value
	}
	return &next
}

func update(p *atomic.Pointer[map[UserID]int], u UserID, value int, is bool) {
	for old := p.Load(); !p.CompareAndSwap(old, with(old, u, value, is)); {
		old = p.Load()
	}
}

// SetPlayoutVolume sets how loud this room is played, 0 to [MaxVolume] per cent (documents, setAudioPlayoutVolume). It
// begins with 100 and ends with the room.
func (r *Room) SetPlayoutVolume(volume int) error {
	if err := checkVolume("SetPlayoutVolume", volume); err != nil {
		return err
	}
	if r.media != nil {
		r.media.gains.playout.Store(int32(volume))
	}
	return nil
}

// SetUserVolume sets how loud one user is played in this room, 0 to [MaxVolume] per cent, also when the user speaks in a
// connected room: the same id is the same person. Nobody is told. It may be set before the user is heard, and ends with
// the room.
func (r *Room) SetUserVolume(u UserID, volume int) error {
	if err := checkVolume("SetUserVolume", volume); err != nil {
		return err
	}
	if r.media != nil {
		update(&r.media.gains.users, u, volume, volume != 100)
	}
	return nil
}

// MuteRemoteAudioStream stops one user from being played in this room, or plays the user again, as loud as before
// (documents, muteRemoteAudioStream), also when the user speaks in a connected room. Nobody is told. It ends with the room.
func (r *Room) MuteRemoteAudioStream(u UserID, mute bool) {
	if r.media != nil {
		update(&r.media.gains.muted, u, 0, mute)
	}
}

// SetCaptureVolume sets how loud this user is for the others, 0 to [MaxVolume] per cent, before any effect. It begins with
// 100 and ends with the room.
func (m *Microphone) SetCaptureVolume(volume int) error {
	if err := checkVolume("SetCaptureVolume", volume); err != nil {
		return err
	}
	m.volume.Store(int32(volume))
	return nil
}

// SetEarMonitor lets this user hear what the others hear of the own voice, effects included, or no longer (the
// documents' ear monitor). It is off until it is asked for, and ends with the room. Through a loudspeaker it howls: it is
// for headphones. The voice comes back 20 to 60 ms late, and not while the microphone is muted.
func (m *Microphone) SetEarMonitor(on bool) { m.monitor.set(on) }

// SetEarMonitorVolume sets how loud that is, 0 to [MaxVolume] per cent.
func (m *Microphone) SetEarMonitorVolume(volume int) error {
	if err := checkVolume("SetEarMonitorVolume", volume); err != nil {
		return err
	}
	m.monitor.volume.Store(int32(volume))
	return nil
}
