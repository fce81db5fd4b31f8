//go:build unix

package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// gapMeter is a speaker that notes the longest silence between two hums.
type gapMeter struct {
	*audio.Recorder
	mu   sync.Mutex // protects what follows
	last time.Time
	gap  time.Duration
	hums int
	more chan struct{} // capacity one
}

func newGapMeter() *gapMeter {
	return &gapMeter{Recorder: audio.NewRecorder(1), more: make(chan struct{}, 1)}
}

func (g *gapMeter) WriteFrame(ctx context.Context, f audio.Frame) error {
	if hearing.ToneLevel(f, hum) > -30 {
		now := time.Now()
		g.mu.Lock()
		if !g.last.IsZero() {
			g.gap = max(g.gap, now.Sub(g.last))
		}
		g.last = now
		g.hums++
		g.mu.Unlock()
		select {
		case g.more <- struct{}{}:
		default:
		}
	}
	return g.Recorder.WriteFrame(ctx, f)
}

// hear waits for n frames that hum.
func (g *gapMeter) hear(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-g.more:
		case <-time.After(30 * time.Second):
			t.Fatal("the speaker is not heard")
		}
	}
}

// The speaker's node, which is also the room's home, is killed: -9, in the middle of a word. The SDK brings the speaker
// back at the other node, on the same seat and heard, and nobody in the room does anything for it. The test prints the
// length of the silence.
func TestSpeakerIsHeardAgainAfterTheNodesDeath(t *testing.T) {
	_, first, _, onSecond := twoProcesses(t, "20s")
	cfg := config(t, first.url, "speaker")
	cfg.Codec, cfg.Microphone = codec(), audio.NewToneSource(hum, 0.2)
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = eng.Logout(context.WithoutCancel(t.Context())) })
	speaker := seatgrid.New(eng)
	_, err = speaker.JoinVoiceRoom(t.Context(), "room")
	require.NoError(t, err)
	_, err = speaker.TakeSeat(t.Context(), 2, 0)
	require.NoError(t, err)
	require.NoError(t, speaker.StartMicrophone(t.Context()))

	heard := newGapMeter()
	cfg = config(t, onSecond[0].url, "listener")
	cfg.Codec, cfg.Speaker = codec(), heard
	listener, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Logout(context.WithoutCancel(t.Context())) })
	room, err := listener.Enter(t.Context(), "room", nil)
	require.NoError(t, err)
	heard.hear(t, 50)

	heard.mu.Lock()
	heard.gap = 0
	heard.mu.Unlock()
	back := make(chan struct{})
	eng.AddObserver(&engine.Observer{OnReconnected: func() { close(back) }})
	killed := time.Now()
	require.NoError(t, first.cmd.Process.Kill())
	select {
	case <-back:
	case <-eng.Done():
		t.Fatal(eng.Err())
	}
	returned := time.Since(killed)
	heard.hear(t, 50)
	require.Equal(t, engine.UserID("speaker"), room.Seats()[2].UserID)
	require.Equal(t, room.Seats(), speaker.Seats())
	heard.mu.Lock()
	defer heard.mu.Unlock()
	t.Logf("back after %v, silence of %v", returned.Round(time.Millisecond), heard.gap.Round(time.Millisecond))
}
