package bot_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// opusFile writes an Ogg Opus file whose packets say in which place they are.
func opusFile(t *testing.T, name string, letter byte, packets int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	require.NoError(t, err)
	w, err := audio.NewOggWriter(f, 1)
	require.NoError(t, err)
	for i := range packets {
		require.NoError(t, w.WritePacket([]byte{0x78, letter, byte(i), 0xaa, 0xbb, 0xcc})) // 20 ms of speech
	}
	require.NoError(t, w.Close())
	return path
}
