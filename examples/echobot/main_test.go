package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestEchobot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := stagetest.Open(t, srv)
		voice := audio.NewFeed(1, 2*late)
		bot := stagetest.Enter(t, srv, "bot", voice, audio.NewNullSink(1))
		stop := stagetest.Start(t, func(ctx context.Context) error { return echo(ctx, bot, "guest", voice) })
		mic, ear := audio.NewPCMSource(speech.Guest(), audio.PCMOptions{Silence: true}), audio.NewRecorder(1)
		guest := stagetest.Enter(t, srv, "guest", mic, ear)
		time.Sleep(5 * time.Second) // virtual
		require.NoError(t, stage.OnAir(t.Context(), guest))
		time.Sleep(11 * time.Second)
		from := mic.Started().Add(late).Sub(ear.Started())
		heard := ear.Samples()[int(from*audio.SampleRate/time.Second):]
		report := hearing.Compare(speech.Guest(), heard, hearing.Options{MaxDelay: 300 * time.Millisecond})
		require.True(t, report.OK, "%+v", report)
		t.Logf("the echo comes %.0f ms later than it should", report.DelayMS)
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Second)
		require.ErrorIs(t, stop(), engine.ErrRoomNotExist)
	})
}
