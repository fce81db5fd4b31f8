package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// sitting is a session with its screen, driven by a test in a bubble.
type sitting struct {
	t *testing.T
	*Session
	m    *model
	wg   sync.WaitGroup
	over bool
}

const room = "talk"

func configOf(t *testing.T, srv *voiceroomtest.Server, id engine.UserID) Config {
	t.Helper()
	cfg := Config{Login: srv.EngineConfig(t, 0, id), Room: seatgrid.RoomInfo{RoomID: room}}
	cfg.Login.UserName = strings.ToUpper(string(id[:1])) + string(id[1:])
	cfg.Login.Microphone, cfg.Login.Speaker = audio.NewToneSource(700, 0.2), audio.NewRecorder(1)
	return cfg
}

func open(t *testing.T, cfg Config) *sitting {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p := &sitting{t: t, Session: s, m: s.model(ctx)}
	p.m.zone = time.UTC
	t.Cleanup(func() {
		cancel()
		require.NoError(t, s.Close())
		p.wg.Wait()
	})
	p.settle()
	return p
}

// settle lets everything happen that is due, and shows it.
func (p *sitting) settle() {
	for {
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		p.news.mu.Lock()
		list := p.news.list
		p.news.list = nil
		p.news.mu.Unlock()
		if len(list) == 0 {
			return
		}
		for _, msg := range list {
			if b, ok := msg.(tea.BatchMsg); ok {
				for _, cmd := range b {
					p.start(cmd)
				}
				continue
			}
			if _, ok := msg.(tea.QuitMsg); ok {
				p.over = true
				continue
			}
			_, cmd := p.m.Update(msg)
			p.start(cmd)
		}
		if volumesOnly(list) {
			return // somebody speaks, for ever
		}
	}
}

func volumesOnly(list []any) bool {
	for _, m := range list {
		if _, ok := m.(volumeMsg); !ok {
			return false
		}
	}
	return true
}

func (p *sitting) start(cmd tea.Cmd) {
	if cmd != nil {
		p.wg.Go(func() {
			if msg := cmd(); msg != nil {
				p.news.add(msg)
			}
		})
	}
}

func (p *sitting) hit(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		p.start(p.m.pressed(k))
		p.settle()
	}
}

// shows waits for a text on the screen.
func (p *sitting) shows(text string) {
	p.t.Helper()
	p.settle()
	require.Contains(p.t, picture(p.m), text)
}

func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

func TestGuestAsksSpeaksAndLeaves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, room)
		p := open(t, configOf(t, srv, guest))
		p.shows("1 host")
		p.shows("2 people")
		p.hit("3")
		p.shows("t ask for seat")
		require.Greater(t, p.m.volumes[0], engine.Speaking, "the host hums")

		p.hit("t")
		p.shows("you wait for an answer about seat 3; c withdraws")
		p.hit("c")
		p.shows("Your request was withdrawn.")
		p.hit("t")
		require.NoError(t, host.ResponseRemoteRequest(t.Context(), guest, false))
		p.shows("Your request was declined by host.")
		p.hit("t")
		require.NoError(t, host.ResponseRemoteRequest(t.Context(), guest, true))
		p.shows("You sit on seat 3 now.")
		p.shows("3 you")
		p.shows("You can be heard now.")
		p.shows("m mute")
		time.Sleep(time.Second)
		p.settle()
		require.Greater(t, p.m.volumes[2], engine.Speaking, "one's own level moves")

		p.hit("m")
		p.shows("You have gone quiet.")
		p.shows("m speak")
		require.Zero(t, p.m.volumes[2])
		p.hit("8", "t")
		p.shows("You moved from seat 3 to seat 8.")
		p.settle()
		require.NotContains(t, picture(p.m), "You have no seat any more.")
		require.NotContains(t, picture(p.m), "You sit on seat 8")
		require.Equal(t, engine.MicOff, p.m.seats[7].Mic, "still muted")
		p.hit("m")
		p.shows("m mute")

		require.NoError(t, host.LockSeat(t.Context(), 7, seatgrid.SeatLockParams{LockAudio: true, LockFlag: engine.LockFlagAudio}))
		p.shows("silenced by the host or an administrator")
		p.shows("Seat 8 is silenced now.")
		require.NotContains(t, picture(p.m), "m speak")
		p.hit("s")
		p.shows("You have no seat any more.")
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		p.settle()
		require.Equal(t, Outcome{Text: "The host has ended the room."}, *p.m.outcome)
	})
}

