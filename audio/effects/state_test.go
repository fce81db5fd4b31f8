package effects

import (
	"math"
	"reflect"
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"

	"github.com/stretchr/testify/require"
)

// survey counts the numbers below v that are denormal, on which processors spend a hundred times as long, and those that
// are none.
func survey(v reflect.Value) (denormal, invalid int) {
	add := func(w reflect.Value) {
		d, i := survey(w)
		denormal, invalid = denormal+d, invalid+i
	}
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		least := 0x1p-126 // of float32
		if v.Kind() == reflect.Float64 {
			least = 0x1p-1022
		}
		f := v.Float()
		if f != 0 && math.Abs(f) < least {
			denormal++
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			invalid++
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			add(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			add(v.Index(i))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			add(field)
		}
	}
	return denormal, invalid
}

// After a voice has stopped everything decays, and nothing of it lingers in numbers that make the processor slow.
func TestSilenceIsNotSlow(t *testing.T) {
	check := func(name string, u unit) {
		x := buffers(2, audio.FrameSamples)
		for i := range 240 { // 4.8 s
			for c := range x {
				clear(x[c])
				for k := range x[c] {
					if i < 20 {
						x[c][k] = float32(8000 * math.Sin(float64(k)*math.Pi/120))
					} else if i < 60 {
						x[c][k] = 1 // as a bad microphone does; filters fall silent on it
					}
				}
			}
			u.process(x)
			if i > 20 && i%13 == 0 {
				denormal, invalid := survey(reflect.ValueOf(u))
				require.Zero(t, denormal, "%s: %d ms after the end", name, 20*(i-20))
				require.Zero(t, invalid, name)
			}
		}
	}
	for v := VoiceChild; v <= VoiceEthereal; v++ {
		check("voice "+v.String(), newVoice(v, 2))
	}
	for _, r := range []Reverb{ReverbKTV, ReverbSmallRoom, ReverbMetallic, ReverbMagnetic, ReverbRecordingStudio, ReverbMelodious} {
		check("reverb "+r.String(), newReverb(r, 2))
	}
}

func TestLimit(t *testing.T) {
	for v := float32(-knee); v <= knee; v += 97.5 {
		require.InDelta(t, v, limit(v), 0.5, "below the knee it is what it was")
	}
	last, step := limit(-400000), 0
	for v := float32(-400000); v <= 400000; v += 3 {
		got := limit(v)
		step = max(step, int(got)-int(last))
		if got < last || got == 32767 || got < -32766 {
			t.Fatalf("%v becomes %d after %d: louder stays louder, below full scale", v, got, last)
		}
		last = got
	}
	require.LessOrEqual(t, step, 3, "no corner and no jump")
}

func TestProcessAllocatesNothing(t *testing.T) {
	f := audio.NewFrame(2)
	for v := VoiceNone; v <= VoiceEthereal; v++ {
		p, err := New(2)
		require.NoError(t, err)
		require.NoError(t, p.SetVoiceChanger(v))
		require.NoError(t, p.SetReverb(Reverb(v)))
		tick := func() {
			for i := range f {
				f[i] = int16(i*i%9001 - 4500)
			}
			_ = p.Process(f)
		}
		require.Zero(t, testing.AllocsPerRun(30, tick), v) // while it changes, and afterwards
	}
}

// FuzzProcess gives any samples to any pair of effects.
func FuzzProcess(f *testing.F) {
	f.Add([]byte{0, 0x80, 0xff, 0x7f}, uint8(1), uint8(1), true)
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0x40}, uint8(7), uint8(10), false)
	f.Add([]byte{}, uint8(4), uint8(6), false)
	f.Fuzz(func(t *testing.T, pattern []byte, voice, reverb uint8, stereo bool) {
		channels := 1
		if stereo {
			channels = 2
		}
		p, err := New(channels)
		require.NoError(t, err)
		require.Equal(t, int(voice) <= int(VoiceEthereal), p.SetVoiceChanger(VoiceChanger(voice)) == nil)
		require.Equal(t, int(reverb) <= int(ReverbStudio2), p.SetReverb(Reverb(reverb)) == nil)
		frame := audio.NewFrame(channels)
		at := 0
		for range 8 {
			for i := range frame {
				frame[i] = 0
				if len(pattern) > 1 {
					at %= len(pattern) - 1
					frame[i] = int16(uint16(pattern[at]) | uint16(pattern[at+1])<<8)
					at += 2
				}
			}
			require.NoError(t, p.Process(frame))
			_, invalid := survey(reflect.ValueOf(p.x))
			require.Zero(t, invalid)
		}
		_, invalid := survey(reflect.ValueOf(p.voice.now))
		require.Zero(t, invalid)
		_, invalid = survey(reflect.ValueOf(p.room.now))
		require.Zero(t, invalid)
	})
}
