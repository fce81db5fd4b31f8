package home

import (
	"slices"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
)

// Robots are in the state, for no node has them: whoever becomes the room's home finds them there, and no heartbeat ends
// them. Among those who are present they are like others, without a session.

// seatRobots has those of the state, and no others, present as robots. Whoever came or went by it has been told of.
func (h *home) seatRobots(s room.State) {
	if slices.Equal(h.robots, s.Robots) || !s.Exists() {
		return
	}
	for _, r := range h.robots {
		if p := h.present[r.User]; p.robot && !s.IsRobot(r.User) {
			delete(h.present, r.User)
			h.lineOut(arrival{p.order, r.User})
		}
	}
	for _, r := range s.Robots {
		p, here := h.present[r.User]
		p.user, p.robot, p.told = r.Info(), true, true
		p.user.Role = s.RoleOf(r.User)
		if !here {
			p.order = r.JoinedAt().UnixNano()
			h.lineUp(arrival{p.order, r.User})
		}
		h.present[r.User] = p
		delete(h.away, r.User)
	}
	h.robots = s.Robots
}

// vouchRobots says what the rules cannot know of those who become robots.
func (h *home) vouchRobots(t *turn, a room.AddRobots) room.AddRobots {
	a.Here, a.Banned, a.Members, a.Views, a.Limit = nil, nil, len(h.present), h.views, h.memberLimit(t.state)
	for _, u := range a.Robots {
		p, here := h.present[u.UserID]
		_, awaited := h.away[u.UserID]
		if here && !p.robot || awaited {
			a.Here = append(a.Here, u.UserID)
		}
		if h.banned(t, u.UserID) != nil {
			a.Banned = append(a.Banned, u.UserID)
		}
	}
	return a
}
