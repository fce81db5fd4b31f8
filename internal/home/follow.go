package home

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// silence is how long a follower waits for an entry it knows of before it asks the log.
const silence = time.Second

// follower is this node's view of one room: every entry once and in order, whatever the bus loses. It ends with the
// room: a later one with the same id takes another follower.
type follower struct {
	node *Node
	key  store.Key
	stop func()
	gone chan struct{} // closed by close

	chasing, announcing errand

	mu      sync.Mutex // protects what follows and serialises deliver
	last    Entry
	deliver func(e Entry, complete bool)
	closed  bool
	grew    chan struct{} // closed and replaced with each entry
}

// Follow calls deliver with the room's newest entry, and then with each further one until the room's end: in order,
// one at a time. complete is false where entries before it could not be had (then only its state counts). deliver must
// not block nor call back. await waits until a version has been delivered, or the room has ended. stop ends it, and
// must not be called by deliver. A room that does not exist is [store.ErrNotFound].
func (n *Node) Follow(ctx context.Context, key store.Key, deliver func(e Entry, complete bool)) (await func(context.Context, uint64) error, stop func(), err error) {
	f := &follower{node: n, key: key, deliver: deliver, grew: make(chan struct{}), gone: make(chan struct{})}
	f.stop, err = n.store.Subscribe(store.Topic{Kind: store.KindRoom, App: key.App, Room: key.Room}, f.receive)
	if err != nil {
		return nil, nil, err
	}
	n.mu.Lock()
	n.followers[key] = f
	n.mu.Unlock()
	if err := f.begin(ctx); err != nil {
		f.close()
		return nil, nil, err
	}
	return f.await, f.close, nil
}

func (f *follower) close() {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.gone)
	}
	f.mu.Unlock()
	f.node.mu.Lock()
	if f.node.followers[f.key] == f {
		delete(f.node.followers, f.key)
	}
	f.node.mu.Unlock()
	f.node.tallies.left(f.key)
	f.stop()
}

// begin delivers the newest entry, unless the bus has brought one already.
func (f *follower) begin(ctx context.Context) error {
	last, err := f.node.lastOf(ctx, f.key)
	if err != nil {
		return err
	}
	e, err := decodeEntry(last.Data)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last.Version < e.Version {
		f.advance(e, false)
	}
	return nil
}

// receive takes an entry from the bus.
func (f *follower) receive(data []byte) {
	e, err := decodeEntry(data)
	if err != nil {
		f.node.log.Error("entry of another node", "room", f.key.Room, "error", err)
		return
	}
	f.push(e)
}

// push takes an entry from the home here, or from the bus: each comes both ways when the home is here.
func (f *follower) push(e Entry) {
	f.mu.Lock()
	known := f.last.Version
	next := known == 0 || e.Version == known+1
	if next && f.same(e) {
		f.advance(e, known != 0)
		next = false
	}
	gap := next || e.Version > known && f.last.Version != e.Version || !f.same(e)
	f.mu.Unlock()
	if gap {
		f.chase()
	}
}

// same reports whether an entry is of the room that is known, and not of an earlier or later one with the same id;
// f.mu is held.
func (f *follower) same(e Entry) bool {
	return f.last.Version == 0 || e.State.Info.CreateTime == f.last.State.Info.CreateTime
}

// over reports whether there is nothing more to deliver; f.mu is held.
func (f *follower) over() bool { return f.closed || f.last.State.Dismissed != 0 }

// advance delivers e; f.mu is held.
func (f *follower) advance(e Entry, complete bool) {
	if f.over() {
		return
	}
	newHome := f.last.Epoch != 0 && f.last.Epoch != e.Epoch
	f.last = e
	f.deliver(e, complete)
	close(f.grew)
	f.grew = make(chan struct{})
	if newHome {
		f.node.unlearn(f.key)
		f.node.announce(f)
	}
}

// chase catches up with the log on a goroutine of its own, until it has.
func (f *follower) chase() {
	f.chasing.run(f.node, func() {
		for {
			err := f.catchUp(f.node.ctx)
			if err == nil {
				return
			}
			f.node.log.Warn("cannot catch up with a room", "room", f.key.Room, "error", err)
			select {
			case <-f.node.ctx.Done():
				return
			case <-f.gone:
				return
			case <-time.After(silence):
			}
		}
	})
}

// catchUp reads from the log what the bus did not bring.
func (f *follower) catchUp(ctx context.Context) error {
	f.mu.Lock()
	known, over := f.last, f.over()
	f.mu.Unlock()
	if known.Version == 0 || over {
		return nil // it has not begun, which reads the log anyway, or has ended
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	// The newest entry first: what is stored while Since reads is the next one's business.
	last, err := f.node.store.Last(ctx, f.key)
	removed := errors.Is(err, store.ErrNotFound)
	if err != nil && !removed {
		return err
	}
	list, err := f.node.store.Since(ctx, f.key, time.UnixMilli(known.At).Add(-5*time.Second)) // clocks of home and store may differ
	if err != nil {
		return err
	}
	if len(list) == 0 && !removed {
		list = append(list, last)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, raw := range list {
		e, err := decodeEntry(raw.Data)
		switch {
		case err != nil:
			f.node.log.Error("entry in the log", "room", f.key.Room, "error", err)
		case f.over():
			return nil
		case !f.same(e):
			if e.State.Info.CreateTime > f.last.State.Info.CreateTime {
				removed = true // a later room has its id: this one is over
			}
		case e.Version > f.last.Version:
			f.advance(e, e.Version == f.last.Version+1)
		}
	}
	if removed {
		// Dismissed, and its log removed, while this node heard nothing.
		e := f.last
		e.Version++
		e.State.Dismissed = signaling.DismissedByServer
		e.Events = []room.Event{{Event: signaling.RoomDismissed{Reason: e.State.Dismissed}}}
		f.advance(e, true)
	}
	return nil
}

// Past returns a room's entries of the last while, oldest first, as far as the log has kept them.
func (n *Node) Past(ctx context.Context, key store.Key, last time.Duration) ([]Entry, error) {
	raw, err := n.store.Since(ctx, key, time.Now().Add(-last))
	if err != nil {
		return nil, err
	}
	list := make([]Entry, 0, len(raw))
	for _, r := range raw {
		e, err := decodeEntry(r.Data)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// await returns when the version has been delivered: at once for a home here, a moment later for another.
func (f *follower) await(ctx context.Context, version uint64) error {
	for {
		f.mu.Lock()
		reached, grew := f.last.Version >= version || f.over(), f.grew
		f.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-grew:
		case <-f.gone:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(silence):
			f.chase()
		}
	}
}

// errand is something that runs on one goroutine at a time, and once more if it was asked for meanwhile.
type errand struct {
	mu      sync.Mutex
	running bool
	again   bool
}

func (x *errand) run(n *Node, f func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.running {
		x.again = true
		return
	}
	x.running = n.spawn(func() {
		for {
			f()
			x.mu.Lock()
			more := x.again
			x.again, x.running = false, more
			x.mu.Unlock()
			if !more || n.ctx.Err() != nil {
				return
			}
		}
	})
}
