package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// healthy is a config with which everything is well.
func healthy(t *testing.T, srv *voiceroomtest.Server) Config {
	t.Helper()
	login := srv.EngineConfig(t, 0, "me")
	return Config{
		URL: login.URL, User: User{login.SDKAppID, login.UserID, login.UserSig, voiceroomtest.Secret},
		Sound: card(), Codec: audio.MuLaw, CodecName: "mu-law", Network: login.Network, Voice: voice(0, nil),
	}
}

// canceller leaves a share of what it is given.
type canceller struct{ left float64 }

func (canceller) Channels() int            { return 1 }
func (canceller) Played(audio.Frame) error { return nil }
func (c canceller) Process(f audio.Frame) error {
	for i := range f {
		f[i] = int16(float64(f[i]) * c.left)
	}
	return nil
}

func voice(left float64, err error) func() (audio.VoiceProcessor, func() error, error) {
	return func() (audio.VoiceProcessor, func() error, error) {
		return canceller{left}, func() error { return nil }, err
	}
}

func card() *Sound {
	return &Sound{
		List:       func(context.Context) ([]string, []string, error) { return []string{"mic"}, []string{"box"}, nil },
		Microphone: audio.NewToneSource(300, 0.1), Speaker: audio.NewRecorder(2),
		Opened: func(bool) string { return "card at 48000 Hz" },
	}
}

// broken is a device that fails in its own way.
type broken struct {
	*audio.Recorder
	start, read error
	frame       func(ctx context.Context) error
}

func (b *broken) Start(context.Context) error { return b.start }
func (b *broken) Stop() error                 { return nil }
func (b *broken) ReadFrame(ctx context.Context, f audio.Frame) error {
	clear(f)
	if b.frame != nil {
		return b.frame(ctx)
	}
	return b.read
}
func (b *broken) WriteFrame(context.Context, audio.Frame) error { return b.read }

type noCodec struct{ audio.Codec }

func (noCodec) NewEncoder(audio.EncoderConfig) (audio.Encoder, error) {
	return nil, errors.New("install libopus-dev")
}

type deaf struct{ audio.Codec }

func (d deaf) NewDecoder(channels int) (audio.Decoder, error) {
	dec, err := d.Codec.NewDecoder(channels)
	return deafDecoder{dec}, err
}

type deafDecoder struct{ audio.Decoder }

func (deafDecoder) Decode(_ []byte, f audio.Frame) error { clear(f); return nil }

func find(t *testing.T, r Report, name string) Result {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %q in %+v", name, r)
	return Result{}
}

// every is all the checks; each run tells of each of them once, in this order.
var every = []string{
	"devices", "speaker", "microphone", "codec", "echo", "address", "name", "tcp", "tls", "server", "ready", "websocket",
	"usersig", "login", "room", "media udp", "media loss", "media tcp",
}

func TestHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := healthy(t, voiceroomtest.Config{Delay: 20 * time.Millisecond}.NewServer(t))
		var told []Result
		cfg.OnResult = func(r Result) { told = append(told, r) }
		r := Run(t.Context(), cfg)
		require.True(t, r.OK, "%+v", r)
		require.Equal(t, r.Checks, told)
		var names []string
		for _, c := range r.Checks {
			names = append(names, c.Name)
			require.NotEmpty(t, c.Says)
			switch c.Name {
			case "name", "tls", "media tcp":
				require.Equal(t, Skipped, c.Status, c.Name)
			case "address":
				require.Equal(t, Warning, c.Status, "it is not encrypted")
			default:
				require.Equal(t, OK, c.Status, "%+v", c)
			}
		}
		require.Equal(t, every, names)
		require.Contains(t, find(t, r, "media tcp").Says, "UDP only")
		require.InDelta(t, 40, find(t, r, "media udp").Figures["round_trip_ms"], 15)
		loss := find(t, r, "media loss")
		require.Zero(t, loss.Figures["lost"])
		require.Greater(t, loss.Figures["sent"], 200.0)
		require.InDelta(t, -20, find(t, r, "microphone").Figures["loudest_dbfs"], 5)
	})
}

