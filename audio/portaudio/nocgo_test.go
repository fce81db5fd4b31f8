//go:build !cgo

package portaudio_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio/portaudio"
)

func TestWithoutCgoTheErrorSaysWhatToDo(t *testing.T) {
	require.False(t, portaudio.Available)
	mic, speaker := portaudio.NewMicrophone(portaudio.Options{}), portaudio.NewSpeaker(portaudio.Options{})
	_, list := portaudio.Devices(t.Context())
	_, rescan := portaudio.Rescan(t.Context())
	for _, err := range []error{list, rescan, mic.Start(t.Context()), speaker.Start(t.Context())} {
		require.ErrorIs(t, err, portaudio.ErrNoCgo)
		require.ErrorContains(t, err, "apt install gcc pkg-config portaudio19-dev")
		require.ErrorContains(t, err, "CGO_ENABLED=1")
	}
	require.NoError(t, mic.Stop())
	require.NoError(t, speaker.Stop())
}
