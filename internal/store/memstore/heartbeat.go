package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// Beat implements [store.Nodes].
func (n *Node) Beat(ctx context.Context, id store.NodeID, info []byte) error {
	if err := n.enter(ctx); err != nil {
		return err
	}
	c := n.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.beats[id]
	if b != nil {
		b.timer.Stop() // a timer that has fired finds another beat in its place
	}
	fresh := &beat{info: slices.Clone(info)}
	c.beats[id] = fresh
	fresh.timer = time.AfterFunc(store.HeartbeatTTL, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.beats[id] == fresh {
			c.leave(id)
		}
	})
	if b == nil {
		c.tell(change{id, true})
	}
	return nil
}

// Gone implements [store.Nodes].
func (n *Node) Gone(ctx context.Context, id store.NodeID) error {
	if err := n.enter(ctx); err != nil {
		return err
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	if b := n.cluster.beats[id]; b != nil {
		b.timer.Stop()
		n.cluster.leave(id)
	}
	return nil
}

// Alive implements [store.Nodes].
func (n *Node) Alive(ctx context.Context) (map[store.NodeID][]byte, error) {
	if err := n.enter(ctx); err != nil {
		return nil, err
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	out := make(map[store.NodeID][]byte, len(n.cluster.beats))
	for id, b := range n.cluster.beats {
		out[id] = slices.Clone(b.info)
	}
	return out, nil
}

// Watch implements [store.Nodes].
func (n *Node) Watch(fn func(id store.NodeID, alive bool)) (cancel func(), err error) {
	if !n.pass(nil) {
		return nil, store.ErrClosed
	}
	c := n.cluster
	return open(n, func(ch change) { fn(ch.id, ch.alive) }, func(change) int { return 0 },
		func(m *mailbox[change]) {
			c.watchers[m] = struct{}{}
			for id := range c.beats {
				m.put(change{id, true})
			}
		},
		func(m *mailbox[change]) { delete(c.watchers, m) })
}

// leave ends id's life. Call with mu held.
func (c *Cluster) leave(id store.NodeID) {
	delete(c.beats, id)
	c.tell(change{id, false})
}

// tell queues a change for all watchers. Call with mu held.
func (c *Cluster) tell(ch change) {
	for m := range c.watchers {
		m.put(ch)
	}
}