// The room that is opened for the purpose is there no longer than that.
func TestRoomIsEndedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		e := &exam{cfg: healthy(t, srv)}
		r, conn := e.logIn(t.Context())
		require.Equal(t, OK, r.Status, "%+v", r)
		defer conn.Close()
		r, in := e.enter(t.Context(), conn, false)
		require.Equal(t, OK, r.Status, "%+v", r)
		other := srv.NewUser(t, "other")
		_, err := other.Engine.FetchRoomInfo(t.Context(), in.room)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // as after Ctrl-C
		e.leave(ctx, conn, in)
		_, err = other.Engine.FetchRoomInfo(t.Context(), in.room)
		require.ErrorIs(t, err, engine.ErrRoomNotExist)
	})
}

// Everything that may be wrong, one at a time: the check that has to fail, a word that it must say, and what goes on.
func TestWhatIsWrong(t *testing.T) {
	mint := func(t *testing.T, app engine.AppID, secret string, user engine.UserID, expire time.Duration, at time.Time) string {
		sig, err := usersig.Mint(app, secret, user, expire, at)
		require.NoError(t, err)
		return sig
	}
	for name, c := range map[string]struct {
		breaks func(t *testing.T, srv *voiceroomtest.Server, cfg *Config)
		check  string
		status Status
		says   string
		does   string
		still  string // another check that is well
	}{
		"no devices": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.Sound.List = func(context.Context) ([]string, []string, error) { return nil, nil, nil }
		}, "devices", Failed, "no sound card", "group audio", "media loss"},
		"the system hides them": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.Sound.List = func(context.Context) ([]string, []string, error) { return nil, nil, errors.New("built without cgo") }
		}, "devices", Failed, "built without cgo", "", "codec"},
		"no microphone": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.Sound.List = func(context.Context) ([]string, []string, error) { return nil, []string{"box"}, nil }
			c.Sound.Microphone = &broken{Recorder: audio.NewRecorder(1), start: audio.ErrNoDevice}
		}, "microphone", Failed, "does not open", "Plug one in", "speaker"},
		"not permitted": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.Sound.Microphone = &broken{Recorder: audio.NewRecorder(1), start: audio.ErrDeviceDenied}
		}, "microphone", Failed, "does not open", "Allow", "speaker"},
		"in use": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.Sound.Speaker = &broken{Recorder: audio.NewRecorder(1), start: audio.ErrDeviceBusy}
		}, "speaker", Failed, "does not open", "Another program", "microphone"},
		"a muted microphone": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.Sound.Microphone = audio.NewSilenceSource()
		}, "microphone", Warning, "digital silence", "muted", "codec"},
		"a driver that hangs": {func(t *testing.T, _ *voiceroomtest.Server, c *Config) {
			free := make(chan struct{})
			t.Cleanup(func() { close(free) })
			c.Sound.Microphone = &broken{Recorder: audio.NewRecorder(1), frame: func(context.Context) error { <-free; return io.EOF }}
		}, "microphone", Failed, "did not come back within 10s", "hangs", "media loss"},
		"a check that panics": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.Sound.List = func(context.Context) ([]string, []string, error) { panic("oops") }
		}, "devices", Failed, "oops", "bug", "codec"},
		"no codec":              {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) { c.Codec = noCodec{} }, "codec", Failed, "libopus-dev", "", "login"},
		"a deaf codec":          {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) { c.Codec = deaf{audio.MuLaw} }, "codec", Failed, "does not give back", "libopus", "login"},
		"no echo cancellation":  {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) { c.Voice = voice(0, errors.New("no SpeexDSP")) }, "echo", Failed, "no SpeexDSP", "--raw", "codec"},
		"one that does nothing": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) { c.Voice = voice(1, nil) }, "echo", Failed, "as loud as it was", "--raw", "codec"},
		"no address":            {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) { c.URL = "voice" }, "address", Failed, "is none", "ws://", "usersig"},
		"a web address": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) { c.URL = "https://voice.example" },
			"address", Failed, "https://", "Write wss://", "usersig"},
		"the server is down": {func(t *testing.T, srv *voiceroomtest.Server, _ *Config) { srv.StopNode(t, 0) }, "tcp", Failed, "node0.test", "", "usersig"},
		"nothing comes back": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.Network.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		}, "tcp", Failed, "Nothing comes back", "firewall", "usersig"},
		"no TLS": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.URL = strings.Replace(c.URL, "ws://", "wss://", 1)
			dial := c.Network.Dial
			c.Network.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				return dial(ctx, network, "node0.test:80")
			}
		}, "tls", Failed, "does not speak TLS", "ws://", "usersig"},
		"nobody": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) { c.NoUser = "Nobody is there." }, "usersig", Skipped, "Nobody", "", "websocket"},
		"another secret": {func(t *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.User.Secret, c.User.Sig = "", mint(t, voiceroomtest.App, "wrong", "me", time.Hour, time.Now())
		}, "login", Failed, "wrong signature", "another secret", "usersig"},
		"another secret, known here": {func(t *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.User.Sig = mint(t, voiceroomtest.App, "wrong", "me", time.Hour, time.Now())
		}, "usersig", Failed, "not made with this app's secret", "Compare", "websocket"},
		"an expired UserSig": {func(t *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.User.Sig = mint(t, voiceroomtest.App, voiceroomtest.Secret, "me", time.Hour, time.Now().Add(-2*time.Hour))
		}, "usersig", Failed, "expired 1h0m", "new one", "websocket"},
		"one that expires soon": {func(t *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.User.Sig = mint(t, voiceroomtest.App, voiceroomtest.Secret, "me", 5*time.Minute, time.Now())
		}, "usersig", Warning, "until", "soon", "login"},
		"one of the future": {func(t *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.User.Sig = mint(t, voiceroomtest.App, voiceroomtest.Secret, "me", time.Hour, time.Now().Add(time.Hour))
		}, "usersig", Failed, "in the future", "clock", "websocket"},
		"another user's": {func(t *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.User.Sig = mint(t, voiceroomtest.App, voiceroomtest.Secret, "you", time.Hour, time.Now())
		}, "usersig", Failed, "for user you, and you are me", "--user", "websocket"},
		"another app": {func(t *testing.T, _ *voiceroomtest.Server, c *Config) {
			c.User.App, c.User.Sig = 7, mint(t, 7, voiceroomtest.Secret, "me", time.Hour, time.Now())
		}, "login", Failed, "does not know app 7", "--app", "usersig"},
		"one app's UserSig for another": {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) { c.User.App, c.User.Secret = 7, "" }, "usersig", Failed, "and not for 7", "", "websocket"},
		"half a UserSig":                {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) { c.User.Sig = c.User.Sig[:40] }, "usersig", Failed, "its form is wrong", "copied", "websocket"},
		"no such room":                  {func(_ *testing.T, _ *voiceroomtest.Server, c *Config) { c.Room = "nowhere" }, "room", Failed, "cannot be entered", "", "login"},
		"UDP is blocked":                {func(_ *testing.T, srv *voiceroomtest.Server, _ *Config) { srv.SetLoss(1) }, "media udp", Failed, "Nothing comes back over UDP", "firewall", "room"},
		"a bad line":                    {func(_ *testing.T, srv *voiceroomtest.Server, _ *Config) { srv.SetLoss(0.1) }, "media loss", Warning, "has missed", "cable", "media udp"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Seed: 3}.NewServer(t)
				cfg := healthy(t, srv)
				c.breaks(t, srv, &cfg)
				r := Run(t.Context(), cfg)
				got := find(t, r, c.check)
				assert.Equal(t, c.status, got.Status, "%+v", got)
				assert.Contains(t, got.Says, c.says)
				assert.Contains(t, got.Do, c.does)
				assert.Equal(t, c.status != Failed, r.OK)
				assert.Contains(t, []Status{OK, Warning}, find(t, r, c.still).Status, "%+v", find(t, r, c.still))
				require.Len(t, r.Checks, len(every), "%+v", r.Checks)
				for i, one := range r.Checks {
					assert.Equal(t, every[i], one.Name)
					assert.NotContains(t, one.Says+one.Do, voiceroomtest.Secret)
					assert.False(t, strings.Contains(one.Says+one.Do, cfg.User.Sig), "%+v", one)
				}
			})
		})
	}
}

