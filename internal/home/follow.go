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

// follower is this node's view of one room: every entry once and in order, whatever the bus loses.
type follower struct {
	node *Node
	key  store.Key
	stop func()

	mu      sync.Mutex // protects what follows and serialises deliver
	last    Entry
	deliver func(e Entry, complete bool)
	closed  bool
	grew    chan struct{} // closed and replaced with each entry
}

// Follow calls deliver with the room's newest entry, and then with each further one: in order, one at a time. complete
// is false where entries before it could not be had (then only its state counts). deliver must not block nor call
// back. await waits until a version has been delivered.
func (n *Node) Follow(ctx context.Context, key store.Key, deliver func(e Entry, complete bool)) (await func(context.Context, uint64) error, stop func(), err error) {
	f := &follower{node: n, key: key, deliver: deliver, grew: make(chan struct{})}
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
	f.closed = true
	f.mu.Unlock()
	f.node.mu.Lock()
	if f.node.followers[f.key] == f {
		delete(f.node.followers, f.key)
	}
	f.node.mu.Unlock()
	f.stop()
}

// begin delivers the newest entry, unless the bus has brought one already.
func (f *follower) begin(ctx context.Context) error {
	last, err := f.node.store.Last(ctx, f.key)
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
	if known == 0 || e.Version == known+1 {
		f.advance(e, known != 0)
	}
	gap := known != 0 && e.Version > known+1
	f.mu.Unlock()
	if gap {
		f.node.spawn(func() { f.catchUp(f.node.ctx) })
	}
}

// advance delivers e; f.mu is held.
func (f *follower) advance(e Entry, complete bool) {
	if f.closed {
		return
	}
	newHome := f.last.Epoch != 0 && f.last.Epoch != e.Epoch
	f.last = e
	f.deliver(e, complete)
	close(f.grew)
	f.grew = make(chan struct{})
	if newHome {
		f.node.unlearn(f.key)
		f.node.spawn(func() { f.node.announce(f.key) })
	}
}

// catchUp reads from the log what the bus did not bring.
func (f *follower) catchUp(ctx context.Context) {
	f.mu.Lock()
	from := time.UnixMilli(f.last.At).Add(-5 * time.Second) // clocks of home and store may differ
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list, err := f.node.store.Since(ctx, f.key, from)
	if err != nil {
		f.node.log.Warn("cannot catch up with a room", "room", f.key.Room, "error", err)
		return
	}
	_, lastErr := f.node.store.Last(ctx, f.key)
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.last.State.Info; errors.Is(lastErr, store.ErrNotFound) ||
		(len(list) > 0 && !sameRoom(list[len(list)-1], known)) {
		// Dismissed, and its log removed, while this node heard nothing.
		e := f.last
		e.Version++
		e.State.Dismissed = signaling.DismissedByServer
		e.Events = []room.Event{{Event: signaling.RoomDismissed{Reason: e.State.Dismissed}}}
		f.advance(e, true)
		return
	}
	for _, raw := range list {
		e, err := decodeEntry(raw.Data)
		if err != nil || e.Version <= f.last.Version {
			continue
		}
		f.advance(e, e.Version == f.last.Version+1)
	}
}

// sameRoom reports whether an entry is of the room that is known, and not of a later one with the same id.
func sameRoom(raw store.Entry, known signaling.RoomInfo) bool {
	e, err := decodeEntry(raw.Data)
	return err != nil || e.State.Info.CreateTime == known.CreateTime
}

// await returns when the version has been delivered: at once for a home here, a moment later for another.
func (f *follower) await(ctx context.Context, version uint64) error {
	for {
		f.mu.Lock()
		reached, grew := f.last.Version >= version || f.closed, f.grew
		f.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-grew:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(silence):
			f.catchUp(ctx)
		}
	}
}
