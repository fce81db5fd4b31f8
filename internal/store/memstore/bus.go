package memstore

import (
	"context"
	"slices"
	"sync"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// request travels from Request to one Serve.
type request struct {
	data  []byte
	reply chan []byte // holds the one reply
}

// Publish implements [store.Bus].
func (n *Node) Publish(t store.Topic, data []byte) error {
	if len(data) > store.MaxPayload {
		return store.ErrTooLarge
	}
	if !n.pass(nil) {
		return store.ErrClosed
	}
	data = slices.Clone(data) // one copy, which all subscribers read
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	for _, m := range n.cluster.subs[topic(t)] {
		m.put(data)
	}
	return nil
}

// Subscribe implements [store.Bus].
func (n *Node) Subscribe(t store.Topic, fn func(data []byte)) (cancel func(), err error) {
	if !n.pass(nil) {
		return nil, store.ErrClosed
	}
	t = topic(t)
	subs := n.cluster.subs
	return open(n, fn, func(b []byte) int { return len(b) },
		func(m *mailbox[[]byte]) { subs[t] = append(subs[t], m) },
		func(m *mailbox[[]byte]) {
			subs[t] = slices.DeleteFunc(subs[t], func(o *mailbox[[]byte]) bool { return o == m })
			if len(subs[t]) == 0 {
				delete(subs, t)
			}
		})
}

// Request implements [store.Bus].
func (n *Node) Request(ctx context.Context, t store.Topic, data []byte) ([]byte, error) {
	if len(data) > store.MaxPayload {
		return nil, store.ErrTooLarge
	}
	if err := n.enter(ctx); err != nil {
		return nil, err
	}
	r := &request{data: slices.Clone(data), reply: make(chan []byte, 1)}
	if !n.cluster.ask(topic(t), r) {
		return nil, store.ErrNoResponder
	}
	var out []byte
	var err error
	select {
	case out = <-r.reply:
	case <-ctx.Done():
		err = ctx.Err()
	case <-n.end:
		err = store.ErrClosed
	}
	if !n.pass(nil) {
		return nil, store.ErrClosed
	}
	return out, err
}

func (c *Cluster) ask(t store.Topic, r *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.serves[t]
	if s == nil {
		return false
	}
	s.turn++
	s.list[s.turn%len(s.list)].put(r)
	return true
}

// Serve implements [store.Bus].
func (n *Node) Serve(t store.Topic, fn func(data []byte, reply func([]byte))) (cancel func(), err error) {
	if !n.pass(nil) {
		return nil, store.ErrClosed
	}
	t = topic(t)
	serves := n.cluster.serves
	return open(n, func(r *request) { fn(r.data, n.replier(r)) }, func(r *request) int { return len(r.data) },
		func(m *mailbox[*request]) {
			if serves[t] == nil {
				serves[t] = &servers{}
			}
			serves[t].list = append(serves[t].list, m)
		},
		func(m *mailbox[*request]) {
			s := serves[t]
			s.list = slices.DeleteFunc(s.list, func(o *mailbox[*request]) bool { return o == m })
			if len(s.list) == 0 {
				delete(serves, t)
			}
		})
}

// replier is r's reply function: the first call counts, and a paused node's reply leaves after Resume.
func (n *Node) replier(r *request) func([]byte) {
	var once sync.Once
	return func(data []byte) {
		once.Do(func() {
			if len(data) <= store.MaxPayload && n.pass(nil) {
				r.reply <- slices.Clone(data)
			}
		})
	}
}
