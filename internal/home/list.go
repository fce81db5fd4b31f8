package home

import (
	"context"
	"slices"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Query asks for a page of a room's members.
type Query struct {
	After   signaling.UserID `json:"after,omitempty"`   // only ids above this one
	Keyword string           `json:"keyword,omitempty"` // only this id, or names that hold it
	Limit   int              `json:"limit"`
}

// Page is some of a room's members, by their ids.
type Page struct {
	Members []signaling.UserInfo `json:"members"`
	Next    signaling.UserID     `json:"next,omitempty"` // the last one's id, when there are more
	Total   int                  `json:"total"`          // members of the room, whatever was asked for
}

// List asks the room's home who is present.
func (n *Node) List(ctx context.Context, key store.Key, q Query) (Page, error) {
	r, _, err := n.ask(ctx, request{Key: key, List: &q})
	if err != nil {
		return Page{}, err
	}
	if r.Page == nil {
		return Page{}, signaling.ErrServer
	}
	return *r.Page, nil
}

// Info asks the room's home what anybody may know of a room, whether they are in it or not. One that does not exist is
// [signaling.ErrRoomNotExist].
func (n *Node) Info(ctx context.Context, key store.Key) (signaling.RoomInfo, error) {
	r, _, err := n.ask(ctx, request{Key: key, Info: true})
	if err != nil {
		return signaling.RoomInfo{}, err
	}
	if r.Room == nil { // a home of an older version
		return signaling.RoomInfo{}, signaling.ErrServer
	}
	return *r.Room, nil
}

// Sight is what a room's members see without asking.
type Sight struct {
	Info     signaling.RoomInfo
	Admins   []signaling.UserID
	Seats    []signaling.SeatInfo
	Robots   []signaling.UserID // in the order in which they came
	Metadata map[string]string
}

// Look asks the room's home for what members see, for the app's server, which is in no room.
func (n *Node) Look(ctx context.Context, key store.Key) (Sight, error) {
	r, _, err := n.ask(ctx, request{Key: key, Look: true})
	if err == nil && r.Room == nil { // a home of an older version
		err = signaling.ErrServer
	}
	if err != nil {
		return Sight{}, err
	}
	return Sight{Info: *r.Room, Admins: r.Admins, Seats: r.Seats, Robots: r.Robots, Metadata: r.Meta}, nil
}

// Limits returns how many seats and members this node allows a room.
func (n *Node) Limits() (seats, members int) { return n.cfg.SeatLimit, n.cfg.MemberLimit }

func (h *home) info(t *turn) (signaling.RoomInfo, error) {
	if !t.state.Exists() {
		return signaling.RoomInfo{}, signaling.ErrRoomNotExist
	}
	info := t.state.Info
	info.MemberCount = len(h.present)
	if t.now.Before(h.gatherUntil) { // a new home does not know everybody yet
		info.MemberCount = max(info.MemberCount, h.entry.Members)
	}
	return info, nil
}

// list answers a query. It looks at every member, but sorts no more than a page.
func (h *home) list(t *turn, q Query) Page {
	page := Page{Members: []signaling.UserInfo{}, Total: len(h.present)}
	keyword := strings.ToLower(q.Keyword)
	for _, a := range h.arrivals { // they lie side by side
		id := a.user
		if id <= q.After || page.Next != "" && id > page.Members[q.Limit-1].UserID {
			continue // most of a large room
		}
		p := h.present[id]
		if keyword != "" && string(id) != q.Keyword && !strings.Contains(strings.ToLower(p.user.UserName), keyword) {
			continue
		}
		i, _ := slices.BinarySearchFunc(page.Members, id, func(u signaling.UserInfo, id signaling.UserID) int {
			return strings.Compare(string(u.UserID), string(id))
		})
		if i == q.Limit {
			page.Next = "more"
			continue
		}
		u := p.user
		u.Role = t.state.RoleOf(id)
		page.Members = slices.Insert(page.Members, i, u)
		if len(page.Members) > q.Limit {
			page.Members, page.Next = page.Members[:q.Limit], "more"
		}
	}
	if page.Next != "" {
		page.Next = page.Members[len(page.Members)-1].UserID
	}
	return page
}
