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

	// likewise what has ended without a battle: a command about it may be repeated so long, and a claim has been asked for
	// by somebody who knew an earlier one
	keptRequest = 2 * time.Minute

	lookSoon  = time.Second      // at one that somebody is about to begin
	lookNear  = 2 * time.Second  // between two looks at the rooms of a battle
	lookFar   = 20 * time.Second // at the other nodes
	stepLimit = 5 * time.Second  // for one talk with the store and the rooms
	farBehind = time.Second      // what the other nodes wait at the end of a battle
)

// scanAll finds the battles that other nodes have begun, or have left behind.
func (b *Battles) scanAll(ctx context.Context) {
	for _, app := range b.cfg.Apps {
		if err := b.scan(ctx, app); err != nil && ctx.Err() == nil {
			b.cfg.Logger.Warn("battles cannot be listed", "app", app, "error", err)
		}
	}
}

func (b *Battles) scan(ctx context.Context, app signaling.AppID) error {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	keys, err := b.cfg.Values.Keys(ctx, store.BucketBattle, app, "")
	for _, k := range keys {
		if k.ID != claims {
			b.follow(id{app, k.ID}, false)
		}
	}
	return err
}

// sleepUntil waits, no longer than until there is a token, and reports whether Battles goes on.
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
			if errors.Is(err, signaling.ErrBattleNotExist) { // forgotten by another node
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
	case doc.Over() && doc.Told:
		return b.forget(ctx, which, doc)
	}
	near := false
	if i := slices.IndexFunc(doc.Rooms, func(r Room) bool { return !r.Left }); i >= 0 {
		near = b.cfg.Rooms.Near(which.app, doc.Rooms[i].RoomID)
	}
	look, late := lookFar, farBehind
	if near {
		look, late = lookNear, 0
	}
	if due := doc.Deadline(); !due.IsZero() && time.Until(due.Add(late)) <= 0 {
		if doc, err = b.apply(ctx, which.app, which.battle, Expire{}); err != nil {
			return lookNear, err
		}
	}
	if doc.Status == Created && doc.Asked == 0 { // somebody is about to begin it
		return max(min(time.Until(doc.Deadline().Add(late)), lookSoon), time.Millisecond), nil
	}
	if doc, err = b.tend(ctx, which, doc); err != nil {
		return look, err
	}
	if doc.Over() {
		return lookNear, nil
	}
	return max(min(look, time.Until(doc.Deadline().Add(late))), time.Millisecond), nil
}

// tend has the rooms show a battle as it is, and notes who knows the end. Rooms that exist no more, or are connected no
// longer, are out.
func (b *Battles) tend(ctx context.Context, which id, doc Battle) (Battle, error) {
	doc, err := b.cut(ctx, which, doc)
	if err != nil {
		return doc, err
	}
	shown, gone, unseen := b.showAll(ctx, which.app, doc)
	before := doc.Seq
	for _, r := range gone {
		if doc, err = b.apply(ctx, which.app, which.battle, Lose{Room: r, Gone: true}); err != nil {
			return doc, err
		}
	}
	if doc.Seq != before { // the others have to know
		shown, _, unseen = b.showAll(ctx, which.app, doc)
	}
	var told Tell
	if slices.Contains(shown, doc.Rooms[doc.Teller].RoomID) {
		told.Step = doc.Step()
	}
	for _, r := range doc.Rooms {
		if !r.Told && slices.Contains(shown, r.RoomID) && !doc.Holds(r.RoomID) {
			told.Rooms = append(told.Rooms, r.RoomID)
		}
	}
	if len(told.Rooms)+len(gone) > 0 || told.Step > doc.Reported || doc.Over() {
		if doc, err = b.apply(ctx, which.app, which.battle, told); err != nil {
			return doc, err
		}
	}
	return doc, unseen
}

// cut takes out the rooms that are not connected any more with the others.
func (b *Battles) cut(ctx context.Context, which id, doc Battle) (Battle, error) {
	if doc.Connection == "" || doc.Over() {
		return doc, nil
	}
	for _, r := range doc.Rooms {
		if r.Left {
			continue
		}
		connection, rooms, err := b.cfg.Rooms.Connected(ctx, which.app, r.RoomID)
		if err != nil {
			return doc, err
		}
		if connection == doc.Connection {
			return b.cutOthers(ctx, which, doc, rooms)
		}
		if doc, err = b.apply(ctx, which.app, which.battle, Lose{Room: r.RoomID}); err != nil {
			return doc, err
		}
	}
	return doc, nil
}

func (b *Battles) cutOthers(ctx context.Context, which id, doc Battle, connected []signaling.RoomID) (Battle, error) {
	for _, r := range doc.Rooms {
		if r.Left || slices.Contains(connected, r.RoomID) {
			continue
		}
		var err error
		if doc, err = b.apply(ctx, which.app, which.battle, Lose{Room: r.RoomID}); err != nil {
			return doc, err
		}
	}
	return doc, nil
}

// forget removes a battle that has been readable for long enough, and its rooms' claims. Not before: a claim's number is
// not to come again.
func (b *Battles) forget(ctx context.Context, which id, doc Battle) (time.Duration, error) {
	kept := Kept
	if doc.Start == 0 {
		kept = keptRequest
	}
	if left := time.Until(time.UnixMilli(doc.End).Add(kept)); left > 0 {
		return left, nil
	}
	for _, r := range doc.Rooms {
		if err := b.release(ctx, which.app, r.RoomID, which.battle); err != nil {
			return lookNear, err
		}
	}
	return 0, record.Delete(ctx, b.cfg.Values, keyOf(which.app, which.battle), func(Battle) error { return nil })
}
