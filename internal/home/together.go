package home

import (
	"maps"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Together is how the rooms of one node are connected and compete. Each connection and each battle is counted at one of its
// rooms, so that the sums over all nodes are right.
type Together struct {
	Connected   int // rooms that are connected with others
	Connections int
	Battles     int // that run; not their punishment phases
}

// Together counts among the rooms that this node decides.
func (n *Node) Together() (t Together) {
	n.mu.Lock()
	homes := maps.Clone(n.homes)
	n.mu.Unlock()
	for key, h := range homes {
		h.chat.mu.Lock()
		s := h.chat.state // what its pointers lead to is never changed
		h.chat.mu.Unlock()
		t.add(key.Room, s)
	}
	return t
}

func (t *Together) add(id signaling.RoomID, s room.State) {
	if !s.Exists() {
		return
	}
	if c := s.Connection; c != nil && len(c.Connected) > 1 {
		t.Connected++
		if c.Connected[0] == id {
			t.Connections++
		}
	}
	if b := s.Battle; b != nil && b.Info != nil && b.Info.PunishEndTime == 0 {
		users := b.Info.Users()
		i := slices.IndexFunc(users, func(u signaling.BattleUser) bool { return !u.Left }) // the first may have left
		if i >= 0 && users[i].RoomID == id {
			t.Battles++
		}
	}
}
