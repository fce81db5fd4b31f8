package webhook

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// dispatcher delivers one app's callbacks. It knows the rooms that have some, and has a goroutine for each that is being
// told: none for a room that waits, and nothing for one that has been told everything.
type dispatcher struct {
	service *Service
	app     signaling.AppID
	stop    chan struct{} // closed when nothing is to begin any more
	wake    chan struct{} // holds a token when there is something to begin
	sweeps  chan struct{} // holds a token when a nudge may have been lost

	mu      sync.Mutex // protects what follows; nothing is called while it is held
	rooms   map[signaling.RoomID]*work
	ready   []*work // in the order in which they became so
	waiting waiting // for another attempt
	running int

	wg sync.WaitGroup
}

// work is a room that has, or may have, callbacks. What is not guarded belongs to who runs it.
type work struct {
	room signaling.RoomID

	// Guarded by the dispatcher's lock.
	state workState
	again bool      // it was nudged while it ran
	due   time.Time // while it waits
	index int       // in waiting

	replays bool // there may be some, as it was nudged; guarded likewise
	line    *line
}

type workState int

const (
	workReady workState = iota
	workRunning
	workWaiting
)

func newDispatcher(s *Service, app signaling.AppID) *dispatcher {
	return &dispatcher{
		service: s, app: app, stop: make(chan struct{}), wake: make(chan struct{}, 1), sweeps: make(chan struct{}, 1),
		rooms: map[signaling.RoomID]*work{},
	}
}

// nudge is what nodes tell the one that delivers.
type nudge struct {
	Room    signaling.RoomID `json:"room"`
	Replays bool             `json:"replays,omitempty"`
}

func nudgeOf(room signaling.RoomID, replays bool) []byte {
	b, _ := json.Marshal(nudge{room, replays}) // two fields that cannot fail
	return b
}

// nudge says that a room may have something to deliver.
func (d *dispatcher) nudge(room signaling.RoomID, replays bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.rooms[room]
	if w == nil {
		w = &work{room: room}
		d.rooms[room] = w
		d.ready = append(d.ready, w)
		signal(d.wake)
	}
	w.again = true
	if replays && !w.replays {
		w.replays = true
		if w.state == workWaiting { // what an operator asks for does not wait for a back-off
			heap.Remove(&d.waiting, w.index)
			w.state = workReady
			d.ready = append(d.ready, w)
			signal(d.wake)
		}
	}
}

// run starts what is ready, until the dispatcher is stopped; then it waits for what is under way.
func (d *dispatcher) run() {
	defer d.wg.Wait()
	s := d.service
	cancel, err := s.cfg.Store.Subscribe(topic(d.app), func(b []byte) {
		var n nudge
		if json.Unmarshal(b, &n) == nil && n.Room.Valid() == nil {
			d.nudge(n.Room, n.Replays)
		}
	})
	if err != nil {
		s.log.Warn("no nudges; the sweep finds callbacks", "app", d.app, "error", err)
	} else {
		defer cancel()
	}
	d.wg.Go(d.sweepForever)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if next, some := d.begin(time.Now()); some {
			timer.Reset(time.Until(next))
		}
		select {
		case <-d.stop:
			return
		case <-d.wake:
		case <-timer.C:
		}
	}
}

// begin starts what may run now, and says when the next back-off ends.
func (d *dispatcher) begin(now time.Time) (next time.Time, some bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.waiting) > 0 && !now.Before(d.waiting[0].due) {
		w := heap.Pop(&d.waiting).(*work)
		w.state = workReady
		d.ready = append(d.ready, w)
	}
	for len(d.ready) > 0 && d.running < inFlight {
		w := d.ready[0]
		d.ready[0] = nil
		d.ready = d.ready[1:]
		w.state, w.again = workRunning, false
		d.running++
		d.wg.Go(func() { d.turn(w) })
	}
	if len(d.waiting) == 0 {
		return time.Time{}, false
	}
	return d.waiting[0].due, true
}

