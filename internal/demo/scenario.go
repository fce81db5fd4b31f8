package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// Config of a run. The two engine configurations say where and as whom the users log in; their devices are the demo's.
type Config struct {
	Host, Guest           engine.Config
	HostSays, GuestSays   []int16 // 48 kHz mono
	Room                  engine.RoomID
	Listen                time.Duration // how long each is listened to; 0 means the length of what is said, at most 10 s
	OnStep                func(Step)    // progress; may be nil
	HostHeard, GuestHeard *audio.Recorder
}

const (
	eventWait  = 10 * time.Second
	maxListen  = 10 * time.Second
	muteSettle = time.Second             // a muted user may be heard so long
	muteCheck  = 1500 * time.Millisecond // longer than a pause of speech
	maxDelay   = 300 * time.Millisecond  // of the comparison
	loopPause  = 400 * time.Millisecond  // between two rounds of the speech
)

// Run plays the scenario and returns its report. It stops at the first step that fails.
func Run(ctx context.Context, cfg Config) Report {
	s := &scenario{cfg: cfg, ctx: ctx, report: Report{OK: true}}
	if err := s.play(); err != nil {
		s.report.OK = false
	}
	for _, p := range []*person{s.host, s.guest} {
		if p != nil && p.room != nil {
			s.report.Calls = append(s.report.Calls, p.room.CallReport())
		}
	}
	s.end()
	return s.report
}

type scenario struct {
	cfg         Config
	ctx         context.Context
	report      Report
	host, guest *person
}

// person is one user with a microphone that says something over and over, and a speaker that records.
type person struct {
	name  string
	eng   *engine.Engine
	grid  *seatgrid.Grid
	room  *engine.Room // once it has been entered
	says  []int16
	mic   *audio.PCMSource
	heard *audio.Recorder
}

// errStop ends the scenario; the step that failed has the error.
var errStop = errors.New("demo: a step failed")

// step does one thing and reports it.
func (s *scenario) step(name string, f func() error) error {
	return s.stepSince(time.Now(), name, f)
}

// stepSince is step for something that has begun before.
func (s *scenario) stepSince(start time.Time, name string, f func() error) error {
	err := f()
	st := Step{Name: name, OK: err == nil, MS: float64(time.Since(start).Microseconds()) / 1000}
	if err != nil {
		st.Error = err.Error()
	}
	s.report.Steps = append(s.report.Steps, st)
	if s.cfg.OnStep != nil {
		s.cfg.OnStep(st)
	}
	if err != nil {
		return errStop
	}
	return nil
}

