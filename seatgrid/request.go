package seatgrid

import (
	"context"
	"crypto/rand"
	"errors"
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
// results, not errors. When ctx ends first the application is withdrawn.
func (g *Grid) TakeSeat(ctx context.Context, index SeatIndex, timeout time.Duration) (_ RequestResult, err error) {
	defer wrap("TakeSeat", &err)
	r, err := g.current()
	if err != nil {
		return RequestResult{Type: Failed}, err
	}
	return g.take(ctx, r, index, timeout)
}

func (g *Grid) take(ctx context.Context, r *engine.Room, index SeatIndex, timeout time.Duration) (RequestResult, error) {
	if timeout < 0 {
		return RequestResult{Type: Failed}, signaling.Errorf(engine.ErrInvalidParameter.Code, "the time-out is negative; 0 means never")
	}
	id := rand.Text()
	seconds := int64((timeout + time.Second - 1) / time.Second)
	if g.swapApplying("", id) { // a second one is refused, and must not hide the first
		defer g.swapApplying(id, "")
	}
	var res signaling.TakeSeatResult
	err := r.Call(ctx, signaling.MethodTakeSeat, signaling.TakeSeatParams{
		CommandID: id, RoomID: r.ID(), Index: index, Timeout: seconds,
	}, &res)
	switch {
	case err != nil && ctx.Err() != nil:
		g.withdraw(ctx, r, id) // the server may have it
		return RequestResult{Type: Failed}, err
	case err != nil:
		return RequestResult{Type: Failed}, err
	case !res.Pending:
		return RequestResult{Type: Accepted, User: r.Self()}, nil
	}
	end, err := r.Await(ctx, id)
	if err != nil {
		if ctx.Err() != nil {
			g.withdraw(ctx, r, id)
		}
		return RequestResult{Type: Failed}, err
	}
	if end.Type == Failed {
		return RequestResult{Type: Failed, User: end.User}, &engine.Error{Code: end.Code}
	}
	return RequestResult{Type: end.Type, User: end.User}, nil
}

// withdraw cancels an application whose caller has given up. Whether it is still pending does not matter.
func (g *Grid) withdraw(ctx context.Context, r *engine.Room, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWait)
	defer cancel()
	err := r.Call(ctx, signaling.MethodCancelRequest, signaling.CancelParams{CommandID: rand.Text(), RoomID: r.ID(), RequestID: id}, nil)
	if errors.Is(err, engine.ErrRequestInvalid) { // answered meanwhile: whoever gave up does not want the seat
		for _, s := range r.Seats() {
			if s.UserID == r.Self().UserID {
				_ = r.Call(ctx, signaling.MethodLeaveSeat, signaling.RoomParams{CommandID: rand.Text(), RoomID: r.ID()}, nil)
			}
		}
	}
}

// LeaveSeat gets up and stays in the room as audience. The microphone is closed with it.
func (g *Grid) LeaveSeat(ctx context.Context) (err error) {
	defer wrap("LeaveSeat", &err)
	r, err := g.current()
	if err != nil {
		return err
	}
	return r.Call(ctx, signaling.MethodLeaveSeat, signaling.RoomParams{CommandID: rand.Text(), RoomID: r.ID()}, nil)
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
	return r.Call(ctx, signaling.MethodRespondRequest, signaling.RespondParams{
		CommandID: rand.Text(), RoomID: r.ID(), RequestID: q.RequestID, Agree: agree,
	}, nil)
}

// CancelRequest withdraws a request of one's own: the invitation of userID, or the own application (userID empty or
// one's own).
func (g *Grid) CancelRequest(ctx context.Context, userID UserID) (err error) {
	defer wrap("CancelRequest", &err)
	r, err := g.current()
	if err != nil {
		return err
	}
	self := r.Self().UserID
	g.mu.Lock()
	id := g.applying // known here before the server tells of it
	g.mu.Unlock()
	if id == "" || userID != "" && userID != self {
		q, err := pick(r.Requests(), func(q Request) bool {
			return q.From.UserID == self && (userID == "" || userID == q.To || q.Type == ApplyToTakeSeat && userID == self)
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

func (g *Grid) swapApplying(old, id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.applying != old {
		return false
	}
	g.applying = id
	return true
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
