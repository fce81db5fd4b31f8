package memstore

import "github.com/openvoiceroom/openvoiceroom/internal/store"

// maxLag bounds what a subscriber may lag behind, as the NATS client does.
const (
	maxLagMessages = 64 << 10
	maxLagBytes    = 64 << 20
)

// mailbox is the queue of one callback and the goroutine that empties it.
type mailbox[T any] struct {
	node *Node
	call func(T)

	// Guarded by the cluster's lock, which alone can order one message in several mailboxes.
	queue []T
	bytes int
	size  func(T) int

	wake chan struct{} // holds one token when the queue may have something
	stop chan struct{}
	done chan struct{}
}

// open starts a mailbox of n, or says that n is closed. add registers it, under the cluster's lock.
func open[T any](n *Node, call func(T), size func(T) int, add, remove func(*mailbox[T])) (cancel func(), err error) {
	m := &mailbox[T]{
		node: n, call: call, size: size,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	c := n.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if n.closed {
		return nil, store.ErrClosed
	}
	add(m)
	n.boxes[m] = func() {
		remove(m)
		delete(n.boxes, m)
		m.queue = nil
		close(m.stop)
	}
	n.wg.Go(m.run)
	return func() {
		c.mu.Lock()
		if end, ok := n.boxes[m]; ok {
			end()
		}
		c.mu.Unlock()
		<-m.done
	}, nil
}

// put queues one value. Call with the cluster's lock held; the send on wake never waits.
func (m *mailbox[T]) put(v T) {
	if len(m.queue) >= maxLagMessages || m.bytes+m.size(v) > maxLagBytes {
		m.node.lost()
		return
	}
	m.queue = append(m.queue, v)
	m.bytes += m.size(v)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox[T]) take() (v T, ok bool) {
	m.node.cluster.mu.Lock()
	defer m.node.cluster.mu.Unlock()
	if len(m.queue) == 0 {
		return v, false
	}
	v = m.queue[0]
	clear(m.queue[:1])
	m.queue = m.queue[1:]
	m.bytes -= m.size(v)
	return v, true
}

func (m *mailbox[T]) run() {
	defer close(m.done)
	for {
		// The gate comes first: what a paused node has not begun with, it begins with after Resume.
		if !m.node.pass(m.stop) {
			return
		}
		v, ok := m.take()
		if ok {
			m.call(v)
			continue
		}
		select {
		case <-m.wake:
		case <-m.stop:
			return
		}
	}
}
