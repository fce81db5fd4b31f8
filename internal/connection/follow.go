package connection

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Every node follows every connection, so that each request ends on time and each room is shown what it has to know,
// whichever nodes have died. The node that has made a change shows it, and the one that decides the first room does what
// is due; the others come later, and find nothing to do.

const (
	lookNear  = 2 * time.Second  // between two looks at the rooms of a connection
	lookFar   = 20 * time.Second // at the other nodes
	stepLimit = 8 * time.Second  // for one talk with the store and the rooms
	roomLimit = 2 * time.Second  // for one room in it: the others' time goes on
	behind    = time.Second      // what a node waits for the one that has made a change
	farBehind = time.Second      // what the other nodes wait when something is due
)

// scanAll finds the connections that other nodes have made or changed, or have left behind.
func (c *Connections) scanAll(ctx context.Context) {
	for _, app := range c.cfg.Apps {
		if err := c.scan(ctx, app); err != nil && ctx.Err() == nil {
			c.cfg.Logger.Warn("connections cannot be listed", "app", app, "error", err)
		}
	}
}

func (c *Connections) scan(ctx context.Context, app signaling.AppID) error {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	values, err := c.cfg.Values.Values(ctx, store.BucketConnection, app, "")
	for k, v := range values {
		if k.ID != claims {
			c.seen(id{app, k.ID}, v.Rev)
		}
	}
	return err
}

// follower is what one node remembers of a connection that it looks after.
type follower struct {
	look chan struct{} // a token in it: look at once

	// Guarded by Connections.mu:
	own bool   // this node has made a change: nobody has to be waited for
	rev uint64 // that was seen last

	// Of the follower's goroutine:
	untold  uint64                         // the Seq that had not been shown to all when this node looked
	since   time.Time                      // since when
	checked time.Time                      // when the rooms have been looked at last
	without map[signaling.RoomID]time.Time // connected rooms, since when they are without their owner
}

// changed has a connection looked after from now on, and looked at at once: this node has changed it.
func (c *Connections) changed(which id) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.follow(which); f != nil {
		f.own = true
		f.wake()
	}
}

// seen has a connection looked after from now on, and looked at at once where it is another than was seen last.
func (c *Connections) seen(which id, rev uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.follow(which); f != nil && f.rev != rev {
		f.rev = rev
		f.wake()
	}
}

// wake makes the follower look; mu is held, so nobody else sends.
func (f *follower) wake() {
	if len(f.look) == 0 {
		f.look <- struct{}{}
	}
}

// follow returns who looks after a connection; mu is held.
func (c *Connections) follow(which id) *follower {
	f := c.followed[which]
	if f == nil && !c.closed {
		f = &follower{look: make(chan struct{}, 1), without: map[signaling.RoomID]time.Time{}}
		c.followed[which] = f
		c.wg.Go(func() { c.lookAfter(which, f) })
	}
	return f
}

func (c *Connections) lookAfter(which id, f *follower) {
	for wait := time.Hour; ; { // it begins with a token
		select {
		case <-c.ctx.Done():
			return
		case <-f.look:
		case <-time.After(wait):
		}
		c.mu.Lock()
		own := f.own
		f.own = false
		c.mu.Unlock()
		ctx, cancel := context.WithTimeout(c.ctx, stepLimit)
		next, err := c.step(ctx, which, f, own)
		cancel()
		if errors.Is(err, signaling.ErrConnectionNotExist) { // forgotten by another node
			next, err = 0, nil
		}
		if err != nil && c.ctx.Err() == nil {
			c.cfg.Logger.Warn("a connection waits", "app", which.app, "connection", which.connection, "error", err)
			next = max(next, lookNear)
		}
		if wait = next; next == 0 && c.unfollow(which, f) {
			return
		}
	}
}

// unfollow ends the looking after, unless there is news.
func (c *Connections) unfollow(which id, f *follower) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(f.look) > 0 {
		return false
	}
	delete(c.followed, which)
	return true
}

// step does what is to be done for a connection now, and returns when to look again; 0: never.
func (c *Connections) step(ctx context.Context, which id, f *follower, own bool) (time.Duration, error) {
	doc, _, err := record.Load[Connection](ctx, c.cfg.Values, keyOf(which.app, which.connection))
	switch {
	case err != nil:
		return lookNear, err
	case doc.ID == "":
		return 0, nil // forgotten
	}
	look, late := lookFar, farBehind
	for _, s := range doc.Stays {
		if s.Live() {
			if c.cfg.Rooms.Near(which.app, s.RoomID) {
				look, late = lookNear, 0
			}
			break
		}
	}
	now := time.Now()
	if due := doc.Deadline(); !due.IsZero() && !now.Before(due.Add(late)) {
		if doc, err = c.apply(ctx, which.app, which.connection, Expire{}); err != nil {
			return lookNear, err
		}
		own = true
	}
	var unseen error // of rooms that could not be looked at: nobody else waits for them
	if !doc.Over && (f.checked.IsZero() || now.Sub(f.checked) >= look) {
		f.checked = now
		before := doc.Seq
		if doc, unseen, err = c.check(ctx, which, f, doc); err != nil {
			return lookNear, err
		}
		own = own || doc.Seq != before
	}
	if doc.Told < doc.Seq {
		if f.untold != doc.Seq {
			f.untold, f.since = doc.Seq, now
		}
		if left := behind - now.Sub(f.since); left > 0 && !own {
			return left, unseen
		}
		if doc, err = c.showAll(ctx, which.app, doc); err != nil {
			return lookNear, errors.Join(unseen, err)
		}
		if doc.Told < doc.Seq { // it has changed again meanwhile
			return time.Millisecond, nil
		}
	}
	if doc.Over {
		return c.forget(ctx, which, doc)
	}
	next := look - now.Sub(f.checked)
	if due := doc.Deadline(); !due.IsZero() {
		next = min(next, due.Add(late).Sub(now))
	}
	return max(next, time.Millisecond), unseen
}

