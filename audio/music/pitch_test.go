package music

import (
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

func shifted(t *testing.T, samples []int16, channels int, pitch float64) []int16 {
	m := &memory{samples: samples, channels: channels}
	s, err := newShifter(channels, ratio(pitch), m.Read)
	require.NoError(t, err)
	var out []int16
	part := make([]int16, 960*channels)
	for {
		n, err := s.Read(part)
		out = append(out, part[:n]...)
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
	}
}

// tone returns the amplitude of a tone, by Goertzel's filter behind a Hann window.
func tone(samples []int16, hz float64) float64 {
	k := 2 * math.Cos(2*math.Pi*hz/audio.SampleRate)
	var s1, s2 float64
	for i, v := range samples {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(len(samples)))
		s1, s2 = float64(v)*w+k*s1-s2, s1
	}
	return 4 * math.Sqrt(s1*s1+s2*s2-k*s1*s2) / float64(len(samples))
}

// power returns the mean of a tone's squared amplitude in ten times 100 ms, each of which tells 20 Hz apart.
func power(samples []int16, hz float64) float64 {
	sum := 0.0
	for i := range 10 {
		sum += math.Pow(tone(samples[24000+i*4800:][:4800], hz), 2)
	}
	return sum / 10
}

func TestPitch(t *testing.T) {
	for _, semitones := range []float64{-12, -5, -1, 4, 7.2, 12} {
		pitch := semitones / 12
		for _, hz := range []float64{110, 400, 3000} {
			in := sine(2*audio.SampleRate, hz)
			out := shifted(t, in, 1, pitch)
			require.Len(t, out, len(in), "the tempo stays")
			want := hz * float64(pitchRate(ratio(pitch))) / audio.SampleRate
			require.InDelta(t, 0, 10*math.Log10(power(out, want)/8000/8000), 1.5, "%g semitones: %g Hz", semitones, want)
		}
		// Two that do not go together: pieces fit one or the other, so each may waver, but both are there.
		a, b := sine(2*audio.SampleRate, 400), sine(2*audio.SampleRate, 1010)
		for i := range a {
			a[i] = a[i]/2 + b[i]/2
		}
		out := shifted(t, a, 1, pitch)
		for _, hz := range []float64{400, 1010} {
			want := hz * float64(pitchRate(ratio(pitch))) / audio.SampleRate
			require.InDelta(t, 0, 10*math.Log10(power(out, want)/4000/4000), 3, "%g semitones: %g Hz of two", semitones, want)
		}
	}
}

// Clicks stay where they are: the tempo does not wander.
func TestPitchKeepsTime(t *testing.T) {
	in := make([]int16, 4*audio.SampleRate)
	for at := 0; at < len(in); at += audio.SampleRate / 2 {
		for i := range 480 {
			in[at+i] = int16(12000 * math.Sin(float64(i)/8) * (1 - float64(i)/480))
		}
	}
	for _, pitch := range []float64{-0.5, 0.5} {
		out := shifted(t, in, 1, pitch)
		for at := audio.SampleRate / 2; at < len(in)-5000; at += audio.SampleRate / 2 {
			loud := 0.0
			for i := at - 960; i < at+1440; i++ {
				loud = max(loud, math.Abs(float64(out[i])))
			}
			require.Greater(t, loud, 4000.0, "near %d with pitch %g", at, pitch)
		}
	}
}

func TestPitchInStereo(t *testing.T) {
	a, b := sine(96000, 400), sine(96000, 900)
	in := make([]int16, 2*len(a))
	for i := range a {
		in[2*i], in[2*i+1] = a[i], b[i]
	}
	out := shifted(t, in, 2, 0.25)
	var left, right []int16
	for i := 0; i < len(out); i += 2 {
		left, right = append(left, out[i]), append(right, out[i+1])
	}
	up := math.Exp2(0.25)
	require.Greater(t, tone(left[24000:72000], 400*up), 6000.0)
	require.Less(t, tone(left[24000:72000], 900*up), 100.0)
	require.Greater(t, tone(right[24000:72000], 900*up), 6000.0)
}

func BenchmarkPitch(b *testing.B) {
	m := &memory{samples: sine(480000, 400), channels: 2}
	s, err := newShifter(2, ratio(0.5), func(dst []int16) (int, error) {
		if m.at >= len(m.samples) {
			m.at = 0
		}
		return m.Read(dst)
	})
	require.NoError(b, err)
	f := audio.NewFrame(2)
	for b.Loop() {
		if _, err := s.Read(f); err != nil {
			b.Fatal(err)
		}
	}
}
