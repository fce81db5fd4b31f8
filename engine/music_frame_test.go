package engine

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/music"
)

// Adding music to a frame allocates nothing, and without music the frame stays as it is.
func TestMusicInAFrame(t *testing.T) { synctest.Test(t, testMusicInAFrame) }

func testMusicInAFrame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "song.wav")
	file, err := os.Create(path)
	require.NoError(t, err)
	tone := make([]int16, audio.SampleRate)
	for i := range tone {
		tone[i] = 1000
	}
	require.NoError(t, audio.WriteWAV(file, tone, audio.SampleRate, 1))
	require.NoError(t, file.Close())

	p := music.New(music.Config{Sent: true})
	defer p.Close()
	s := sentMusic{out: p.Sent()}
	f := audio.NewFrame(2)
	f[7] = 32767
	require.NoError(t, s.add(f))
	require.EqualValues(t, 32767, f[7])

	require.NoError(t, p.Start(music.Options{ID: 1, Path: path, Send: true, Loops: -1}))
	synctest.Wait() // 16 frames have been read ahead: as many as this takes
	heard := 0
	allocs := testing.AllocsPerRun(7, func() {
		clear(f)
		if err := s.add(f); err != nil {
			t.Error(err)
		}
		if f[0] == 600 && f[1] == 600 {
			heard++
		}
		s.skip()
	})
	require.Zero(t, allocs)
	require.Equal(t, 8, heard)
	require.ErrorIs(t, s.add(f[:5]), audio.ErrFrameSize)
}
