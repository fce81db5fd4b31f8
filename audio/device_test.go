package audio_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/audiotest"

	"github.com/stretchr/testify/require"
)

func TestContract(t *testing.T) {
	second := make([]int16, audio.SampleRate*2)
	for name, s := range map[string]audio.Source{
		"pcm":         audio.NewPCMSource(second, audio.PCMOptions{}),
		"pcm, stereo": audio.NewPCMSource(second, audio.PCMOptions{Channels: 2}),
		"pcm, looped": audio.NewPCMSource(second[:1000], audio.PCMOptions{Loop: true}),
		"tone":        audio.NewToneSource(440, 0.5),
		"silence":     audio.NewSilenceSource(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { audiotest.CheckSource(t, s) })
		})
	}
	for name, s := range map[string]audio.Sink{"recorder": audio.NewRecorder(1), "recorder, stereo": audio.NewRecorder(2)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { audiotest.CheckSink(t, s) })
		})
	}
}

func TestContractInRealTime(t *testing.T) {
	audiotest.CheckSource(t, audio.NewToneSource(440, 0.5))
}

func TestRefusedChannels(t *testing.T) {
	require.ErrorIs(t, audio.NewPCMSource(nil, audio.PCMOptions{Channels: 3}).Start(t.Context()), audio.ErrChannels)
	require.ErrorIs(t, audio.NewRecorder(0).Start(t.Context()), audio.ErrChannels)
}

func TestPCMSourceEnds(t *testing.T) {
	pcm := make([]int16, 1000)
	for i := range pcm {
		pcm[i] = int16(i + 1)
	}
	for _, tt := range []struct {
		name string
		opts audio.PCMOptions
		last int16 // sample 39 of the second frame; samples 0 to 39 are there
		next int16 // sample 40
		end  error // of the third
	}{
		{"once", audio.PCMOptions{}, 1000, 0, io.EOF},
		{"once, then silence", audio.PCMOptions{Silence: true}, 1000, 0, nil},
		{"looped", audio.PCMOptions{Loop: true}, 1000, 1, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := audio.NewPCMSource(pcm, tt.opts)
				require.NoError(t, s.Start(t.Context()))
				require.True(t, s.Started().IsZero())
				f := audio.NewFrame(1)
				begin := time.Now()
				require.NoError(t, s.ReadFrame(t.Context(), f))
				require.Equal(t, begin.Add(20*time.Millisecond), s.Started())
				require.NoError(t, s.ReadFrame(t.Context(), f))
				require.Equal(t, tt.last, f[39])
				require.Equal(t, tt.next, f[40])
				require.Equal(t, tt.end, s.ReadFrame(t.Context(), f))
				require.NoError(t, s.Stop())
			})
		})
	}
}

func TestPacerCatchesUpFiveFramesAndThenBeginsAnew(t *testing.T) {
	for _, tt := range []struct {
		name         string
		late         time.Duration
		atOnce, lost int
	}{
		{"in time", 0, 0, 0},
		{"100 ms late", 119 * time.Millisecond, 5, 0},
		{"a second late", time.Second, 1, 49},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := audio.NewPacer(0)
				time.Sleep(tt.late)
				begin, lost, atOnce := time.Now(), 0, 0
				for range 20 {
					missed, err := p.Wait(context.Background())
					require.NoError(t, err)
					lost += missed
					if time.Now().Equal(begin) {
						atOnce++
					}
				}
				require.Equal(t, tt.atOnce, atOnce)
				require.Equal(t, tt.lost, lost)
			})
		})
	}
}

func TestRecorderKeepsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := audio.NewRecorder(1)
		require.NoError(t, r.Start(t.Context()))
		time.Sleep(time.Minute) // nothing is written yet: not an underrun
		f := audio.NewFrame(1)
		for i := range f {
			f[i] = 7
		}
		begin := time.Now()
		require.NoError(t, r.WriteFrame(t.Context(), f))
		require.Equal(t, begin, r.Started())
		require.NoError(t, r.WriteFrame(t.Context(), f))
		time.Sleep(time.Second)
		for range 3 {
			require.NoError(t, r.WriteFrame(t.Context(), f))
		}
		require.NoError(t, r.Stop())
		got := r.Samples()
		elapsed := time.Since(begin)
		require.InDelta(t, elapsed.Seconds()*audio.SampleRate, len(got), audio.FrameSamples)
		require.InDelta(t, 50, r.Underruns(), 1)
		got[0] = 1
		require.Equal(t, int16(7), r.Samples()[0], "a copy")
	})
}
