//go:build cgo

package main

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Codec: opus.Codec}.NewServer(t)
		host := stagetest.Open(t, srv)
		folder := filepath.Join(t.TempDir(), "evening")
		bot := stagetest.Enter(t, srv, "bot", nil, nil)
		began := time.Now()
		stop := stagetest.Start(t, func(ctx context.Context) error { return record(ctx, bot, folder) })
		mic := audio.NewPCMSource(speech.Guest(), audio.PCMOptions{Silence: true})
		guest := stagetest.Enter(t, srv, "guest", mic, nil)
		time.Sleep(time.Second) // virtual
		require.NoError(t, stage.OnAir(t.Context(), guest))
		time.Sleep(10 * time.Second)
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Second)
		require.NoError(t, stop())
		for _, name := range []string{"seat-01.opus", "mix.opus"} {
			samples, err := audio.LoadFile(filepath.Join(folder, name), opus.Codec)
			require.NoError(t, err)
			heard := samples[int(mic.Started().Sub(began)*audio.SampleRate/time.Second):]
			report := hearing.Compare(speech.Guest(), heard, hearing.Options{})
			require.True(t, report.OK, "%s: %+v", name, report)
		}
	})
}
