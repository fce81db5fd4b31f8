package home

import (
	"context"
	"errors"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

const (
	sweepRetry    = time.Second // after a sweep that did not get through, doubled each time
	sweepMaxRetry = 10 * time.Second
	removeLimit   = 10 * time.Second // for what a dismissed room has left, but its copies
)

// sweepSoon has the node look for rooms without a home.
func (n *Node) sweepSoon() {
	select {
	case n.sweep <- struct{}{}:
	default: // one is due already
	}
}

// sweepForever takes rooms over whenever there is a cause to look for some.
func (n *Node) sweepForever() {
	pause := sweepRetry
	retry := time.NewTimer(0)
	retry.Stop()
	defer retry.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.sweep:
		case <-retry.C:
		}
		again, err := n.adoptOrphans(n.ctx)
		switch {
		case n.ctx.Err() != nil || errors.Is(err, store.ErrClosed):
			return
		case err != nil:
			n.log.Warn("cannot look for rooms without a home", "error", err)
			again = true
		}
		if !again {
			pause = sweepRetry
			continue
		}
		retry.Reset(pause)
		pause = min(2*pause, sweepMaxRetry)
	}
}

// adoptOrphans takes over the rooms whose home is gone, and then removes what dismissed rooms have left. Timers of rooms
// that nobody asks about run on so. again says that some are left for a later look.
func (n *Node) adoptOrphans(ctx context.Context) (again bool, _ error) {
	keys, err := n.roomsOf(ctx)
	if err != nil {
		return false, err
	}
	var ended []store.Key
	for _, key := range keys {
		left, over, err := n.adoptOrphan(ctx, key)
		if err != nil {
			return true, err
		}
		again = again || left
		if over {
			ended = append(ended, key)
		}
	}
	for _, key := range ended {
		again = n.removeEnded(ctx, key) || again
	}
	return again, nil
}

// adoptOrphan takes a room over whose home is gone. over says that the room has ended and nobody sees to what is left.
func (n *Node) adoptOrphan(ctx context.Context, key store.Key) (again, over bool, _ error) {
	e, last, err := n.homeless(ctx, key)
	switch {
	case err != nil || last.Rev == 0:
		return false, false, err
	case !e.State.Exists():
		return false, true, nil
	case e.Home != n.cfg.ID && n.heir(key, e.Home) != n.cfg.ID:
		return false, false, nil
	}
	switch err := n.adopt(ctx, key); {
	case err == nil:
		return false, false, nil
	case ctx.Err() != nil || errors.Is(err, store.ErrClosed):
		return false, false, err
	default:
		n.log.Debug("room not taken over", "room", key.Room, "reason", err)
		return true, false, nil // in another's hands by now, or soon in ours
	}
}

// homeless reads the newest entry of a room without a living home; last is zero when there is no such room.
func (n *Node) homeless(ctx context.Context, key store.Key) (e Entry, last store.Entry, _ error) {
	n.mu.Lock()
	here := n.homes[key] != nil || n.moving[key] != nil
	n.mu.Unlock()
	if here {
		return e, last, nil
	}
	last, err := n.lastOf(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return e, store.Entry{}, nil
	}
	if err != nil {
		return e, store.Entry{}, err
	}
	if e, err = decodeEntry(last.Data); err != nil {
		n.log.Error("room skipped", "room", key.Room, "error", err)
		return e, store.Entry{}, nil
	}
	if e.Home != n.cfg.ID && n.isAlive(e.Home) {
		return e, store.Entry{}, nil
	}
	return e, last, nil
}

// removeEnded sees to what a dismissed room has left when its home did not live to do it: the app is told at once, and
// then it is removed.
func (n *Node) removeEnded(ctx context.Context, key store.Key) (again bool) {
	e, last, err := n.homeless(ctx, key)
	switch {
	case err != nil:
		return true
	case last.Rev == 0 || e.State.Exists():
		return false // somebody has created it anew
	}
	err = n.newCopiers(ctx, key, last.Rev, acted(e, last.Rev)).finish(ctx)
	if err == nil && e.State.Gifts > 0 {
		err = n.newBook(ctx, key, e, last.Rev).finish(ctx)
	}
	if err == nil && time.Since(last.Time) < lingerDismissed {
		return true // somebody may still repeat the dismissal
	}
	ctx, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	if err == nil {
		err = n.keepRecord(ctx, key, e.State)
	}
	if err == nil {
		err = n.clearSanctions(ctx, key, e.State.Info.CreateTime)
	}
	if err == nil {
		err = n.store.Remove(ctx, key, last.Rev)
	}
	if err != nil {
		n.log.Warn("cannot remove a dismissed room's log yet", "room", key.Room, "error", err)
	}
	return err != nil
}
