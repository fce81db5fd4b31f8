//go:build cgo

package speex_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/speex"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
)

func TestNewRefuses(t *testing.T) {
	for want, o := range map[string]speex.Options{
		"Options.Channels is 3":             {Channels: 3},
		"Options.FarChannels is -1":         {FarChannels: -1},
		"Options.EchoTail is 1µs":           {EchoTail: time.Microsecond},
		"Options.EchoTail is 1m0s":          {EchoTail: time.Minute},
		"Options.NoiseSuppression is -3 dB": {NoiseSuppression: -3},
		"Options.NoiseSuppression is 61 dB": {NoiseSuppression: 61},
		"Options.Level is -90 dBov":         {Level: -90},
		"Options.Level is -21 dBov":         {Level: -21},
		"Options.Level is 2 dBov":           {Level: 2},
	} {
		_, err := speex.New(o)
		require.ErrorContains(t, err, want)
	}
	require.True(t, speex.Available)
}

func TestWrongFramesAreRefusedAndLeftAlone(t *testing.T) {
	for _, channels := range []int{1, 2} {
		p := open(t, speex.Options{Channels: channels})
		for _, n := range []int{0, 1, 959, 961, 3 * 960, (3 - channels) * 960} {
			f := make(audio.Frame, n)
			for i := range f {
				f[i] = int16(i)
			}
			before := append(audio.Frame{}, f...)
			require.ErrorIs(t, p.Process(f), audio.ErrFrameSize)
			require.Equal(t, before, f)
			if n != 960 && n != 2*960 {
				require.ErrorIs(t, p.Played(f), audio.ErrFrameSize)
			}
		}
		require.NoError(t, p.Played(audio.NewFrame(1)))
		require.NoError(t, p.Played(audio.NewFrame(2)))
		require.NoError(t, p.Process(audio.NewFrame(channels)))
	}
}

func TestCloseTwice(t *testing.T) {
	p, err := speex.New(speex.Options{})
	require.NoError(t, err)
	require.NoError(t, p.Process(audio.NewFrame(1)))
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	require.ErrorIs(t, p.Process(audio.NewFrame(1)), speex.ErrClosed)
	require.NoError(t, p.Played(audio.NewFrame(1)))
	p.SetGainControl(false)
}

// Run with -race.
func TestBothSidesAtOnce(t *testing.T) {
	p := open(t, speex.Options{})
	said := speech.Host()
	var wg sync.WaitGroup
	wg.Go(func() {
		f := audio.NewFrame(1)
		for i := range 300 {
			copy(f, said[i*960:])
			if p.Process(f) != nil {
				return // closed
			}
		}
	})
	wg.Go(func() {
		for i := range 300 {
			if err := p.Played(said[i*960 : (i+1)*960]); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for i := range 300 {
			p.SetEchoCancellation(i%2 == 0)
			p.SetNoiseSuppression(i%3 == 0)
			p.SetGainControl(i%5 == 0)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
}

func TestNothingIsAllocated(t *testing.T) {
	for _, channels := range []int{1, 2} {
		p := open(t, speex.Options{Channels: channels, FarChannels: 2})
		near, far := audio.NewFrame(channels), audio.NewFrame(1)
		copy(near, speech.Guest())
		copy(far, speech.Host())
		on := false
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if p.Played(far) != nil || p.Process(near) != nil {
				t.Error("refused")
			}
			on = !on
			p.SetNoiseSuppression(on)
		}))
	}
}

func BenchmarkProcess(b *testing.B) {
	for name, o := range map[string]speex.Options{
		"default": {}, "tail400ms": {EchoTail: 400 * time.Millisecond}, "farStereo": {FarChannels: 2},
	} {
		b.Run(name, func(b *testing.B) {
			p := open(b, o)
			near, far := audio.NewFrame(1), speech.Host()
			said, i := speech.Guest(), 0
			b.ReportAllocs()
			for b.Loop() {
				i = (i + 960) % (len(said) - 960)
				copy(near, said[i:])
				if p.Played(far[i:i+960]) != nil || p.Process(near) != nil {
					b.Fatal("refused")
				}
			}
			b.ReportMetric(100*float64(b.Elapsed())/float64(b.N)/float64(audio.FrameDuration), "%core")
		})
	}
}

func BenchmarkPlayed(b *testing.B) {
	p := open(b, speex.Options{})
	far := audio.NewFrame(2)
	b.ReportAllocs()
	for b.Loop() {
		if p.Played(far) != nil {
			b.Fatal("refused")
		}
	}
}
