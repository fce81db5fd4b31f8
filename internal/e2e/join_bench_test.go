package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

const (
	joins = 30
	hum   = 600.0 // Hz
)

// BenchmarkJoinToFirstAudibleFrame measures how long a newcomer waits for the first 20 ms of a host who is speaking:
// over real sockets, with the store on disk, to the frame at the speaker, the jitter buffer's delay included. It makes 30
// joins whatever -benchtime says: the figures of interest are the percentiles.
func BenchmarkJoinToFirstAudibleFrame(b *testing.B) {
	store, _ := openStores(b)
	url := startNode(b, store)
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()

	cfg := config(b, url, "host")
	cfg.Codec, cfg.Microphone = codec(), audio.NewToneSource(hum, 0.2)
	eng, err := engine.Login(ctx, cfg)
	require.NoError(b, err)
	host := seatgrid.New(eng)
	_, err = host.StartVoiceRoom(ctx, seatgrid.RoomInfo{RoomID: "room"})
	require.NoError(b, err)
	require.NoError(b, host.StartMicrophone(ctx))
	require.NoError(b, host.Room().Connected(ctx))

	var fromLogin, fromJoin []time.Duration
	for i := range joins {
		login, join := newcomer(ctx, b, url, engine.UserID(fmt.Sprint("guest", i)))
		fromLogin, fromJoin = append(fromLogin, login), append(fromJoin, join)
	}
	_, err = host.StopVoiceRoom(ctx)
	require.NoError(b, err)
	require.NoError(b, eng.Logout(ctx))
	b.ReportMetric(0, "ns/op") // says nothing here
	for name, list := range map[string][]time.Duration{"login": fromLogin, "join": fromJoin} {
		slices.Sort(list)
		b.ReportMetric(float64(list[len(list)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(list[len(list)*9/10].Microseconds())/1000, name+"-p90-ms")
	}
}

// newcomer logs in, joins, listens and leaves.
func newcomer(ctx context.Context, b *testing.B, url string, id engine.UserID) (fromLogin, fromJoin time.Duration) {
	b.Helper()
	heard := &firstHum{Recorder: audio.NewRecorder(1), at: make(chan time.Time, 1)}
	cfg := config(b, url, id)
	cfg.Codec, cfg.Speaker = codec(), heard
	start := time.Now()
	eng, err := engine.Login(ctx, cfg)
	require.NoError(b, err)
	grid := seatgrid.New(eng)
	join := time.Now()
	_, err = grid.JoinVoiceRoom(ctx, "room")
	require.NoError(b, err)
	select {
	case at := <-heard.at:
		fromLogin, fromJoin = at.Sub(start), at.Sub(join)
	case <-ctx.Done():
		b.Fatal("the host is not heard")
	}
	require.NoError(b, eng.Logout(ctx))
	return fromLogin, fromJoin
}

// firstHum is a speaker that notes when the host is first heard.
type firstHum struct {
	*audio.Recorder
	once sync.Once
	at   chan time.Time
}

func (s *firstHum) WriteFrame(ctx context.Context, f audio.Frame) error {
	if hearing.ToneLevel(f, hum) > -30 {
		s.once.Do(func() { s.at <- time.Now() })
	}
	return s.Recorder.WriteFrame(ctx, f)
}
