package portaudio

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/audiotest"
)

func headset() Device {
	return Device{Name: "Headset", InputChannels: 1, OutputChannels: 2, DefaultInput: true, DefaultOutput: true}
}

func webcam() Device { return Device{Name: "Webcam", InputChannels: 2, SampleRate: 44100} }

// read returns the level of the next n frames, each of which has one value.
func read(t *testing.T, m *Microphone, n int) (levels []int16) {
	t.Helper()
	f := audio.NewFrame(m.Channels())
	for range n {
		require.NoError(t, m.ReadFrame(t.Context(), f))
		levels = append(levels, f[len(f)/2])
	}
	return levels
}

// write plays n frames of a value.
func write(t *testing.T, s *Speaker, n int, v int16) {
	t.Helper()
	f := audio.NewFrame(s.Channels())
	for i := range f {
		f[i] = v
	}
	for range n {
		require.NoError(t, s.WriteFrame(t.Context(), f))
	}
}

// events notes what a card tells.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, fmt.Sprintf(format, args...))
}

func (e *events) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.list, ", ")
}

func (e *events) options(o Options) Options {
	o.OnLost = func(d Device, _ error) { e.add("lost %s", d.Name) }
	o.OnBack = func(d Device) { e.add("back %s", d.Name) }
	return o
}

func TestContract(t *testing.T) {
	for name, o := range map[string]Options{
		"mono":              {},
		"stereo":            {Channels: 2},
		"low latency":       {Latency: LatencyLow},
		"high latency":      {Latency: LatencyHigh},
		"a rate of its own": {Rate: 44100},
	} {
		t.Run("microphone, "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				audiotest.CheckSource(t, newMicrophone(&owner{backend: newFake(headset())}, o))
			})
		})
		t.Run("speaker, "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				audiotest.CheckSink(t, newSpeaker(&owner{backend: newFake(headset())}, o))
			})
		})
	}
}

func TestStartRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		opts  Options
		spoil func(f *fake)
		want  error
	}{
		"three channels":     {Options{Channels: 3}, nil, audio.ErrChannels},
		"a latency of hours": {Options{Latency: time.Hour}, nil, nil},
		"no such device":     {Options{Device: "theremin"}, nil, audio.ErrNoDevice},
		"in use":             {Options{}, func(f *fake) { f.fail["Headset"] = audio.ErrDeviceBusy }, audio.ErrDeviceBusy},
		"not permitted":      {Options{}, func(f *fake) { f.fail["Headset"] = audio.ErrDeviceDenied }, audio.ErrDeviceDenied},
		"no format":          {Options{}, func(f *fake) { f.refuse = func(params) bool { return true } }, audio.ErrDeviceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(headset())
				if c.spoil != nil {
					c.spoil(f)
				}
				m := newMicrophone(&owner{backend: f}, c.opts)
				err := m.Start(t.Context())
				require.Error(t, err)
				if c.want != nil {
					require.ErrorIs(t, err, c.want)
				}
				require.ErrorIs(t, m.ReadFrame(t.Context(), audio.NewFrame(1)), audio.ErrNotStarted)
				require.NoError(t, m.Stop())
				require.Equal(t, f.starts, f.ends)
				require.Zero(t, f.openStreams())
			})
		})
	}
}

func TestTheCardsOwnFormatIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(webcam())
		f.refuse = func(p params) bool { return p.rate != 44100 || p.channels != 2 }
		m := newMicrophone(&owner{backend: f}, Options{Device: "webcam"})
		require.NoError(t, m.Start(t.Context()))
		levels := read(t, m, 100)
		require.InDelta(t, 1000, levels[50], 1)
		s := m.Stats()
		require.Equal(t, []int{44100, 2}, []int{s.Rate, s.Channels})
		require.Equal(t, "Fake:Webcam", s.Device.ID)
		require.Equal(t, 20*time.Millisecond, s.Latency)
		require.NoError(t, m.Stop())
	})
}

func TestMicrophoneIsLostAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset(), webcam())
		var e events
		m := newMicrophone(&owner{backend: f}, e.options(Options{Device: "headset"}))
		require.NoError(t, m.Start(t.Context()))
		read(t, m, 50)
		require.Zero(t, m.Stats().Underruns)

		f.plug(webcam())
		begin := time.Now()
		levels := read(t, m, 250)
		require.InDelta(t, 5, time.Since(begin).Seconds(), 0.1, "silence comes at its pace")
		require.Equal(t, "lost Headset", e.String())
		require.Equal(t, make([]int16, 240), levels[10:])

		f.plug(webcam(), headset()) // it has another index now
		begin = time.Now()
		levels = read(t, m, 500)
		require.InDelta(t, 10, time.Since(begin).Seconds(), 0.1)
		require.Equal(t, "lost Headset, back Headset", e.String())
		require.Equal(t, int16(1000), levels[499])
		require.Equal(t, uint64(1), m.Stats().Losses)
		require.NoError(t, m.Stop())
	})
}

func TestSpeakerIsLostAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset())
		var e events
		s := newSpeaker(&owner{backend: f}, e.options(Options{}))
		require.NoError(t, s.Start(t.Context()))
		write(t, s, 50, 7)
		require.Zero(t, s.Stats().Underruns)
		f.plug()
		begin := time.Now()
		write(t, s, 250, 8)
		require.InDelta(t, 5, time.Since(begin).Seconds(), 0.1, "it swallows at its pace")
		require.Equal(t, "lost Headset", e.String())
		f.plug(headset())
		f.set(func() { clear(f.played) })
		write(t, s, 500, 9)
		require.Equal(t, "lost Headset, back Headset", e.String())
		require.NoError(t, s.Stop())
		played := f.played["Headset"]
		require.NotContains(t, played[:min(len(played), 200)], int16(8), "what is past is not played")
		require.Contains(t, played, int16(9))
	})
}

// A card that is there and still for two seconds now and then, as virtual ones are, is given more time after each false
// alarm: opening it again makes a hole each time.
func TestASlowCardIsNotLostAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset())
		var e events
		s := newSpeaker(&owner{backend: f}, e.options(Options{}))
		require.NoError(t, s.Start(t.Context()))
		for range 10 {
			write(t, s, 100, 7)
			f.stall("Headset", true)
			write(t, s, 100, 7)
			f.stall("Headset", false)
		}
		require.LessOrEqual(t, s.Stats().Losses, uint64(3), e.String())
		write(t, s, 100, 7)
		f.plug()
		write(t, s, 300, 7)
		require.True(t, strings.HasSuffix(e.String(), "lost Headset"), "one that is gone is still noticed: %s", e.String())
		require.NoError(t, s.Stop())
	})
}

// The list of devices is only renewed by starting PortAudio anew. That must not end what else is open.
func TestLookingForOneCardKeepsTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset(), webcam())
		o := &owner{backend: f}
		var e events
		s := newSpeaker(o, e.options(Options{Device: "headset"}))
		m := newMicrophone(o, e.options(Options{Device: "webcam"}))
		require.NoError(t, s.Start(t.Context()))
		require.NoError(t, m.Start(t.Context()))
		f.plug(headset())
		for range 500 {
			write(t, s, 1, 5)
			read(t, m, 1)
		}
		f.plug(headset(), webcam())
		for range 500 {
			write(t, s, 1, 5)
			read(t, m, 1)
		}
		require.Equal(t, "lost Webcam, back Webcam", e.String())
		require.Zero(t, s.Stats().Losses)
		require.Less(t, s.Stats().Underruns, uint64(10))
		require.Greater(t, f.starts, 2)
		require.Less(t, f.starts, 12, "the tries become rare")
		require.NoError(t, s.Stop())
		require.NoError(t, m.Stop())
		require.Equal(t, f.starts, f.ends)
	})
}

func TestSetDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset(), webcam())
		f.hear = func(d Device) int16 {
			if d.Name == "Webcam" {
				return 2000
			}
			return 1000
		}
		var e events
		m := newMicrophone(&owner{backend: f}, e.options(Options{}))
		require.NoError(t, m.SetDevice(t.Context(), "webcam"), "before it is open")
		require.NoError(t, m.Start(t.Context()))
		require.Equal(t, int16(2000), read(t, m, 20)[19])

		require.NoError(t, m.SetDevice(t.Context(), "")) // the default
		require.Equal(t, int16(1000), read(t, m, 20)[19])
		require.Equal(t, 1, f.openStreams())
		opens := f.opens
		require.NoError(t, m.SetDevice(t.Context(), "HEADSET"))
		require.Equal(t, opens, f.opens, "the same device goes on")

		require.ErrorIs(t, m.SetDevice(t.Context(), "theremin"), audio.ErrNoDevice)
		f.fail["Webcam"] = audio.ErrDeviceBusy
		require.ErrorIs(t, m.SetDevice(t.Context(), "webcam"), audio.ErrDeviceBusy)
		require.Equal(t, int16(1000), read(t, m, 20)[19], "what cannot be, changes nothing")
		delete(f.fail, "Webcam")

		f.plug(headset(), webcam(), Device{Name: "Theremin", InputChannels: 1})
		require.NoError(t, m.SetDevice(t.Context(), "theremin"), "it has been plugged in meanwhile")
		require.Equal(t, "Theremin", m.Stats().Device.Name)
		read(t, m, 20)
		require.Empty(t, e.String())
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, m.SetDevice(ended, "webcam"), context.Canceled)
		require.NoError(t, m.Stop())
	})
}