// What answers may be anything.
func TestStrangeServers(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		tls     bool
		check   string
		status  Status
		says    string
	}{
		"another web server":  {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, false, "server", Failed, "not as voiceroomd does"},
		"a proxy to nowhere":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, false, "server", Failed, "502"},
		"one without healthz": {http.NotFound, false, "server", Warning, "does not know /healthz"},
		"no WebSockets":       {http.NotFound, false, "websocket", Failed, "no WebSocket"},
		"not ready": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503); fmt.Fprint(w, "the store is away") },
			false, "ready", Failed, "the store is away"},
		"an unknown authority": {http.NotFound, true, "tls", Failed, "signed by itself"},
		"a clock that is wrong": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(-2*time.Minute).UTC().Format(http.TimeFormat))
			fmt.Fprint(w, "ok")
		}, false, "usersig", Warning, "clock is 2m"},
		"one that is very wrong": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
			fmt.Fprint(w, "ok")
		}, false, "usersig", Failed, "clock is 10m"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(c.handler)
			srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
			if c.tls {
				srv.StartTLS()
			} else {
				srv.Start()
			}
			defer srv.Close()
			sig, err := usersig.Mint(7, "secret", "me", time.Hour, time.Now())
			require.NoError(t, err)
			r := Run(t.Context(), Config{URL: strings.Replace(srv.URL, "http", "ws", 1), User: User{App: 7, ID: "me", Sig: sig}, NoSound: "Not now."})
			got := find(t, r, c.check)
			require.Equal(t, c.status, got.Status, "%+v", r)
			require.Contains(t, got.Says, c.says)
			require.Equal(t, Skipped, find(t, r, "media udp").Status)
			require.Equal(t, Result{Name: "speaker", Status: Skipped, Says: "Not now."}, find(t, r, "speaker"))
		})
	}
	t.Run("TLS where none is expected", func(t *testing.T) {
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
		srv.StartTLS()
		defer srv.Close()
		r := Run(t.Context(), Config{URL: strings.Replace(srv.URL, "https", "ws", 1), NoUser: "x"})
		require.Equal(t, "The server wants TLS.", find(t, r, "server").Says)
	})
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		r := Run(t.Context(), Config{URL: "ws://" + l.Addr().String(), NoUser: "x"})
		require.Contains(t, find(t, r, "tcp").Says, "Nothing listens at")
		require.False(t, r.OK)
	})
}

