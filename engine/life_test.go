package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// somebody logs in with devices of the test's own.
func somebody(t *testing.T, srv *voiceroomtest.Server, id engine.UserID, change func(*engine.Config)) (*engine.Engine, *seatgrid.Grid) {
	t.Helper()
	cfg := srv.EngineConfig(t, 0, id)
	change(&cfg)
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	logout(t, eng)
	return eng, seatgrid.New(eng)
}

// A login that ends while a room is being entered takes everything of it along: a goroutine that stayed would keep the
// bubble from ending.
func TestLoginEndsWhileARoomIsEntered(t *testing.T) {
	ends := map[string]func(t *testing.T, srv *voiceroomtest.Server, eng *engine.Engine){
		"by Logout": func(t *testing.T, _ *voiceroomtest.Server, eng *engine.Engine) {
			require.NoError(t, eng.Logout(t.Context()))
		},
		"by the server": func(t *testing.T, srv *voiceroomtest.Server, _ *engine.Engine) { srv.StopNode(t, 0) },
		"by a later login": func(t *testing.T, srv *voiceroomtest.Server, _ *engine.Engine) {
			somebody(t, srv, "guest", func(*engine.Config) {})
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				synctest.Test(t, func(t *testing.T) {
					srv := voiceroomtest.NewServer(t)
					srv.NewUser(t, "host").Start(t, "room")
					eng, _ := somebody(t, srv, "guest", func(c *engine.Config) {
						c.Microphone, c.Speaker = audio.NewSilenceSource(), audio.NewRecorder(1)
					})
					var wg sync.WaitGroup
					wg.Go(func() {
						room, err := eng.Enter(t.Context(), "room", nil)
						if err == nil {
							<-room.Done()
						}
					})
					end(t, srv, eng)
					wg.Wait()
					<-eng.Done()
				})
			}
		})
	}
}

// A context may end at any point of Enter. Afterwards the room can be entered, or nothing is left of the attempt.
func TestEnterIsGivenUpAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Delay: 20 * time.Millisecond}.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		slow := &device{Source: audio.NewSilenceSource()}
		eng, _ := somebody(t, srv, "guest", func(c *engine.Config) {
			c.Microphone, c.Speaker = slow, &slowSpeaker{Recorder: audio.NewRecorder(1), start: 10 * time.Millisecond}
		})
		for i := range 12 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
			room, err := eng.Enter(ctx, "room", nil)
			cancel()
			if err == nil {
				require.NoError(t, room.Leave(t.Context()))
				continue
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
			time.Sleep(time.Second) // virtual: departures are told in company
			require.Equal(t, 1, host.RoomInfo().MemberCount, "attempt %d", i)
		}
	})
}

type slowSpeaker struct {
	*audio.Recorder
	start time.Duration
}

func (s *slowSpeaker) Start(ctx context.Context) error {
	select {
	case <-time.After(s.start):
		return s.Recorder.Start(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// device is a microphone that can be slow to open and close, and can break.
type device struct {
	audio.Source
	refused            error         // of Start
	starting, stopping chan struct{} // nil: at once
	broken             chan struct{} // closed: reading fails

	mu   sync.Mutex
	open int
}

func (d *device) Start(ctx context.Context) error {
	if d.starting != nil {
		<-d.starting
	}
	if d.refused != nil {
		return d.refused
	}
	err := d.Source.Start(ctx)
	if err == nil {
		d.mu.Lock()
		d.open++
		d.mu.Unlock()
	}
	return err
}

func (d *device) ReadFrame(ctx context.Context, f audio.Frame) error {
	select {
	case <-d.broken:
		return errors.New("unplugged")
	default:
		return d.Source.ReadFrame(ctx, f)
	}
}

func (d *device) Stop() error {
	if d.stopping != nil {
		<-d.stopping
	}
	d.mu.Lock()
	d.open--
	d.mu.Unlock()
	return d.Source.Stop()
}

func (d *device) isOpen() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open > 0
}

// An app tells its user what to do by the documents' codes; one that wants to know more finds the device's own error.
func TestMicrophoneThatDoesNotOpenSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		dev := &device{Source: audio.NewSilenceSource()}
		eng, host := somebody(t, srv, "host", func(c *engine.Config) { c.Microphone = dev })
		_, err := host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room"})
		require.NoError(t, err)
		for _, c := range []struct{ device, code error }{
			{audio.ErrDeviceDenied, signaling.ErrMicNotAuthorized},
			{audio.ErrDeviceBusy, signaling.ErrMicOccupied},
			{audio.ErrNoDevice, signaling.ErrNoMic},
			{audio.ErrDeviceUnavailable, signaling.ErrMicUnavailable},
			{errors.New("flux"), signaling.ErrMicStartFailed},
		} {
			dev.refused = fmt.Errorf("card 0: %w", c.device)
			err := host.StartMicrophone(t.Context())
			require.ErrorIs(t, err, c.code)
			require.ErrorIs(t, err, c.device)
			require.ErrorContains(t, err, "card 0")
			require.NotEqual(t, engine.MicOn, host.Seats()[0].Mic)
		}
		_, err = host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		dev.refused = audio.ErrNoDevice
		_, err = voiceroom.CreateRoom(t.Context(), eng, "another", voiceroom.CreateRoomParams{})
		require.ErrorIs(t, err, engine.ErrNoMic, "a microphone that is configured and not there is no silent room")
	})
}

