//go:build !cgo

package speex_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio/speex"
)

func TestWithoutCgoTheErrorSaysWhatToDo(t *testing.T) {
	require.False(t, speex.Available)
	_, err := speex.New(speex.Options{})
	require.ErrorIs(t, err, speex.ErrNoCgo)
	require.ErrorContains(t, err, "apt install gcc pkg-config libspeexdsp-dev")
	require.ErrorContains(t, err, "CGO_ENABLED=1")
	_, err = speex.New(speex.Options{Channels: 7})
	require.ErrorContains(t, err, "Options.Channels", "what is wrong anyway is told first")
}
