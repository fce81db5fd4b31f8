package portaudio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/dispatch"
)

const (
	checkEvery = 50 * time.Millisecond

	// A device is lost when its thread has not called for this long. One that has just been opened may take longer: a
	// null sink of PulseAudio asks for what it plays first, and then for nothing during two seconds.
	silentFor = 500 * time.Millisecond
	beginsIn  = 4 * time.Second
	steadyAt  = 4 // checks that found it alive

	// patience is how late a frame may be before silence takes its place: a busy machine is late, a dead card stays so.
	patience = 60 * time.Millisecond

	firstRetry = 250 * time.Millisecond
	lastRetry  = 8 * time.Second
)

// card is what a microphone and a speaker share: a device that is kept open, whatever happens to it.
type card struct {
	owner *owner
	dir   direction
	asked Options // as they were given
	count *counts

	turn    chan struct{} // capacity one: full during Start and Stop
	running atomic.Bool
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	tell    *dispatch.Queue
	worker  *worker
	change  chan change

	opts Options              // with defaults; the keeper's, and Start's before it runs
	line atomic.Pointer[line] // nil while the device is lost
	last atomic.Pointer[line] // the newest there was

	mu     sync.Mutex // protects what follows
	device string     // what the next Start asks for
}

type change struct {
	ctx    context.Context
	device string
	done   chan error
}

func newCard(o *owner, dir direction, opts Options) *card {
	return &card{owner: o, dir: dir, asked: opts, count: new(counts), device: opts.Device, turn: make(chan struct{}, 1), change: make(chan change)}
}

// channels returns those of the frames.
func (c *card) channels() int { return min(max(c.asked.Channels, 1), 2) }

func (c *card) start(ctx context.Context) error {
	opts, err := c.asked.withDefaults()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.turn }()
	if c.running.Load() {
		return audio.ErrStarted
	}
	c.mu.Lock()
	opts.Device = c.device
	c.mu.Unlock()
	w := c.owner.acquire()
	l, err := w.open(ctx, c.dir, opts, c.count, false, "")
	if err != nil {
		return errors.Join(denied(c.dir, err), c.owner.release())
	}
	c.opts, c.worker = opts, w
	c.use(l)
	c.tell = dispatch.New(opts.Logger)
	keep, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.wg.Go(func() { c.keep(keep) })
	c.running.Store(true)
	return nil
}

func (c *card) stop() error {
	tell, err := c.shut()
	if tell == nil {
		return nil
	}
	tell.Close() // without the turn, for which a callback may be waiting
	return errors.Join(err, c.owner.release())
}

// shut closes the device and returns what still tells of it, nil if it was not open.
func (c *card) shut() (*dispatch.Queue, error) {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if !c.running.Swap(false) {
		return nil, nil
	}
	c.cancel()
	c.wg.Wait()
	return c.tell, c.worker.close(c.line.Swap(nil))
}

// setDevice changes the device; while stopped, that of the next Start.
func (c *card) setDevice(ctx context.Context, device string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.turn }()
	if c.running.Load() {
		r := change{ctx, device, make(chan error, 1)}
		select {
		case c.change <- r: // the keeper runs as long as the turn is ours
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := <-r.done; err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.device = device
	c.mu.Unlock()
	return nil
}

func (c *card) stats() Stats {
	s := Stats{
		Underruns: c.count.underruns.Load(), Overruns: c.count.overruns.Load(), Losses: c.count.losses.Load(),
	}
	if l := c.last.Load(); l != nil {
		s.Device, s.Rate, s.Channels, s.Latency = l.device, l.rate, l.channels, time.Duration(l.latency.Load())
		s.Queued = l.after(l.waiting())
	}
	return s
}

func (c *card) use(l *line) {
	c.line.Store(l)
	if l != nil {
		c.last.Store(l)
	}
}

// watch is what the keeper knows.
type watch struct {
	beats  uint64
	steady int       // checks since the opening that found it alive
	since  time.Time // of the last of them, or of the opening
	away   bool      // lost, and OnBack has not been called since
	next   time.Time // of the next try
	wait   time.Duration
	there  bool          // the device that was lost could be opened again at once
	bears  time.Duration // how long this one is still without being lost, where that is more than silentFor
}

func (w *watch) opened() { w.beats, w.steady, w.since = 0, 0, time.Now() }

// keep watches over the device until ctx ends.
func (c *card) keep(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	var w watch
	w.opened()
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-c.change:
			r.done <- c.replace(r, &w)
		case <-tick.C:
			c.check(ctx, &w, time.Now())
		}
	}
}

