//go:build !cgo

package opus_test

import (
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"

	"github.com/stretchr/testify/require"
)

func TestWithoutCgoTheErrorSaysWhatToDo(t *testing.T) {
	require.False(t, opus.Available)
	_, err := opus.Codec.NewEncoder(audio.EncoderConfig{})
	require.ErrorIs(t, err, opus.ErrNoCgo)
	_, err = opus.Codec.NewDecoder(1)
	require.ErrorIs(t, err, opus.ErrNoCgo)
	require.ErrorContains(t, err, "CGO_ENABLED=1")
}
