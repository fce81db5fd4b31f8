package effects_test

import (
	"math"
	"slices"
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/effects"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ratios are the changers' pitch and formants, as their constants promise them. A pitch of 0 is tested elsewhere.
var ratios = []struct {
	voice          effects.VoiceChanger
	pitch, formant float64
}{
	{effects.VoiceNone, 1, 1},
	{effects.VoiceChild, 1.41, 1.20},
	{effects.VoiceLittleGirl, 1.78, 1.30},
	{effects.VoiceMan, 0.75, 0.86},
	{effects.VoiceHeavyMetal, 1, 1},
	{effects.VoiceCold, 0.94, 0.95},
	{effects.VoiceForeigner, 1, 1.06},
	{effects.VoiceTrappedBeast, 0.60, 0.75},
	{effects.VoiceFatOtaku, 0.88, 0.80},
	{effects.VoiceStrongCurrent, 0, 1},
	{effects.VoiceHeavyMachinery, 0, 0.92},
	{effects.VoiceEthereal, 1, 1},
}

func TestPitchAndFormants(t *testing.T) {
	require.Len(t, ratios, int(effects.VoiceEthereal)+1)
	for _, tt := range ratios {
		t.Run(tt.voice.String(), func(t *testing.T) {
			for _, hz := range []float64{120, 220} {
				in := speak(1, steady(hz), vowel)
				out := processed(t, in, 1, tt.voice, effects.ReverbNone)
				pitch := median(pitches(out[9600:], 100, 0.4)) / hz
				// Under a pitch that moves, partials touch the whole envelope.
				in = speak(2, gliding(hz, 0.3, 1.5), vowel)
				formant := formantRatio(in, processed(t, in, 1, tt.voice, effects.ReverbNone))
				t.Logf("%v Hz: pitch x%.3f, formants x%.3f", hz, pitch, formant)
				if tt.pitch > 0 {
					assert.InEpsilon(t, tt.pitch, pitch, 0.005)
				}
				assert.InEpsilon(t, tt.formant, formant, 0.03)
			}
		})
	}
}

// The same on speech, with its glides, its noise, its beginnings and its ends.
func TestPitchAndFormantsOfSpeech(t *testing.T) {
	for name, in := range map[string][]int16{"host": speech.Host()[:4*rate], "guest": speech.Guest()[:4*rate]} {
		before := pitches(in, 80, 0.7)
		for _, tt := range ratios {
			out := processed(t, in, 1, tt.voice, effects.ReverbNone)
			var found []float64
			for i, hz := range pitches(out, 80, 0.5) {
				if hz > 0 && before[i] > 0 {
					found = append(found, hz/before[i])
				}
			}
			require.Greater(t, len(found), 9, "%s: %v", name, tt.voice)
			pitch, formant := median(found), formantRatio(in, out)
			t.Logf("%s: %v: pitch x%.3f, formants x%.3f", name, tt.voice, pitch, formant)
			if tt.pitch > 0 && tt.voice != effects.VoiceForeigner {
				assert.InEpsilon(t, tt.pitch, pitch, 0.02, "%s: %v", name, tt.voice)
			}
			assert.InEpsilon(t, tt.formant, formant, 0.03, "%s: %v", name, tt.voice)
		}
	}
}

func TestForeignerDoublesTheMelody(t *testing.T) {
	for _, hz := range []float64{120, 220} {
		spread := func(x []int16) float64 {
			list := slices.DeleteFunc(pitches(x[48000:], 40, 0.7), func(hz float64) bool { return hz == 0 })
			for i := range list {
				list[i] = math.Log(list[i])
			}
			return slices.Max(list) - slices.Min(list)
		}
		in := speak(4, gliding(hz, 0.1, 1.5), vowel)
		out := processed(t, in, 1, effects.VoiceForeigner, effects.ReverbNone)
		t.Logf("%v Hz: from %.3f to %.3f", hz, spread(in), spread(out))
		assert.InEpsilon(t, 2, spread(out)/spread(in), 0.1)
	}
}

func TestMachineHasOneNote(t *testing.T) {
	for name, in := range map[string][]int16{
		"120 Hz": speak(1, steady(120), vowel), "220 Hz": speak(1, steady(220), vowel), "host": speech.Host()[:3*rate], "guest": speech.Guest()[:3*rate],
	} {
		out := processed(t, in, 1, effects.VoiceHeavyMachinery, effects.ReverbNone)
		found := slices.DeleteFunc(pitches(out, 100, 0.5), func(hz float64) bool { return hz == 0 })
		t.Logf("%s: %.1f Hz", name, median(found))
		assert.InEpsilon(t, 90, median(found), 0.01, name)
	}
}

// modulationRate returns the frequency between 5 and 60 Hz with which the level of x moves most.
func modulationRate(x []int16) float64 {
	const step = 48 // 1 ms
	var level []float64
	for at := 0; at+480 <= len(x); at += step {
		level = append(level, rms(x[at:][:480]))
	}
	best, rate := 0.0, 0.0
	for hz := 5.0; hz <= 60; hz += 0.1 {
		var re, im float64
		for i, v := range level {
			s, c := math.Sincos(2 * math.Pi * hz * float64(i) / 1000)
			w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(len(level)))
			re, im = re+v*w*c, im+v*w*s
		}
		if p := math.Hypot(re, im); p > best {
			best, rate = p, hz
		}
	}
	return rate
}

