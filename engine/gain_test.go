package engine_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// level waits until the user's speaker has played what is heard now, and returns how loud another's hum is in it, in dB.
func level(t *testing.T, listener, speaker *voiceroomtest.User) float64 {
	t.Helper()
	time.Sleep(400 * time.Millisecond) // virtual
	samples := listener.Speaker.Samples()
	return hearing.ToneLevel(samples[len(samples)-9600:], speaker.Tone())
}

func TestVolumesOfWhatIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, second, guest := srv.NewUser(t, "host"), srv.NewUser(t, "second"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		second.Join(t, "room")
		host.AnswerRequests(true)
		_, err := second.TakeSeat(t.Context(), 2, 0)
		require.NoError(t, err)
		require.NoError(t, second.StartMicrophone(t.Context()))
		guest.Join(t, "room")
		guest.Hears(t, host)
		guest.Hears(t, second)
		room, mic := guest.Room(), host.Room().Microphone()
		loud, other := level(t, guest, host), level(t, guest, second)
		half, more := -6.02, 3.52 // dB of 50 and 150 per cent

		for _, c := range []struct {
			name                string
			set, undo           func() error
			hostFalls, othFalls float64
		}{
			{"capture", func() error { return mic.SetCaptureVolume(50) }, func() error { return mic.SetCaptureVolume(100) }, half, 0},
			{"captured louder", func() error { return mic.SetCaptureVolume(150) }, func() error { return mic.SetCaptureVolume(100) }, more, 0},
			{"of one user", func() error { return room.SetUserVolume("host", 50) }, func() error { return room.SetUserVolume("host", 100) }, half, 0},
			{"of one user, louder", func() error { return room.SetUserVolume("second", 150) }, func() error { return room.SetUserVolume("second", 100) }, 0, more},
			{"play-out", func() error { return room.SetPlayoutVolume(50) }, func() error { return room.SetPlayoutVolume(100) }, half, half},
			{"both", func() error {
				return errors.Join(room.SetPlayoutVolume(50), room.SetUserVolume("second", 150))
			}, func() error {
				return errors.Join(room.SetPlayoutVolume(100), room.SetUserVolume("second", 100))
			}, half, half + more},
		} {
			require.NoError(t, c.set(), c.name)
			require.InDelta(t, loud+c.hostFalls, level(t, guest, host), 0.5, c.name)
			require.InDelta(t, other+c.othFalls, level(t, guest, second), 0.5, c.name)
			require.NoError(t, c.undo(), c.name)
		}
		require.InDelta(t, loud, level(t, guest, host), 0.5)

		require.NoError(t, room.SetUserVolume("host", 50))
		room.MuteRemoteAudioStream("host", true)
		guest.HearsNot(t, host)
		guest.Hears(t, second)
		second.Hears(t, host)
		room.MuteRemoteAudioStream("host", false)
		guest.Hears(t, host)
		require.InDelta(t, loud+half, level(t, guest, host), 0.5, "as loud as before")

		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		guest.Join(t, "room")
		guest.Hears(t, host)
		require.InDelta(t, loud, level(t, guest, host), 0.5, "volumes end with the room")

		for _, wrong := range []int{-1, 151} {
			require.ErrorIs(t, room.SetPlayoutVolume(wrong), engine.ErrInvalidParameter)
			require.ErrorIs(t, room.SetUserVolume("host", wrong), engine.ErrInvalidParameter)
			require.ErrorIs(t, mic.SetCaptureVolume(wrong), engine.ErrInvalidParameter)
			require.ErrorContains(t, mic.SetEarMonitorVolume(wrong), "0 to 150")
		}
	})
}

func TestEarMonitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		guest.Hears(t, host)
		mic := host.Room().Microphone()
		host.HearsNothing(t)
		mic.SetEarMonitor(true)
		host.Hears(t, host)
		loud := level(t, host, host)
		require.NoError(t, mic.SetEarMonitorVolume(50))
		require.InDelta(t, loud-6.02, level(t, host, host), 0.5)
		require.InDelta(t, level(t, guest, host), loud, 1, "as loud as the others hear it, before")
		require.NoError(t, host.MuteMicrophone(t.Context()))
		host.HearsNothing(t)
		require.NoError(t, host.UnmuteMicrophone(t.Context()))
		host.Hears(t, host)
		mic.SetEarMonitor(false)
		host.HearsNothing(t)
	})
}
