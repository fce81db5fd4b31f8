package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// Append implements [store.Log].
func (n *Node) Append(ctx context.Context, key store.Key, data []byte, last uint64) (uint64, error) {
	if len(data) > store.MaxPayload {
		return 0, store.ErrTooLarge
	}
	if err := n.enter(ctx); err != nil {
		return 0, err
	}
	rev, err := n.cluster.append(key, data, last)
	// Stored or not, a node that was paused or killed meanwhile hears of it later or never.
	if !n.pass(nil) {
		return 0, store.ErrClosed
	}
	return rev, err
}

func (c *Cluster) append(key store.Key, data []byte, last uint64) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	log := c.logs[key]
	var newest uint64
	if len(log) > 0 {
		newest = log[len(log)-1].Rev
	}
	if newest != last {
		return 0, store.ErrConflict
	}
	fault := c.nextFault()
	if fault == Before {
		return 0, ErrInjected
	}
	c.rev++
	c.logs[key] = append(log, store.Entry{Data: slices.Clone(data), Rev: c.rev, Time: time.Now()})
	if fault == After {
		return 0, ErrInjected
	}
	return c.rev, nil
}

// Last implements [store.Log].
func (n *Node) Last(ctx context.Context, key store.Key) (store.Entry, error) {
	if err := n.enter(ctx); err != nil {
		return store.Entry{}, err
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	log := n.cluster.logs[key]
	if len(log) == 0 {
		return store.Entry{}, store.ErrNotFound
	}
	return clone(log[len(log)-1]), nil
}

// Since implements [store.Log].
func (n *Node) Since(ctx context.Context, key store.Key, t time.Time) ([]store.Entry, error) {
	if err := n.enter(ctx); err != nil {
		return nil, err
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	var out []store.Entry
	for _, e := range n.cluster.logs[key] {
		if !e.Time.Before(t) {
			out = append(out, clone(e))
		}
	}
	return out, nil
}

// Rooms implements [store.Log].
func (n *Node) Rooms(ctx context.Context) ([]store.Key, error) {
	if err := n.enter(ctx); err != nil {
		return nil, err
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	keys := make([]store.Key, 0, len(n.cluster.logs))
	for k := range n.cluster.logs {
		keys = append(keys, k)
	}
	return keys, nil
}

// Trim implements [store.Log].
func (n *Node) Trim(ctx context.Context, key store.Key, before uint64) error {
	if err := n.enter(ctx); err != nil {
		return err
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	if log := n.cluster.logs[key]; len(log) > 0 {
		n.cluster.drop(key, min(before, log[len(log)-1].Rev))
	}
	return nil
}

// Remove implements [store.Log].
func (n *Node) Remove(ctx context.Context, key store.Key, last uint64) error {
	if err := n.enter(ctx); err != nil {
		return err
	}
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	n.cluster.drop(key, last+1)
	return nil
}

// drop forgets the entries below before. Call with mu held.
func (c *Cluster) drop(key store.Key, before uint64) {
	log := slices.DeleteFunc(c.logs[key], func(e store.Entry) bool { return e.Rev < before })
	if len(log) == 0 {
		delete(c.logs, key)
		return
	}
	c.logs[key] = log
}

func clone(e store.Entry) store.Entry {
	e.Data = slices.Clone(e.Data)
	return e
}