// The addresses that a server tells its clients say more than the silence behind them.
func TestUnreachableAddresses(t *testing.T) {
	sdp := func(ip string) string {
		return "a=candidate:1 1 udp 2130706431 " + ip + " 8080 typ host\r\na=x\r\na=candidate:2 1 tcp\r\n"
	}
	for name, c := range map[string]struct{ ip, host, does string }{
		"loopback":         {"127.0.0.1", "voice.example", "--media"},
		"loopback, local":  {"127.0.0.1", "127.0.0.1", "firewall"},
		"private":          {"10.0.0.5", "198.51.100.7", "--public-ip"},
		"private, private": {"10.0.0.5", "10.0.0.5", "firewall"},
		"public":           {"198.51.100.7", "voice.example", "firewall"},
	} {
		r := unreachable(candidatesOf(sdp(c.ip)), c.host, context.DeadlineExceeded, false)
		assert.Equal(t, Failed, r.Status, name)
		assert.Contains(t, r.Says, c.ip+":8080", name)
		assert.Contains(t, r.Do, c.does, name)
	}
	require.Empty(t, candidatesOf("a=candidate:1 1 udp x notanip 8080\na=candidate:1 1 udp x 1.2.3.4 99999\n"))
	require.Equal(t, "Nothing comes back over UDP.", unreachable(nil, "x", context.DeadlineExceeded, false).Says)
}

func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		cfg := healthy(t, srv)
		ctx, cancel := context.WithCancel(t.Context())
		cfg.OnResult = func(r Result) {
			if r.Name == "media udp" {
				time.AfterFunc(time.Second, cancel)
			}
		}
		var r Report
		var wg sync.WaitGroup
		wg.Go(func() { r = Run(ctx, cfg) })
		wg.Wait()
		require.Equal(t, "Interrupted.", find(t, r, "media loss").Says)
		require.False(t, r.OK)
	})
}

func FuzzCandidates(f *testing.F) {
	f.Add("a=candidate:1 1 udp 2130706431 127.0.0.1 8080 typ host\r\na=candidate:2 1 tcp 1 ::1 9 typ host")
	f.Add("a=candidate:\na=candidate: 1 2 3 4 5 6 7")
	f.Fuzz(func(t *testing.T, sdp string) {
		for i, c := range candidatesOf(sdp) {
			if !c.addr.IsValid() || i > strings.Count(sdp, "a=candidate:") {
				t.Fatalf("%q: %v", sdp, c)
			}
		}
	})
}
