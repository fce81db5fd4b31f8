package portaudio

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// fake is a PortAudio whose cards are goroutines. Like the real one it knows only the devices that were there when it
// was started.
type fake struct {
	mu      sync.Mutex // protects what follows
	present []Device
	fail    map[string]error // of open, by device name
	refuse  func(p params) bool
	hear    func(d Device) int16 // what microphones hear
	played  map[string][]int16
	streams map[*fakeStream]struct{}
	starts  int
	ends    int
	opens   int

	hang chan struct{} // close blocks while it is not nil and open
}

func newFake(present ...Device) *fake {
	for i := range present {
		d := &present[i]
		d.HostAPI = "Fake"
		for dir := range d.lat {
			d.lat[dir].low, d.lat[dir].high = 10*time.Millisecond, 40*time.Millisecond
		}
		if d.SampleRate == 0 {
			d.SampleRate = audio.SampleRate
		}
	}
	return &fake{
		present: present, fail: map[string]error{}, played: map[string][]int16{}, streams: map[*fakeStream]struct{}{},
		hear: func(Device) int16 { return 1000 },
	}
}

// plug changes what is plugged in. Streams of devices that have gone fall silent.
func (f *fake) plug(present ...Device) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := newFake(present...)
	f.present = g.present
	for s := range f.streams {
		s.dead.Store(true)
		for _, d := range present {
			if d.Name == s.device.Name {
				s.dead.Store(false)
			}
		}
	}
}

// stall makes a device's streams stand still, or go on. Those that are opened meanwhile are not still.
func (f *fake) stall(name string, still bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.streams {
		if s.device.Name == name {
			s.dead.Store(still)
		}
	}
}

// set runs with the fake locked.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) initialize() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starts++
	return nil
}

func (f *fake) terminate() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ends++
	if len(f.streams) > 0 {
		return errors.New("a stream is open")
	}
	return nil
}

func (f *fake) devices() ([]Device, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := append([]Device(nil), f.present...)
	for i := range list {
		list[i].index = i
	}
	return list, nil
}

func (f *fake) openStreams() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.streams)
}

const fakePeriod = 10 * time.Millisecond

func (f *fake) open(d Device, l *line) (stream, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opens++
	if f.refuse != nil && f.refuse(l.params) {
		return nil, errFormat
	}
	if err := f.fail[d.Name]; err != nil {
		return nil, err
	}
	for _, there := range f.present {
		if there.Name == d.Name {
			s := &fakeStream{fake: f, device: d, dir: l.dir, params: l.params, callback: l.callback(), end: make(chan struct{})}
			f.streams[s] = struct{}{}
			return s, nil
		}
	}
	return nil, audio.ErrDeviceUnavailable
}

type fakeStream struct {
	fake     *fake
	device   Device
	dir      direction
	params   params
	callback func([]int16, bool)
	dead     atomic.Bool // calls no more
	end      chan struct{}
	wg       sync.WaitGroup
}

func (s *fakeStream) latency() time.Duration { return s.params.latency }

func (s *fakeStream) start() error {
	s.wg.Go(func() {
		tick := time.NewTicker(fakePeriod)
		defer tick.Stop()
		buf := make([]int16, s.params.rate/100*s.params.channels)
		for {
			select {
			case <-s.end:
				return
			case <-tick.C:
			}
			if !s.dead.Load() {
				s.turn(buf)
			}
		}
	})
	return nil
}

// turn is a call of the card's thread.
func (s *fakeStream) turn(buf []int16) {
	f := s.fake
	if s.dir == out {
		s.callback(buf, false)
		f.mu.Lock()
		f.played[s.device.Name] = append(f.played[s.device.Name], buf...)
		f.mu.Unlock()
		return
	}
	f.mu.Lock()
	v := f.hear(s.device)
	f.mu.Unlock()
	for i := range buf {
		buf[i] = v
	}
	s.callback(buf, false)
}

func (s *fakeStream) close() error {
	s.fake.mu.Lock()
	hang := s.fake.hang
	s.fake.mu.Unlock()
	if hang != nil {
		<-hang
	}
	close(s.end)
	s.wg.Wait()
	s.fake.mu.Lock()
	delete(s.fake.streams, s)
	s.fake.mu.Unlock()
	return nil
}

// captured is what thread.c does with what the microphone has heard, said in Go: the fake cards' threads are goroutines.
// trouble says that the card lost some before.
func (l *line) captured(heard []int16, trouble bool) {
	l.beat(len(heard))
	fits := heard[:min(len(heard), l.room()/l.channels*l.channels)]
	if l.write(fits) < len(heard) || trouble {
		l.counts.overruns.Add(1)
	}
}

// played fills what the speaker plays next, likewise.
func (l *line) played(next []int16, trouble bool) {
	l.beat(len(next))
	n := l.read(next)
	clear(next[n:])
	if l.fed.Load() != 0 && (n < len(next) || trouble) {
		l.counts.underruns.Add(1)
	}
}

func (l *line) beat(samples int) {
	l.beats.Add(1)
	if n := uint64(samples / l.channels); n > l.period.Load() {
		l.period.Store(n) // this thread is the only writer
	}
}

// callback is what a fake card's thread calls.
func (l *line) callback() func(samples []int16, trouble bool) {
	if l.dir == in {
		return l.captured
	}
	return l.played
}
