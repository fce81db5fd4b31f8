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

// list answers a query. It looks at every member, but sorts no more than a page.
func (h *home) list(t *turn, q Query) Page {
	page := Page{Members: []signaling.UserInfo{}, Total: len(h.present)}
	keyword := strings.ToLower(q.Keyword)
	for id, p := range h.present {
		if id <= q.After || keyword != "" && string(id) != q.Keyword && !strings.Contains(strings.ToLower(p.user.UserName), keyword) {
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