func (c *card) check(ctx context.Context, w *watch, now time.Time) {
	l := c.line.Load()
	if l == nil {
		if !now.Before(w.next) {
			c.retry(ctx, w)
		}
		return
	}
	quiet, most := now.Sub(w.since), beginsIn
	if w.steady >= steadyAt {
		most = max(silentFor, w.bears) + 2*l.params.latency
	}
	beats := l.beats.Load()
	switch {
	case l.cut.Load():
		c.lose(w, fmt.Errorf("%w: it is gone", audio.ErrNoDevice))
	case beats != w.beats:
		w.beats, w.since = beats, now
		w.steady++
		if w.steady == steadyAt {
			w.wait = 0
			c.back(w, l)
		}
	case quiet > most:
		c.lose(w, fmt.Errorf("%w: it has been still for %v", audio.ErrDeviceUnavailable, quiet.Round(checkEvery)))
	}
}

// back tells that a device works again, if it had been lost.
func (c *card) back(w *watch, l *line) {
	if !w.away {
		return
	}
	w.away = false
	if w.there { // it was only slow, as virtual cards are: each further loss would be a hole for nothing
		w.bears = min(2*max(w.bears, silentFor), beginsIn)
	}
	c.opts.Logger.Info("the sound device is back", "device", l.device.ID, "direction", c.dir)
	if f := c.opts.OnBack; f != nil {
		c.tell.Post("OnBack", func() { f(l.device) })
	}
}

// lose closes a device that has failed, tells that once, and has it tried again.
func (c *card) lose(w *watch, err error) {
	l := c.line.Swap(nil)
	_ = c.worker.close(l) // it has failed already
	if w.wait == 0 {
		w.next = time.Now()
	}
	if w.away {
		return
	}
	w.away = true
	c.count.losses.Add(1)
	c.opts.Logger.Warn("the sound device is lost", "device", l.device.ID, "direction", c.dir, "error", err)
	if f := c.opts.OnLost; f != nil {
		c.tell.Post("OnLost", func() { f(l.device, err) })
	}
}

// retry opens the device again: first as PortAudio knows it, then with PortAudio started anew, which is the only way to
// find what has been plugged in, and interrupts what else is open. So the tries become rare.
func (c *card) retry(ctx context.Context, w *watch) {
	opts := c.opts
	if opts.Device != "" {
		if l := c.last.Load(); l != nil {
			opts.Device = l.device.ID // a part of a name may mean another one now
		}
	}
	l, err := c.worker.open(ctx, c.dir, opts, c.count, false, "")
	w.there = err == nil && w.wait == 0
	if err != nil && w.wait > 0 {
		l, err = c.worker.open(ctx, c.dir, opts, c.count, true, "")
	}
	w.wait = min(max(2*w.wait, firstRetry), lastRetry)
	w.next = time.Now().Add(w.wait)
	if err != nil {
		c.opts.Logger.Debug("the sound device is still away", "direction", c.dir, "error", err)
		return
	}
	w.opened()
	c.use(l)
}

// replace opens another device, and only then closes the one before.
func (c *card) replace(r change, w *watch) error {
	opts := c.opts
	opts.Device = r.device
	keep := ""
	if l := c.line.Load(); l != nil {
		keep = l.device.ID
	}
	l, err := c.worker.open(r.ctx, c.dir, opts, c.count, false, keep)
	if errors.Is(err, audio.ErrNoDevice) {
		l, err = c.worker.open(r.ctx, c.dir, opts, c.count, true, keep)
	}
	if err != nil {
		return denied(c.dir, err)
	}
	c.opts.Device = r.device
	if l == nil {
		return nil // it is the one that is open
	}
	before := c.line.Load()
	w.opened()
	w.bears = 0
	c.use(l)
	return c.worker.close(before)
}
