package server

import (
	"context"
	"encoding/json"

	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// auditBytes is how large a page of acts becomes, about.
const auditBytes = 48 << 10

// audit answers the room's owner who has done what to it.
func (ses *session) audit(ctx context.Context, p signaling.AuditParams) (signaling.AuditPage, error) {
	page := signaling.AuditPage{Acts: []signaling.Act{}}
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return page, err
	}
	if p.Limit, err = pageLimit(p.Limit, signaling.PageLimit); err != nil {
		return page, err
	}
	if !ses.lists.Allow() {
		return page, signaling.ErrFreqLimit
	}
	list, more, err := ses.srv.node.Audit(ctx, m.replica.key, home.AuditQuery{By: ses.user.UserID, Before: p.Before, Limit: p.Limit})
	if err != nil {
		return page, err
	}
	size := 0
	for _, a := range list {
		b, err := json.Marshal(a)
		if err != nil {
			return page, err
		}
		if size += len(b); size > auditBytes && len(page.Acts) > 0 {
			more = true
			break
		}
		page.Acts = append(page.Acts, a)
	}
	if more {
		page.Next = page.Acts[len(page.Acts)-1].Sequence
	}
	return page, nil
}

func (r *restRooms) Audit(ctx context.Context, app signaling.AppID, id signaling.RoomID, q adminapi.AuditQuery) ([]signaling.Act, bool, error) {
	return r.srv.node.Audit(ctx, store.Key{App: app, Room: id}, home.AuditQuery{Before: q.Before, From: q.From, To: q.To, Limit: q.Limit})
}
