package home

import "github.com/openvoiceroom/openvoiceroom/internal/store"

// Decides reports whether this node decides a room now. It is a hint: that may be over in a moment.
func (n *Node) Decides(key store.Key) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.homes[key] != nil
}
