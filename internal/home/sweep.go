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

// adoptOrphans takes over the rooms whose home is gone, and removes what dismissed rooms have left. Timers of rooms
// that nobody asks about run on so. again says that some are left for a later look.
func (n *Node) adoptOrphans(ctx context.Context) (again bool, _ error) {
	keys, err := n.store.Rooms(ctx)
	if err != nil {
		return false, err
	}
	for _, key := range keys {
		left, err := n.adoptOrphan(ctx, key)
		if err != nil {
			return true, err
		}
		again = again || left
	}
	return again, nil
}

func (n *Node) adoptOrphan(ctx context.Context, key store.Key) (again bool, _ error) {
	n.mu.Lock()
	here := n.homes[key] != nil || n.moving[key] != nil
	n.mu.Unlock()
	if here {
		return false, nil
	}
	last, err := n.store.Last(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	e, err := decodeEntry(last.Data)
	if err != nil {
		n.log.Error("room skipped", "room", key.Room, "error", err)
		return false, nil
	}
	switch {
	case e.Home != n.cfg.ID && n.isAlive(e.Home):
		return false, nil
	case !e.State.Exists():
		if time.Since(last.Time) < lingerDismissed {
			return true, nil // somebody may still repeat the dismissal
		}
		if err := n.store.Remove(ctx, key, last.Rev); err != nil {
			n.log.Warn("cannot remove a dismissed room's log yet", "room", key.Room, "error", err)
			return true, nil
		}
		return false, nil
	case e.Home != n.cfg.ID && n.heir(key, e.Home) != n.cfg.ID:
		return false, nil
	}
	switch err := n.adopt(ctx, key); {
	case err == nil:
		return false, nil
	case ctx.Err() != nil || errors.Is(err, store.ErrClosed):
		return false, err
	default:
		n.log.Debug("room not taken over", "room", key.Room, "reason", err)
		return true, nil // in another's hands by now, or soon in ours
	}
}