func TestHostManages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		cfg := configOf(t, srv, owner)
		cfg.Create, cfg.Room.Name, cfg.Room.MaxSeatCount = true, "Evening talk", 6
		p := open(t, cfg)
		p.shows("Evening talk (talk)")
		p.shows("1 host you")
		p.shows("You can be heard now.")
		bob := srv.NewUser(t, "bob")
		bob.Join(t, room)
		p.shows("bob has come in.")
		asked := make(chan seatgrid.RequestResult, 1)
		var wg sync.WaitGroup
		defer wg.Wait()
		ask := func(seat seatgrid.SeatIndex) {
			wg.Go(func() {
				res, err := bob.TakeSeat(context.WithoutCancel(t.Context()), seat, time.Minute)
				require.NoError(t, err)
				asked <- res
			})
		}
		ask(1)
		p.shows("? bob asks for seat 2. y accepts, n declines.")
		p.hit("n")
		require.Equal(t, seatgrid.Rejected, (<-asked).Type)
		ask(1)
		p.settle()
		p.hit("y")
		require.Equal(t, seatgrid.Accepted, (<-asked).Type)
		p.shows("bob sits on seat 2 now.")
		require.NoError(t, bob.StartMicrophone(t.Context()))
		p.shows("bob can be heard now.")

		p.hit("2", "a")
		p.shows("bob has been silenced")
		p.hit("a")
		p.shows("Seat 2 is no longer silenced now.")
		p.hit("k")
		p.shows("bob got up.")
		p.hit("4", "l")
		p.shows("Seat 4 is locked now.")
		p.hit("l")
		p.shows("Seat 4 is unlocked now.")

		p.hit("3", "i", "enter")
		p.shows("You have invited bob to seat 3.")
		p.shows("you wait for bob; c withdraws")
		require.NoError(t, bob.ResponseRemoteRequest(t.Context(), owner, false))
		p.shows("The invitation was declined by bob.")
		p.hit("i", "enter")
		require.NoError(t, bob.ResponseRemoteRequest(t.Context(), owner, true))
		p.shows("bob sits on seat 3 now.")

		p.hit("f")
		p.shows("From now on everybody may take a free seat.")
		p.hit("f")
		p.shows("From now on the host decides who gets a seat.")
		require.NoError(t, p.grid.Room().Members().ChangeUserRole(t.Context(), "bob", engine.Administrator))
		p.shows("bob is an administrator now.")
		p.shows("3 admin")
		p.hit("3", "x")
		p.shows("Take bob out of the room?")
		p.hit("y")
		p.shows("bob has left.")
		p.hit("q", "y")
		require.True(t, p.over)
		require.Equal(t, "You have ended the room.", p.m.outcome.Text)
	})
}

func TestSilentGuestWithNews(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host := srv.NewUserOn(t, 1, "host")
		host.Start(t, room)
		cfg := configOf(t, srv, guest)
		cfg.Login.Microphone, cfg.Login.Speaker, cfg.Login.Codec = nil, nil, nil
		cfg.News = NewNews()
		cfg.Seat = 2
		var cut atomic.Bool
		dial := cfg.Login.Network.Dial
		cfg.Login.Network.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if cut.Load() {
				return nil, errors.New("there is no network")
			}
			return dial(ctx, network, addr)
		}
		p := open(t, cfg)
		p.shows("You have asked for seat 2")
		require.NoError(t, host.ResponseRemoteRequest(t.Context(), guest, true))
		p.shows("You sit on seat 2 now.")
		require.NotContains(t, picture(p.m), "did not work", "no microphone is missed")
		require.NotContains(t, picture(p.m), "m speak")
		cfg.News.Say("The speaker is gone.")
		p.shows("The speaker is gone.")

		cut.Store(true)
		srv.KillNode(t, 0)
		p.shows("RECONNECTING")
		p.shows("The connection is gone")
		cut.Store(false)
		time.Sleep(10 * time.Second)
		p.shows("Connected again.")
		require.NotContains(t, picture(p.m), "RECONNECTING")
		p.shows("2 you")
		require.NoError(t, host.Room().Members().KickRemoteUserOutOfRoom(t.Context(), guest))
		p.settle()
		require.Equal(t, kickedOut(engine.KickedByAdmin, "taken out of the room by host"), *p.m.outcome)
	})
}

