package home_test

import (
	"errors"
	"sync"
)

// fatal has a node die at a write.
type fatal struct {
	mu    sync.Mutex
	set   bool
	left  int64 // writes before it
	after bool  // the write comes about
	dead  bool
}

var errDead = errors.New("this node is dead")

// dieAt has the node's store die at its n-th write from now, counted from 0: before it, or after it.
func (n *node) dieAt(left int64, after bool) {
	n.fatal.mu.Lock()
	defer n.fatal.mu.Unlock()
	n.fatal.set, n.fatal.left, n.fatal.after = true, left, after
}

// doomed reports whether the node is about to die.
func (n *node) doomed() bool {
	n.fatal.mu.Lock()
	defer n.fatal.mu.Unlock()
	return n.fatal.set
}

// write decides about a write. dead says that its caller is dead and hears nothing of it.
func (n *node) write(do func() error) (dead bool, err error) {
	f := &n.fatal
	f.mu.Lock()
	if !f.set {
		f.mu.Unlock()
		return false, nil
	}
	was := f.dead
	f.dead = f.dead || f.left == 0
	dies := f.dead && !was
	f.left--
	through := dies && f.after
	f.mu.Unlock()
	switch {
	case through:
		_ = do() // nobody hears how it went
	case !dies && !was:
		return false, nil
	}
	if dies {
		n.store.Kill()
	}
	return true, errDead
}
