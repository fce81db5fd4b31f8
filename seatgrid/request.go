package seatgrid

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// RequestResult is how a request ended.
type RequestResult struct {
	Type RequestResultType
	// User is who decided (documents, onAccepted to onTimeout): the one who answered or cancelled; the sender itself
	// when it timed out; the taker when nobody had to be asked.
	User UserInfo
}

// TakeSeat takes a seat; [AnySeat] means the lowest free one. In [FreeToTake] rooms, and for managers, it is taken at
// once. Otherwise the managers are asked, and TakeSeat waits until somebody answers, the application is cancelled, or
// timeout has passed (0: never; parts of a second count as a whole one). Rejection, cancellation and time-out are
// results, not errors. When ctx ends first the application is withdrawn. Who sits already gets [engine.ErrAlreadyOnSeat];
// a seat that has waited for its user after the death of a node is such a case.
func (g *Grid) TakeSeat(ctx context.Context, index SeatIndex, timeout time.Duration) (_ RequestResult, err error) {
	defer wrap("TakeSeat", &err)
	r, err := g.current()
	if err == nil {
		err = g.usable(r, index)
	}
	if err != nil {
		return RequestResult{Type: Failed}, err
	}
	return g.take(ctx, r, index, timeout)
}

func (g *Grid) take(ctx context.Context, r *engine.Room, index SeatIndex, timeout time.Duration) (RequestResult, error) {
	seconds, err := wholeSeconds(timeout)
	if err != nil {
		return RequestResult{Type: Failed}, err
	}
	sat := seated(r)
	id := rand.Text()
	defer g.ask("", id)()
	var res signaling.TakeSeatResult
	err = r.Call(ctx, signaling.MethodTakeSeat, signaling.TakeSeatParams{
		CommandID: id, RoomID: r.ID(), Index: index, Timeout: seconds,
	}, &res)
	switch {
	case err == nil && !res.Pending:
		return RequestResult{Type: Accepted, User: r.Self()}, nil
	case err == nil:
		var end RequestResult
		if end, err = g.await(ctx, r, id, r.Self().UserID); ctx.Err() == nil || err == nil {
			return end, err
		}
	}
	switch {
	case ctx.Err() == nil:
	case sat: // and keeps that seat
		g.withdraw(ctx, r, id)
	default:
		g.giveUpSeat(ctx, r, id) // the server may have the command, or the seat even
	}
	return RequestResult{Type: Failed}, err
}

func wholeSeconds(timeout time.Duration) (int64, error) {
	if timeout < 0 {
		return 0, signaling.Errorf(engine.ErrInvalidParameter.Code, "the time-out is negative; 0 means never")
	}
	return int64((timeout + time.Second - 1) / time.Second), nil
}

// await waits until a request of this user's has ended. When ctx ends first it is the caller's to withdraw it.
func (g *Grid) await(ctx context.Context, r *engine.Room, id string, seats UserID) (RequestResult, error) {
	end, err := r.Await(ctx, id, seats)
	if err != nil {
		return RequestResult{Type: Failed}, err
	}
	if end.Type == Failed {
		return RequestResult{Type: Failed, User: end.User}, &engine.Error{Code: end.Code}
	}
	return RequestResult{Type: end.Type, User: end.User}, nil
}

// withdraw cancels a request whose caller has given up.
func (g *Grid) withdraw(ctx context.Context, r *engine.Room, id string) {
	g.undo(ctx, r, func(ctx context.Context) error { return cancel(ctx, r, id) })
}

func cancel(ctx context.Context, r *engine.Room, id string) error {
	return r.Call(ctx, signaling.MethodCancelRequest, signaling.CancelParams{CommandID: rand.Text(), RoomID: r.ID(), RequestID: id}, nil)
}

// giveUpSeat undoes a TakeSeat whose caller has given up: whoever was seated meanwhile gets up again.
func (g *Grid) giveUpSeat(ctx context.Context, r *engine.Room, id string) {
	g.undo(ctx, r, func(ctx context.Context) error {
		err := cancel(ctx, r, id)
		if errors.Is(err, engine.ErrRequestInvalid) && seated(r) {
			err = r.Call(ctx, signaling.MethodLeaveSeat, signaling.RoomParams{CommandID: rand.Text(), RoomID: r.ID()}, nil)
		}
		return err
	})
}

