package voiceroomtest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// A whole minute of two people talking over a network that loses every twentieth packet, joins included.
func TestMinuteOfTalkWithLoss(t *testing.T) {
	wall := time.Now()
	var heard []int16
	var stats audio.JitterStats
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Loss: 0.05, Delay: 25 * time.Millisecond, Seed: 7}.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.AnswerRequests(true)
		host.Start(t, "room")
		guest.Join(t, "room")
		_, err := guest.TakeSeat(t.Context(), 1, time.Minute)
		require.NoError(t, err)
		require.NoError(t, guest.StartMicrophone(t.Context()))
		host.Hears(t, guest)
		guest.Hears(t, host)
		before := len(guest.Speaker.Samples())
		time.Sleep(time.Minute)
		heard = guest.Speaker.Samples()[before:]
		var ok bool
		stats, ok = guest.Room().AudioStats("host")
		require.True(t, ok, "the host is on one of the guest's slots")
		host.Hears(t, guest)
	})
	const second, tenth = audio.SampleRate, audio.SampleRate / 10
	require.InDelta(t, 60, float64(len(heard))/second, 0.5, "the speaker was fed without a pause")
	missing := 0
	for i := 0; i+tenth <= len(heard); i += tenth {
		if hearing.ToneLevel(heard[i:i+tenth], 430) < -35 {
			missing++
		}
	}
	require.LessOrEqual(t, missing, 6, "tenths of a second, of 600, in which the host was not heard")
	share := float64(stats.Lost) / float64(stats.Received+stats.Lost)
	require.InDelta(t, 0.0975, share, 0.03, "5 %% are lost on the way to the server and 5 %% on the way from it")
	t.Logf("a minute took %s; lost %.1f %%, frames made up: %d from nothing, %d with the next packet at hand",
		time.Since(wall).Round(time.Millisecond), 100*share, stats.Concealed, stats.FEC)
}
