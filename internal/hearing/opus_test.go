//go:build cgo

package hearing

import (
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"

	"github.com/stretchr/testify/require"
)

// coded sends samples through Opus, losing every lose-th packet to concealment.
func coded(t *testing.T, samples []int16, lose int) []int16 {
	t.Helper()
	return codedAt(t, samples, 32000, lose)
}

func codedAt(t *testing.T, samples []int16, bitrate, lose int) []int16 {
	t.Helper()
	enc, err := opus.Codec.NewEncoder(audio.EncoderConfig{Bitrate: bitrate, Voice: true})
	require.NoError(t, err)
	dec, err := opus.Codec.NewDecoder(1)
	require.NoError(t, err)
	var out []int16
	packet, f := make([]byte, audio.MaxPacket), audio.NewFrame(1)
	for i := 0; i < len(samples); i += audio.FrameSamples {
		clear(f[copy(f, samples[i:]):])
		n, err := enc.Encode(f, packet)
		require.NoError(t, err)
		if lose > 0 && i/audio.FrameSamples%lose == lose-1 {
			require.NoError(t, dec.Conceal(f))
		} else {
			require.NoError(t, dec.Decode(packet[:n], f))
		}
		out = append(out, f...)
	}
	return out
}

func TestCompareThroughOpus(t *testing.T) {
	for name, said := range map[string][]int16{"host": speech.Host(), "guest": speech.Guest()} {
		t.Run(name, func(t *testing.T) {
			r := Compare(said, delayed(coded(t, said, 0), 60), Options{})
			t.Logf("%+v", r)
			require.True(t, r.OK, r.Reason)
			require.InDelta(t, 66.5, r.DelayMS, 1, "Opus itself adds 6.5 ms")

			r = Compare(said, coded(t, said, 20), Options{})
			t.Logf("5 %% lost: %+v", r)
			require.True(t, r.OK, "concealment hides 5 %: "+r.Reason)
		})
	}
}

// The fewer bits and the more losses, the lower the score.
func TestScoreThroughOpus(t *testing.T) {
	said := speech.Host()[:2*audio.SampleRate]
	var rates, losses []float64
	for _, bitrate := range []int{64000, 16000, 6000} {
		rates = append(rates, score(t, said, codedAt(t, said, bitrate, 0)))
	}
	falls(t, "bit rate", rates)
	require.Greater(t, rates[0], 85.0)
	for _, lose := range []int{0, 20, 5} {
		losses = append(losses, score(t, said, coded(t, said, lose)))
	}
	falls(t, "concealed losses", losses)
}
