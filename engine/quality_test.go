package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// A quality that the codec does not have (µ-law is mono) is refused where it is asked for, and what was chosen stays: while
// the microphone is open, and when it is opened again.
func TestQualityThatTheCodecDoesNotHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, second := duet(t, srv)
		host.Hears(t, second)
		stream, stop, err := host.Room().Listen("second", time.Second)
		require.NoError(t, err)
		defer stop()
		require.NoError(t, stream.Start(t.Context()))
		mic := second.Room().Microphone()
		err = mic.SetAudioQuality(engine.AudioQualityMusic)
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
		require.ErrorIs(t, err, audio.ErrChannels)
		require.Equal(t, engine.AudioQualityDefault, mic.AudioQuality())
		require.ErrorIs(t, mic.SetAudioQuality(3), engine.ErrInvalidParameter)
		require.NoError(t, mic.SetAudioQuality(engine.AudioQualitySpeech))
		require.Greater(t, hearing.ToneLevel(read(t, stream, 50), second.Tone()), -20.0)
		require.NoError(t, mic.Close(t.Context()))
		require.NoError(t, mic.Open(t.Context()))
		host.Hears(t, second)
	})
}
