package giftorder

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	// Repeatable is how long a key means the same gift after that has come to its end.
	Repeatable = 10 * time.Minute

	// Kept is how long the app can read what may have to be given back.
	Kept = 7 * 24 * time.Hour

	sweepEvery = 5 * time.Second  // how soon an order is found that nobody goes on with
	staleNear  = 4 * time.Second  // how long the node that decides the room leaves an order to whoever has it; below sweepEvery, or a look that is early sees to it one later
	staleFar   = 20 * time.Second // and the others
	stepLimit  = 10 * time.Second // for one order
	sweepers   = 8                // orders that are seen to at once

	tidyEvery = time.Minute
	pastEvery = time.Hour // how often is looked for what is kept for days
)

// seen is when this node has first seen keys. No clocks are compared: those of other nodes may be different.
type seen map[store.ValueKey]time.Time

// update keeps what is still there, and returns how long each is known.
func (m seen) update(keys []store.ValueKey, app signaling.AppID, now time.Time) map[store.ValueKey]time.Duration {
	ages := make(map[store.ValueKey]time.Duration, len(keys))
	for _, k := range keys {
		if m[k].IsZero() {
			m[k] = now
		}
		ages[k] = now.Sub(m[k])
	}
	for k := range m {
		if _, there := ages[k]; k.App == app && !there {
			delete(m, k)
		}
	}
	return ages
}

func (s *Orders) sweepForever() {
	open, done := seen{}, seen{}
	var tidied, past time.Time
	every := time.NewTicker(sweepEvery)
	defer every.Stop()
	for {
		now := time.Now()
		tidy, old := now.Sub(tidied) >= tidyEvery, now.Sub(past) >= pastEvery
		for _, app := range s.cfg.Apps {
			err := s.sweep(app, open)
			if tidy {
				err = errors.Join(err, s.tidy(app, done))
			}
			if old {
				err = errors.Join(err, s.tidyPast(app))
			}
			if err != nil && s.ctx.Err() == nil {
				s.cfg.Logger.Warn("orders of gifts cannot be looked through", "app", app, "error", err)
			}
		}
		if tidy {
			tidied = now
		}
		if old {
			past = now
		}
		select {
		case <-s.ctx.Done():
			return
		case <-every.C:
		}
	}
}

// sweep goes on with the orders that have been open for a while.
func (s *Orders) sweep(app signaling.AppID, open seen) error {
	ctx, cancel := context.WithTimeout(s.ctx, stepLimit)
	keys, err := s.cfg.Values.Keys(ctx, store.BucketGiftOrder, app, "")
	cancel()
	if err != nil {
		return err
	}
	var stale []name
	for k, age := range open.update(keys, app, time.Now()) {
		n, ok := parseName(k)
		if !ok || age < staleNear || age < staleFar && !s.rooms().Decides(n.room) {
			continue
		}
		stale = append(stale, n)
	}
	each(len(stale), sweepers, func(i int) {
		n := stale[i]
		ctx, cancel := context.WithTimeout(s.ctx, stepLimit)
		defer cancel()
		_, _, err := s.resume(ctx, n)
		switch signaling.CodeOf(err) {
		case 0, signaling.ErrGiftRejected.Code, signaling.ErrRoomNotExist.Code: // it has come to its end
		default:
			s.cfg.Logger.Warn("an order of a gift waits", "app", app, "room", n.room.Room, "error", err)
		}
	})
	return nil
}

// each calls f for 0 to n-1, so many at once, and waits.
func each(n, atOnce int, f func(i int)) {
	turns := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			f(i)
		})
	}
	wg.Wait()
}

// tidy forgets which gifts have been sent so long ago that nobody repeats them.
func (s *Orders) tidy(app signaling.AppID, done seen) error {
	ctx, cancel := context.WithTimeout(s.ctx, stepLimit)
	defer cancel()
	keys, err := s.cfg.Values.Keys(ctx, store.BucketGiftDone, app, "")
	if err != nil {
		return err
	}
	var old []store.ValueKey
	for k, age := range done.update(keys, app, time.Now()) {
		limit := Repeatable
		if n, ok := parseName(k); ok && !s.rooms().Decides(n.room) {
			limit += 2 * tidyEvery // mostly the other has done it by then
		}
		if age >= limit {
			old = append(old, k)
		}
	}
	errs := make([]error, len(old))
	each(len(old), writers, func(i int) { // one by one they would come faster than they go
		errs[i] = s.remove(ctx, old[i], func(store.Value) bool { return true })
	})
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i] // one says it: the rest will be the same
	}
	return nil
}

// tidyPast removes what the app could read for long enough.
func (s *Orders) tidyPast(app signaling.AppID) error {
	ctx, cancel := context.WithTimeout(s.ctx, 6*stepLimit)
	defer cancel()
	keys, err := s.cfg.Values.Keys(ctx, store.BucketGiftReturn, app, "")
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := s.remove(ctx, k, isPast); err != nil {
			return err
		}
	}
	return s.rooms().TidyGifts(ctx, app)
}

func isPast(v store.Value) bool {
	var o Order
	return json.Unmarshal(v.Data, &o) == nil && time.Since(time.UnixMilli(o.At)) >= Kept
}

// remove deletes a value as it is now, if it is to go.
func (s *Orders) remove(ctx context.Context, k store.ValueKey, goes func(store.Value) bool) error {
	v, err := s.cfg.Values.Get(ctx, k)
	if err == nil && goes(v) {
		err = s.cfg.Values.Delete(ctx, k, v.Rev)
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}