// undo takes something back for a caller that will not wait long for it. Without a connection it is done later: nobody
// else would, and somebody could get a seat that is not wanted any more. What the server refuses is done already.
func (g *Grid) undo(ctx context.Context, r *engine.Room, f func(context.Context) error) {
	soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWait)
	defer cancel()
	if _ = f(soon); soon.Err() != nil {
		r.Later(func(ctx context.Context) { _ = f(ctx) })
	}
}

// seated reports whether this user has a seat.
func seated(r *engine.Room) bool {
	self := r.Self().UserID
	return slices.ContainsFunc(r.Seats(), func(s SeatInfo) bool { return s.UserID == self })
}

// LeaveSeat gets up and stays in the room as audience. The microphone is closed with it, and its device is free.
func (g *Grid) LeaveSeat(ctx context.Context) (err error) {
	defer wrap("LeaveSeat", &err)
	r, err := g.current()
	if err != nil {
		return err
	}
	if err := r.Call(ctx, signaling.MethodLeaveSeat, signaling.RoomParams{CommandID: rand.Text(), RoomID: r.ID()}, nil); err != nil {
		return err
	}
	if m := r.Microphone(); m != nil {
		return m.Close(ctx) // the event has closed it already; this waits
	}
	return nil
}

// ResponseRemoteRequest answers a request: a manager the application of userID, anybody the invitation by userID. An
// empty userID means the only request there is to answer. Without one it is [engine.ErrRequestInvalid]. When the
// wanted seat has gone meanwhile, the error says so and the request stays pending.
func (g *Grid) ResponseRemoteRequest(ctx context.Context, userID UserID, agree bool) (err error) {
	defer wrap("ResponseRemoteRequest", &err)
	r, err := g.current()
	if err != nil {
		return err
	}
	self := r.Self().UserID
	q, err := pick(r.Requests(), func(q Request) bool {
		return q.From.UserID != self && (userID == "" || q.From.UserID == userID) &&
			(q.Type == ApplyToTakeSeat || q.To == self)
	})
	if err != nil {
		return err
	}
	if agree && q.Type == ApplyToTakeSeat { // an invitation is the inviter's to refuse, and the owner's to undo
		if err := g.usable(r, q.Index); err != nil {
			return err
		}
	}
	return r.Call(ctx, signaling.MethodRespondRequest, signaling.RespondParams{
		CommandID: rand.Text(), RoomID: r.ID(), RequestID: q.RequestID, Agree: agree,
	}, nil)
}

// CancelRequest withdraws a request of one's own: the invitation of userID, or the own application (userID empty or
// one's own). Without that request it is [engine.ErrRequestInvalid].
func (g *Grid) CancelRequest(ctx context.Context, userID UserID) (err error) {
	defer wrap("CancelRequest", &err)
	r, err := g.current()
	if err != nil {
		return err
	}
	self := r.Self().UserID
	whom := userID
	if whom == self {
		whom = ""
	}
	g.mu.Lock()
	id, known := g.asking[whom] // before the server tells of it
	g.mu.Unlock()
	if !known {
		q, err := pick(r.Requests(), func(q Request) bool {
			return q.From.UserID == self && q.To == whom // an application is to nobody
		})
		if err != nil {
			return err
		}
		id = q.RequestID
	}
	return r.Call(ctx, signaling.MethodCancelRequest, signaling.CancelParams{
		CommandID: rand.Text(), RoomID: r.ID(), RequestID: id,
	}, nil)
}

// ask notes a request under way, until the returned function is called. A second one to the same user is refused by
// the server, and must not hide the first.
func (g *Grid) ask(whom UserID, id string) (done func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, already := g.asking[whom]; already {
		return func() {}
	}
	g.asking[whom] = id
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.asking, whom)
	}
}

// pick returns the one request that fits.
func pick(list []Request, fits func(Request) bool) (Request, error) {
	var found []Request
	for _, q := range list {
		if fits(q) {
			found = append(found, q)
		}
	}
	switch len(found) {
	case 0:
		return Request{}, engine.ErrRequestInvalid
	case 1:
		return found[0], nil
	}
	return Request{}, signaling.Errorf(engine.ErrInvalidParameter.Code, "%d requests are pending; say whose", len(found))
}