// A file that has been played, or a device that is unplugged, is not "on the air" for the others, and can be tried again.
func TestMicrophoneThatEndsIsAnnouncedOff(t *testing.T) {
	for name, broken := range map[string]bool{"at the end of a file": false, "by a device's error": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.NewServer(t)
				guest := srv.NewUser(t, "guest")
				dev := &device{Source: audio.NewPCMSource(make([]int16, audio.SampleRate), audio.PCMOptions{Loop: broken})}
				if broken {
					dev.broken = make(chan struct{})
				}
				_, host := somebody(t, srv, "host", func(c *engine.Config) { c.Microphone = dev })
				_, err := host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room"})
				require.NoError(t, err)
				guest.Join(t, "room")
				heard := make(chan bool, 8)
				guest.AddObserver(&seatgrid.Observer{OnUserAudioStateChanged: func(_ engine.UserInfo, on bool, _ engine.ChangeReason) { heard <- on }})
				require.NoError(t, host.StartMicrophone(t.Context()))
				require.True(t, <-heard)
				if broken {
					close(dev.broken)
				}
				require.False(t, <-heard, "the end is told")
				synctest.Wait() // to the host too
				require.False(t, dev.isOpen(), "the device is free")
				require.Equal(t, engine.MicOff, host.Seats()[0].Mic)
				require.NoError(t, host.StopMicrophone(t.Context()), "closing it again is no error")
				if !broken {
					require.NoError(t, host.StartMicrophone(t.Context()), "from the beginning")
					require.True(t, <-heard)
				}
			})
		})
	}
}

// A seat that is left and taken again at once: the second opening waits for the first one's device, and is not mistaken
// for it.
func TestMicrophoneOpensWhileItsFormerSelfCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		guest := srv.NewUser(t, "guest")
		dev := &device{Source: audio.NewToneSource(440, 0.2), stopping: make(chan struct{})}
		eng, host := somebody(t, srv, "host", func(c *engine.Config) { c.Microphone = dev })
		_, err := host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room"})
		require.NoError(t, err)
		guest.Join(t, "room")
		require.NoError(t, host.StartMicrophone(t.Context()))
		left := make(chan error, 1)
		go func() { left <- host.LeaveSeat(t.Context()) }()
		synctest.Wait() // the device is being closed, and takes its time
		_, err = host.TakeSeat(t.Context(), 3, 0)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		require.ErrorIs(t, host.StartMicrophone(ctx), context.DeadlineExceeded, "it is not free yet")
		cancel()
		opened := make(chan error, 1)
		go func() { opened <- host.StartMicrophone(t.Context()) }()
		synctest.Wait()
		close(dev.stopping)
		require.NoError(t, <-left)
		require.NoError(t, <-opened)
		require.True(t, dev.isOpen())
		require.Equal(t, engine.MicOn, host.Seats()[3].Mic)
		require.NoError(t, eng.Logout(t.Context()))
		require.False(t, dev.isOpen())
	})
}

// The seat, or the room, goes while the device is still opening: nothing may stay open, though a muted microphone asks
// the server nothing.
func TestSeatIsLostWhileTheDeviceOpens(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, host *seatgrid.Grid) error{
		"the seat": func(t *testing.T, host *seatgrid.Grid) error {
			return host.Room().Call(t.Context(), "seat.leave", map[string]any{"roomId": "room"}, nil)
		},
		"the room": func(t *testing.T, host *seatgrid.Grid) error {
			_, err := host.StopVoiceRoom(t.Context())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.NewServer(t)
				dev := &device{Source: audio.NewSilenceSource(), starting: make(chan struct{})}
				_, host := somebody(t, srv, "host", func(c *engine.Config) { c.Microphone = dev })
				_, err := host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room"})
				require.NoError(t, err)
				require.NoError(t, host.MuteMicrophone(t.Context()))
				opened := make(chan error, 1)
				go func() { opened <- host.StartMicrophone(t.Context()) }()
				synctest.Wait()
				require.NoError(t, lose(t, host))
				close(dev.starting)
				require.Error(t, <-opened)
				require.False(t, dev.isOpen())
			})
		})
	}
}

// Two rooms of a login share its speaker; it plays until the last of them is left.
func TestTwoRoomsShareASpeaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		one, two, guest := srv.NewUser(t, "one"), srv.NewUser(t, "two"), srv.NewUser(t, "guest")
		one.Start(t, "first")
		two.Start(t, "second")
		guest.Join(t, "first")
		room, err := guest.Engine.Enter(t.Context(), "second", nil)
		require.NoError(t, err)
		guest.Hears(t, one)
		guest.Hears(t, two)
		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		guest.HearsNot(t, one)
		guest.Hears(t, two)
		require.NoError(t, room.Leave(t.Context()))
		guest.Join(t, "first")
		guest.Hears(t, one)
	})
}
