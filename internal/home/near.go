package home

import (
	"strconv"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Decides reports whether this node decides a room now. It is a hint: that may be over in a moment.
func (n *Node) Decides(key store.Key) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.homes[key] != nil
}

// Chosen reports whether this node is the one that sees to what an app needs from time to time. While nodes come and go
// two may be, or none.
func (n *Node) Chosen(app signaling.AppID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cfg.ID == store.Pick("app\x00"+strconv.FormatUint(uint64(app), 10), func(yield func(store.NodeID) bool) {
		if !yield(n.cfg.ID) {
			return
		}
		for id, alive := range n.alive {
			if alive && id != n.cfg.ID && !yield(id) {
				return
			}
		}
	})
}