// check looks at the rooms: those that exist no more, or have been without their owner for too long, are out, and the
// others may have another owner, or name, by now. unseen is about rooms that do not answer.
func (c *Connections) check(ctx context.Context, which id, f *follower, doc Connection) (_ Connection, unseen, err error) {
	hosts, errs := make([]Host, len(doc.Stays)), make([]error, len(doc.Stays))
	looked := func(s Stay) bool { return s.Status == Asked || s.Status == Connected }
	each(len(doc.Stays), func(i int) {
		if looked(doc.Stays[i]) {
			hosts[i], errs[i] = c.host(ctx, which.app, doc.Stays[i].RoomID)
		}
	})
	stays := doc.Stays
	for i, s := range stays {
		if !looked(s) {
			continue
		}
		var cmd Command
		switch h, e := hosts[i], errs[i]; {
		case errors.Is(e, signaling.ErrRoomNotExist), e == nil && h.Created != s.Created, e == nil && c.deserted(f, s, h):
			cmd = Lose{s.RoomID, s.Turn}
		case e != nil:
			unseen = errors.Join(unseen, e)
		case h.Owner != s.Owner || h.OwnerName != s.OwnerName || h.AvatarURL != s.AvatarURL:
			cmd = Renew{h.Room}
		}
		if cmd == nil {
			continue
		}
		if doc, err = c.apply(ctx, which.app, which.connection, cmd); err != nil {
			return doc, unseen, err
		}
	}
	return doc, unseen, nil
}

// deserted reports whether a connected room has been without its owner for too long.
func (c *Connections) deserted(f *follower, s Stay, h Host) bool {
	if h.Here || s.Status != Connected {
		delete(f.without, s.RoomID)
		return false
	}
	since, known := f.without[s.RoomID]
	if !known {
		f.without[s.RoomID] = time.Now()
		return false
	}
	return time.Since(since) >= c.cfg.Grace
}

// showAll has the rooms show a connection, notes that they do, and returns it as it is then. A room that cannot be reached
// is shown it later, and so is it noted. Rooms that exist no more, or have no place for it, are out.
func (c *Connections) showAll(ctx context.Context, app signaling.AppID, doc Connection) (Connection, error) {
	var mu sync.Mutex
	var lost []Lose
	var errs error
	each(len(doc.Stays), func(i int) {
		s := doc.Stays[i]
		if s.Status == Reserved || s.Status == Out && s.Gone <= doc.Told {
			return
		}
		err := c.show(ctx, app, s, doc)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
		case s.Status != Out && (errors.Is(err, signaling.ErrRoomNotExist) || errors.Is(err, signaling.ErrLimit)):
			lost = append(lost, Lose{s.RoomID, s.Turn})
		case errors.Is(err, signaling.ErrRoomNotExist):
		default:
			errs = errors.Join(errs, err)
		}
	})
	for _, l := range lost {
		if _, err := c.apply(ctx, app, doc.ID, l); err != nil {
			return doc, errors.Join(errs, err)
		}
	}
	if errs != nil {
		return doc, errs
	}
	return c.apply(ctx, app, doc.ID, Tell{doc.Seq})
}

// showTo has one room show a connection, and returns the version with which it does; 0 where there is nothing to show.
func (c *Connections) showTo(ctx context.Context, app signaling.AppID, doc Connection, room signaling.RoomID) (uint64, error) {
	i := doc.last(room)
	if i < 0 || doc.Stays[i].Status == Reserved {
		return 0, nil
	}
	return c.cfg.Rooms.Show(ctx, app, doc.Stays[i], doc)
}

// host asks about a room that somebody else waits for.
func (c *Connections) host(ctx context.Context, app signaling.AppID, room signaling.RoomID) (Host, error) {
	ctx, cancel := context.WithTimeout(ctx, roomLimit)
	defer cancel()
	return c.cfg.Rooms.Host(ctx, app, room, "")
}

// show has a room shown a connection that somebody else waits for.
func (c *Connections) show(ctx context.Context, app signaling.AppID, s Stay, doc Connection) error {
	ctx, cancel := context.WithTimeout(ctx, roomLimit)
	defer cancel()
	_, err := c.cfg.Rooms.Show(ctx, app, s, doc)
	return err
}

// forget removes a connection that is over, and its rooms' claims, when no command can ask about it any more.
func (c *Connections) forget(ctx context.Context, which id, doc Connection) (time.Duration, error) {
	if left := time.Until(time.UnixMilli(doc.Ended).Add(Kept)); left > 0 {
		return left, nil
	}
	keys, err := c.cfg.Values.Keys(ctx, store.BucketConnection, which.app, claims)
	if err != nil {
		return lookNear, err
	}
	for _, k := range keys {
		err := record.Delete(ctx, c.cfg.Values, k, func(cl claim) error {
			if cl.Connection != which.connection {
				return record.ErrKeep // another's by now
			}
			return nil
		})
		if err != nil && !errors.Is(err, record.ErrKeep) {
			return lookNear, err
		}
	}
	return 0, record.Delete(ctx, c.cfg.Values, keyOf(which.app, which.connection), func(Connection) error { return nil })
}
