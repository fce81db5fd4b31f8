package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/audio/portaudio"
	"github.com/openvoiceroom/openvoiceroom/audio/speex"
	"github.com/openvoiceroom/openvoiceroom/internal/doctor"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

type doctorCmd struct {
	loginFlags
	Room        string        `placeholder:"ID" help:"Try media in this room, instead of one that is opened for it and ended again."`
	Microphone  string        `placeholder:"NAME" help:"Which microphone to try; the system's default unless given."`
	Speaker     string        `placeholder:"NAME" help:"Which speaker, likewise."`
	NoSoundCard bool          `help:"Do not touch the sound card."`
	Limit       time.Duration `default:"10s" placeholder:"TIME" help:"How long a check may take (default ${default})."`
	JSON        bool          `name:"json" help:"Print one JSON object and nothing else to standard output."`
}

// Help is the longer text of --help.
func (doctorCmd) Help() string {
	return "It plays a quiet tone, listens to the microphone for a second, logs in, opens a room of its own and sends some packets. " +
		"With --app it logs in as a user of its own; with --usersig as that user, which ends a login that this user has elsewhere " +
		"(unless the server was started with --multi-login). The exit status is 0 when all is well, 1 when something is wrong, 2 for flags that make no sense."
}

// Run makes the checks and prints what they say.
func (c *doctorCmd) Run(ctx context.Context) error {
	if c.Limit < 3*time.Second || c.Limit > 5*time.Minute {
		return usageError{errors.New("--limit: 3s to 5m, for example --limit 20s")}
	}
	if c.Room != "" {
		if err := signaling.RoomID(c.Room).Valid(); err != nil {
			return usageError{fmt.Errorf("--room: %w", err)}
		}
	}
	trust, err := c.tls()
	if err != nil {
		return err
	}
	cfg := doctor.Config{
		URL: c.URL, TLS: trust, Room: signaling.RoomID(c.Room), Limit: c.Limit, Codec: opus.Codec, CodecName: opus.Version(),
		Voice: func() (audio.VoiceProcessor, func() error, error) {
			p, err := speex.New(speex.Options{})
			if err != nil {
				return nil, nil, err
			}
			return p, p.Close, nil
		},
		Sound: c.sound(), NoSound: "You have said --no-sound-card.",
	}
	id, err := c.identity(signaling.UserID("doctor-" + strings.ToLower(rand.Text()[:8])))
	switch {
	case errors.Is(err, errNoIdentity):
		cfg.NoUser = "Nobody is there to log in: give --app ID:SECRET, or --usersig SIG."
	case err != nil && c.UserSig != "": // a UserSig that cannot be read is something to say, not a wrong flag
		cfg.User = doctor.User{Sig: c.UserSig, ID: signaling.UserID(c.User)}
	case err != nil:
		return usageError{err}
	default:
		cfg.User = doctor.User{App: id.app, ID: id.user, Sig: id.sig, Secret: id.secret}
	}
	out := io.Writer(os.Stdout)
	width := 0 // as it comes
	if w, _, err := term.GetSize(os.Stdout.Fd()); err == nil {
		width = w
	}
	if !c.JSON {
		cfg.OnResult = func(r doctor.Result) { printResult(out, r, width) }
	}
	quiet, err := silenceStderr()
	if err != nil {
		return err
	}
	report := doctor.Run(ctx, cfg)
	quiet()
	switch {
	case c.JSON:
		if err := json.NewEncoder(out).Encode(report); err != nil {
			return err
		}
	case ctx.Err() != nil:
		fmt.Fprintln(out, "\nInterrupted.")
	case report.OK:
		fmt.Fprintln(out, "\nAll is well, as far as it was looked at.")
	default:
		fmt.Fprintln(out, "\nSomething is wrong: see above what to do.")
	}
	if !report.OK || ctx.Err() != nil {
		return errReported
	}
	return nil
}

// usageError is an error in the flags that kong cannot see.
type usageError struct{ error }

// ExitCode is the exit status.
func (usageError) ExitCode() int { return 2 }

func (c *doctorCmd) sound() *doctor.Sound {
	if c.NoSoundCard {
		return nil
	}
	mic := portaudio.NewMicrophone(portaudio.Options{Device: c.Microphone})
	speaker := portaudio.NewSpeaker(portaudio.Options{Device: c.Speaker})
	return &doctor.Sound{
		Microphone: mic, Speaker: speaker,
		List: func(ctx context.Context) (mics, speakers []string, err error) {
			list, err := portaudio.Devices(ctx)
			for _, d := range list {
				if d.InputChannels > 0 {
					mics = append(mics, d.Name)
				}
				if d.OutputChannels > 0 {
					speakers = append(speakers, d.Name)
				}
			}
			return mics, speakers, err
		},
		Opened: func(output bool) string {
			s := mic.Stats()
			if output {
				s = speaker.Stats()
			}
			text := fmt.Sprintf("%s at %d Hz", s.Device.Name, s.Rate)
			if n := s.Underruns + s.Overruns; n > 0 {
				text += fmt.Sprintf(", %d times too late", n)
			}
			return text
		},
	}
}

// printResult writes a check's result: a word for how it went, and below it what to do.
func printResult(w io.Writer, r doctor.Result, width int) {
	const indent = 20
	mark := map[doctor.Status]string{doctor.OK: "ok", doctor.Warning: "WARN", doctor.Failed: "FAIL", doctor.Skipped: "-"}[r.Status]
	text := r.Says
	if r.Do != "" {
		text += "\n> " + r.Do
	}
	if width > indent+20 {
		text = ansi.Wrap(text, width-indent-1, "")
	}
	text = strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", indent))
	fmt.Fprintf(w, "%-5s %-13s %s\n", mark, r.Name, text)
}
