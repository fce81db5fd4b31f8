package home

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// hostQuery asks for what other rooms need to know of a room that they are to be connected with.
type hostQuery struct {
	By signaling.UserID `json:"by,omitempty"` // who speaks for the room; empty: nobody does
}

// Host is a room as others are connected with it.
type Host struct {
	Info   signaling.RoomInfo `json:"info"`
	Turn   uint64             `json:"turn,omitempty"`   // of the connection that it has been shown last
	Battle uint64             `json:"battle,omitempty"` // likewise of the battle
	Here   bool               `json:"here,omitempty"`   // the owner is, or may come back in time
}

// Host asks the room's home for what others need to know of it. by speaks for the room, and must be its owner
// ([signaling.ErrNeedOwner]) and in it; empty is nobody.
func (n *Node) Host(ctx context.Context, key store.Key, by signaling.UserID) (Host, error) {
	r, _, err := n.ask(ctx, request{Key: key, Host: &hostQuery{By: by}})
	if err == nil && r.Host == nil { // a home of an older version
		err = signaling.ErrServer
	}
	if err != nil {
		return Host{}, err
	}
	return *r.Host, nil
}

func (h *home) host(t *turn, q hostQuery) reply {
	info, err := h.info(t)
	if err != nil {
		return refusal(err)
	}
	if q.By != "" && q.By != info.OwnerID {
		return refusal(signaling.ErrNeedOwner)
	}
	a := Host{Info: info}
	if c := t.state.Connection; c != nil {
		a.Turn = c.Turn
	}
	if b := t.state.Battle; b != nil {
		a.Battle = b.Turn
	}
	_, present := h.present[info.OwnerID]
	_, awaited := h.away[info.OwnerID]
	a.Here = present || awaited || t.now.Before(h.gatherUntil) // a new home does not know everybody yet
	return reply{Host: &a}
}
