package bot_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/bot"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// A bot that has something to say sits down when it is invited: while it waits for an answer to its application, and again
// when it has been taken off its seat.
func TestInvitedBotSitsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		h := host(t, srv, engine.ApplyToTake)
		b := run(t, srv, "bot", bot.Config{Play: []string{wav(t, "a.wav", tone(t, 500, 30*time.Second))}, Hear: []bot.Ear{{User: "host", Out: &lines{}}}})
		hums := func() bool {
			time.Sleep(2 * time.Second) // virtual
			samples := h.Speaker.Samples()
			return loud(samples[len(samples)-audio.SampleRate/4:], 500)
		}
		require.False(t, hums())
		require.Len(t, h.PendingRequests(), 1, "its application")
		invite := func() {
			t.Helper()
			res, err := h.TakeUserOnSeatByAdmin(t.Context(), 2, "bot", time.Minute)
			require.NoError(t, err)
			require.Equal(t, seatgrid.Accepted, res.Type)
			require.Equal(t, 2, seatOf(h.Grid, "bot"))
		}
		invite()
		require.Empty(t, h.PendingRequests())
		require.True(t, hums())

		require.NoError(t, h.KickUserOffSeatByAdmin(t.Context(), "bot"))
		require.False(t, hums())
		invite()
		require.True(t, hums(), "it goes on")
		b.cancel()
		require.False(t, b.wait().Failed)
		require.Contains(t, b.said(), "host has invited the bot to a seat.\n")
	})
}

// One that only listens says no, so that who has invited it does not wait.
func TestBotWithoutAVoiceDeclines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		h := host(t, srv, engine.ApplyToTake)
		b := run(t, srv, "bot", bot.Config{Hear: []bot.Ear{{User: "host", Out: &lines{}}}})
		time.Sleep(time.Second) // virtual
		begun := time.Now()
		res, err := h.TakeUserOnSeatByAdmin(t.Context(), 2, "bot", time.Minute)
		require.NoError(t, err)
		require.Equal(t, seatgrid.Rejected, res.Type)
		require.Less(t, time.Since(begun), 5*time.Second)
		time.Sleep(time.Second) // virtual
		b.cancel()
		require.False(t, b.wait().Failed)
		require.Contains(t, b.said(), "it has declined: it has nothing to say")
	})
}
