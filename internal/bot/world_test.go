package bot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/bot"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stay is a bot that runs.
type stay struct {
	t      *testing.T
	cancel func()
	wg     sync.WaitGroup
	end    bot.Outcome
	err    error
	lines  *lines

	mu    sync.Mutex
	notes []string
	conn  net.Conn
}

// lines is where a bot's events go.
type lines struct {
	mu     sync.Mutex
	text   bytes.Buffer
	closed bool
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

// events returns what has been written, as text.
func (s *stay) events() (list []voiceroom.Event) {
	s.lines.mu.Lock()
	defer s.lines.mu.Unlock()
	for line := range bytes.Lines(s.lines.text.Bytes()) {
		var e voiceroom.Event
		require.NoError(s.t, json.Unmarshal(line, &e), "%s", line)
		list = append(list, e)
	}
	return list
}

func (s *stay) texts() (list []string) {
	for _, e := range s.events() {
		list = append(list, e.String())
	}
	return list
}

// at returns when an event was.
func (s *stay) at(text string) time.Time {
	s.t.Helper()
	all := s.events()
	i := slices.IndexFunc(all, func(e voiceroom.Event) bool { return e.String() == text })
	require.GreaterOrEqual(s.t, i, 0, "%q is not among %v", text, s.texts())
	return all[i].Time
}

func (s *stay) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.notes, "\n")
}

// run starts a bot of that name in the room "room", with the codec that needs no cgo.
func run(t *testing.T, srv *voiceroomtest.Server, id engine.UserID, cfg bot.Config) *stay {
	t.Helper()
	return runWith(t, srv, id, audio.MuLaw, cfg)
}

func runWith(t *testing.T, srv *voiceroomtest.Server, id engine.UserID, codec audio.Codec, cfg bot.Config) *stay {
	t.Helper()
	s := &stay{t: t, lines: &lines{}}
	cfg.Login = srv.EngineConfig(t, 0, id)
	cfg.Login.Codec = codec
	dial := cfg.Login.Network.Dial
	cfg.Login.Network.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conn = c
		return c, err
	}
	if cfg.Room.RoomID == "" {
		cfg.Room.RoomID = "room"
	}
	if cfg.Events == nil {
		cfg.Events = s.lines
	}
	cfg.Note = func(text string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.notes = append(s.notes, text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	s.wg.Go(func() { s.end, s.err = bot.Run(ctx, cfg) })
	t.Cleanup(func() { cancel(); s.wg.Wait() })
	return s
}

// wait returns how it ended.
func (s *stay) wait() bot.Outcome {
	s.t.Helper()
	s.wg.Wait()
	require.NoError(s.t, s.err, s.said())
	return s.end
}

// host opens "room" without a microphone's noise: who listens hears the bots alone.
func host(t *testing.T, srv *voiceroomtest.Server, mode engine.SeatMode) *voiceroomtest.User {
	t.Helper()
	u := srv.NewUser(t, "host")
	_, err := u.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room", SeatMode: mode, MaxSeatCount: 4})
	require.NoError(t, err)
	return u
}

// seatOf returns a user's seat, -1 for none.
func seatOf(g *seatgrid.Grid, id engine.UserID) int {
	return slices.IndexFunc(g.Seats(), func(s seatgrid.SeatInfo) bool { return s.UserID == id })
}

// wav writes a file and returns its path.
func wav(t *testing.T, name string, samples []int16) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, audio.WriteWAV(&b, samples, audio.SampleRate, 1))
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

// tone is a sine of an eighth of full scale.
func tone(t *testing.T, hz float64, length time.Duration) []int16 {
	t.Helper()
	src := audio.NewToneSource(hz, 0.125)
	require.NoError(t, src.Start(t.Context()))
	var all []int16
	f := audio.NewFrame(1)
	for range int(length / audio.FrameDuration) {
		require.NoError(t, src.ReadFrame(t.Context(), f))
		all = append(all, f...)
	}
	return all
}

// loud tells whether a tone is heard.
func loud(samples []int16, hz float64) bool { return hearing.ToneLevel(samples, hz) > -30 }

// heard returns what a speaker has played from a moment on.
func heard(t *testing.T, s *voiceroomtest.Speaker, from time.Time) []int16 {
	t.Helper()
	samples := s.Samples()
	at := int(from.Sub(s.Started()) * audio.SampleRate / time.Second)
	require.Less(t, at, len(samples))
	return samples[max(at, 0):]
}
