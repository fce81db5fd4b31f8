package server

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// likesBurst is how many likes a login may add at once: ten seconds of them, which a client has collected without a
// connection.
const likesBurst = signaling.MaxLikes

// statisticsEvery is how often members are told of the room's statistics, while these change.
const statisticsEvery = 2 * time.Second

// liker is how much a login has liked of late, in all its rooms: a stay of its own each would be a burst for every entry.
type liker struct {
	used float64 // of likesBurst, as of at
	at   time.Time
}

// take returns how many of some likes count now.
func (l *liker) take(count int, now time.Time) int {
	l.used = max(l.used-now.Sub(l.at).Seconds()*signaling.LikesPerSecond, 0)
	l.at = now
	count = min(count, int(likesBurst-l.used))
	l.used += float64(count)
	return count
}

// like carries out the calls about likes and statistics. ok is false for other methods.
func (ses *session) like(ctx context.Context, m signaling.Message) (result any, ok bool, err error) {
	switch m.Method {
	case signaling.MethodSendLike:
		result, err = with(ctx, m, ses.sendLike)
	case signaling.MethodStatistics:
		result, err = with(ctx, m, ses.statistics)
	default:
		return nil, false, nil
	}
	return result, true, err
}

// sendLike counts at this node, at once. How the likes get from here to the room is the node's business.
func (ses *session) sendLike(_ context.Context, p signaling.LikeParams) (res signaling.LikeResult, err error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return res, err
	}
	if p.Count < 1 || p.Count > signaling.MaxLikes {
		return res, signaling.Errorf(signaling.ErrInvalidParameter.Code, "count is %d: it is 1 to %d", p.Count, signaling.MaxLikes)
	}
	m.replica.mu.Lock()
	info, user := &m.replica.entry.State.Info, m.user
	disabled, created := info.LikeDisabled, info.CreateTime
	m.replica.mu.Unlock()
	switch {
	case disabled:
		return res, signaling.ErrLikesDisabled
	case p.SessionID != "" && p.SessionID != ses.id, p.Seq != 0 && p.Seq <= m.likeSeq:
		return res, nil // it was heard before, or may have been
	}
	m.likeSeq = max(m.likeSeq, p.Seq)
	if res.Counted = ses.likes.take(p.Count, time.Now()); res.Counted > 0 {
		ses.srv.node.Like(m.replica.key, created, user, res.Counted)
	}
	return res, nil
}

// totals is what the members here are told of a room's likes and statistics; guarded by replica.mu.
type totals struct {
	known   signaling.LiveStatistics // as of the newest entry; viewers have events of their own
	version uint64                   // grows with each change of it
	timer   *time.Timer
	armed   bool
	closed  bool
}

// tally tells the members of an entry's likes, and lets them be told of the statistics; r.mu is held. Likes give way to
// everything else: a later total says all that is missing.
func (r *replica) tally(e *home.Entry) {
	t := &r.totals
	if e.State.Stats != t.known {
		t.known = e.State.Stats
		t.version++
		r.armStatistics()
	}
	for i := range e.Events {
		c := e.Events[i].Counted
		if c == nil || c.Likes == 0 {
			continue
		}
		b, err := signaling.EncodeNotification(signaling.NotifyLikes, signaling.LikesReceived{
			RoomID: r.key.Room, Total: e.State.Stats.TotalLikesReceived, Senders: c.Likers,
		})
		if err != nil {
			r.srv.log.Error("likes not encoded", "error", err)
			continue
		}
		sent, dropped := r.spreadLikes(b)
		r.srv.metrics.likes.Add(float64(sent))
		r.srv.metrics.likesDropped.Add(float64(dropped))
	}
}

// spreadLikes queues an encoded message for the members here, as long as their queues are short; r.mu is held. It allocates
// nothing for each.
func (r *replica) spreadLikes(b []byte) (sent, dropped int) {
	for m := range r.members {
		if !m.active {
			continue
		}
		if l := m.session.link.Load(); l == nil {
			continue
		} else if l.offerEarly(b) {
			sent++
		} else {
			dropped++
		}
	}
	return sent, dropped
}

// offerEarly queues what gives way first: chat still finds a place when a quarter of the queue is full.
func (l *link) offerEarly(b []byte) bool {
	return len(l.out) < cap(l.out)/4 && l.offer(b)
}

// armStatistics has the members told within an interval; r.mu is held.
func (r *replica) armStatistics() {
	t := &r.totals
	switch {
	case t.closed || t.armed:
		return
	case t.timer == nil:
		t.timer = time.AfterFunc(statisticsEvery, r.tellStatistics)
	default:
		t.timer.Reset(statisticsEvery)
	}
	t.armed = true
}

// tellStatistics tells the statistics to those who do not have the newest. Who has no place for them is told later.
func (r *replica) tellStatistics() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.totals.armed = false
	if r.totals.closed || r.over {
		return
	}
	var b []byte
	for m := range r.members {
		if !m.active || m.totals == r.totals.version {
			continue
		}
		l := m.session.link.Load()
		if l == nil {
			continue // it is told when it is back
		}
		if b == nil {
			var err error
			if b, err = signaling.EncodeNotification(signaling.NotifyStatistics, signaling.StatisticsChanged{
				RoomID: r.key.Room, Statistics: r.entry.State.Statistics(time.Now()),
			}); err != nil {
				r.srv.log.Error("statistics not encoded", "error", err)
				return
			}
		}
		if l.offerEarly(b) {
			m.totals = r.totals.version
		} else {
			r.armStatistics()
		}
	}
}

// closeTotals ends the timer.
func (r *replica) closeTotals() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.totals.closed = true
	if r.totals.timer != nil {
		r.totals.timer.Stop()
	}
}
