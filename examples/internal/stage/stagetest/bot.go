package stagetest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Room is where the bots' tests meet.
const Room engine.RoomID = "room"

// Open opens the room. Whoever opens it is silent, and hears the others.
func Open(t *testing.T, srv *voiceroomtest.Server) *voiceroomtest.User {
	t.Helper()
	host := srv.NewUser(t, "host")
	_, err := host.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: Room, SeatMode: seatgrid.FreeToTake})
	require.NoError(t, err)
	return host
}

// Enter logs a member with devices of its own in, and into the room.
func Enter(t *testing.T, srv *voiceroomtest.Server, id engine.UserID, mic audio.Source, speaker audio.Sink) *seatgrid.Grid {
	t.Helper()
	cfg := srv.EngineConfig(t, 0, id)
	cfg.Codec, cfg.Microphone, cfg.Speaker = codec{cfg.Codec}, mic, speaker
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, eng.Logout(ctx))
	})
	grid := seatgrid.New(eng)
	_, err = grid.JoinVoiceRoom(t.Context(), Room)
	require.NoError(t, err)
	return grid
}

// Start runs a bot. What it returns ends the bot, and returns its error.
func Start(t *testing.T, bot func(context.Context) error) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = bot(ctx) })
	stop = func() error {
		cancel()
		wg.Wait()
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

// Tones makes a folder of WAV files of 3 s, named after their tones in Hz.
func Tones(t *testing.T, tones map[string]float64) string {
	t.Helper()
	folder := t.TempDir()
	for name, hz := range tones {
		var samples []int16
		src, frame := audio.NewToneSource(hz, 0.25), audio.NewFrame(1)
		require.NoError(t, src.Start(t.Context()))
		for len(samples) < 3*audio.SampleRate {
			require.NoError(t, src.ReadFrame(t.Context(), frame))
			samples = append(samples, frame...)
		}
		var b bytes.Buffer
		require.NoError(t, audio.WriteWAV(&b, samples, audio.SampleRate, 1))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), b.Bytes(), 0o600))
	}
	return folder
}
