package bot

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
)

func TestEncodedVoice(t *testing.T) {
	var b bytes.Buffer
	w, err := audio.NewOggWriter(&b, 2)
	require.NoError(t, err)
	for range 400 {
		require.NoError(t, w.WritePacket([]byte{0x78, 1, 2, 3}))
	}
	require.NoError(t, w.Close())
	path := filepath.Join(t.TempDir(), "a.opus")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	synctest.Test(t, func(t *testing.T) {
		ended := 0
		v := newEncoded(func(engine.MusicID, error) { ended++ })
		packet := make([]byte, audio.MaxPacket)
		_, _, err := v.ReadPacket(t.Context(), packet)
		require.ErrorIs(t, err, audio.ErrNotStarted)
		require.NoError(t, v.Start(t.Context()))
		require.ErrorIs(t, v.Start(t.Context()), audio.ErrStarted)
		require.ErrorIs(t, v.ReadFrame(t.Context(), audio.NewFrame(2)), audio.ErrPacketsOnly)
		read := func(size int) {
			n, _, err := v.ReadPacket(t.Context(), packet)
			if err != nil || n != size {
				t.Errorf("%d bytes, %v", n, err)
			}
		}
		require.Zero(t, testing.AllocsPerRun(50, func() { read(0) }), "silence")
		require.NoError(t, v.start(t.Context(), nil, piece, path))
		for range 4 {
			read(3) // what a decoder skips
		}
		require.Zero(t, testing.AllocsPerRun(50, func() { read(4) }))
		require.NoError(t, v.Stop())
		require.NoError(t, v.Start(t.Context()))
		for range 400 - 51 {
			read(4)
		}
		require.Zero(t, ended)
		read(0)
		require.Equal(t, 1, ended)
	})
}