// steps runs steps in order, until one fails.
func (s *scenario) steps(list ...func() error) error {
	for _, f := range list {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (s *scenario) do(name string, f func(context.Context) error) func() error {
	return func() error { return s.step(name, func() error { return f(s.ctx) }) }
}

func (s *scenario) login(p **person, name string, cfg engine.Config, says []int16, heard *audio.Recorder) func() error {
	return s.do("Login "+name, func(ctx context.Context) error {
		if heard == nil {
			heard = audio.NewRecorder(1)
		}
		pause := make([]int16, loopPause*audio.SampleRate/time.Second)
		u := &person{name: name, says: append(append([]int16(nil), says...), pause...), heard: heard}
		u.mic = audio.NewPCMSource(u.says, audio.PCMOptions{Loop: true})
		cfg.Microphone, cfg.Speaker = u.mic, u.heard
		eng, err := engine.Login(ctx, cfg)
		if err != nil {
			return err
		}
		u.eng, u.grid = eng, seatgrid.New(eng)
		*p = u
		return nil
	})
}

func (s *scenario) play() error {
	requests := make(chan seatgrid.UserInfo, 1)
	hostSees := make(chan bool, 8) // the guest's audio state, as the host is told
	dismissed := make(chan struct{})
	cfg := s.cfg
	err := s.steps(
		s.login(&s.host, "host", cfg.Host, cfg.HostSays, cfg.HostHeard),
		s.do("host StartVoiceRoom", func(ctx context.Context) error {
			s.host.grid.AddObserver(&seatgrid.Observer{
				OnSeatRequestReceived: func(_ seatgrid.RequestType, u seatgrid.UserInfo) { requests <- u },
				OnUserAudioStateChanged: func(u seatgrid.UserInfo, hasAudio bool, _ seatgrid.ChangeReason) {
					if u.UserID == s.cfg.Guest.UserID {
						hostSees <- hasAudio
					}
				},
			})
			_, err := s.host.grid.StartVoiceRoom(ctx, seatgrid.RoomInfo{RoomID: cfg.Room, SeatMode: seatgrid.ApplyToTake})
			s.host.room = s.host.grid.Room()
			return err
		}),
		s.do("host StartMicrophone", func(ctx context.Context) error { return s.host.grid.StartMicrophone(ctx) }),
		s.login(&s.guest, "guest", cfg.Guest, cfg.GuestSays, cfg.GuestHeard),
		s.do("guest JoinVoiceRoom", func(ctx context.Context) error {
			s.guest.grid.AddObserver(&seatgrid.Observer{OnRoomDismissed: func(seatgrid.RoomID) { close(dismissed) }})
			_, err := s.guest.grid.JoinVoiceRoom(ctx, cfg.Room)
			s.guest.room = s.guest.grid.Room()
			return err
		}),
		s.do("guest is connected", func(ctx context.Context) error { return s.guest.grid.Room().Connected(ctx) }),
		func() error { return s.listen(s.guest, s.host) },
	)
	if err != nil {
		return err
	}
	return s.steps(
		func() error { return s.applyForSeat(requests) },
		s.do("guest StartMicrophone", func(ctx context.Context) error { return s.guest.grid.StartMicrophone(ctx) }),
		s.expectAudio(hostSees, true),
		func() error { return s.listen(s.host, s.guest) },
		s.do("guest MuteMicrophone", func(ctx context.Context) error { return s.guest.grid.MuteMicrophone(ctx) }),
		s.expectAudio(hostSees, false),
		s.do("silence at host", func(ctx context.Context) error { return s.silence(ctx, s.host) }),
		s.do("guest UnmuteMicrophone", func(ctx context.Context) error { return s.guest.grid.UnmuteMicrophone(ctx) }),
		s.expectAudio(hostSees, true),
		s.do("host hears guest again", func(ctx context.Context) error {
			d, err := s.compare(ctx, s.host, s.guest, s.length(s.guest)/2)
			if err == nil && !d.OK {
				err = errors.New(d.String())
			}
			return err
		}),
		s.do("guest LeaveSeat", func(ctx context.Context) error { return s.guest.grid.LeaveSeat(ctx) }),
		s.expectAudio(hostSees, false),
		s.do("host StopVoiceRoom", func(ctx context.Context) error {
			_, err := s.host.grid.StopVoiceRoom(ctx)
			return err
		}),
		s.do("guest gets OnRoomDismissed", func(ctx context.Context) error { return receive(ctx, dismissed) }),
	)
}

// applyForSeat has the guest apply and the host accept, as two people would: at the same time.
func (s *scenario) applyForSeat(requests chan seatgrid.UserInfo) error {
	type answer struct {
		res seatgrid.RequestResult
		err error
	}
	taken := make(chan answer, 1)
	start := time.Now()
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, giveUp := context.WithCancel(s.ctx)
	defer giveUp()     // before the Wait: a step that fails leaves nobody asking
	asking.Go(func() { // ends with TakeSeat, which has a time-out
		res, err := s.guest.grid.TakeSeat(ctx, 1, 60*time.Second)
		taken <- answer{res, err}
	})
	return s.steps(
		s.do("host gets OnSeatRequestReceived", func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, eventWait)
			defer cancel()
			select {
			case u := <-requests:
				if u.UserID != s.cfg.Guest.UserID {
					return fmt.Errorf("the request is by %q", u.UserID)
				}
				return nil
			case a := <-taken:
				return fmt.Errorf("TakeSeat ended before anybody was asked: %v, %w", a.res.Type, errors.Join(a.err))
			case <-ctx.Done():
				return fmt.Errorf("no request within %s", eventWait)
			}
		}),
		s.do("host ResponseRemoteRequest", func(ctx context.Context) error {
			return s.host.grid.ResponseRemoteRequest(ctx, s.cfg.Guest.UserID, true)
		}),
		func() error {
			return s.stepSince(start, "TakeSeat", func() error {
				a := <-taken
				if a.err == nil && a.res.Type != seatgrid.Accepted {
					return fmt.Errorf("the application ended as %v", a.res.Type)
				}
				return a.err
			})
		},
	)
}

