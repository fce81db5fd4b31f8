package battle

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Every node follows every battle, so that each ends on time whichever nodes have died. The one that decides the first
// room does what is to be done; the others come later, and find nothing to do.

const (
	// Kept is how long a battle that has ended can be read.
	Kept = time.Hour

	scanEvery = 10 * time.Second // the hints of the store may be lost
	scanPause = time.Second      // between two scans, however many hints come
	lookNear  = 2 * time.Second  // between two looks at the rooms of a battle
	lookFar   = 20 * time.Second // at the other nodes
	stepLimit = 5 * time.Second  // for one talk with the store and the rooms
	farBehind = time.Second      // what the other nodes wait at the end of a battle
)

// scanForever finds the battles that other nodes have begun, or have left behind.
func (b *Battles) scanForever() {
	for {
		for _, app := range b.cfg.Apps {
			if err := b.scan(app); err != nil && b.ctx.Err() == nil {
				b.cfg.Logger.Warn("battles cannot be listed", "app", app, "error", err)
			}
		}
		if !b.sleep(scanPause) {
			return
		}
		select {
		case <-b.ctx.Done():
			return
		case <-b.hint:
		case <-time.After(scanEvery - scanPause):
		}
	}
}

func (b *Battles) scan(app signaling.AppID) error {
	ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
	defer cancel()
	keys, err := b.cfg.Values.Keys(ctx, store.BucketBattle, app, "")
	for _, k := range keys {
		if k.ID != claims {
			b.follow(id{app, k.ID}, false)
		}
	}
	return err
}

// sleep waits and reports whether Battles goes on.
func (b *Battles) sleep(d time.Duration) bool { return b.sleepUntil(nil, d) }

// sleepUntil waits no longer than until there is a token.
func (b *Battles) sleepUntil(look <-chan struct{}, d time.Duration) bool {
	select {
	case <-b.ctx.Done():
		return false
	case <-look:
		return true
	case <-time.After(d):
		return true
	}
}

// follow looks after a battle from now on, unless this node does so already; news has it look at once.
func (b *Battles) follow(which id, news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	if look := b.followed[which]; look != nil {
		if news && len(look) == 0 {
			look <- struct{}{} // nobody else sends: mu is held
		}
		return
	}
	look := make(chan struct{}, 1)
	b.followed[which] = look
	b.wg.Go(func() {
		for wait := time.Duration(0); b.sleepUntil(look, wait); {
			ctx, cancel := context.WithTimeout(b.ctx, stepLimit)
			next, err := b.step(ctx, which)
			cancel()
			if errors.Is(err, ErrUnknown) { // forgotten by another node
				next, err = 0, nil
			}
			if err != nil && b.ctx.Err() == nil {
				b.cfg.Logger.Warn("a battle waits", "app", which.app, "battle", which.battle, "error", err)
				next = max(next, lookNear)
			}
			if wait = next; next == 0 {
				break
			}
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.followed, which)
	})
}

// step does what is to be done for a battle now, and returns when to look again; 0: never.
func (b *Battles) step(ctx context.Context, which id) (time.Duration, error) {
	doc, _, err := record.Load[Battle](ctx, b.cfg.Values, keyOf(which.app, which.battle))
	switch {
	case err != nil:
		return lookNear, err
	case doc.ID == "":
		return 0, nil // forgotten
	}
	near := false
	if i := slices.IndexFunc(doc.Rooms, func(r Room) bool { return !r.Left }); i >= 0 {
		near = b.cfg.Rooms.Near(which.app, doc.Rooms[i].RoomID)
	}
	look, due := lookFar, doc.Deadline().Add(farBehind)
	if near {
		look, due = lookNear, doc.Deadline()
	}
	switch left := time.Until(due); {
	case doc.Over() && doc.Told:
		return b.forget(ctx, which, doc)
	case doc.Over():
	case left > 0 && doc.Status == Created:
		return min(left, scanPause), nil
	case left > 0:
		if doc, err = b.check(ctx, which, doc); err != nil || !doc.Over() {
			return max(min(look, time.Until(due)), time.Millisecond), err
		}
	default:
		if doc, err = b.apply(ctx, which.app, which.battle, Expire{}); err != nil {
			return lookNear, err
		}
		if !doc.Over() { // by another clock
			return lookNear, nil
		}
	}
	if err := b.finish(ctx, which, doc); err != nil {
		return look, err
	}
	return lookNear, nil
}

// check takes the rooms out of a battle that exist no more. The others show the battle, if they have missed something.
func (b *Battles) check(ctx context.Context, which id, doc Battle) (Battle, error) {
	gone, err := b.showAll(ctx, which.app, doc)
	for _, r := range gone {
		var e error
		if doc, e = b.apply(ctx, which.app, which.battle, Leave{r}); e != nil {
			return doc, e
		}
		err = errors.Join(err, b.release(ctx, which.app, r, which.battle))
	}
	return doc, err
}

// finish has everybody know that a battle is over, and sets the rooms free.
func (b *Battles) finish(ctx context.Context, which id, doc Battle) error {
	var err error
	if doc.Status == Ended { // nobody has heard of one that never began
		_, err = b.showAll(ctx, which.app, doc)
	}
	for _, r := range doc.Rooms {
		err = errors.Join(err, b.release(ctx, which.app, r.RoomID, which.battle))
	}
	if err != nil {
		return err
	}
	_, err = b.apply(ctx, which.app, which.battle, Tell{})
	return err
}

// forget removes a battle that has been readable for long enough.
func (b *Battles) forget(ctx context.Context, which id, doc Battle) (time.Duration, error) {
	kept := Kept
	if doc.Status == Cancelled {
		kept = 0
	}
	if left := time.Until(time.UnixMilli(doc.End).Add(kept)); left > 0 {
		return left, nil
	}
	return 0, record.Delete(ctx, b.cfg.Values, keyOf(which.app, which.battle), func(Battle) error { return nil })
}
