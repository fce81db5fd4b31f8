package effects_test

import (
	"maps"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/effects"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// all calls f with every changer alone and every reverb alone.
func all(t *testing.T, f func(t *testing.T, v effects.VoiceChanger, r effects.Reverb)) {
	for v := effects.VoiceChild; v <= effects.VoiceEthereal; v++ {
		t.Run("voice "+v.String(), func(t *testing.T) { f(t, v, effects.ReverbNone) })
	}
	for r := effects.ReverbKTV; r <= effects.ReverbStudio2; r++ {
		t.Run("reverb "+r.String(), func(t *testing.T) { f(t, effects.VoiceNone, r) })
	}
}

// The numbers are those of the documents.
func TestNumbersAndNames(t *testing.T) {
	voices := []string{
		"none", "child", "little girl", "man", "heavy metal", "cold", "foreigner", "trapped beast", "fat otaku",
		"strong current", "heavy machinery", "ethereal",
	}
	for i, name := range voices {
		require.Equal(t, name, effects.VoiceChanger(i).String())
	}
	reverbs := []string{
		"none", "KTV", "small room", "great hall", "deep", "resonant", "metallic", "magnetic", "ethereal",
		"recording studio", "melodious", "studio 2",
	}
	for i, name := range reverbs {
		require.Equal(t, name, effects.Reverb(i).String())
	}
	require.Equal(t, []effects.VoiceChanger{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, []effects.VoiceChanger{
		effects.VoiceNone, effects.VoiceChild, effects.VoiceLittleGirl, effects.VoiceMan, effects.VoiceHeavyMetal, effects.VoiceCold,
		effects.VoiceForeigner, effects.VoiceTrappedBeast, effects.VoiceFatOtaku, effects.VoiceStrongCurrent, effects.VoiceHeavyMachinery,
		effects.VoiceEthereal,
	})
	require.Equal(t, []effects.Reverb{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, []effects.Reverb{
		effects.ReverbNone, effects.ReverbKTV, effects.ReverbSmallRoom, effects.ReverbGreatHall, effects.ReverbDeep, effects.ReverbResonant,
		effects.ReverbMetallic, effects.ReverbMagnetic, effects.ReverbEthereal, effects.ReverbRecordingStudio, effects.ReverbMelodious,
		effects.ReverbStudio2,
	})
	require.Equal(t, "VoiceChanger(12)", effects.VoiceChanger(12).String())
	require.Equal(t, "Reverb(-1)", effects.Reverb(-1).String())
}

func TestRefusals(t *testing.T) {
	for _, channels := range []int{-1, 0, 3, 6} {
		_, err := effects.New(channels)
		require.ErrorIs(t, err, audio.ErrChannels)
	}
	_, err := effects.New(3)
	require.EqualError(t, err, "effects: audio: unsupported number of channels: 3, want 1 or 2")

	p, err := effects.New(2)
	require.NoError(t, err)
	require.NoError(t, p.SetVoiceChanger(effects.VoiceMan))
	require.NoError(t, p.SetReverb(effects.ReverbDeep))
	require.ErrorIs(t, p.SetVoiceChanger(12), effects.ErrUnknown)
	require.ErrorIs(t, p.SetVoiceChanger(-1), effects.ErrUnknown)
	require.EqualError(t, p.SetReverb(12), "effects: unknown effect: reverb 12, want 0 to 11")
	require.Equal(t, effects.VoiceMan, p.VoiceChanger())
	require.Equal(t, effects.ReverbDeep, p.Reverb())
	require.ErrorIs(t, p.Process(audio.NewFrame(1)), audio.ErrFrameSize)
	require.ErrorIs(t, p.Process(nil), audio.ErrFrameSize)
}

func TestWithoutEffectsNothingChanges(t *testing.T) {
	for channels := 1; channels <= 2; channels++ {
		in := noise(0.2, 32767)
		in[7] = -32768
		p, err := effects.New(channels)
		require.NoError(t, err)
		require.Zero(t, p.Delay())
		require.Equal(t, in, through(t, p, in, channels))
	}
}

// Speech keeps its level, and speech that is as loud as can be is not cut off.
func TestLevelOfSpeech(t *testing.T) {
	loud := speech.Host()[:rate]
	for i, v := range loud {
		loud[i] = int16(min(max(2*int(v), -32768), 32767))
	}
	voices := map[string][]int16{"host": speech.Host()[:2*rate], "guest": speech.Guest()[:2*rate], "loud host": loud}
	all(t, func(t *testing.T, v effects.VoiceChanger, r effects.Reverb) {
		for name, in := range voices {
			out := processed(t, in, 1, v, r)
			change := dB(rms(out) / rms(in))
			t.Logf("%s: %+.1f dB", name, change)
			assert.InDelta(t, 0, change, 3, name)
			assert.Less(t, int(slices.Max(out)), 32767, name)
			assert.Greater(t, int(slices.Min(out)), -32767, name)
		}
	})
}

// The worst sounds there are: they come out below full scale, which only what has been cut off would reach.
func TestNothingClips(t *testing.T) {
	square := make([]int16, rate/2)
	for i := range square {
		square[i] = 32767
		if i/150%2 == 1 {
			square[i] = -32768
		}
	}
	sounds := map[string][]int16{"square": square, "noise": noise(0.5, 32767), "tone": tone(0.5, 200, 32767), "voice": speak(0.5, steady(180), vowel)}
	for i, v := range sounds["voice"] {
		sounds["voice"][i] = int16(min(max(8*int(v), -32768), 32767))
	}
	all(t, func(t *testing.T, v effects.VoiceChanger, r effects.Reverb) {
		for name, in := range sounds {
			out := processed(t, in, 1, v, r)
			assert.Less(t, int(slices.Max(out)), 32767, name)
			assert.Greater(t, int(slices.Min(out)), -32767, name)
			assert.Greater(t, rms(out[9600:]), 3000.0, name)
		}
	})
}

func TestSilenceStaysSilent(t *testing.T) {
	all(t, func(t *testing.T, v effects.VoiceChanger, r effects.Reverb) {
		require.Zero(t, rms(processed(t, make([]int16, rate/5), 1, v, r)), "from the beginning")
		seconds := 1
		switch r {
		case effects.ReverbNone:
		case effects.ReverbEthereal:
			seconds = 6
		default:
			seconds = 4
		}
		in := append(speak(0.5, steady(120), vowel), make([]int16, seconds*rate)...)
		out := processed(t, in, 1, v, r)
		require.NotZero(t, rms(out[:rate/2]))
		require.Zero(t, rms(out[len(out)-rate/2:]), "after the decay")
	})
}

// A click is a sudden step. The second difference of a low tone is small, and stays so while effects change.
func TestSwitchingDoesNotClick(t *testing.T) {
	step := func(x []int16) float64 {
		most := 0.0
		for i := 2; i < len(x); i++ {
			most = max(most, math.Abs(float64(x[i])-2*float64(x[i-1])+float64(x[i-2])))
		}
		return most
	}
	in := tone(0.4, 200, 8000)
	usual := map[[2]int]float64{}
	all(t, func(t *testing.T, v effects.VoiceChanger, r effects.Reverb) {
		usual[[2]int{int(v), int(r)}] = step(processed(t, in, 1, v, r)[7680:])
	})
	usual[[2]int{0, 0}] = step(in)
	kinds := slices.SortedFunc(maps.Keys(usual), func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	for i, from := range kinds {
		for _, further := range []int{1, 5, 12} { // not all 529 pairs
			to := kinds[(i+further)%len(kinds)]
			p, err := effects.New(1)
			require.NoError(t, err)
			choose := func(kind [2]int) {
				require.NoError(t, p.SetVoiceChanger(effects.VoiceChanger(kind[0])))
				require.NoError(t, p.SetReverb(effects.Reverb(kind[1])))
			}
			choose(from)
			out := through(t, p, in[:10560], 1)
			choose(to)
			out = append(out, through(t, p, in[10560:], 1)...)
			// Both are heard at once for a frame.
			limit := 1.5*max(usual[from], usual[to]) + 60
			require.LessOrEqual(t, step(out[7680:]), limit, "from %v to %v", from, to)
		}
	}
}

func TestSwitchingTakesThreeFrames(t *testing.T) {
	p, err := effects.New(1)
	require.NoError(t, err)
	in := speak(1, steady(120), vowel)
	require.NoError(t, p.SetVoiceChanger(effects.VoiceChild))
	require.NoError(t, p.SetVoiceChanger(effects.VoiceMan)) // before the first was taken up
	require.Equal(t, 768, p.Delay())
	out := through(t, p, in, 1)
	require.InEpsilon(t, 90, median(pitches(out[3*960:], 100, 0.4)), 0.01)
	require.NoError(t, p.SetVoiceChanger(effects.VoiceNone))
	require.Zero(t, p.Delay())
	require.Equal(t, in[3*960:], through(t, p, in, 1)[3*960:])
}

func TestResetForgets(t *testing.T) {
	p, err := effects.New(1)
	require.NoError(t, err)
	require.NoError(t, p.SetVoiceChanger(effects.VoiceMan))
	require.NoError(t, p.SetReverb(effects.ReverbEthereal))
	in := speak(0.5, steady(120), vowel)
	through(t, p, in, 1)
	p.Reset()
	require.Equal(t, effects.VoiceNone, p.VoiceChanger())
	require.Equal(t, effects.ReverbNone, p.Reverb())
	require.Zero(t, p.Delay())
	require.Equal(t, in, through(t, p, in, 1), "from the first sample on")

	// The room that is chosen next does not know what was said before, also when nothing was processed in between.
	require.NoError(t, p.SetReverb(effects.ReverbEthereal))
	through(t, p, in, 1)
	p.Reset()
	require.NoError(t, p.SetReverb(effects.ReverbEthereal))
	require.Zero(t, rms(through(t, p, make([]int16, rate), 1)))
}

func TestStereo(t *testing.T) {
	mono := speak(0.6, steady(120), vowel)
	both, left, against := make([]int16, 2*len(mono)), make([]int16, 2*len(mono)), make([]int16, 2*len(mono))
	for i, v := range mono {
		both[2*i], both[2*i+1] = v, v
		left[2*i] = v
		against[2*i], against[2*i+1] = v, -v
	}
	side := func(x []int16, c int) []int16 {
		out := make([]int16, len(x)/2)
		for i := range out {
			out[i] = x[2*i+c]
		}
		return out
	}
	all(t, func(t *testing.T, v effects.VoiceChanger, r effects.Reverb) {
		alone := processed(t, mono, 1, v, r)
		out := processed(t, both, 2, v, r)
		apart := processed(t, left, 2, v, r)
		if r == effects.ReverbNone {
			require.Equal(t, side(out, 0), side(out, 1))
			require.Equal(t, alone, side(out, 0))
			require.Zero(t, rms(side(apart, 1)), "what is on the left stays there")
			twisted := processed(t, against, 2, v, r)
			assert.InDelta(t, 0, dB(rms(side(twisted, 1))/rms(alone)), 0.5, "nothing cancels out")
			want, got := median(pitches(alone[9600:], 100, 0.4)), median(pitches(side(twisted, 1)[9600:], 100, 0.4))
			assert.InEpsilon(t, want, got, 0.01)
			return
		}
		assert.InDelta(t, 0, dB(rms(side(out, 0))/rms(alone)), 2)
		assert.InDelta(t, 0, dB(rms(side(out, 1))/rms(alone)), 2)
		assert.NotEqual(t, side(out, 0), side(out, 1), "a room has width")
		assert.Greater(t, rms(side(apart, 1)), 50.0, "and its other wall answers")
	})
}

// The setters may be called while frames are processed; the race detector watches.
func TestSettersRunBesideProcess(t *testing.T) {
	p, err := effects.New(2)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for n := range 2 {
		wg.Go(func() {
			for i := range 60 {
				_ = p.SetVoiceChanger(effects.VoiceChanger((i + n) % 12))
				_ = p.SetReverb(effects.Reverb((i * 5) % 4))
				_, _, _ = p.Delay(), p.VoiceChanger(), p.Reverb()
				if i%20 == 0 {
					p.Reset()
				}
			}
		})
	}
	in := noise(1, 9000)
	for frame := range slices.Chunk(in, 2*audio.FrameSamples) {
		require.NoError(t, p.Process(frame))
	}
	wg.Wait()
}
