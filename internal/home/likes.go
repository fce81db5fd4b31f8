package home

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	reportEvery = time.Second // a node says its counts so often while they are not in the log

	// giveUpLikes is when a node takes for lost what it has said and nobody has confirmed. A room forgets the node only
	// later: [room.LikedIdle].
	giveUpLikes = time.Hour

	flushPause = 50 * time.Millisecond // between two looks of a node that stops
)

// Likes are counted by the node whose members like a room, for good as long as it lives: it says to the room's home how
// many they are in all, once a second, until they are in the log. The log's newest state has how many of each node it has,
// so it does not matter how often that is said, to which home, and which of the answers arrive.

// tally is what one node's members have liked in one room.
type tally struct {
	key  store.Key
	room int64 // the room's CreateTime

	// Guarded by tallies.mu:
	id     uint64
	total  int64
	said   int64     // what a home may have heard of it
	logged int64     // what is in the log
	since  time.Time // when the oldest of what may have been heard and is not in the log was said
	likers []signaling.UserInfo
	over   bool // the room is

	work errand
	run  func() // says it
}

type tallies struct {
	mu sync.Mutex
	of map[store.Key]*tally
}

// liked is what a node says of its count.
type liked struct {
	Room int64 `json:"room"`
	room.Liked
	Likers []signaling.UserInfo `json:"likers,omitempty"` // since it was said last
}

// Like counts what a member here has liked in a room that was created then. Nothing waits for it. It allocates nothing
// while it is being said.
func (n *Node) Like(key store.Key, created int64, u signaling.UserInfo, count int) {
	n.tallies.mu.Lock()
	t := n.tallies.of[key]
	if t == nil || t.room != created {
		t = &tally{key: key, room: created, id: n.seq.Add(1)}
		t.run = func() { n.reportLikes(t) }
		n.tallies.of[key] = t
	}
	t.total += int64(count)
	t.likers = addLiker(t.likers, u)
	n.tallies.mu.Unlock()
	t.work.run(n, t.run)
}

// addLiker names somebody as the last who has liked.
func addLiker(list []signaling.UserInfo, u signaling.UserInfo) []signaling.UserInfo {
	for i := range list {
		if list[i].UserID == u.UserID {
			copy(list[i:], list[i+1:])
			list[len(list)-1] = u
			return list
		}
	}
	if len(list) < signaling.MaxLikers {
		return append(list, u)
	}
	copy(list, list[1:])
	list[len(list)-1] = u
	return list
}

// reportLikes says a count until all of it is in the log.
func (n *Node) reportLikes(t *tally) {
	for n.report(n.ctx, t) {
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(reportEvery):
		}
	}
}

// report says a count once, and reports whether it has to be said again.
func (n *Node) report(ctx context.Context, t *tally) (again bool) {
	req, due := n.tallies.say(n, t)
	if !due {
		return false
	}
	try, cancel := context.WithTimeout(ctx, tryLimit)
	r, decided, err := n.tryOnce(try, req)
	cancel()
	switch {
	case errors.Is(err, signaling.ErrRoomNotExist), errors.Is(err, store.ErrClosed):
		n.tallies.end(t)
		return false
	case !decided || err != nil:
		n.unlearn(t.key)
		return true
	}
	return n.tallies.taken(n, t, req.Liked.Liked, r.Liked)
}

// say makes a count's report, if there is any to make.
func (x *tallies) say(n *Node, t *tally) (req request, due bool) {
	now := time.Now().Round(0) // the wall clock: it goes on while a machine sleeps
	x.mu.Lock()
	defer x.mu.Unlock()
	if t.over || t.total == t.logged {
		return req, false
	}
	if t.said > t.logged && now.Sub(t.since) > giveUpLikes {
		n.log.Warn("likes lost: the room's home could not be reached", "room", t.key.Room, "likes", t.said-t.logged)
		t.id, t.total, t.said, t.logged = n.seq.Add(1), t.total-t.said, 0, 0
		if t.total == 0 {
			return req, false
		}
	}
	if t.said == t.logged {
		t.since = now
	}
	t.said = t.total
	l := liked{Room: t.room, Liked: room.Liked{Node: string(n.cfg.ID), Tally: t.id, Count: t.total}, Likers: slices.Clone(t.likers)}
	t.likers = t.likers[:0]
	return request{Key: t.key, From: n.cfg.ID, Liked: &l}, true
}

// taken notes what is in the log, and reports whether there is more. A count that is all in the log is forgotten when
// nobody here is in the room any more.
func (x *tallies) taken(n *Node, t *tally, l room.Liked, logged int64) (more bool) {
	n.mu.Lock()
	followed := n.followers[t.key] != nil
	n.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if t.id == l.Tally && logged > t.logged {
		t.logged, t.since = logged, time.Now().Round(0)
	}
	if t.total != t.logged {
		return true
	}
	if !followed {
		x.forget(t)
	}
	return false
}

// end forgets a count whose room is over.
func (x *tallies) end(t *tally) {
	x.mu.Lock()
	defer x.mu.Unlock()
	t.over = true
	x.forget(t)
}

// left forgets the count of a room that nobody here is in any more, unless some of it is not in the log.
func (x *tallies) left(key store.Key) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t := x.of[key]; t != nil && t.total == t.logged {
		x.forget(t)
	}
}

// forget drops a count; x.mu is held.
func (x *tallies) forget(t *tally) {
	if x.of[t.key] == t {
		delete(x.of, t.key)
	}
}

// sayLikes hands over what has been counted here of one room, if that is possible now.
func (n *Node) sayLikes(ctx context.Context, key store.Key) {
	n.tallies.mu.Lock()
	t := n.tallies.of[key]
	n.tallies.mu.Unlock()
	if t != nil {
		n.report(ctx, t)
	}
}

// flushLikes sees to it that what has been counted here is in the log, and what the rooms that are decided here have heard:
// the node is stopping.
func (n *Node) flushLikes(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, appendLimit)
	defer cancel()
	for {
		list := n.tallies.waiting()
		for _, t := range list {
			if ctx.Err() == nil {
				n.report(ctx, t)
			}
		}
		n.flushHomes()
		if list = n.tallies.waiting(); len(list) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			n.log.Warn("likes lost: their rooms' homes could not be reached in time", "rooms", len(list))
			return
		case <-time.After(flushPause):
		}
	}
}

// waiting lists the counts that are not in the log.
func (x *tallies) waiting() (list []*tally) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, t := range x.of {
		if t.total > t.logged {
			list = append(list, t)
		}
	}
	return list
}

// flushHomes has the rooms that are decided here write down what they have heard, and waits for that.
func (n *Node) flushHomes() {
	n.mu.Lock()
	homes := n.allHomes()
	n.mu.Unlock()
	var wg sync.WaitGroup
	for _, h := range homes {
		if h.uncounted() {
			wg.Add(1)
			h.tell(call{count: true, answer: func(reply) { wg.Done() }})
		}
	}
	wg.Wait() // homes answer everything, in appendLimit at the latest
}
