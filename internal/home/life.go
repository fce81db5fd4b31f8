package home

import (
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A room ends by itself when it has been without members, or without its owner, for as long as its app's rules say. Since
// when that is so is in the state; what the rules are is asked when it matters, so a change counts for all rooms at once.

// rules are what holds for the room's app now.
func (h *home) rules() room.LifeRules {
	if h.node.cfg.Rules == nil {
		return room.LifeRules{Empty: room.DefaultEmpty}
	}
	return h.node.cfg.Rules(h.key.App)
}

// RulesChanged says that rules of [Config] have changed: the homes of the app look again when their rooms end.
func (n *Node) RulesChanged(app signaling.AppID) {
	n.mu.Lock()
	homes := n.allHomes()
	n.mu.Unlock()
	for _, h := range homes {
		if h.key.App == app {
			h.tell(call{answer: func(reply) {}}) // wakes it
		}
	}
}

// attended returns the state with who is here now. A new home does not know that yet.
func (h *home) attended(s room.State, now time.Time) room.State {
	if !h.gatherUntil.IsZero() {
		return s
	}
	return s.Attended(len(h.present)+len(h.away) > 0, h.connected(s.Info.OwnerID), now)
}

// connected reports whether a member has a connection, as what the app is told of heartbeats has it. A robot needs none.
func (h *home) connected(u signaling.UserID) bool {
	if h.present[u].robot {
		return true
	}
	return slices.ContainsFunc(h.present[u].sessions, func(s session) bool { return !s.away && !h.down[s.node] })
}

// lapses is when the room ends by itself if nobody comes; ok is false when it does not.
func (h *home) lapses(now time.Time) (at time.Time, ok bool) {
	if !h.gatherUntil.IsZero() {
		return at, false
	}
	return h.attended(h.entry.State, now).Lapses(h.rules())
}

// lapse ends the room if it is time for that.
func (h *home) lapse(t *turn) {
	t.state = h.attended(t.state, t.now)
	rules := h.rules()
	if at, ok := t.state.Lapses(rules); !ok || t.now.Before(at) || !h.gatherUntil.IsZero() {
		return
	}
	if t.size > 0 { // the end of a room may fill an entry alone: in the next turn, which begins at once
		t.flush = true
		return
	}
	if _, err := h.apply(t, room.Command{Action: room.Lapse{Rules: rules}}); err != nil {
		h.log.Error("room not ended", "error", err)
	}
}
