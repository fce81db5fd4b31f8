package portaudio

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// stuckAfter is how long a call into PortAudio may take. Bluetooth takes seconds to open; a dead driver never returns.
const stuckAfter = 10 * time.Second

// process is this process's PortAudio.
var process = &owner{backend: newBackend()}

// owner counts the users of PortAudio and has a worker while there are any. PortAudio is started by the first call.
type owner struct {
	backend backend

	mu    sync.Mutex // protects what follows
	users int
	work  *worker
	last  <-chan struct{} // closed when the worker before has ended
	wg    sync.WaitGroup
}

// worker is the one goroutine that calls PortAudio; what is below calls is its own.
type worker struct {
	backend backend
	calls   chan func()
	stuck   atomic.Bool // somebody has waited for longer than stuckAfter
	done    chan struct{}

	running bool
	known   []Device
	lines   map[*line]struct{} // that are open
}

// acquire counts a user and returns the worker. Each acquire has its release.
func (o *owner) acquire() *worker {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.users++
	if o.users == 1 {
		w := &worker{backend: o.backend, calls: make(chan func(), 16), done: make(chan struct{}), lines: map[*line]struct{}{}}
		before := o.last
		o.work, o.last = w, w.done
		o.wg.Go(func() { w.run(before) })
	}
	return o.work
}

// release ends PortAudio when nobody uses it any more, and then waits for that, but not for ever.
func (o *owner) release() error {
	o.mu.Lock()
	o.users--
	w, ended := o.work, o.users == 0
	if ended {
		o.work = nil
		close(w.calls)
	}
	o.mu.Unlock()
	if !ended {
		return nil
	}
	timer := time.NewTimer(stuckAfter)
	defer timer.Stop()
	select {
	case <-w.done:
		return nil
	case <-timer.C:
		return ErrStuck
	}
}

// run is the worker's goroutine. It stays on one thread, which is what Windows wants of whom opens a device.
func (w *worker) run(before <-chan struct{}) {
	defer close(w.done)
	if before != nil {
		<-before
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for f := range w.calls {
		f()
		w.stuck.Store(false)
	}
	w.stop()
}

// do runs f on the worker and waits for it, until ctx ends or PortAudio is stuck. Then f still runs, or will.
func (w *worker) do(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.stuck.Load() {
		return ErrStuck
	}
	timer := time.NewTimer(stuckAfter)
	defer timer.Stop()
	done := make(chan error, 1)
	select {
	case w.calls <- func() { done <- f() }:
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		w.stuck.Store(true)
		return ErrStuck
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		w.stuck.Store(true)
		return ErrStuck
	}
}

func (o *owner) devices(ctx context.Context, anew bool) (list []Device, err error) {
	w := o.acquire()
	defer func() { err = errors.Join(err, o.release()) }()
	err = w.do(ctx, func() error {
		if err := w.start(anew); err != nil {
			return err
		}
		list = slices.Clone(w.known)
		return nil
	})
	if err != nil {
		return nil, err // list may still be written to
	}
	return list, nil
}

// opened is what an open leaves for its caller, who may have gone.
type opened struct {
	mu   sync.Mutex
	line *line
	gone bool
}

// open opens the device that is meant and starts it. anew looks for devices that have come since PortAudio was started.
// keep is a device that is open already: if it is the one that is meant, nothing is done and there is no line.
func (w *worker) open(ctx context.Context, dir direction, o Options, c *counts, anew bool, keep string) (*line, error) {
	var r opened
	err := w.do(ctx, func() error {
		if err := w.start(anew); err != nil {
			return err
		}
		d, err := choose(w.known, dir, o.Device)
		if err != nil || d.ID == keep {
			return err
		}
		l, err := w.connect(dir, d, o, c)
		if err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.gone {
			return w.disconnect(l)
		}
		r.line = l
		return nil
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		return r.line, nil
	}
	r.gone = true
	if l := r.line; l != nil { // it was opened at the last moment
		_ = w.close(l)
	}
	return nil, err
}

// close closes a line; nil and one that is closed already are no matter.
func (w *worker) close(l *line) error {
	if l == nil {
		return nil
	}
	return w.do(context.Background(), func() error { return w.disconnect(l) })
}

// What follows runs on the worker.

// start starts PortAudio, or, to look anew, starts it again and opens again what was open.
func (w *worker) start(anew bool) error {
	if w.running && !anew {
		return nil
	}
	w.stop()
	if err := w.backend.initialize(); err != nil {
		return err
	}
	w.running = true
	list, err := w.backend.devices()
	if err != nil {
		w.stop()
		return err
	}
	identify(list)
	w.known = list
	for l := range w.lines {
		if err := w.reconnect(l); err != nil {
			delete(w.lines, l)
			l.cut.Store(true)
		}
	}
	return nil
}

// stop ends PortAudio, which closes every stream.
func (w *worker) stop() {
	if !w.running {
		return
	}
	for l := range w.lines {
		if l.stream != nil {
			_ = l.stream.close() // what fails to close ends with PortAudio
			l.stream = nil
		}
	}
	_ = w.backend.terminate()
	w.running, w.known = false, nil
}

// connect opens the device in the first format that it takes.
func (w *worker) connect(dir direction, d Device, o Options, c *counts) (*line, error) {
	refused := errFormat
	for _, rate := range rates(o.Rate, d.SampleRate) {
		for _, channels := range channelCounts(o.Channels, d.channels(dir)) {
			lat := d.lat[dir]
			p := params{channels: channels, rate: rate, latency: o.latency(lat.low, lat.high)}
			l, err := newLine(dir, d, p, o.Channels, c)
			if err == nil {
				err = w.begin(l, d)
			}
			if err == nil {
				w.lines[l] = struct{}{}
				return l, nil
			}
			if !errors.Is(err, errFormat) {
				return nil, err
			}
			refused = err
		}
	}
	return nil, fmt.Errorf("%w: %w", audio.ErrDeviceUnavailable, refused)
}

func (w *worker) reconnect(l *line) error {
	for _, d := range w.known {
		if d.ID == l.device.ID {
			return w.begin(l, d)
		}
	}
	return audio.ErrNoDevice
}

// begin opens a line's device, which is d in the present list.
func (w *worker) begin(l *line, d Device) error {
	s, err := w.backend.open(d, l)
	if err != nil {
		return err
	}
	if err := s.start(); err != nil {
		_ = s.close()
		return err
	}
	l.stream = s
	l.latency.Store(int64(s.latency()))
	return nil
}

func (w *worker) disconnect(l *line) error {
	delete(w.lines, l)
	s := l.stream
	l.stream = nil
	if s == nil {
		return nil
	}
	return s.close()
}

// rates are those to try, best first.
func rates(want, own int) []int {
	if want > 0 {
		return []int{want}
	}
	if own == audio.SampleRate || own <= 0 {
		return []int{audio.SampleRate}
	}
	return []int{audio.SampleRate, own}
}

// channelCounts are those to try, best first. Some cards take nothing but all of theirs.
func channelCounts(want, most int) []int {
	var list []int
	for _, n := range []int{want, 2, 1, most} {
		if n <= most && n > 0 && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}
