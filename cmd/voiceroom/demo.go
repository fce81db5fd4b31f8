package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/demo"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

const demoApp signaling.AppID = 1400000001

type demoCmd struct {
	Listen    string `help:"Address for the server's WebSocket; media uses a UDP port of the same host." default:"127.0.0.1:0" placeholder:"HOST:PORT"`
	Data      string `help:"Folder for the server's data; a temporary one unless given." type:"path" placeholder:"DIR"`
	SpeechA   string `name:"speech-a" help:"What the host says: WAV (8 to 192 kHz, up to 8 channels, 8 to 32 bits) or Ogg Opus. A synthetic voice unless given." type:"path" placeholder:"FILE"`
	SpeechB   string `name:"speech-b" help:"What the guest says, likewise." type:"path" placeholder:"FILE"`
	RecordDir string `help:"Keep what was said and heard there, as WAV." type:"path" placeholder:"DIR"`
	JSON      bool   `name:"json" help:"Print one JSON object and nothing else."`
	Report    bool   `help:"Print each user's report of the call too: how the other was heard, and why where it went badly."`
	Once      bool   `help:"End after the scenario; without it the server stays up."`
	Verbose   bool   `short:"v" help:"Log what server and clients do, to standard error."`
}

// Run plays the scenario. Its error is errReported when a step failed.
func (c *demoCmd) Run(ctx context.Context) error {
	hostSays, err := c.speech("--speech-a", c.SpeechA, speech.Host)
	if err != nil {
		return err
	}
	guestSays, err := c.speech("--speech-b", c.SpeechB, speech.Guest)
	if err != nil {
		return err
	}
	if c.RecordDir != "" {
		if err := os.MkdirAll(c.RecordDir, 0o755); err != nil {
			return fmt.Errorf("--record-dir: %w", err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	srv, err := startDemoServer(ctx, c.Listen, c.Data, log)
	if err != nil {
		return err
	}
	defer srv.stop()

	out := io.Writer(os.Stdout)
	if c.JSON {
		out = io.Discard
	}
	fmt.Fprintf(out, "Server: %s, media on UDP %s\n", srv.url, srv.media)
	if c.SpeechA == "" || c.SpeechB == "" {
		fmt.Fprintln(out, "The voices are synthetic (eSpeak NG); --speech-a and --speech-b take recordings.")
	}
	fmt.Fprintln(out)
	cfg := demo.Config{
		Host: srv.user("host", log), Guest: srv.user("guest", log), HostSays: hostSays, GuestSays: guestSays,
		Room: "demo", HostHeard: audio.NewRecorder(1), GuestHeard: audio.NewRecorder(1),
		OnStep: func(s demo.Step) { fmt.Fprintln(out, s) },
	}
	report := demo.Run(ctx, cfg)
	fmt.Fprintln(out)
	for _, d := range report.Directions {
		fmt.Fprintln(out, d)
	}
	if !c.Report {
		report.Calls = nil
	}
	for _, call := range report.Calls {
		fmt.Fprintf(out, "\n%s", call)
	}
	if c.RecordDir != "" {
		if err := c.record(cfg); err != nil {
			return err
		}
		fmt.Fprintln(out, "Recordings are in", c.RecordDir)
	}
	if c.JSON {
		if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
			return err
		}
	}
	if !report.OK {
		if ctx.Err() != nil {
			fmt.Fprintln(out, "\ninterrupted")
			return errReported
		}
		fmt.Fprintln(out, "\nFAILED")
		return errReported
	}
	fmt.Fprintln(out, "\nOK: both heard what the other said.")
	if !c.Once {
		if c.JSON {
			out = os.Stderr // standard output holds the object and nothing else
		}
		fmt.Fprintf(out, "\nThe server stays up at %s (SDKAppID %d, secret %s); end it with Ctrl-C.\n", srv.url, demoApp, srv.secret)
		<-ctx.Done()
	}
	return nil
}

// speech returns what somebody says, or an error that says what is wrong with the file, before anything has started.
func (c *demoCmd) speech(flag, file string, builtin func() []int16) ([]int16, error) {
	if file == "" {
		return builtin(), nil
	}
	samples, err := audio.LoadFile(file, opus.Codec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	if len(samples) < audio.SampleRate {
		return nil, fmt.Errorf("%s: %s is shorter than a second; give some more of it", flag, file)
	}
	if quiet, _ := hearing.Silent(samples); quiet {
		return nil, fmt.Errorf("%s: %s holds nothing but silence; give a recording of somebody who speaks", flag, file)
	}
	return samples, nil
}

func (c *demoCmd) record(cfg demo.Config) error {
	for name, samples := range map[string][]int16{
		"host_said.wav": cfg.HostSays, "guest_said.wav": cfg.GuestSays,
		"host_heard.wav": cfg.HostHeard.Samples(), "guest_heard.wav": cfg.GuestHeard.Samples(),
	} {
		f, err := os.Create(filepath.Join(c.RecordDir, name))
		if err != nil {
			return err
		}
		if err := audio.WriteWAV(f, samples, audio.SampleRate, 1); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// demoServer is the whole server in this process, on its embedded store.
type demoServer struct {
	url, secret string
	media       net.Addr
	stop        func()
}

func startDemoServer(ctx context.Context, listen, data string, log *slog.Logger) (_ *demoServer, err error) {
	var undo []func()
	stop := func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	if data == "" {
		if data, err = os.MkdirTemp("", "voiceroom-demo-"); err != nil {
			return nil, err
		}
		dir := data
		undo = append(undo, func() { os.RemoveAll(dir) })
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	undo = append(undo, func() { l.Close() })
	st, err := natsstore.Open(ctx, natsstore.Config{Dir: data, Logger: log})
	if err != nil {
		if ctx.Err() != nil {
			return nil, errors.New("interrupted")
		}
		return nil, fmt.Errorf("the embedded store does not start: %w", err)
	}
	undo = append(undo, func() { st.Close() })
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: l.Addr().(*net.TCPAddr).IP})
	if err != nil {
		return nil, fmt.Errorf("no UDP port for media: %w", err)
	}
	secret := rand.Text()
	url := "ws://" + reachable(l.Addr())
	srv, err := server.New(ctx, server.Config{
		Apps: map[signaling.AppID]string{demoApp: secret}, Store: st, UDP: udp, URL: url, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	web := &http.Server{Handler: srv.Handler(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan struct{})
	go func() { defer close(served); _ = web.Serve(l) }() // it ends with ErrServerClosed
	undo = append(undo, func() {
		end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Close(end); err != nil {
			log.Warn("server", "error", err)
		}
		web.Close()
		<-served
	})
	return &demoServer{url: url, secret: secret, media: srv.MediaAddr(), stop: stop}, nil
}

// reachable is an address at which this machine reaches a listener, which may listen on all of them.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return a.String()
}

func (s *demoServer) user(id signaling.UserID, log *slog.Logger) engine.Config {
	sig, err := usersig.Mint(demoApp, s.secret, id, time.Hour, time.Now())
	if err != nil {
		sig = "" // Login says that it is missing
	}
	return engine.Config{
		URL: s.url, SDKAppID: demoApp, UserID: id, UserSig: sig, UserName: string(id), Codec: opus.Codec, Logger: log,
	}
}