func TestModulation(t *testing.T) {
	for v, want := range map[effects.VoiceChanger]float64{effects.VoiceTrappedBeast: 28, effects.VoiceHeavyMachinery: 15} {
		out := processed(t, speak(2, steady(220), vowel), 1, v, effects.ReverbNone)
		got := modulationRate(out[9600:])
		t.Logf("%v: %.1f Hz", v, got)
		assert.InDelta(t, want, got, 0.3, v)
	}
}

func TestStrongCurrentMovesPartials(t *testing.T) {
	out := processed(t, tone(1, 1000, 8000), 1, effects.VoiceStrongCurrent, effects.ReverbNone)
	was := hearing.ToneLevel(tone(1, 1000, 8000), 1000)
	assert.InDelta(t, was-3, hearing.ToneLevel(out, 900), 0.3)
	assert.InDelta(t, was-3, hearing.ToneLevel(out, 1100), 0.3)
	assert.Less(t, hearing.ToneLevel(out, 1000), was-60)
}

// A tone becomes nearly a square wave, whose third partial is 9.5 dB below the first, and soft tones as much as loud ones.
func TestHeavyMetalSaturates(t *testing.T) {
	for _, amplitude := range []float64{1000, 20000} {
		out := processed(t, tone(1, 440, amplitude), 1, effects.VoiceHeavyMetal, effects.ReverbNone)[4800:]
		first := hearing.ToneLevel(out, 440)
		t.Logf("amplitude %v: third partial %.1f dB, fifth %.1f dB", amplitude, hearing.ToneLevel(out, 1320)-first, hearing.ToneLevel(out, 2200)-first)
		assert.InDelta(t, -9.5, hearing.ToneLevel(out, 1320)-first, 2.5)
		assert.Less(t, hearing.ToneLevel(out, 880), first-40)
	}
}

// gains returns what an effect makes of noise, in dB for each band.
func gains(t *testing.T, v effects.VoiceChanger, r effects.Reverb, bands ...[2]float64) []float64 {
	t.Helper()
	in := noise(2, 3000)
	before, after := spectrum(in), spectrum(processed(t, in, 1, v, r))
	list := make([]float64, len(bands))
	for i, b := range bands {
		list[i] = bandLevel(after, b[0], b[1]) - bandLevel(before, b[0], b[1])
	}
	return list
}

func TestColours(t *testing.T) {
	middle := [2]float64{700, 1400}
	for _, tt := range []struct {
		voice     effects.VoiceChanger
		reverb    effects.Reverb
		band      [2]float64
		want, off float64
	}{
		{effects.VoiceCold, 0, [2]float64{250, 350}, 5, 2},
		{effects.VoiceCold, 0, [2]float64{6000, 7000}, -22, 4},
		{effects.VoiceHeavyMetal, 0, [2]float64{12000, 16000}, -22, 4},
		{effects.VoiceFatOtaku, 0, [2]float64{60, 120}, 4, 1.5},
		{effects.VoiceEthereal, 0, [2]float64{9000, 12000}, 6, 1.5},
		{effects.VoiceEthereal, 0, [2]float64{40, 90}, -17, 4},
		{0, effects.ReverbDeep, [2]float64{40, 120}, 4, 1.5},
		{0, effects.ReverbResonant, [2]float64{2300, 2700}, 2.5, 1.5},
		{0, effects.ReverbMagnetic, [2]float64{40, 120}, 6, 1.5},
		{0, effects.ReverbStudio2, [2]float64{10000, 15000}, 3, 1.5},
		{0, effects.ReverbSmallRoom, [2]float64{10000, 15000}, 0, 1.5},
	} {
		g := gains(t, tt.voice, tt.reverb, middle, tt.band)
		t.Logf("%v, %v: %v Hz are %.1f dB louder", tt.voice, tt.reverb, tt.band, g[1]-g[0])
		assert.InDelta(t, tt.want, g[1]-g[0], tt.off, "%v, %v", tt.voice, tt.reverb)
	}
}

