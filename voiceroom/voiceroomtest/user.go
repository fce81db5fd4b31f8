package voiceroomtest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// User is somebody with a login, a grid, a humming microphone and a recording speaker. The grid's verbs are the user's.
type User struct {
	*seatgrid.Grid
	Engine  *engine.Engine
	Speaker *Speaker

	id   engine.UserID
	tone float64 // Hz

	mu   sync.Mutex    // protects what follows
	conn *testnet.Conn // the newest
	cut  bool          // no further connection comes about
}

// patience is how long Hears and HearsNothing wait: a join takes milliseconds, on a lossy network seconds.
const patience = 20 * time.Second

// NewUser logs a user in to the first node. The test's cleanup logs out.
func (s *Server) NewUser(t testing.TB, id engine.UserID) *User {
	t.Helper()
	return s.NewUserOn(t, 0, id)
}

// NewUserOn logs a user in to the i-th node.
func (s *Server) NewUserOn(t testing.TB, i int, id engine.UserID) *User {
	t.Helper()
	s.mu.Lock()
	// Tones far enough apart to be told from each other in 100 ms, and no multiples of one another.
	tone := 430 + 170*float64(s.users%16)
	s.users++
	s.mu.Unlock()
	cfg := s.EngineConfig(t, i, id)
	u := &User{Speaker: newSpeaker(), id: id, tone: tone}
	cfg.Microphone, cfg.Speaker = audio.NewToneSource(tone, 0.2), u.Speaker
	cfg.Network.Dial = u.dial(cfg.Network.Dial)
	eng, err := engine.Login(t.Context(), cfg)
	check(t, err)
	u.Engine, u.Grid = eng, seatgrid.New(eng)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := eng.Logout(ctx); err != nil && eng.Err() == nil {
			t.Errorf("voiceroomtest: logout of %s: %v", id, err)
		}
	})
	return u
}

// Tone returns what the user's microphone hums, in Hz.
func (u *User) Tone() float64 { return u.tone }

// Start starts a voice room with this user as its owner, seated and with an open microphone.
func (u *User) Start(t testing.TB, id engine.RoomID) {
	t.Helper()
	_, err := u.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: id})
	check(t, err)
	check(t, u.StartMicrophone(t.Context()))
}

// Join enters a room as audience.
func (u *User) Join(t testing.TB, id engine.RoomID) {
	t.Helper()
	_, err := u.JoinVoiceRoom(t.Context(), id)
	check(t, err)
}

// dial remembers the user's connection to the server, so that it can be broken.
func (u *User) dial(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		u.mu.Lock()
		cut := u.cut
		u.mu.Unlock()
		if cut {
			return nil, errors.New("voiceroomtest: this user has no network")
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		u.mu.Lock()
		u.conn = conn.(*testnet.Conn)
		u.mu.Unlock()
		return conn, nil
	}
}

// ResetConnection breaks the user's connection to the server, as a change of network does: both sides see it at once.
// Media goes on. The user comes back by itself.
func (u *User) ResetConnection() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.conn.Conn.Close()
}

// SilenceConnection makes the user's connection to the server swallow everything: neither side sees an end.
func (u *User) SilenceConnection() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.conn.Silence()
}

// SetOffline breaks the user's connection and keeps it from coming back, until it is called with false.
func (u *User) SetOffline(offline bool) {
	u.mu.Lock()
	u.cut = offline
	u.mu.Unlock()
	if offline {
		u.ResetConnection()
	}
}

// AnswerRequests makes the user answer every application and invitation from now on.
func (u *User) AnswerRequests(agree bool) {
	u.AddObserver(&seatgrid.Observer{OnSeatRequestReceived: func(_ seatgrid.RequestType, from seatgrid.UserInfo) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		// A refusal (the seat has gone, the request was withdrawn) shows in what the test expects of the request.
		_ = u.ResponseRemoteRequest(ctx, from.UserID, agree)
	}})
}

// Hears waits until the user hears what the other one's microphone hums, and fails the test when that does not come.
func (u *User) Hears(t testing.TB, other *User) {
	t.Helper()
	if !u.Speaker.wait(t.Context(), func(now []int16) bool { return hums(now, other.tone) }) {
		t.Fatalf("voiceroomtest: %s does not hear %s", u.id, other.id)
	}
}

// HearsNothing waits until the user hears nobody.
func (u *User) HearsNothing(t testing.TB) {
	t.Helper()
	if !u.Speaker.wait(t.Context(), func(now []int16) bool { silent, _ := hearing.Silent(now); return silent }) {
		t.Fatalf("voiceroomtest: %s still hears something", u.id)
	}
}

// HearsNot waits until the user does not hear the other one, whoever else is heard.
func (u *User) HearsNot(t testing.TB, other *User) {
	t.Helper()
	if !u.Speaker.wait(t.Context(), func(now []int16) bool { return !hums(now, other.tone) }) {
		t.Fatalf("voiceroomtest: %s still hears %s", u.id, other.id)
	}
}

func hums(samples []int16, tone float64) bool { return hearing.ToneLevel(samples, tone) > -35 }

// Speaker records what its user hears.
type Speaker struct {
	*audio.Recorder
	wrote chan struct{} // capacity one: there is something new

	mu     sync.Mutex    // protects what follows
	recent []int16       // the newest sound, at most a window of it
	delay  time.Duration // of Start
}

// window is how much sound is judged at a time: 100 ms.
const window = 5 * audio.FrameSamples

func newSpeaker() *Speaker {
	return &Speaker{Recorder: audio.NewRecorder(1), wrote: make(chan struct{}, 1)}
}

// SlowStart makes Start take a while from now on, as that of a sound card does.
func (s *Speaker) SlowStart(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = delay
}

// Start starts to record.
func (s *Speaker) Start(ctx context.Context) error {
	s.mu.Lock()
	delay := s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
		return s.Recorder.Start(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// WriteFrame records a frame.
func (s *Speaker) WriteFrame(ctx context.Context, f audio.Frame) error {
	s.mu.Lock()
	s.recent = append(s.recent, f...)
	s.recent = append([]int16(nil), s.recent[max(0, len(s.recent)-window):]...)
	s.mu.Unlock()
	select {
	case s.wrote <- struct{}{}:
	default:
	}
	return s.Recorder.WriteFrame(ctx, f)
}

// wait returns true when judge agrees to 100 ms that were heard after the question.
func (s *Speaker) wait(ctx context.Context, judge func([]int16) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.mu.Lock()
	s.recent = nil
	s.mu.Unlock()
	for {
		select {
		case <-s.wrote:
		case <-ctx.Done():
			return false
		}
		s.mu.Lock()
		now := s.recent
		s.mu.Unlock()
		if len(now) == window && judge(now) {
			return true
		}
	}
}