func receive[T any](ctx context.Context, c <-chan T) error {
	ctx, cancel := context.WithTimeout(ctx, eventWait)
	defer cancel()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("it did not come within %s", eventWait)
	}
}

func (s *scenario) expectAudio(seen <-chan bool, want bool) func() error {
	return s.do("host gets OnUserAudioStateChanged", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, eventWait)
		defer cancel()
		select {
		case got := <-seen:
			if got != want {
				return fmt.Errorf("audio is %v, want %v", got, want)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("it did not come within %s", eventWait)
		}
	})
}

// listen compares what one heard of the other and adds the direction to the report.
func (s *scenario) listen(to, from *person) error {
	return s.step(to.name+" hears "+from.name, func() error {
		d, err := s.compare(s.ctx, to, from, s.length(from))
		if err != nil {
			return err
		}
		s.report.Directions = append(s.report.Directions, d)
		if !d.OK {
			return errors.New(d.String())
		}
		return nil
	})
}

func (s *scenario) length(p *person) time.Duration {
	if s.cfg.Listen > 0 {
		return s.cfg.Listen
	}
	return min(time.Duration(len(p.says))*time.Second/audio.SampleRate, maxListen)
}

// compare lets both go on for a while and lines up what was said with what was heard by the clock.
func (s *scenario) compare(ctx context.Context, to, from *person, length time.Duration) (Direction, error) {
	begin := time.Now().Add(maxDelay) // what was on its way before does not count
	if err := wait(ctx, time.Until(begin)+length+maxDelay+100*time.Millisecond); err != nil {
		return Direction{}, err
	}
	said := excerpt(from.says, true, begin.Sub(from.mic.Started()), length)
	heard := excerpt(to.heard.Samples(), false, begin.Sub(to.heard.Started()), length+maxDelay)
	return Direction{From: from.name, To: to.name, Report: hearing.Compare(said, heard, hearing.Options{MaxDelay: maxDelay})}, nil
}

func (s *scenario) silence(ctx context.Context, p *person) error {
	begin := time.Now().Add(muteSettle)
	if err := wait(ctx, muteSettle+muteCheck+100*time.Millisecond); err != nil {
		return err
	}
	if quiet, level := hearing.Silent(excerpt(p.heard.Samples(), false, begin.Sub(p.heard.Started()), muteCheck)); !quiet {
		return fmt.Errorf("%s still hears %.0f dBFS a second after the mute", p.name, level)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// excerpt cuts a stretch out of samples; a loop goes round, and what was not recorded is silence.
func excerpt(samples []int16, loop bool, from, length time.Duration) []int16 {
	out := make([]int16, int(length*audio.SampleRate/time.Second))
	first := int(from * audio.SampleRate / time.Second)
	for i := range out {
		at := first + i
		if loop && len(samples) > 0 {
			at = ((at % len(samples)) + len(samples)) % len(samples)
		}
		if at >= 0 && at < len(samples) {
			out[i] = samples[at]
		}
	}
	return out
}

// end logs both out.
func (s *scenario) end() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), eventWait)
	defer cancel()
	for _, p := range []*person{s.guest, s.host} {
		if p == nil {
			continue
		}
		if err := p.eng.Logout(ctx); err != nil {
			s.report.OK = false
			s.report.Steps = append(s.report.Steps, Step{Name: "Logout " + p.name, Error: err.Error()})
		}
	}
}
