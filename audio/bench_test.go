package audio

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// jitterTick returns what happens every 20 ms on a healthy network.
func jitterTick() func() {
	b := NewJitterBuffer(JitterConfig{})
	payload := make([]byte, 80)
	n, now := 0, epoch
	return func() {
		b.Push(uint16(n), uint32(n)*FrameSamples, false, payload, now)
		b.Pop(now)
		n++
		now = now.Add(FrameDuration)
	}
}

// mixTick returns the mixing of five speakers.
func mixTick() func() {
	m, f, dst := NewMixer(1), Frame(sine(FrameSamples, 440, SampleRate, 9000)), NewFrame(1)
	return func() {
		for range 5 {
			_ = m.Add(f, 80)
		}
		_ = m.Mix(dst)
	}
}

func TestAudioPathAllocatesNothing(t *testing.T) {
	f := Frame(sine(FrameSamples, 440, SampleRate, 9000))
	var p [FrameSamples]byte
	enc, err := MuLaw.NewEncoder(EncoderConfig{})
	require.NoError(t, err)
	dec, err := MuLaw.NewDecoder(1)
	require.NoError(t, err)
	for name, tick := range map[string]func(){
		"mixer":  mixTick(),
		"level":  func() { Level(f) },
		"jitter": jitterTick(),
		"mu-law": func() { _, _ = enc.Encode(f, p[:]); _ = dec.Decode(p[:], f); _ = dec.Conceal(f) },
	} {
		require.Zero(t, testing.AllocsPerRun(200, tick), name)
	}
}

func BenchmarkMixer(b *testing.B) {
	b.ReportAllocs()
	tick := mixTick()
	for b.Loop() {
		tick()
	}
}

func BenchmarkLevel(b *testing.B) {
	b.ReportAllocs()
	f := Frame(sine(FrameSamples, 440, SampleRate, 9000))
	for b.Loop() {
		Level(f)
	}
}

func BenchmarkJitterBuffer(b *testing.B) {
	b.ReportAllocs()
	tick := jitterTick()
	for b.Loop() {
		tick()
	}
}

// BenchmarkResampler takes 20 ms from 44.1 to 48 kHz.
func BenchmarkResampler(b *testing.B) {
	b.ReportAllocs()
	r, err := NewResampler(44100, SampleRate)
	require.NoError(b, err)
	in, out := sine(882, 440, 44100, 9000), make([]int16, 0, 2*FrameSamples)
	for b.Loop() {
		out = r.Resample(out[:0], in)
	}
}

func BenchmarkJitterBufferLossy(b *testing.B) {
	b.ReportAllocs()
	j := NewJitterBuffer(JitterConfig{})
	payload, now, n := make([]byte, 80), epoch, 0
	for b.Loop() {
		if n%7 != 0 {
			j.Push(uint16(n), uint32(n)*FrameSamples, false, payload, now.Add(time.Duration(n%3)*5*time.Millisecond))
		}
		j.Pop(now)
		n++
		now = now.Add(FrameDuration)
	}
}
