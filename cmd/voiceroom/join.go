package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/charmbracelet/x/term"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/audio/portaudio"
	"github.com/openvoiceroom/openvoiceroom/audio/speex"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/tui"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

type joinCmd struct {
	Room string `arg:"" help:"The room's id."`

	loginFlags
	passwordFlag
	Name string `placeholder:"NAME" help:"How the others see you."`

	Create   bool   `help:"Open the room as its host, with a seat, instead of entering it. Your own room that is open already is entered again."`
	RoomName string `placeholder:"NAME" help:"With --create: what the room is called."`
	Seats    int    `placeholder:"N" help:"With --create: how many seats it has; 10 unless given."`
	SeatMode string `enum:"apply,free" default:"apply" placeholder:"MODE" help:"With --create: ${enum}. Guests apply for seats, or take free ones."`

	Seat  int  `placeholder:"N" help:"Take this seat at once, or apply for it: 1 is the first."`
	Muted bool `help:"Keep the microphone closed until it is asked for."`

	Microphone  string `placeholder:"NAME" help:"A microphone's id or a part of its name, as voiceroom devices lists them. The system's default unless given."`
	Speaker     string `placeholder:"NAME" help:"A speaker, likewise."`
	NoSoundCard bool   `help:"Use no sound card: say nothing and play nothing, but for --mic-file and --record."`
	MicFile     string `type:"path" placeholder:"FILE" help:"Say this instead of using the microphone: WAV or Ogg Opus, then silence."`
	Record      string `type:"path" placeholder:"FILE" help:"Write what is heard to this WAV file instead of playing it."`

	Raw bool `help:"Leave the microphone as it is: no echo cancellation, noise suppression and gain control. For headsets and music."`

	Plain bool   `help:"No screen: print what happens as lines, until Ctrl-C."`
	Log   string `type:"path" placeholder:"FILE" help:"Write a technical log there."`
}

// Help is the longer text of --help.
func (joinCmd) Help() string {
	return "The keys are shown on the screen; ? explains them. The exit status is 0 when you have left or the host has ended the room, " +
		"and 1 when you were taken out of it or the connection was lost for good."
}

// Run enters the room and shows it until it is over.
func (c *joinCmd) Run(ctx context.Context) (err error) {
	id, err := c.identity("")
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	trust, err := c.tls()
	if err != nil {
		return err
	}
	cfg := tui.Config{
		News: tui.NewNews(), Create: c.Create, Muted: c.Muted, Seat: c.Seat, Language: systemLanguage(os.Getenv),
		Room: seatgrid.RoomInfo{RoomID: seatgrid.RoomID(c.Room), Name: c.RoomName, MaxSeatCount: c.Seats, SeatMode: seatgrid.ApplyToTake, Password: c.Password},
		Login: engine.Config{
			URL: c.URL, TLS: trust, SDKAppID: id.app, UserID: id.user, UserSig: id.sig, TokenSource: id.tokens(), UserName: c.Name,
		},
	}
	if c.SeatMode == "free" {
		cfg.Room.SeatMode = seatgrid.FreeToTake
	}
	closeLog, err := c.log(&cfg.Login)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	loud := func() {}
	if !c.Plain { // what sound libraries complain about does not belong on the screen
		fmt.Fprintf(os.Stderr, "Connecting to %s ...\n", c.URL)
		if loud, err = silenceStderr(); err != nil {
			return err
		}
	}
	defer func() { loud() }()
	closeSound, err := c.sound(ctx, &cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSound()) }()

	end, err := c.show(ctx, cfg)
	loud()
	loud = func() {}
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, end.Text)
	if end.Failed {
		return errReported
	}
	return nil
}

// check refuses before anything has started.
func (c *joinCmd) check() error {
	if err := seatgrid.RoomID(c.Room).Valid(); err != nil {
		return errors.New(tui.Problem(err))
	}
	if !c.Create && (c.RoomName != "" || c.Seats != 0 || c.SeatMode != "apply") {
		return errors.New("--room-name, --seats and --seat-mode say how a room is opened: use them with --create")
	}
	if c.Seat < 0 || c.Seats < 0 {
		return errors.New("--seat and --seats count from 1")
	}
	if c.MicFile != "" && c.Microphone != "" {
		return errors.New("--mic-file stands in for a microphone: give one of it and --microphone")
	}
	if c.Record != "" && c.Speaker != "" {
		return errors.New("--record stands in for a speaker: give one of it and --speaker")
	}
	if !c.Plain && (!term.IsTerminal(os.Stdin.Fd()) || !term.IsTerminal(os.Stdout.Fd())) {
		return errors.New("standard input or output is no terminal, so there is nothing to draw on; --plain prints what happens as lines")
	}
	return nil
}