func TestOpenSaysWhyNot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		_, err := Open(t.Context(), configOf(t, srv, guest))
		require.ErrorIs(t, err, engine.ErrRoomNotExist)
		require.Contains(t, Problem(err), "there is no such room")
		cfg := configOf(t, srv, guest)
		cfg.Login.UserSig = "x"
		_, err = Open(t.Context(), cfg)
		require.ErrorIs(t, err, engine.ErrUserSigInvalid)
		cfg = configOf(t, srv, guest)
		cfg.Login.URL = "ws://nowhere.test"
		_, err = Open(t.Context(), cfg)
		require.Equal(t, engine.ErrDisconnected.Code, signaling.CodeOf(err))
		require.Contains(t, Problem(err), "cannot reach the server at ws://nowhere.test")
	})
}

func TestPrint(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, room)
		host.AnswerRequests(true)
		cfg := configOf(t, srv, guest)
		cfg.Seat = 4
		s, err := Open(t.Context(), cfg)
		require.NoError(t, err)
		var out bytes.Buffer
		var end Outcome
		var printed error
		var wg sync.WaitGroup
		wg.Go(func() { end, printed = s.Print(t.Context(), &out) })
		time.Sleep(2 * time.Second)
		_, err = host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		wg.Wait()
		require.NoError(t, printed)
		require.NoError(t, s.Close())
		require.Equal(t, "The host has ended the room.", end.Text)
		var said []string
		for line := range strings.Lines(out.String()) {
			_, err := time.ParseInLocation(time.DateTime, line[:19], time.Local)
			require.NoError(t, err, line)
			said = append(said, strings.TrimSpace(line[20:]))
		}
		require.Equal(t, []string{
			"You are in the room: talk | host host | 2 people | seats on request | you are Guest.",
			"You have asked for seat 4; the host answers.",
			"You sit on seat 4 now.",
			"You can be heard now.",
		}, said)
	})
}

// The program itself, without a terminal: what is typed comes by a pipe.
func TestRun(t *testing.T) {
	srv := voiceroomtest.NewServer(t)
	host := srv.NewUser(t, "host")
	host.Start(t, room)
	for name, c := range map[string]struct {
		do   func(keys io.Writer, cancel func())
		want string
	}{
		"q":          {func(w io.Writer, _ func()) { _, _ = w.Write([]byte("q")) }, "You have left the room."},
		"ctrl+c":     {func(w io.Writer, _ func()) { _, _ = w.Write([]byte("\x03")) }, "You have left the room."},
		"a signal":   {func(_ io.Writer, cancel func()) { cancel() }, "You have left the room."},
		"taken out":  {func(io.Writer, func()) { _ = host.Room().Members().KickRemoteUserOutOfRoom(t.Context(), guest) }, kickedOut(engine.KickedByAdmin, "taken out of the room by host").Text},
		"after help": {func(w io.Writer, _ func()) { _, _ = w.Write([]byte("?")); _, _ = w.Write([]byte("xxq")) }, "You have left the room."},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configOf(t, srv, guest)
			s, err := Open(t.Context(), cfg)
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			in, keys := io.Pipe()
			defer keys.Close()
			out := &watched{seen: make(chan struct{}), text: "host"}
			var wg sync.WaitGroup
			wg.Go(func() { <-out.seen; c.do(keys, cancel) })
			end, err := s.run(ctx, tea.WithInput(in), tea.WithOutput(out), tea.WithEnvironment([]string{"TERM=xterm-256color"}), tea.WithWindowSize(80, 24))
			require.NoError(t, err)
			require.Equal(t, c.want, end.Text)
			require.NoError(t, keys.Close())
			wg.Wait()
			require.NoError(t, s.Close())
			all := out.String()
			require.Contains(t, all, "\x1b[?1049h", "a screen of its own")
			require.Greater(t, strings.LastIndex(all, "\x1b[?1049l"), strings.LastIndex(all, "\x1b[?1049h"), "and back")
		})
	}
}

// watched closes seen when a text has been written.
type watched struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	text string
	seen chan struct{}
	once sync.Once
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.buf.Write(p)
	if strings.Contains(w.buf.String(), w.text) {
		w.once.Do(func() { close(w.seen) })
	}
	return n, err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}
