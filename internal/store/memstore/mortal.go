package memstore

import (
	"context"
	"sync"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// Mortal is a node that can be told to die in the midst of what it does: at a write to a room's log, or of a value.
type Mortal struct {
	*Node

	mu    sync.Mutex // protects what follows
	set   bool       // it is going to die
	left  int        // writes before that
	after bool       // the last one comes about
	dead  bool
}

// Mortal adds a node that can be told to die.
func (c *Cluster) Mortal() *Mortal { return &Mortal{Node: c.Node()} }

// DieAt has the node die at its n-th write from now, counted from 0: before it, or after it, without having heard of it. Less
// than 0 lets it live on.
func (m *Mortal) DieAt(n int, after bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set, m.left, m.after = n >= 0, n, after
}

// Doomed reports whether the node is going to die, or has.
func (m *Mortal) Doomed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.set
}

// Dead reports whether the node has died as it was told.
func (m *Mortal) Dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// Write carries out a write of the node, also one that is none of the store's, unless it is dead or dies before it.
func (m *Mortal) Write(do func() error) error {
	m.mu.Lock()
	was := m.dead
	dies := m.set && m.left == 0 && !was
	m.dead = was || dies
	m.left--
	after := m.after
	m.mu.Unlock()
	switch {
	case was:
		return store.ErrClosed
	case !dies:
		return do()
	case after:
		_ = do() // nobody hears how it went
	}
	m.Kill()
	return store.ErrClosed
}

// Append implements [store.Log] for the rooms' logs.
func (m *Mortal) Append(ctx context.Context, key store.Key, data []byte, last uint64) (rev uint64, err error) {
	err = m.Write(func() error { rev, err = m.Node.Append(ctx, key, data, last); return err })
	return rev, err
}

// Put implements [store.Values].
func (m *Mortal) Put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (rev uint64, err error) {
	err = m.Write(func() error { rev, err = m.Node.Put(ctx, key, data, last); return err })
	return rev, err
}

// Delete implements [store.Values].
func (m *Mortal) Delete(ctx context.Context, key store.ValueKey, last uint64) error {
	return m.Write(func() error { return m.Node.Delete(ctx, key, last) })
}
