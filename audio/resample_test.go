package audio

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestResampleToneStaysATone(t *testing.T) {
	for _, rate := range []int{8000, 11025, 16000, 22050, 24000, 32000, 44100, 96000, 192000} {
		for _, share := range []float64{0.05, 0.4, 0.8} { // of the lower rate's half
			hz := share * float64(min(rate, SampleRate)) / 2
			for _, way := range [][2]int{{rate, SampleRate}, {SampleRate, rate}} {
				t.Run(fmt.Sprintf("%d to %d at %.0f Hz", way[0], way[1], hz), func(t *testing.T) {
					got, err := Resample(sine(way[0], hz, float64(way[0]), 20000), way[0], way[1])
					require.NoError(t, err)
					want := sine(way[1], hz, float64(way[1]), 20000)
					require.Len(t, got, len(want))
					edge := len(want) / 10 // where the tone is switched on and off it is no tone
					require.Greater(t, snr(want[edge:len(want)-edge], got[edge:len(want)-edge]), 60.0)
				})
			}
		}
	}
}

func TestResampleRejectsAliases(t *testing.T) {
	for _, hz := range []float64{8200, 10000, 15000, 23000} {
		got, err := Resample(sine(SampleRate/2, hz, SampleRate, 20000), SampleRate, 16000)
		require.NoError(t, err)
		got = got[1000 : len(got)-1000]
		peak := int16(0)
		for _, s := range got {
			peak = max(peak, s, -s)
		}
		require.LessOrEqual(t, peak, int16(20), "%g Hz is 60 dB down", hz)
	}
}

func TestResampleLength(t *testing.T) {
	for _, tt := range [][4]int{ // samples, from, to, want
		{16000, 16000, 48000, 48000},
		{44100, 44100, 48000, 48000},
		{441, 44100, 48000, 480},
		{1, 48000, 8000, 1},
		{7, 48000, 8000, 2},
		{0, 16000, 48000, 0},
	} {
		got, err := Resample(make([]int16, tt[0]), tt[1], tt[2])
		require.NoError(t, err)
		require.Len(t, got, tt[3], tt)
	}
	same := []int16{1, 2}
	got, err := Resample(same, 48000, 48000)
	require.NoError(t, err)
	require.Equal(t, same, got)
	for _, bad := range [][2]int{{0, 48000}, {48000, -1}, {1, 48000}, {47999, 191999}} {
		_, err := Resample(nil, bad[0], bad[1])
		require.ErrorIs(t, err, ErrFormat)
	}
}

func TestResamplerInPiecesIsTheSame(t *testing.T) {
	in := sine(5000, 700, 44100, 9000)
	want, err := Resample(in, 44100, SampleRate)
	require.NoError(t, err)
	r, err := NewResampler(44100, SampleRate)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		var got []int16
		for rest := in; len(rest) > 0; {
			n := rapid.IntRange(0, min(len(rest), 700)).Draw(t, "n")
			if n == 0 {
				n = 1
			}
			got = r.Resample(got, rest[:n])
			rest = rest[n:]
		}
		got = r.Flush(got)
		require.Equal(t, want, got)
	})
}
