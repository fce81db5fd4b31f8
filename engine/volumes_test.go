package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Everybody sees how loud the others are and oneself, every 300 ms, and silence once.
func TestVolumeEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		require.NoError(t, host.UpdateRoomSeatMode(t.Context(), seatgrid.FreeToTake))
		_, err := guest.TakeSeat(t.Context(), 1, time.Minute)
		require.NoError(t, err)
		for _, u := range []*voiceroomtest.User{host, guest} {
			type reading struct {
				at      time.Time
				volumes map[engine.UserID]int
			}
			readings := make(chan reading, 1000)
			remove := u.Room().AddObserver(&engine.RoomObserver{OnUserVoiceVolumeChanged: func(v map[engine.UserID]int) {
				readings <- reading{time.Now(), v}
			}})
			<-readings
			first, second := <-readings, <-readings
			require.Equal(t, engine.VolumeInterval, second.at.Sub(first.at))
			// A sine of amplitude 0.2 is 17 dB below the loudest.
			require.Equal(t, map[engine.UserID]int{"host": 72, "guest": 0}, second.volumes)

			require.NoError(t, host.MuteMicrophone(t.Context()))
			time.Sleep(3 * time.Second) // virtual
			var last map[engine.UserID]int
			n := len(readings)
			for range n {
				last = (<-readings).volumes
			}
			require.LessOrEqual(t, n, 2, "silence is told once")
			require.Equal(t, map[engine.UserID]int{"host": 0, "guest": 0}, last)
			remove()
			require.NoError(t, host.UnmuteMicrophone(t.Context()))
		}
	})
}

// How often is the login's to say; never is possible too.
func TestVolumeInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		told := map[time.Duration]int{}
		for _, every := range []time.Duration{100 * time.Millisecond, 0, time.Second, -1} {
			cfg := srv.EngineConfig(t, 0, "guest")
			cfg.Codec, cfg.Speaker, cfg.VolumeInterval = audio.MuLaw, audio.NewNullSink(1), every
			eng, err := engine.Login(t.Context(), cfg)
			require.NoError(t, err)
			room, err := eng.Enter(t.Context(), "room", nil)
			require.NoError(t, err)
			require.NoError(t, room.Connected(t.Context()))
			time.Sleep(time.Second) // virtual
			room.AddObserver(&engine.RoomObserver{OnUserVoiceVolumeChanged: func(map[engine.UserID]int) { told[every]++ }})
			time.Sleep(6*time.Second + time.Millisecond)
			require.NoError(t, eng.Logout(t.Context()))
		}
		require.InDelta(t, 60, told[100*time.Millisecond], 1)
		require.InDelta(t, 20, told[0], 1)
		require.InDelta(t, 6, told[time.Second], 1)
		require.Zero(t, told[-1])

		cfg := srv.EngineConfig(t, 0, "guest")
		cfg.VolumeInterval = 99 * time.Millisecond
		_, err := engine.Login(t.Context(), cfg)
		require.ErrorContains(t, err, "Config.VolumeInterval is 99ms")
	})
}
