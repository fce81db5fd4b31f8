package engine

import (
	"context"
	"iter"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What a room's audit log consists of; the kinds of acts are in package signaling.
type (
	Act       = signaling.Act       // one thing that somebody has done to the room
	ActKind   = signaling.ActKind   // what it was
	AuditPage = signaling.AuditPage // some acts, the newest first
)

// AuditLog goes through what managers and the app's own server have done to the room and its members, the newest first,
// a page of 50 at a time: mutes, bans, kicks, roles, seats, what the room says of itself, its metadata. Only the owner can
// (else [ErrNeedOwner]): administrators are whom it is about. Acts are kept for 30 days, the newest 1,000 of a room at
// least. A login may ask for five pages a second, 20 in a burst; it waits for more. The documents have no like.
func (r *Room) AuditLog(ctx context.Context) iter.Seq2[Act, error] {
	return func(yield func(Act, error) bool) {
		for before := uint64(0); ; {
			var page AuditPage
			err := patiently(ctx, func() (err error) {
				page, err = r.FetchAuditLog(ctx, before, 0)
				return err
			})
			if err != nil {
				yield(Act{}, err)
				return
			}
			for _, a := range page.Acts {
				if !yield(a, nil) {
					return
				}
			}
			if before = page.Next; before == 0 {
				return
			}
		}
	}
}

// FetchAuditLog returns one page of [Room.AuditLog]: at most count acts, 1 to 50 (0 means 50), whose Sequence is below
// before (0: the newest), which the Next of the page in front is.
func (r *Room) FetchAuditLog(ctx context.Context, before uint64, count int) (page AuditPage, err error) {
	err = r.Call(ctx, signaling.MethodAudit, signaling.AuditParams{RoomID: r.id, Before: before, Limit: count}, &page)
	return page, signaling.WithOp("FetchAuditLog", err)
}