// turn tells a room's app some of what it has to be told, and puts the room where it belongs then.
func (d *dispatcher) turn(w *work) {
	if w.line == nil {
		w.line = newLine(d, w.room)
	}
	d.mu.Lock()
	replays := w.replays
	w.replays = false
	d.mu.Unlock()
	next := w.line.advance(d.service.ctx, replays)

	d.mu.Lock()
	defer d.mu.Unlock()
	d.running--
	ordered := w.replays // while this went on
	w.replays = w.replays || next.replays
	switch {
	case !next.due.IsZero() && !ordered:
		w.state, w.due = workWaiting, next.due
		heap.Push(&d.waiting, w)
	case !next.due.IsZero(), next.more, w.again:
		w.state = workReady
		d.ready = append(d.ready, w)
	default:
		delete(d.rooms, w.room)
	}
	signal(d.wake)
}

func (d *dispatcher) pending() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.rooms)
}

func (d *dispatcher) stopping() bool {
	select {
	case <-d.stop:
		return true
	default:
		return false
	}
}

// sweepForever finds work that nobody has told of: of before this node had the app, and where a nudge was lost.
func (d *dispatcher) sweepForever() {
	s := d.service
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	defer s.cfg.Store.OnReconnect(func() { signal(d.sweeps) })()
	var last time.Time
	for {
		ctx, cancel := context.WithTimeout(s.ctx, sweepEvery)
		err := s.resetThreshold(ctx, d.app)
		if err == nil && (last.IsZero() || time.Since(last) >= sweepEvery) {
			if err = d.sweep(ctx); err == nil {
				last = time.Now()
			}
		}
		cancel()
		if err != nil && s.ctx.Err() == nil && !d.stopping() {
			s.log.Warn("cannot look for callbacks", "app", d.app, "error", err)
		}
		select {
		case <-d.stop:
			return
		case <-d.sweeps:
			last = time.Time{}
		case <-look.C:
		}
	}
}

// sweep compares how far each room has been told with what its outbox holds, and forgets what is about callbacks that the
// outbox has no more.
func (d *dispatcher) sweep(ctx context.Context) error {
	s := d.service
	values, err := s.cfg.Store.Values(ctx, store.BucketDelivery, d.app, "")
	if err != nil {
		return err
	}
	rooms, err := s.cfg.Store.Outbox().Rooms(ctx) // after the values: a room without one has had none for long
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, key := range rooms {
		if key.App != d.app {
			continue
		}
		if d.stopping() {
			return nil
		}
		there[string(key.Room)] = true
		_, replays := values[replaysKey(key)]
		told, err := s.toldAll(ctx, key, values[progressKey(key)])
		if err != nil {
			return err
		}
		if !told || replays {
			d.nudge(key.Room, replays)
		}
	}
	for key, v := range values {
		age := time.Since(v.Time)
		if there[key.ID] && (key.Sub == "" || age < store.OutboxAge) || age < sweepEvery { // it may be about to be there
			continue
		}
		if err := s.cfg.Store.Delete(ctx, key, v.Rev); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}

// toldAll reports whether a room has been told everything that its outbox holds, by the value that says how far.
func (s *Service) toldAll(ctx context.Context, key store.Key, v store.Value) (bool, error) {
	p, err := decodeProgress(v.Data)
	if err != nil {
		return false, err
	}
	newest, err := s.cfg.Store.Outbox().Last(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil // its age has ended it
	}
	return err == nil && p.Rev >= newest.Rev && p.Over, err
}

// waiting is a heap of rooms by when their next attempt is due.
type waiting []*work

func (h waiting) Len() int           { return len(h) }
func (h waiting) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h waiting) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements [heap.Interface].
func (h *waiting) Push(x any) {
	w := x.(*work)
	w.index = len(*h)
	*h = append(*h, w)
}

// Pop implements [heap.Interface].
func (h *waiting) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return w
}