// show opens the session and runs it on the screen or as lines.
func (c *joinCmd) show(ctx context.Context, cfg tui.Config) (end tui.Outcome, err error) {
	s, err := tui.Open(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return end, errors.New("interrupted")
		}
		return end, errors.New("the room cannot be entered: " + tui.Problem(err))
	}
	if c.Plain {
		end, err = s.Print(ctx, os.Stdout)
	} else {
		end, err = s.Run(ctx, os.Stdin, os.Stdout, os.Environ())
	}
	return end, errors.Join(err, s.Close())
}

func (c *joinCmd) log(cfg *engine.Config) (closeLog func() error, err error) {
	if c.Log == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(c.Log)
	if err != nil {
		return nil, fmt.Errorf("--log: %w", err)
	}
	cfg.Logger = slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return f.Close, nil
}

// sound chooses where sound comes from and goes to. What it returns ends what it has begun, after the session.
func (c *joinCmd) sound(ctx context.Context, cfg *tui.Config) (end func() error, err error) {
	end = func() error { return nil }
	login := &cfg.Login
	switch {
	case c.MicFile != "":
		samples, err := audio.LoadFile(c.MicFile, opus.Codec)
		if err != nil {
			return nil, fmt.Errorf("--mic-file: %w", err)
		}
		login.Microphone = audio.NewPCMSource(samples, audio.PCMOptions{Silence: true})
	case !c.NoSoundCard:
		login.Microphone = portaudio.NewMicrophone(c.card("microphone", c.Microphone, cfg.News))
	}
	switch {
	case c.Record != "":
		rec, err := newFileSink(c.Record)
		if err != nil {
			return nil, fmt.Errorf("--record: %w", err)
		}
		login.Speaker, end = rec, rec.close
	case !c.NoSoundCard:
		login.Speaker = portaudio.NewSpeaker(c.card("speaker", c.Speaker, cfg.News))
	}
	if login.Microphone == nil && login.Speaker == nil {
		return end, nil // not even a codec is needed
	}
	if !opus.Available {
		_, err := opus.Codec.NewDecoder(1)
		return nil, errors.Join(fmt.Errorf("there can be no sound: %w; --no-sound-card does without", err), end())
	}
	login.Codec = opus.Codec
	if !c.NoSoundCard && (c.MicFile == "" || c.Record == "") {
		if err := c.cards(ctx, login); err != nil {
			return nil, errors.Join(err, end())
		}
	}
	if !c.NoSoundCard && c.MicFile == "" && !c.Raw {
		voice, err := speex.New(speex.Options{Channels: login.Microphone.Channels()})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("echo cannot be cancelled: %w; --raw does without", err), end())
		}
		login.VoiceProcessor = voice
		before := end
		end = func() error { return errors.Join(voice.Close(), before()) }
	}
	return end, nil
}

// cardWait bounds the look at the sound cards; a driver may hang.
const cardWait = 15 * time.Second

// cards tries the sound cards before the room is entered: who asked for one by name wants that one or an error. Without
// a name, a machine that has none is no reason not to listen, or not to be there at least.
func (c *joinCmd) cards(ctx context.Context, login *engine.Config) error {
	ctx, cancel := context.WithTimeout(ctx, cardWait)
	defer cancel()
	try := func(flag, name string, start func(context.Context) error, stop func() error) error {
		err := start(ctx)
		if err == nil {
			err = stop()
		}
		switch {
		case err == nil:
			return nil
		case name != "":
			return fmt.Errorf("--%s: %w", flag, err)
		}
		return fmt.Errorf("the %s does not open: %w; --no-sound-card goes in without, voiceroom devices lists what there is", flag, err)
	}
	if mic := login.Microphone; mic != nil && c.MicFile == "" {
		if err := try("microphone", c.Microphone, mic.Start, mic.Stop); err != nil {
			return err
		}
	}
	if speaker := login.Speaker; speaker != nil && c.Record == "" {
		return try("speaker", c.Speaker, speaker.Start, speaker.Stop)
	}
	return nil
}

func (c *joinCmd) card(what, device string, news *tui.News) portaudio.Options {
	return portaudio.Options{
		Device: device,
		OnLost: func(d portaudio.Device, err error) {
			news.Say(fmt.Sprintf("The %s %s is gone (%v). It is used again as soon as it is back.", what, d.Name, err))
		},
		OnBack: func(d portaudio.Device) { news.Say(fmt.Sprintf("The %s %s works again.", what, d.Name)) },
	}
}
