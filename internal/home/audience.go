package home

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Audience asks the room's home for those who came in last, at most [signaling.AudienceLimit]. It costs the same however
// many there are.
func (n *Node) Audience(ctx context.Context, key store.Key) (signaling.AudienceList, error) {
	r, _, err := n.ask(ctx, request{Key: key, Audience: true})
	if err == nil && r.Audience == nil { // a home of an older version
		err = signaling.ErrServer
	}
	if err != nil {
		return signaling.AudienceList{}, err
	}
	return *r.Audience, nil
}

// arrival is a member's place in the order in which they came in.
type arrival struct {
	order int64
	user  signaling.UserID
}

func compareArrivals(a, b arrival) int {
	return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.user, b.user))
}

// order gives somebody who comes in their place: the last one, unless a node says since when it has had them, which a new
// home does not know.
func (h *home) order(now time.Time, m Member, announced bool) int64 {
	if announced && m.Since > 0 {
		return time.UnixMilli(m.Since).UnixNano()
	}
	order := now.UnixNano()
	if n := len(h.arrivals); n > 0 {
		order = max(order, h.arrivals[n-1].order+1)
	}
	return order
}

func (h *home) lineUp(a arrival) {
	i := len(h.arrivals)
	if i > 0 && compareArrivals(h.arrivals[i-1], a) > 0 {
		i, _ = slices.BinarySearchFunc(h.arrivals, a, compareArrivals)
	}
	h.arrivals = slices.Insert(h.arrivals, i, a)
}

func (h *home) lineOut(a arrival) {
	if i, found := slices.BinarySearchFunc(h.arrivals, a, compareArrivals); found {
		h.arrivals = slices.Delete(h.arrivals, i, i+1)
	}
}

func (h *home) audience(t *turn) reply {
	if !t.state.Exists() {
		return refusal(signaling.ErrRoomNotExist)
	}
	owner := t.state.Info.OwnerID
	list := signaling.AudienceList{
		Users: make([]signaling.UserInfo, 0, min(len(h.present), signaling.AudienceLimit)), Total: len(h.present), Count: len(h.present),
	}
	if _, here := h.present[owner]; here {
		list.Total--
	}
	for _, a := range slices.Backward(h.arrivals) {
		if len(list.Users) == signaling.AudienceLimit {
			break
		}
		if a.user == owner {
			continue
		}
		u := h.present[a.user].user
		u.Role = t.state.RoleOf(a.user)
		list.Users = append(list.Users, u)
	}
	return reply{Audience: &list}
}
