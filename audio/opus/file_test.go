//go:build cgo

package opus_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	libopus "github.com/hraban/opus"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
)

// Files have packets of any duration, and a place in them is found.
func TestFilesOfAnyPackets(t *testing.T) {
	said := speech.Host()[:5*audio.SampleRate]
	for _, duration := range []time.Duration{2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond} {
		t.Run(duration.String(), func(t *testing.T) {
			enc, err := libopus.NewEncoder(audio.SampleRate, 1, libopus.AppAudio)
			require.NoError(t, err)
			var file bytes.Buffer
			w, err := audio.NewOggWriter(&file, 1)
			require.NoError(t, err)
			n := int(duration.Seconds() * audio.SampleRate)
			packet := make([]byte, audio.MaxPacket)
			for i := 0; i+n <= len(said); i += n {
				size, err := enc.Encode(said[i:i+n], packet)
				require.NoError(t, err)
				require.NoError(t, w.WritePacket(packet[:size]))
			}
			require.NoError(t, w.Close())

			track, err := audio.NewTrack(bytes.NewReader(file.Bytes()), opus.Codec)
			require.NoError(t, err)
			require.InDelta(t, 5, track.Duration().Seconds(), 0.07)
			for _, from := range []time.Duration{0, 2 * time.Second} {
				require.NoError(t, track.Seek(from))
				heard := make([]int16, len(said))
				n, err := track.Read(heard)
				if err != io.EOF {
					require.NoError(t, err)
				}
				at := int(from.Seconds() * audio.SampleRate)
				r := hearing.Compare(said[at:at+n-n%audio.FrameSamples], heard[:n], hearing.Options{MaxDelay: 20 * time.Millisecond, MinCorrelation: 0.95})
				require.True(t, r.OK, "from %v: %+v", from, r)
			}
		})
	}
}
