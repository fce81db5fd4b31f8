package speech

import (
	"math"
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"

	"github.com/stretchr/testify/require"
)

func TestVoices(t *testing.T) {
	for name, voice := range map[string][]int16{"host": Host(), "guest": Guest()} {
		t.Run(name, func(t *testing.T) {
			seconds := float64(len(voice)) / audio.SampleRate
			require.InDelta(t, 8, seconds, 1)
			peak := 0.0
			for _, s := range voice {
				peak = max(peak, math.Abs(float64(s)))
			}
			require.InDelta(t, -6, 20*math.Log10(peak/32768), 1)
		})
	}
	require.NotEqual(t, Host()[:48000], Guest()[:48000])
}

func TestCallersOwnTheirSlice(t *testing.T) {
	a := Host()
	clear(a)
	require.NotEqual(t, a, Host())
}
