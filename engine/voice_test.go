package engine_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// logged is a voice processor that notes what it is given, and makes of it half of it.
type logged struct {
	mu       sync.Mutex
	captured []int16 // the first sample of each frame
	played   []int16 // everything
	fail     bool
}

func (*logged) Channels() int { return 1 }

func (l *logged) Process(f audio.Frame) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.captured = append(l.captured, f[0])
	if l.fail {
		return errors.New("too much")
	}
	for i := range f {
		f[i] /= 2
	}
	return nil
}

func (l *logged) Played(f audio.Frame) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.played = append(l.played, f...)
	return nil
}

func (l *logged) take() (captured, played []int16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	captured, played, l.captured, l.played = l.captured, l.played, nil, nil
	return captured, played
}

// seatWith logs somebody in with a microphone and a speaker, who takes a seat in the host's room and speaks.
func seatWith(t *testing.T, srv *voiceroomtest.Server, host *seatgrid.Grid, cfg func(*engine.Config)) *seatgrid.Grid {
	t.Helper()
	c := srv.EngineConfig(t, 0, "guest")
	cfg(&c)
	eng, err := engine.Login(t.Context(), c)
	require.NoError(t, err)
	logout(t, eng)
	grid := seatgrid.New(eng)
	_, err = grid.JoinVoiceRoom(t.Context(), "room")
	require.NoError(t, err)
	require.NoError(t, host.UpdateRoomSeatMode(t.Context(), seatgrid.FreeToTake))
	_, err = grid.TakeSeat(t.Context(), 1, time.Minute)
	require.NoError(t, err)
	require.NoError(t, grid.StartMicrophone(t.Context()))
	return grid
}

// numbered is sound whose n-th frame is made of n.
func numbered(frames int) []int16 {
	var s []int16
	for i := range frames {
		s = append(s, slices.Repeat([]int16{int16(i + 1)}, audio.FrameSamples)...)
	}
	return s
}

func TestTheVoiceProcessorGetsEveryFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		voice, speaker := &logged{}, audio.NewRecorder(1)
		grid := seatWith(t, srv, host.Grid, func(c *engine.Config) {
			c.Microphone, c.Speaker, c.VoiceProcessor = audio.NewPCMSource(numbered(2000), audio.PCMOptions{}), speaker, voice
		})
		time.Sleep(3 * time.Second) // virtual
		require.NoError(t, grid.MuteMicrophone(t.Context()))
		time.Sleep(3 * time.Second)
		require.NoError(t, grid.UnmuteMicrophone(t.Context()))
		time.Sleep(3 * time.Second)
		require.NoError(t, grid.StopMicrophone(t.Context()))
		captured, played := voice.take()
		require.InDelta(t, 450, len(captured), 3, "also while muted")
		for i, v := range captured {
			require.EqualValues(t, i+1, v)
		}
		recorded := speaker.Samples()
		require.GreaterOrEqual(t, len(recorded), len(played)-audio.FrameSamples)
		require.Equal(t, recorded[:min(len(recorded), len(played))], played[:min(len(recorded), len(played))])
		require.NotZero(t, slices.Max(played), "the host is in it")

		time.Sleep(time.Second)
		captured, played = voice.take()
		require.Empty(t, captured, "the microphone is closed")
		require.InDelta(t, 50, len(played)/audio.FrameSamples, 2, "and the speaker is not")
	})
}

// What the others hear is what the processor has made; where it fails, what was captured.
func TestOthersHearWhatTheVoiceProcessorMakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		voice := &logged{}
		seatWith(t, srv, host.Grid, func(c *engine.Config) {
			c.Microphone = audio.NewPCMSource(slices.Repeat([]int16{8000, -8000}, audio.SampleRate), audio.PCMOptions{Loop: true})
			c.VoiceProcessor = voice
		})
		heard := func() float64 {
			time.Sleep(time.Second)
			all := host.Speaker.Samples()
			return float64(slices.Max(all[len(all)-9600:]))
		}
		require.InDelta(t, 4000, heard(), 200)
		voice.mu.Lock()
		voice.fail = true
		voice.mu.Unlock()
		require.InDelta(t, 8000, heard(), 400)
	})
}

// encoded is a microphone that gives packets.
type encoded struct{ *audio.PCMSource }

func (encoded) ReadPacket(context.Context, []byte) (int, uint8, error) { return 0, 0, io.EOF }

func TestAVoiceProcessorHasToFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		for name, c := range map[string]struct {
			mic  audio.Source
			want string
		}{
			"no microphone":   {nil, "Config.VoiceProcessor has nothing to process"},
			"encoded already": {encoded{audio.NewSilenceSource()}, "Config.VoiceProcessor has nothing to process"},
			"stereo":          {audio.NewPCMSource(nil, audio.PCMOptions{Channels: 2}), "is for 1 channels, and Config.Microphone has 2"},
		} {
			cfg := srv.EngineConfig(t, 0, "guest")
			cfg.Microphone, cfg.VoiceProcessor = c.mic, &logged{}
			_, err := engine.Login(t.Context(), cfg)
			require.ErrorContains(t, err, c.want, name)
		}
	})
}
