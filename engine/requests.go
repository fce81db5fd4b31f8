package engine

import (
	"context"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// endedRequest is the end of a request that nobody has waited for: perhaps nobody will.
type endedRequest struct {
	id  string
	end RequestEnd
}

// maxEnded bounds how many of them are kept. Await comes right after the answer to the command, if it comes at all.
const maxEnded = 64

// RequestEnd is how a request ended.
type RequestEnd struct {
	Type RequestResultType
	User UserInfo // who decided: the one who answered or cancelled; the sender itself when it timed out
	Code Code     // why, when Type is Failed
}

// awaited is a request of this user's whose end a caller waits for.
type awaited struct {
	seats UserID // who gets a seat when it is accepted
	end   chan RequestEnd
}

// Await waits until a request of this user's has ended. The id is that of the command that made it, and the command has
// to have been answered. seats is who gets a seat when it is accepted: this user, or whom it has invited.
func (r *Room) Await(ctx context.Context, requestID string, seats UserID) (RequestEnd, error) {
	r.mu.Lock()
	if i := slices.IndexFunc(r.ended, func(e endedRequest) bool { return e.id == requestID }); i >= 0 {
		end := r.ended[i].end
		r.ended = slices.Delete(r.ended, i, i+1)
		r.mu.Unlock()
		return end, nil
	}
	if r.over {
		defer r.mu.Unlock()
		return RequestEnd{}, r.whyOver()
	}
	w := awaited{seats, make(chan RequestEnd, 1)}
	r.waiting[requestID] = w
	if !r.asking && !r.returning {
		r.settle()
	}
	r.mu.Unlock()
	select {
	case end := <-w.end:
		return end, nil
	case <-ctx.Done():
		r.mu.Lock()
		delete(r.waiting, requestID)
		r.mu.Unlock()
		return RequestEnd{}, context.Cause(ctx)
	}
}

// settle ends the waiting for requests that are not pending any more although their end was not told: it was among what
// was missed. Whether they were accepted shows in the seats. r.mu is held, and the replica is up to date.
func (r *Room) settle() {
	for id, w := range r.waiting {
		if slices.ContainsFunc(r.view.Requests, func(q Request) bool { return q.RequestID == id }) {
			continue
		}
		end := RequestEnd{Type: Cancelled, User: r.view.Self}
		if i := slices.IndexFunc(r.view.Seats, func(s SeatInfo) bool { return s.UserID == w.seats }); i >= 0 {
			end = RequestEnd{Type: Accepted, User: r.sitter(r.view.Seats[i])}
		}
		delete(r.waiting, id)
		w.end <- end // never blocks: capacity one, one end per request
	}
}

// received by others concerns this user unless it sent it.
func (r *Room) mine(q Request) bool { return q.From.UserID == r.view.Self.UserID }

func (r *Room) requestReceived(q Request) {
	if r.mine(q) {
		return
	}
	r.post("OnRequestReceived", func(o *RoomObserver) {
		if o.OnRequestReceived != nil {
			o.OnRequestReceived(q)
		}
	})
}

func (r *Room) requestEnded(ev signaling.RequestEnded) {
	r.view.Requests = slices.DeleteFunc(slices.Clone(r.view.Requests), func(q Request) bool {
		return q.RequestID == ev.Request.RequestID
	})
	end := RequestEnd{Type: ev.Result, User: ev.By, Code: ev.Code}
	if r.mine(ev.Request) {
		if w, waits := r.waiting[ev.Request.RequestID]; waits {
			delete(r.waiting, ev.Request.RequestID)
			w.end <- end // never blocks: capacity one, one end per request
		} else {
			r.ended = append(r.ended, endedRequest{ev.Request.RequestID, end})
			r.ended = r.ended[max(0, len(r.ended)-maxEnded):]
		}
		return
	}
	answered := ev.Result == Accepted || ev.Result == Rejected
	switch {
	case answered && ev.By.UserID == r.view.Self.UserID: // one's own answer is no news
	case answered:
		r.post("OnRequestProcessed", func(o *RoomObserver) {
			if o.OnRequestProcessed != nil {
				o.OnRequestProcessed(ev.Request, ev.By)
			}
		})
	default:
		r.post("OnRequestCancelled", func(o *RoomObserver) {
			if o.OnRequestCancelled != nil {
				o.OnRequestCancelled(ev.Request, ev.By)
			}
		})
	}
}
