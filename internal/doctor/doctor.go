package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
)

// Status is how a check ended.
type Status string

// The statuses. Only Failed is a reason for the program to fail.
const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, and may surprise
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Result is one check's. Says and Do are for people, Figures are what was measured.
type Result struct {
	Name    string             `json:"name"`
	Status  Status             `json:"status"`
	Says    string             `json:"says"`
	Do      string             `json:"do,omitempty"`
	Figures map[string]float64 `json:"figures,omitempty"`
	MS      int64              `json:"ms"`
}

// Report is all of them.
type Report struct {
	OK     bool     `json:"ok"`
	Checks []Result `json:"checks"`
}

// Config says what to look at.
type Config struct {
	URL  string      // ws:// or wss://
	TLS  *tls.Config // whom to trust; nil: whom the system trusts
	User User        // who logs in
	// NoUser says why nobody does; empty when somebody does.
	NoUser string
	Room   engine.RoomID // where media is tried; empty: in a room that is opened for it

	Sound   *Sound      // nil: the sound card is not looked at
	NoSound string      // why, if Sound is nil
	Codec   audio.Codec // nil: not looked at
	// CodecName says which codec it is, in which version.
	CodecName string
	// Voice makes what cleans voices, and says how to end it; nil: not looked at.
	Voice func() (p audio.VoiceProcessor, end func() error, err error)

	Network  engine.Network // for tests
	Limit    time.Duration  // of each check; 0 means 10 s
	OnResult func(Result)   // gets each result as it comes; may be nil
}

// User is who logs in.
type User struct {
	App    engine.AppID
	ID     engine.UserID
	Sig    string
	Secret string // of the app; empty: not known here
}

// Sound is a sound card.
type Sound struct {
	// List names the microphones and speakers.
	List       func(ctx context.Context) (microphones, speakers []string, err error)
	Microphone audio.Source
	Speaker    audio.Sink
	// Opened describes the card that the microphone or the speaker has opened.
	Opened func(speaker bool) string
}

// defaultLimit bounds a check. Media takes the longest: ICE gives up after some seconds only.
const defaultLimit = 10 * time.Second

// Run makes all the checks, as far as they are possible.
func Run(ctx context.Context, cfg Config) Report {
	if cfg.Limit == 0 {
		cfg.Limit = defaultLimit
	}
	e := &exam{cfg: cfg, report: Report{OK: true}}
	e.sound(ctx)
	e.codec(ctx)
	e.voice(ctx)
	e.server(ctx)
	return e.report
}

// exam is a run of the checks.
type exam struct {
	cfg    Config
	report Report
}

// tell notes a result.
func (e *exam) tell(r Result) {
	e.report.OK = e.report.OK && r.Status != Failed
	e.report.Checks = append(e.report.Checks, r)
	if e.cfg.OnResult != nil {
		e.cfg.OnResult(r)
	}
}

// skip notes that something was not looked at.
func (e *exam) skip(why string, names ...string) {
	for _, name := range names {
		e.tell(Result{Name: name, Status: Skipped, Says: why})
	}
}

// check runs one check and returns what it has found for those that follow. A check that does not come back in time has
// failed; it goes on by itself, as a driver that hangs does, and what it finds is lost. So is one that panics.
func check[T any](ctx context.Context, e *exam, name string, f func(ctx context.Context) (Result, T)) (found T, ok bool) {
	type outcome struct {
		r     Result
		found T
	}
	began := time.Now()
	done := make(chan outcome, 1)
	limited, cancel := context.WithTimeout(ctx, e.cfg.Limit)
	defer cancel()
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- outcome{r: bad(fmt.Sprintf("The check itself broke: %v.", p), "Report this as a bug.")}
			}
		}()
		var o outcome
		o.r, o.found = f(limited)
		done <- o
	}()
	var o outcome
	late := time.NewTimer(e.cfg.Limit + time.Second)
	defer late.Stop()
	select {
	case o = <-done:
	case <-late.C:
		o.r = bad(fmt.Sprintf("This did not come back within %s.", e.cfg.Limit), "Something hangs: a driver, or the network. Try again, and restart it if that does not help.")
	case <-ctx.Done():
		o.r = bad("Interrupted.", "")
	}
	o.r.Name, o.r.MS = name, time.Since(began).Milliseconds()
	e.tell(o.r)
	return o.found, o.r.Status == OK || o.r.Status == Warning
}

func fine(format string, args ...any) Result {
	return Result{Status: OK, Says: fmt.Sprintf(format, args...)}
}

func bad(says, do string) Result { return Result{Status: Failed, Says: says, Do: do} }

func warn(says, do string) Result { return Result{Status: Warning, Says: says, Do: do} }
