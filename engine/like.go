package engine

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// LikeInterval is how often likes are sent at most; what is liked meanwhile goes together.
const LikeInterval = time.Second

// likes are this user's that wait to be sent; guarded by Room.mu.
type likes struct {
	waiting int
	seq     uint64
	sending bool
	turn    chan struct{} // holds a token while nobody sends
}

// SendLike likes the room, count times (1 to 200). It returns at once: likes are sent together, the first at once and then
// once a second at most, and count for everybody when the room has added them up. Without a connection up to 200 wait for
// the next; so many a login may add at once, and 20 a second, in all its rooms. What is above is not counted.
//
// It fails with [ErrLikesDisabled] where likes are switched off, and when the room is over.
func (r *Room) SendLike(count int) error {
	const op = "SendLike"
	if count < 1 || count > signaling.MaxLikes {
		return signaling.WithOp(op, signaling.Errorf(ErrInvalidParameter.Code, "count is %d: it is 1 to %d", count, signaling.MaxLikes))
	}
	r.mu.Lock()
	switch {
	case r.over:
		defer r.mu.Unlock()
		return signaling.WithOp(op, r.whyOver())
	case r.view.Room.LikeDisabled:
		r.mu.Unlock()
		return signaling.WithOp(op, ErrLikesDisabled)
	}
	r.likes.waiting = min(r.likes.waiting+count, signaling.MaxLikes)
	r.mu.Unlock()
	r.pushLikes()
	return nil
}

// pushLikes sends what waits, unless that is under way.
func (r *Room) pushLikes() {
	r.mu.Lock()
	begin := !r.over && !r.likes.sending && r.likes.waiting > 0 && r.eng.link.State() == signaling.Online
	r.likes.sending = r.likes.sending || begin
	r.mu.Unlock()
	if !begin {
		return
	}
	r.Later(func(ctx context.Context) {
		for r.sendLikes(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(LikeInterval):
			}
		}
	})
}

// sendLikes sends what waits, and reports whether it has sent anything: then more may come.
func (r *Room) sendLikes(ctx context.Context) bool {
	select {
	case <-r.likes.turn:
		defer func() { r.likes.turn <- struct{}{} }()
	case <-ctx.Done():
		return false
	}
	r.mu.Lock()
	p := signaling.LikeParams{RoomID: r.id, Count: r.likes.waiting, SessionID: r.eng.link.Result().SessionID}
	if p.Count == 0 || r.eng.link.State() != signaling.Online { // the next connection goes on with it
		r.likes.sending = false
		r.mu.Unlock()
		return false
	}
	r.likes.waiting = 0
	r.likes.seq++
	p.Seq = r.likes.seq
	r.mu.Unlock()
	// If the connection breaks now, the call is repeated as it is: where the session goes on, the server knows whether it
	// has counted it. Where another begins, nobody knows, and the server counts nothing twice.
	if err := r.eng.call(ctx, signaling.MethodSendLike, p, nil); err != nil {
		r.log.Debug("likes not counted", "count", p.Count, "error", err)
	}
	return true
}

// likesReceived follows the room's total. It runs on the connection's reading goroutine.
func (r *Room) likesReceived(p signaling.LikesReceived) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || !r.joined {
		return // Enter's snapshot has it
	}
	stats := r.view.Statistics
	stats.TotalLikesReceived = max(stats.TotalLikesReceived, p.Total)
	r.statisticsChanged(stats, p.Senders)
}
