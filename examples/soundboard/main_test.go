package main

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestSoundboard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := stagetest.Tones(t, map[string]float64{"1.wav": 400, "2.wav": 900})
		srv := voiceroomtest.NewServer(t)
		host := stagetest.Open(t, srv)
		grid := stagetest.Enter(t, srv, "bot", audio.NewSilenceSource(), nil)
		keys, typed := io.Pipe()
		stop := stagetest.Start(t, func(ctx context.Context) error { return board(ctx, grid, folder, keys) })
		heard := func() string { // in the middle of a second
			time.Sleep(time.Second) // virtual
			samples := host.Speaker.Samples()
			samples = samples[len(samples)-audio.SampleRate/2:]
			return fmt.Sprint(hearing.ToneLevel(samples, 400) > -20, hearing.ToneLevel(samples, 900) > -20)
		}
		press := func(key string) {
			_, err := io.WriteString(typed, key+"\n")
			require.NoError(t, err)
		}
		require.Equal(t, "false false", heard())
		press("2")
		require.Equal(t, "false true", heard())
		press("1")
		require.Equal(t, "true true", heard(), "both at once")
		press("9")
		press("?")
		time.Sleep(2 * time.Second)
		require.Equal(t, "false false", heard(), "they are short")
		press("1")
		require.NoError(t, typed.Close())
		require.Equal(t, "true false", heard())
		require.ErrorIs(t, stop(), context.Canceled)
	})
}
