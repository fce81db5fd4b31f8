package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	turnLimit   = 64                     // callbacks of a room before others have their turn
	saveAfter   = 16                     // deliveries after which the place is saved
	saveEvery   = 100 * time.Millisecond // likewise
	storePause  = time.Second            // after the store has failed
	windowBytes = 1 << 20                // of a room's outbox that are held
	windowPage  = 256                    // entries that are read at once
)

// entry is an entry of a room's outbox.
type entry struct {
	rev  uint64 // the outbox's
	at   time.Time
	of   uint64 // the revision of the log entry that it tells of
	list []callback
	size int
}

func decodeOutbox(raw store.Entry) (entry, error) {
	e := entry{rev: raw.Rev, at: raw.Time, size: len(raw.Data)}
	var told home.Told
	err := json.Unmarshal(raw.Data, &told)
	if err == nil {
		err = json.Unmarshal(told.Data, &e.list)
	}
	e.of = told.Rev
	return e, err
}

// line is the callbacks of one room, in their order. It belongs to who runs the room's work.
type line struct {
	d   *dispatcher
	key store.Key

	place  progress
	rev    uint64 // of its value; meaningful once loaded
	loaded bool
	dirty  int // deliveries since it was saved
	saved  time.Time

	window []entry // what comes next, as far as it was read
	due    time.Time
}

func newLine(d *dispatcher, room signaling.RoomID) *line {
	return &line{d: d, key: store.Key{App: d.app, Room: room}}
}

// next says where a room's work belongs.
type next struct {
	due     time.Time // it waits until then; zero: it does not
	more    bool      // there is something left now
	replays bool      // that an operator has asked for
}

// advance delivers some of the room's callbacks.
func (l *line) advance(ctx context.Context, replays bool) next {
	n, err := l.tryAdvance(ctx, replays)
	if err == nil {
		return n
	}
	if ctx.Err() == nil && !l.d.stopping() {
		l.d.service.log.Warn("callbacks wait for the store", "app", l.key.App, "room", l.key.Room, "error", err)
	}
	l.loaded = l.loaded && l.dirty > 0 // look again where we are, unless we know better
	return next{due: time.Now().Add(storePause), replays: replays}
}

func (l *line) tryAdvance(ctx context.Context, replays bool) (next, error) {
	if err := l.load(ctx); err != nil {
		return next{}, err
	}
	if replays {
		if left, err := l.replay(ctx); left || err != nil {
			return next{more: true, replays: true}, err
		}
	}
	for range turnLimit {
		if l.d.stopping() || ctx.Err() != nil {
			return next{}, l.save(ctx)
		}
		e, err := l.head(ctx)
		if err != nil {
			return next{}, err
		}
		if e == nil {
			return next{}, l.save(ctx)
		}
		if l.dirty >= saveAfter || l.dirty > 0 && time.Since(l.saved) >= saveEvery {
			if err := l.save(ctx); err != nil {
				return next{}, err
			}
			continue // another node may have come further
		}
		if now := time.Now(); now.Before(l.due) { // a nudge or a replay came while it waits
			return next{due: l.due}, l.save(ctx)
		}
		again, err := l.deliver(ctx, e)
		if err != nil {
			return next{}, errors.Join(err, l.save(ctx))
		}
		if again && !l.due.IsZero() { // else another node has come further meanwhile
			l.window = slices.Clone(l.window[:1]) // rooms that wait hold little
			return next{due: l.due}, nil
		}
	}
	return next{more: true}, l.save(ctx)
}

// deliver makes one attempt at the next callback, which is of e. again says that another one is due at l.due.
func (l *line) deliver(ctx context.Context, e *entry) (again bool, err error) {
	s, c := l.d.service, e.list[l.place.Done]
	set, err := l.settings(ctx, c.Command)
	if err != nil {
		return false, err
	}
	start := time.Now()
	if !set.wants(c.Command) {
		s.cfg.Observe(c.Command, Unwanted, 0)
		l.pass(e)
		return false, nil
	}
	failure := s.post(ctx, l.key.App, set, delivery{
		callback: c, id: deliveryID(l.key, e.of, l.place.Done), seq: l.place.Seq + 1, attempt: l.place.Attempts + 1,
	})
	if failure != nil && ctx.Err() != nil {
		return false, ctx.Err() // we ended it; it counts for nothing
	}
	now := time.Now()
	if failure == nil {
		s.cfg.Observe(c.Command, Delivered, now.Sub(start))
		l.pass(e)
		return false, nil
	}
	l.dirty++
	l.place.Attempts++
	l.place.Error, l.place.Tried = failure.Error(), now.UnixMilli()
	if now.Sub(e.at) >= s.cfg.Retry {
		s.cfg.Observe(c.Command, Failed, now.Sub(start))
		s.log.Warn("callback given up", "app", l.key.App, "room", l.key.Room, "command", c.Command, "attempts", l.place.Attempts, "error", failure)
		if err := l.fail(ctx, e.of, l.place.Done, failed{l.place.Attempts, l.place.Error, l.place.Tried}); err != nil {
			return false, err
		}
		l.pass(e)
		return false, nil
	}
	s.cfg.Observe(c.Command, Retried, now.Sub(start))
	if l.place.Attempts == 1 { // the operators' list shows the others
		s.log.Info("callback failed; it is tried again", "app", l.key.App, "room", l.key.Room, "command", c.Command, "error", failure)
	}
	pause := backoff(l.place.Attempts)
	if left := e.at.Add(s.cfg.Retry).Sub(now); left < pause {
		pause = left // the last attempt is when its time is over
	}
	l.due = now.Add(pause)
	return true, l.save(ctx)
}

