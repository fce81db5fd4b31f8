package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/bot"
	"github.com/openvoiceroom/openvoiceroom/internal/tui"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
)

type botCmd struct {
	Room  string   `arg:"" help:"The room's id."`
	Files []string `arg:"" optional:"" name:"file" help:"More to play, after --play: --play *.mp3 works."`

	loginFlags
	passwordFlag
	Name string `placeholder:"NAME" help:"How the others see the bot."`

	Create   bool   `help:"Open the room as its host, and end it at the end. Your own room that is open already is entered again."`
	RoomName string `placeholder:"NAME" help:"With --create: what the room is called."`
	Seats    int    `placeholder:"N" help:"With --create: how many seats it has; 10 unless given."`
	SeatMode string `enum:"apply,free" default:"apply" placeholder:"MODE" help:"With --create: ${enum}. Guests apply for seats, or take free ones."`
	Accept   bool   `help:"Give a seat to everybody who applies for one, as long as the bot is the room's host or an administrator."`

	Seat seatFlag `placeholder:"N" help:"Take this seat, or apply for it and wait: 1 is the first, -1 any. Any where there is something to say, else none."`

	Play     []string          `sep:"none" placeholder:"FILE" help:"Play a file: WAV, Ogg Opus or MP3. Repeatable; they are played in this order."`
	Loop     bool              `help:"Begin again after the last file, for ever."`
	Quality  string            `enum:"speech,default,music" default:"default" placeholder:"QUALITY" help:"How it is encoded: ${enum} (default ${default}). Music is stereo."`
	Announce map[string]string `mapsep:"," placeholder:"EVENT=FILE,..." help:"Play a file, of at most a minute and over the music, when something happens: entered=hello.wav,seated=applause.wav. The events are those of --events."`
	Say      string            `placeholder:"-" help:"Say what comes from standard input (-) or a file, as fast as it comes: 48 kHz, mono, 16 bits, little-endian, without a header."`
	Chat     string            `placeholder:"-" help:"Say each line from standard input (-) or a file in the room's chat. What others say is among the --events."`
	Hear     []string          `sep:"none" placeholder:"USER=FILE" help:"Write what somebody says to a file, or to standard output (-), like what --say takes, silence included. USER * is everybody. Repeatable."`
	Record   string            `type:"path" placeholder:"DIR" help:"Record into this folder: a track for each seat, the mix, and what happens. It can be played at any moment, also after a crash."`
	Events   eventsFlag        `placeholder:"text" help:"Write what happens to standard output: a line of JSON for each event, or --events=text for people."`

	For time.Duration `placeholder:"TIME" help:"End after this time: 90s, 2h."`
	Log string        `type:"path" placeholder:"FILE" help:"Write a technical log there."`
}

// Help is the longer text of --help.
func (botCmd) Help() string {
	return "A bot that has something to say, or is given --seat, takes the seat that it is invited to; another one declines. It ends when everything has been played or said, unless there is something else to do: then after --for, with the room, or by Ctrl-C. " +
		"Without the Opus codec (a build without cgo) it plays Ogg Opus files of 20 ms packets as they are, records without a mix, and cannot --say or --hear. " +
		"The exit status is 0 when it has done its work, was interrupted, or the host has ended the room, 1 when something else has ended it, 2 for flags that make no sense."
}

// seatFlag is a seat as people count.
type seatFlag int

// Decode takes the value as it is: -1 is no flag.
func (s *seatFlag) Decode(ctx *kong.DecodeContext) error {
	text := ctx.Scan.Pop().String()
	n, err := strconv.Atoi(text)
	if text == "any" {
		n, err = -1, nil
	}
	if err != nil || n < -1 || n == 0 {
		return fmt.Errorf("%q is no seat: they count from 1, and -1 is any", text)
	}
	*s = seatFlag(n)
	return nil
}

// eventsFlag is how events are written; empty: not at all.
type eventsFlag string

// IsBool says that the flag needs no value.
func (eventsFlag) IsBool() bool { return true }

// Decode takes what stands behind =, if anything does.
func (e *eventsFlag) Decode(ctx *kong.DecodeContext) error {
	*e = "json"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		*e = eventsFlag(ctx.Scan.Pop().String())
	}
	if *e != "json" && *e != "text" {
		return fmt.Errorf("%q: events are written as json or as text", string(*e))
	}
	return nil
}