// noise returns white noise, always the same.
func noise(seconds, amplitude float64) []int16 {
	out := make([]int16, int(seconds*rate))
	state := uint32(1)
	for i := range out {
		state = state*1664525 + 1013904223
		out[i] = int16(amplitude * (float64(state>>8)/(1<<23) - 1))
	}
	return out
}

// A chorus of 0.5 Hz repeats every two seconds, and not earlier.
func TestEtherealVoiceMoves(t *testing.T) {
	out := processed(t, tone(7, 1000, 8000), 1, effects.VoiceEthereal, effects.ReverbNone)[rate:]
	var level []float64
	for at := 0; at+480 <= len(out); at += 480 {
		level = append(level, rms(out[at:][:480]))
	}
	again := func(seconds float64) float64 {
		n := int(seconds * rate / 480)
		return correlation(level[:300], level[n:n+300])
	}
	assert.Greater(t, again(2), 0.99)
	for _, earlier := range []float64{0.25, 0.5, 1, 1.5} {
		assert.Less(t, again(earlier), 0.8, earlier)
	}
}

// envelopeDelay returns by how many milliseconds b's strength follows a's.
func envelopeDelay(a, b []int16) float64 {
	strength := func(x []int16) []float64 {
		var list []float64
		for at := 0; at+480 <= len(x); at += 48 {
			list = append(list, rms(x[at:][:480]))
		}
		return list
	}
	x, y := strength(a), strength(b)
	best, at := math.Inf(-1), 0
	for lag := range 60 {
		if c := correlation(x[:len(x)-60], y[lag:][:len(x)-60]); c > best {
			best, at = c, lag
		}
	}
	return float64(at)
}

// syllables is a voice that is silent for 150 of every 450 ms.
func syllables(hz float64) []int16 {
	x := speak(2, steady(hz), vowel)
	for i := range x {
		if i/7200%3 == 0 {
			x[i] = 0
		}
	}
	return x
}

// The ear's range is that of voices, from a deep bass to a child's cry.
func TestRangeOfVoices(t *testing.T) {
	for _, hz := range []float64{72, 80, 100, 160, 300, 400, 480} {
		in := syllables(hz)
		out := processed(t, in, 1, effects.VoiceMan, effects.ReverbNone)
		found := slices.DeleteFunc(pitches(out, 50, 0.6), func(hz float64) bool { return hz == 0 })
		delay := envelopeDelay(in, out)
		t.Logf("%v Hz: pitch x%.3f, %.0f ms later", hz, median(found)/hz, delay)
		assert.InEpsilon(t, 0.75, median(found)/hz, 0.01, hz)
		assert.LessOrEqual(t, delay, 20.0, hz)
	}
}

func TestDelayIsAtMostAFrame(t *testing.T) {
	sounds := map[string][]int16{
		"85 Hz": syllables(85), "120 Hz": syllables(120), "220 Hz": syllables(220), "host": speech.Host()[:2*rate], "guest": speech.Guest()[:2*rate],
	}
	for _, tt := range ratios {
		p, err := effects.New(1)
		require.NoError(t, err)
		require.NoError(t, p.SetVoiceChanger(tt.voice))
		want := 1000 * float64(p.Delay()) / rate
		require.LessOrEqual(t, p.Delay(), audio.FrameSamples)
		for name, in := range sounds {
			got := envelopeDelay(in, processed(t, in, 1, tt.voice, effects.ReverbNone))
			t.Logf("%v: %s: %.0f ms, said %.0f ms", tt.voice, name, got, want)
			assert.LessOrEqual(t, got, 20.0, "%v: %s", tt.voice, name)
			if p.Delay() > 0 {
				assert.InDelta(t, want, got, 5, "%v: %s", tt.voice, name)
			}
		}
		// A click: where it is heard at once, or where its middle is.
		in := make([]int16, rate/2)
		in[20000] = 20000
		out := processed(t, in, 1, tt.voice, effects.ReverbNone)
		if p.Delay() == 0 {
			assert.Zero(t, rms(out[:20000]), tt.voice)
			assert.NotZero(t, out[20000], tt.voice)
			continue
		}
		var sum, moment float64
		for i, v := range out {
			sum += float64(v) * float64(v)
			moment += float64(v) * float64(v) * float64(i-20000)
		}
		t.Logf("%v: a click comes %.0f samples later, said %d", tt.voice, moment/sum, p.Delay())
		assert.InDelta(t, p.Delay(), moment/sum, 40, tt.voice)
	}
}
