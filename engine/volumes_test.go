package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

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