// One who is told of a loss may do something about it at once.
func TestCallbacksMayCallBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset(), webcam())
		var m *Microphone
		var errs []error
		m = newMicrophone(&owner{backend: f}, Options{Device: "headset",
			OnLost: func(Device, error) { errs = append(errs, m.SetDevice(t.Context(), "webcam")) },
			OnBack: func(Device) { errs = append(errs, m.Stop()) },
		})
		require.NoError(t, m.Start(t.Context()))
		f.plug(webcam())
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, []error{nil, nil}, errs)
		require.ErrorIs(t, m.ReadFrame(t.Context(), audio.NewFrame(1)), audio.ErrNotStarted)
		require.Zero(t, f.openStreams())
	})
}

func TestStopWaitsForACallbackThatWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset(), webcam())
		var m *Microphone
		stopping, changed := make(chan struct{}), make(chan error, 1)
		m = newMicrophone(&owner{backend: f}, Options{Device: "headset", OnLost: func(Device, error) {
			<-stopping
			changed <- m.SetDevice(context.Background(), "webcam")
		}})
		require.NoError(t, m.Start(t.Context()))
		time.Sleep(time.Second)
		f.plug(webcam())
		time.Sleep(5 * time.Second)
		stopped := make(chan error, 1)
		go func() { stopped <- m.Stop() }()
		synctest.Wait()
		close(stopping)
		require.NoError(t, <-stopped)
		require.NoError(t, <-changed)
		require.NoError(t, m.Start(t.Context()), "with the device that it was changed to")
		require.Equal(t, "Webcam", m.Stats().Device.Name)
		require.NoError(t, m.Stop())
	})
}

func TestADriverThatNeverReturnsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset())
		o := &owner{backend: f}
		m, s := newMicrophone(o, Options{}), newSpeaker(o, Options{})
		require.NoError(t, m.Start(t.Context()))
		require.NoError(t, s.Start(t.Context()))
		hang := make(chan struct{})
		f.set(func() { f.hang = hang })
		begin := time.Now()
		require.ErrorIs(t, m.Stop(), ErrStuck)
		require.ErrorIs(t, s.Stop(), ErrStuck)
		require.LessOrEqual(t, time.Since(begin), 3*stuckAfter)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, m.Start(short), context.DeadlineExceeded, "its ctx bounds it")

		f.set(func() { f.hang = nil })
		close(hang) // the driver has come to its senses
		synctest.Wait()
		require.NoError(t, m.Start(t.Context()))
		read(t, m, 10)
		require.NoError(t, m.Stop())
	})
}

func TestDevicesAndRescan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset())
		o := &owner{backend: f}
		ids := func(list []Device, err error) (ids []string) {
			require.NoError(t, err)
			for _, d := range list {
				ids = append(ids, d.ID)
			}
			return slices.Sorted(slices.Values(ids))
		}
		require.Equal(t, []string{"Fake:Headset"}, ids(o.devices(t.Context(), false)))
		s := newSpeaker(o, Options{})
		require.NoError(t, s.Start(t.Context()))
		f.plug(headset(), headset())
		require.Equal(t, []string{"Fake:Headset"}, ids(o.devices(t.Context(), false)), "PortAudio keeps its list")
		require.Equal(t, []string{"Fake:Headset", "Fake:Headset#2"}, ids(o.devices(t.Context(), true)))
		write(t, s, 10, 1)
		require.Zero(t, s.Stats().Losses)
		require.NoError(t, s.Stop())
		require.Equal(t, f.starts, f.ends)
	})
}

func TestAReaderThatStallsHearsThePresentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset())
		m := newMicrophone(&owner{backend: f}, Options{})
		require.NoError(t, m.Start(t.Context()))
		read(t, m, 50)
		time.Sleep(3 * time.Second)
		f.set(func() { f.hear = func(Device) int16 { return 77 } })
		begin := time.Now()
		levels := read(t, m, 10)
		require.Less(t, time.Since(begin), 300*time.Millisecond)
		require.Equal(t, int16(77), levels[9])
		require.NotZero(t, m.Stats().Overruns)
		read(t, m, 300)
		require.Less(t, m.line.after(m.line.waiting()), 40*time.Millisecond, "what is never needed is dropped")
		require.NoError(t, m.Stop())
	})
}

func TestFramesAllocateNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(headset())
		o := &owner{backend: f}
		m, s := newMicrophone(o, Options{Rate: 44100}), newSpeaker(o, Options{Rate: 44100})
		require.NoError(t, m.Start(t.Context()))
		require.NoError(t, s.Start(t.Context()))
		frame := audio.NewFrame(1)
		both := func() {
			_ = m.ReadFrame(t.Context(), frame)
			_ = s.WriteFrame(t.Context(), frame)
		}
		for range 100 {
			both()
		}
		f.set(func() { f.played["Headset"] = make([]int16, 0, 1<<20) })
		require.Zero(t, testing.AllocsPerRun(200, both))
		require.NoError(t, m.Stop())
		require.NoError(t, s.Stop())
	})
}
