package hearing

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
)

func score(t *testing.T, said, heard []int16) float64 {
	t.Helper()
	s, err := Score(said, heard, 300*time.Millisecond)
	require.NoError(t, err)
	return s
}

// falls checks that a score gets worse step by step, each time by at least a little.
func falls(t *testing.T, what string, scores []float64) {
	t.Helper()
	t.Log(what, scores)
	for i := 1; i < len(scores); i++ {
		require.Less(t, scores[i], scores[i-1]-0.3, "%s: %v", what, scores)
	}
}

// noisy adds white noise db above full scale.
func noisy(s []int16, db float64) []int16 {
	rnd := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, len(s))
	for i, v := range s {
		out[i] = int16(max(min(float64(v)+rnd.NormFloat64()*fullScale*math.Pow(10, db/20), 32767), -32768))
	}
	return out
}

// muffled is without what lies above hz: two poles.
func muffled(s []int16, hz float64) []int16 {
	k := 1 - math.Exp(-2*math.Pi*hz/audio.SampleRate)
	a, b := 0.0, 0.0
	out := make([]int16, len(s))
	for i, v := range s {
		a += k * (float64(v) - a)
		b += k * (a - b)
		out[i] = int16(b)
	}
	return out
}

// losing silences a share of the frames by chance; of two shares the larger loses what the smaller loses, and more.
func losing(s []int16, share float64) []int16 {
	rnd := rand.New(rand.NewPCG(3, 4))
	out := append([]int16(nil), s...)
	for i := 0; i < len(out); i += audio.FrameSamples {
		if rnd.Float64() < share {
			clear(part(out, i, audio.FrameSamples))
		}
	}
	return out
}

func TestScore(t *testing.T) {
	for name, said := range map[string][]int16{"host": speech.Host(), "guest": speech.Guest()} {
		t.Run(name, func(t *testing.T) {
			said := said[:2*audio.SampleRate] // the race detector makes a score slow
			require.Equal(t, 100.0, score(t, said, said))
			require.Greater(t, score(t, said, delayed(said, 37)), 99.9, "a delay does not count")
			require.Greater(t, score(t, said, scaled(said, -12)), 99.0, "nor does a volume")
			require.Greater(t, score(t, said, delayed(scaled(said, -6), 250)), 99.0)
			late := delayed(said, 20)
			late = append(append(append([]int16(nil), late[:48000]...), make([]int16, 20*48)...), late[48000:]...)
			require.Greater(t, score(t, said, late), 93.0, "a delay that changes counts where it changes")

			if name == "guest" {
				return // the rest takes its time
			}
			var noise, loss, low []float64
			for _, db := range []float64{-100, -70, -40, -20} {
				noise = append(noise, score(t, said, noisy(said, db)))
			}
			falls(t, "noise", noise)
			for _, share := range []float64{0, 0.05, 0.1, 0.3} {
				loss = append(loss, score(t, said, losing(said, share)))
			}
			falls(t, "loss", loss)
			for _, hz := range []float64{20000, 8000, 2000, 500} {
				low = append(low, score(t, said, muffled(said, hz)))
			}
			falls(t, "low-pass", low)
		})
	}
	require.Less(t, score(t, speech.Host(), speech.Guest()), 30.0, "somebody else")
	require.Less(t, score(t, speech.Host(), noisy(make([]int16, len(speech.Host())), -20)), 20.0, "noise alone")
}

func TestScoreNothingToJudge(t *testing.T) {
	voice := speech.Host()
	_, err := Score(voice[:windowLen-1], voice, 0)
	require.ErrorIs(t, err, ErrTooShort)
	_, err = Score(make([]int16, 96000), voice, 0)
	require.ErrorIs(t, err, ErrNoSpeech)
	for _, heard := range [][]int16{nil, make([]int16, 96000)} {
		s, err := Score(voice, heard, 0)
		require.NoError(t, err)
		require.Zero(t, s)
	}
}

func TestFFT(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var x [scoreFFT]complex128
	for i := range x {
		x[i] = complex(rnd.NormFloat64(), rnd.NormFloat64())
	}
	y := x
	fft(&y)
	for _, k := range []int{0, 1, 7, 511, 512, 1023} {
		var want complex128
		for i, v := range x {
			want += v * cmplx.Rect(1, -2*math.Pi*float64(k*i%scoreFFT)/scoreFFT)
		}
		require.Less(t, cmplx.Abs(want-y[k]), 1e-9)
	}
	require.Equal(t, 3, edges[0])
	for b := range scoreBands {
		require.Less(t, edges[b], edges[b+1])
	}
	require.InDelta(t, 8980, float64(edges[scoreBands])*audio.SampleRate/scoreFFT, 50)
}
