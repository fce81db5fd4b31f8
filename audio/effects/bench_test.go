package effects_test

import (
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/effects"

	"github.com/stretchr/testify/require"
)

// BenchmarkProcess takes one frame of a voice, of which a second has 50.
func BenchmarkProcess(b *testing.B) {
	voice := speak(1, gliding(150, 0.2, 2), vowel)
	run := func(name string, channels int, v effects.VoiceChanger, r effects.Reverb) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			p, err := effects.New(channels)
			require.NoError(b, err)
			require.NoError(b, p.SetVoiceChanger(v))
			require.NoError(b, p.SetReverb(r))
			frame, at := audio.NewFrame(channels), 0
			tick := func() {
				for i := range frame {
					frame[i] = voice[at+i/channels]
				}
				at = (at + audio.FrameSamples) % (len(voice) - audio.FrameSamples)
				_ = p.Process(frame)
			}
			for range 50 {
				tick()
			}
			for b.Loop() {
				tick()
			}
		})
	}
	for v := effects.VoiceNone; v <= effects.VoiceEthereal; v++ {
		run("voice/"+v.String(), 1, v, effects.ReverbNone)
	}
	for r := effects.ReverbKTV; r <= effects.ReverbStudio2; r++ {
		run("reverb/"+r.String(), 1, effects.VoiceNone, r)
	}
	run("stereo/"+effects.VoiceLittleGirl.String(), 2, effects.VoiceLittleGirl, effects.ReverbNone)
	run("stereo/"+effects.ReverbMelodious.String(), 2, effects.VoiceNone, effects.ReverbMelodious)
}

// BenchmarkSetReverb is what the longest reverb costs the one who chooses it.
func BenchmarkSetReverb(b *testing.B) {
	b.ReportAllocs()
	p, err := effects.New(1)
	require.NoError(b, err)
	for b.Loop() {
		_ = p.SetReverb(effects.ReverbEthereal)
		_ = p.SetReverb(effects.ReverbNone)
	}
}