// Run is the bot's stay.
func (c *botCmd) Run(ctx context.Context) (err error) {
	cfg, err := c.config()
	if err != nil {
		return usageError{err}
	}
	id, err := c.identity("")
	if err != nil {
		return usageError{err}
	}
	trust, err := c.tls()
	if err != nil {
		return err
	}
	cfg.Login = engine.Config{
		URL: c.URL, TLS: trust, SDKAppID: id.app, UserID: id.user, UserSig: id.sig, TokenSource: id.tokens(), UserName: c.Name,
	}
	if opus.Available {
		cfg.Login.Codec = opus.Codec
	}
	if c.Log != "" {
		f, err := os.Create(c.Log)
		if err != nil {
			return fmt.Errorf("--log: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		cfg.Login.Logger = slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if err := c.streams(&cfg); err != nil {
		return err
	}
	end, err := bot.Run(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return errors.New(tui.Problem(err))
	}
	if end.Err != nil {
		end.Text += " " + tui.Problem(end.Err)
	}
	fmt.Fprintln(os.Stderr, end.Text)
	if end.Failed {
		return errReported
	}
	return nil
}

// config reads the flags, as far as that opens nothing.
func (c *botCmd) config() (bot.Config, error) {
	cfg := bot.Config{
		Room:   seatgrid.RoomInfo{RoomID: seatgrid.RoomID(c.Room), Name: c.RoomName, MaxSeatCount: c.Seats, SeatMode: seatgrid.ApplyToTake, Password: c.Password},
		Create: c.Create, Accept: c.Accept, Seat: int(c.Seat),
		Play: slices.Concat(c.Play, c.Files), Loop: c.Loop, Record: c.Record, Announce: map[voiceroom.EventType]string{},
		Quality: map[string]engine.AudioQuality{
			"speech": engine.AudioQualitySpeech, "default": engine.AudioQualityDefault, "music": engine.AudioQualityMusic,
		}[c.Quality],
		Text: c.Events == "text", For: c.For, Note: func(text string) { fmt.Fprintln(os.Stderr, text) },
	}
	if c.SeatMode == "free" {
		cfg.Room.SeatMode = seatgrid.FreeToTake
	}
	for event, file := range c.Announce {
		cfg.Announce[voiceroom.EventType(event)] = file
	}
	if err := seatgrid.RoomID(c.Room).Valid(); err != nil {
		return cfg, errors.New(tui.Problem(err))
	}
	if !c.Create && (c.RoomName != "" || c.Seats != 0 || c.SeatMode != "apply") {
		return cfg, errors.New("--room-name, --seats and --seat-mode say how a room is opened: use them with --create")
	}
	if c.Seats < 0 {
		return cfg, errors.New("--seats counts from 1")
	}
	if c.For < 0 {
		return cfg, errors.New("--for: a time is wanted, such as 90s")
	}
	if c.Loop && len(cfg.Play) == 0 {
		return cfg, errors.New("--loop: there is nothing to play again; give --play FILE")
	}
	for _, event := range slices.Sorted(maps.Keys(cfg.Announce)) {
		if !slices.Contains(bot.Announceable, event) {
			return cfg, fmt.Errorf("--announce: no event is called %q; there are %v", event, bot.Announceable)
		}
	}
	return cfg, nil
}

// streams opens what is read and written.
func (c *botCmd) streams(cfg *bot.Config) error {
	stdout := 0
	if c.Events != "" {
		stdout++
		cfg.Events = standardOutput()
	}
	if c.Say == "-" && c.Chat == "-" {
		return usageError{errors.New("standard input can be one of --say and --chat: read the other from a file")}
	}
	for _, in := range []struct {
		flag, from string
		to         *io.ReadCloser
	}{{"--say", c.Say, &cfg.Say}, {"--chat", c.Chat, &cfg.Chat}} {
		switch in.from {
		case "":
		case "-":
			*in.to = standardInput()
		default:
			f, err := os.Open(in.from)
			if err != nil {
				return fmt.Errorf("%s: %w", in.flag, err)
			}
			*in.to = f
		}
	}
	for _, h := range c.Hear {
		user, file, ok := strings.Cut(h, "=")
		if !ok || user == "" || file == "" {
			return usageError{fmt.Errorf("--hear %s: who is heard and where it goes is wanted, for example --hear alice=alice.raw", h)}
		}
		e := bot.Ear{User: engine.UserID(user)}
		if user == "*" {
			e.User = ""
		} else if err := e.User.Valid(); err != nil {
			return usageError{fmt.Errorf("--hear: %w", err)}
		}
		if file == "-" {
			stdout++
			e.Out = standardOutput()
		} else {
			f, err := os.Create(file)
			if err != nil {
				return fmt.Errorf("--hear: %w", err)
			}
			e.Out = f
		}
		cfg.Hear = append(cfg.Hear, e)
	}
	if stdout > 1 {
		return usageError{errors.New("standard output can take one of --events and each --hear USER=-: write the others to files")}
	}
	return nil
}

// standardInput returns standard input in a form that can be closed while somebody waits for it.
func standardInput() io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, os.Stdin)
		w.CloseWithError(err) // nil is io.EOF
	}()
	return r
}

// output is standard output in a form that can be closed while its reader sleeps.
type output struct {
	*io.PipeWriter
	done chan struct{}
}

// flushWait bounds what is left when somebody sleeps.
const flushWait = time.Second

func standardOutput() *output {
	r, w := io.Pipe()
	o := &output{w, make(chan struct{})}
	go func() {
		defer close(o.done)
		_, err := io.Copy(os.Stdout, r)
		r.CloseWithError(err)
	}()
	return o
}

// Close waits a little until everything has been written.
func (o *output) Close() error {
	err := o.PipeWriter.Close()
	select {
	case <-o.done:
	case <-time.After(flushWait):
	}
	return err
}
