package memstore

import (
	"context"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// Node is one node's access to a cluster. Make one with [Cluster.Node].
type Node struct {
	*journal // the rooms' logs
	cluster  *Cluster
	end      chan struct{} // closed by Close and Kill
	wg       sync.WaitGroup

	// Guarded by the cluster's lock.
	closed  bool
	running chan struct{}  // closed while the node runs, open while it is paused
	boxes   map[any]func() // what ends each mailbox; called with the lock held
	onLost  map[*mailbox[struct{}]]struct{}
}

var _ store.Store = (*Node)(nil)

// Node adds a node. Close it to end its goroutines, also after Kill.
func (c *Cluster) Node() *Node {
	running := make(chan struct{})
	close(running)
	n := &Node{
		cluster: c, end: make(chan struct{}), running: running,
		boxes: make(map[any]func()), onLost: make(map[*mailbox[struct{}]]struct{}),
	}
	n.journal = &journal{node: n, logs: &c.logs}
	return n
}

// Outbox implements [store.Store].
func (n *Node) Outbox() store.Log { return &journal{node: n, logs: &n.cluster.outbox} }

// Audit implements [store.Store].
func (n *Node) Audit() store.Log { return &journal{node: n, logs: &n.cluster.audit} }

// HeartbeatTTL is [store.HeartbeatTTL].
func (n *Node) HeartbeatTTL() time.Duration { return store.HeartbeatTTL }

// Ready implements [store.Store]: all nodes have one memory.
func (n *Node) Ready(context.Context) error { return nil }

// Close implements [store.Store].
func (n *Node) Close() error {
	n.Kill()
	n.wg.Wait()
	return nil
}

// Kill ends the node as kill -9 would: what it serves vanishes at once, its calls end with [store.ErrClosed], requests
// that it has taken are never answered, and its heartbeat runs out. It does not wait for running callbacks.
func (n *Node) Kill() {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	if n.closed {
		return
	}
	n.closed = true
	for _, end := range n.boxes {
		end()
	}
	close(n.end)
}

// Pause stops the node as SIGSTOP would: no callback begins, and its calls, Publish included, wait at their beginning
// or before their return until Resume. What others send to it is kept. Its heartbeat runs out. The node's deadlines
// pass meanwhile. A callback that runs already is not stopped until it calls the store.
func (n *Node) Pause() {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	select {
	case <-n.running:
		n.running = make(chan struct{})
	default:
	}
}

// Resume ends a Pause.
func (n *Node) Resume() {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	select {
	case <-n.running:
	default:
		close(n.running)
	}
}

// pass waits while the node is paused. It is false when stop or the node has ended.
func (n *Node) pass(stop <-chan struct{}) bool {
	for {
		n.cluster.mu.Lock()
		closed, running := n.closed, n.running
		n.cluster.mu.Unlock()
		if closed {
			return false
		}
		select {
		case <-running:
			select {
			case <-stop:
				return false
			default:
				return true
			}
		default:
		}
		select {
		case <-running: // and look again: it may be paused anew
		case <-stop:
			return false
		case <-n.end:
			return false
		}
	}
}

// enter begins a call: it waits while the node is paused, even past the end of ctx, as a stopped process would.
func (n *Node) enter(ctx context.Context) error {
	if !n.pass(nil) {
		return store.ErrClosed
	}
	return ctx.Err()
}

// lost tells that messages were lost. Call with the cluster's lock held.
func (n *Node) lost() {
	for m := range n.onLost {
		if len(m.queue) == 0 { // one call tells it all
			m.put(struct{}{})
		}
	}
}

// OnReconnect implements [store.Bus]. The bus in memory is never away, but a subscriber may lag.
func (n *Node) OnReconnect(fn func()) (cancel func()) {
	cancel, err := open(n, func(struct{}) { fn() }, func(struct{}) int { return 0 },
		func(m *mailbox[struct{}]) { n.onLost[m] = struct{}{} },
		func(m *mailbox[struct{}]) { delete(n.onLost, m) })
	if err != nil {
		return func() {}
	}
	return cancel
}

// Disconnect tells the node what it would hear after its connection broke and came back: messages may be lost.
func (n *Node) Disconnect() {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	n.lost()
}