// settings returns the app's settings. That a callback is not wanted any more is asked of the store: this node may not
// have heard yet of settings that another one has recorded it by.
func (l *line) settings(ctx context.Context, command string) (Settings, error) {
	s := l.d.service
	set := s.settings(l.key.App)
	if set.wants(command) {
		return set, nil
	}
	set, err := s.read(ctx, l.key.App)
	if err == nil {
		s.adopt(l.key.App, set)
	}
	return set, err
}

// backoff is how long to wait after so many attempts: doubled with each one, and within a quarter of that by chance, so
// that rooms do not come back all at once.
func backoff(attempts int) time.Duration {
	pause := maxPause
	if n := attempts - 1; n < 20 {
		pause = min(firstPause<<n, maxPause)
	}
	return time.Duration(float64(pause) * (0.75 + rand.Float64()/2))
}

// pass goes on to the callback after this one.
func (l *line) pass(e *entry) {
	p := &l.place
	p.Done++
	p.Seq++
	p.Over = p.Done >= len(e.list)
	p.Attempts, p.Error, p.Tried = 0, "", 0
	l.due = time.Time{}
	l.dirty++
}

// head returns the entry with the next callback, of which place.Done are done with; nil when there is none.
func (l *line) head(ctx context.Context) (*entry, error) {
	for end := false; ; {
		for len(l.window) > 0 {
			e := &l.window[0]
			if e.rev > l.place.Rev {
				l.place.Rev, l.place.At, l.place.Done, l.place.Over = e.rev, e.at, 0, len(e.list) == 0
				l.dirty++
			}
			if e.rev == l.place.Rev && l.place.Done < len(e.list) {
				return e, nil
			}
			l.window = l.window[1:]
		}
		if end {
			return nil, nil
		}
		more, err := l.read(ctx)
		if err != nil {
			return nil, err
		}
		end = !more
	}
}

// read fills the window with what comes next in the outbox. more says that there may be something behind that.
func (l *line) read(ctx context.Context) (more bool, err error) {
	l.window = nil
	if more, err := l.more(ctx); err != nil || !more {
		return false, err
	}
	from := l.place.Rev
	if !l.place.Over && from > 0 { // some of that entry is left
		from--
	}
	list, err := l.d.service.after(ctx, l.key, from)
	if err != nil {
		return false, err
	}
	more = len(list) == windowPage
	size := 0
	for _, raw := range list {
		e, err := decodeOutbox(raw)
		if err != nil {
			l.d.service.log.Error("callback skipped: unreadable", "app", l.key.App, "room", l.key.Room, "revision", raw.Rev, "error", err)
			e.list = nil
		}
		l.window = append(l.window, e)
		if size += e.size; size > windowBytes {
			return true, nil // the rest is read again
		}
	}
	return more, nil
}

// more reports whether there is something to read: to ask for the newest entry costs much less than to read a few.
func (l *line) more(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	newest, err := l.d.service.cfg.Store.Outbox().Last(ctx, l.key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && (newest.Rev > l.place.Rev || !l.place.Over), err
}

// load reads how far the room has been told.
func (l *line) load(ctx context.Context) error {
	if l.loaded {
		return nil
	}
	p, rev, err := l.d.service.progress(ctx, l.key)
	if err != nil {
		return err
	}
	l.place, l.rev, l.loaded, l.window, l.dirty, l.saved = p, rev, true, nil, 0, time.Now()
	return nil
}

// save writes how far the room has been told. Where another node has come further, this one goes on from there.
func (l *line) save(ctx context.Context) error {
	if l.dirty == 0 {
		return nil
	}
	data, err := json.Marshal(l.place)
	if err != nil {
		return err
	}
	// What has been delivered is to be known also where the deliveries are ended.
	ctx = context.WithoutCancel(ctx)
	for {
		rev, err := l.d.service.put(ctx, progressKey(l.key), data, l.rev)
		if err == nil {
			l.rev, l.dirty, l.saved = rev, 0, time.Now()
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		p, rev, err := l.d.service.progress(ctx, l.key)
		if err != nil {
			return err
		}
		l.rev = rev
		if l.place.behind(p) {
			l.place, l.window, l.dirty, l.due = p, nil, 0, time.Time{}
			return nil
		}
	}
}
