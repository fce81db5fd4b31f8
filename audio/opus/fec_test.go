//go:build cgo

package opus

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
)

func TestHasFEC(t *testing.T) {
	for _, tt := range []struct {
		name     string
		cfg      audio.EncoderConfig
		has, not float64 // share of the packets, at least and at most
	}{
		{"prepared for loss", audio.EncoderConfig{FEC: true, ExpectedLoss: 20, Voice: true, Bitrate: 32000}, 0.6, 1},
		{"no loss expected", audio.EncoderConfig{FEC: true, Voice: true, Bitrate: 32000}, 0, 0},
		{"FEC off", audio.EncoderConfig{ExpectedLoss: 20, Voice: true, Bitrate: 32000}, 0, 0},
		{"stereo", audio.EncoderConfig{FEC: true, ExpectedLoss: 20, Voice: true, Bitrate: 48000, Channels: 2}, 0.6, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			channels := max(tt.cfg.Channels, 1)
			enc, err := Codec.NewEncoder(tt.cfg)
			require.NoError(t, err)
			samples := speech.Host()
			n, has := 0, 0
			p := make([]byte, audio.MaxPacket)
			for ; len(samples) >= audio.FrameSamples; samples = samples[audio.FrameSamples:] {
				f := audio.NewFrame(channels)
				for i := range f {
					f[i] = samples[i/channels]
				}
				size, err := enc.Encode(f, p)
				require.NoError(t, err)
				n++
				if HasFEC(p[:size]) {
					has++
				}
			}
			share := float64(has) / float64(n)
			t.Logf("%.2f", share)
			require.GreaterOrEqual(t, share, tt.has)
			require.LessOrEqual(t, share, tt.not)
		})
	}
}

func FuzzHasFEC(f *testing.F) {
	f.Add([]byte{0x4c, 0x40})
	f.Fuzz(func(t *testing.T, p []byte) {
		if HasFEC(p) && p[0]&0x80 != 0 {
			t.Error("music alone has no copies")
		}
	})
}
