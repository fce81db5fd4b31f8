package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Get implements [store.Values].
func (n *Node) Get(ctx context.Context, key store.ValueKey) (store.Value, error) {
	if err := n.enter(ctx); err != nil {
		return store.Value{}, err
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	v, ok := n.cluster.values[key]
	if !ok {
		return store.Value{}, store.ErrNotFound
	}
	v.Data = slices.Clone(v.Data)
	return v, nil
}

// Put implements [store.Values].
func (n *Node) Put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (uint64, error) {
	if len(data) > store.MaxPayload {
		return 0, store.ErrTooLarge
	}
	if err := n.enter(ctx); err != nil {
		return 0, err
	}
	rev, err := n.cluster.put(key, data, last)
	if !n.pass(nil) { // as for Append
		return 0, store.ErrClosed
	}
	return rev, err
}

func (c *Cluster) put(key store.ValueKey, data []byte, last uint64) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values[key].Rev != last {
		return 0, store.ErrConflict
	}
	c.rev++
	c.values[key] = store.Value{Data: slices.Clone(data), Rev: c.rev, Time: time.Now()}
	c.changed(key.Bucket)
	return c.rev, nil
}

// Delete implements [store.Values].
func (n *Node) Delete(ctx context.Context, key store.ValueKey, last uint64) error {
	if err := n.enter(ctx); err != nil {
		return err
	}
	err := n.cluster.deleteValue(key, last)
	if !n.pass(nil) {
		return store.ErrClosed
	}
	return err
}

func (c *Cluster) deleteValue(key store.ValueKey, last uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.values[key]
	switch {
	case !ok:
		return nil
	case v.Rev != last:
		return store.ErrConflict
	}
	delete(c.values, key)
	c.changed(key.Bucket)
	return nil
}

// Keys implements [store.Values].
func (n *Node) Keys(ctx context.Context, bucket store.Bucket, app signaling.AppID, id string) ([]store.ValueKey, error) {
	values, err := n.Values(ctx, bucket, app, id)
	keys := make([]store.ValueKey, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	return keys, err
}

// Values implements [store.Values].
func (n *Node) Values(ctx context.Context, bucket store.Bucket, app signaling.AppID, id string) (map[store.ValueKey]store.Value, error) {
	if err := n.enter(ctx); err != nil {
		return nil, err
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	out := make(map[store.ValueKey]store.Value)
	for k, v := range n.cluster.values {
		if k.Bucket == bucket && k.App == app && (id == "" || k.ID == id) {
			v.Data = slices.Clone(v.Data)
			out[k] = v
		}
	}
	return out, nil
}

// WatchValues implements [store.Values].
func (n *Node) WatchValues(bucket store.Bucket, fn func()) (cancel func(), err error) {
	if !n.pass(nil) {
		return nil, store.ErrClosed
	}
	c := n.cluster
	return open(n, func(struct{}) { fn() }, func(struct{}) int { return 0 },
		func(m *mailbox[struct{}]) {
			c.curious[m] = bucket
			m.put(struct{}{})
		},
		func(m *mailbox[struct{}]) { delete(c.curious, m) })
}

// changed tells who watches. Call with mu held.
func (c *Cluster) changed(bucket store.Bucket) {
	for m, b := range c.curious {
		if b == bucket && len(m.queue) == 0 { // one call tells it all
			m.put(struct{}{})
		}
	}
}
