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

func TestMusicbot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := stagetest.Tones(t, map[string]float64{"a.wav": 400, "b.wav": 900, "cover.jpg": 1})
		srv := voiceroomtest.NewServer(t)
		host := stagetest.Open(t, srv)
		grid := stagetest.Enter(t, srv, "bot", audio.NewSilenceSource(), nil)
		keys, typed := io.Pipe()
		stop := stagetest.Start(t, func(ctx context.Context) error { return play(ctx, grid, folder, keys) })
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
		require.Equal(t, "true false", heard())
		press("n")
		require.Equal(t, "false true", heard())
		press("p")
		require.Equal(t, "false false", heard())
		require.Equal(t, "false false", heard())
		press("p")
		require.Equal(t, "false true", heard())
		time.Sleep(time.Second)
		require.Equal(t, "true false", heard(), "the second one is over, and it begins again")
		require.NoError(t, typed.Close())
		time.Sleep(2500 * time.Millisecond)
		require.Equal(t, "false true", heard())
		require.ErrorIs(t, stop(), context.Canceled)
	})
}
