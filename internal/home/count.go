package home

import (
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	countLikes    = time.Second     // between two entries with likes
	countMessages = 2 * time.Second // until what was said is counted; with likes sooner
)

// counting is what a room's home has heard and is not in the log yet; guarded by chat.mu.
type counting struct {
	reports map[string]room.Liked // of each node, the highest
	likers  []signaling.UserInfo
	base    int64     // messages that were counted when this home began
	due     time.Time // zero: there is nothing to count
	last    time.Time // when something was counted
}

// liked takes a node's count, and answers with how much of it is in the log. It may be called from any goroutine, and does
// not block: a count waits for no turn, and causes one a second at most.
func (h *home) liked(l liked) reply {
	h.chat.mu.Lock()
	defer h.chat.mu.Unlock()
	now := time.Now()
	select {
	case <-h.ended:
		return reply{Moved: true}
	default:
	}
	s := &h.chat.state
	switch {
	case !h.node.fresh(now): // another node may have the room by now
		return reply{Moved: true}
	case !s.Exists() || s.Info.CreateTime != l.Room:
		return refusal(signaling.ErrRoomNotExist)
	}
	logged := s.LikedOf(l.Node, l.Tally)
	c := &h.chat.counting
	if old := c.reports[l.Node]; l.Count > logged && (l.Tally > old.Tally || l.Tally == old.Tally && l.Count > old.Count) {
		if c.reports == nil {
			c.reports = map[string]room.Liked{}
		}
		c.reports[l.Node] = l.Liked
		for _, u := range l.Likers {
			c.likers = addLiker(c.likers, u)
		}
		h.countBy(now, latest(now, c.last.Add(countLikes)))
	}
	return reply{Liked: logged}
}

// countBy has the home count at a time, unless it does sooner; chat.mu is held.
func (h *home) countBy(now, due time.Time) {
	c := &h.chat.counting
	if c.due.IsZero() || due.Before(c.due) {
		c.due = due
		h.tell(call{answer: func(reply) {}}) // it looks when it has to wake
	}
}

// news is what is not in a state yet; chat.mu is held.
func (h *home) news(s room.State) room.Count {
	c := &h.chat.counting
	count := room.Count{
		Messages: c.base + int64(h.chat.count) - s.Stats.TotalMessageCount, Likers: c.likers,
		Absent: func(node string) bool { return h.nodes[store.NodeID(node)] == 0 },
	}
	for node, l := range c.reports {
		if l.Count <= s.LikedOf(node, l.Tally) {
			delete(c.reports, node) // in the log
			continue
		}
		count.Likes = append(count.Likes, l)
	}
	return count
}

// uncounted reports whether anything is not in the log yet. It may be called from any goroutine.
func (h *home) uncounted() bool {
	h.chat.mu.Lock()
	defer h.chat.mu.Unlock()
	return !h.chat.counting.due.IsZero()
}

// count puts what was heard into the state when it is time, or at once: the room is about to end, or its home. chat.mu is
// held.
func (h *home) count(t *turn, atOnce bool) {
	c := &h.chat.counting
	if c.due.IsZero() || t.now.Before(c.due) && !atOnce || t.full() {
		return
	}
	news := h.news(t.state)
	if len(news.Likes) == 0 && news.Messages <= 0 || !t.state.Exists() {
		c.due, c.likers = time.Time{}, nil
		return
	}
	if next := c.last.Add(countMessages); len(news.Likes) == 0 && !atOnce && t.now.Before(next) {
		c.due = next
		return
	}
	if _, err := h.apply(t, room.Command{Action: news}); err != nil {
		h.log.Error("likes and messages not counted", "error", err)
	}
	// Looked at once more: by then it is in the log, or has to be tried again.
	c.last, c.due, c.likers = t.now, t.now.Add(countLikes), nil
}
