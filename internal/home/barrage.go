package home

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	barrageRate     = 40       // messages of a room in any second (documents: 40/s)
	barrageReserve  = 8        // of them the managers' alone
	maxBarrages     = 50       // messages that a room remembers (documents: up to 50)
	maxBarrageBytes = 64 << 10 // and bytes of them: they travel in one message
)

// chat is what a room's home knows of its chat. Nothing of it is in the log, and no message waits for one: it is decided
// by who asks, under a lock that the home's goroutine has while it decides, but not while it appends.
type chat struct {
	mu     sync.Mutex // protects what follows, and present, gatherUntil and sanctions against their changes
	state  room.State // of the newest entry
	epoch  uint64
	count  uint64      // messages of this home
	times  []time.Time // of the newest messages, a ring
	next   int         // in times: the oldest
	recent []signaling.Barrage
	sizes  []int // of recent
	size   int   // all of them
	said   map[string]place
	ages   []string // the keys of said, the oldest first

	counting counting
}

// place is where a message has come.
type place struct {
	sequence uint64
	at       time.Time
}

// Said is what the nodes tell each other of a room's chat.
type Said struct {
	Room    int64             `json:"room"` // the room's CreateTime: a later room of the same id has its own
	Barrage signaling.Barrage `json:"barrage"`
}

// Say has a message said to everybody in the room, and returns it with its place. Its sender has to be a member; the
// message's id keeps it from being said twice. Each node gets it as [Said] by the room's [store.KindBarrage].
func (n *Node) Say(ctx context.Context, key store.Key, b signaling.Barrage) (signaling.Barrage, error) {
	for tries := 0; ; tries++ {
		r, _, err := n.ask(ctx, request{Key: key, Barrage: &b})
		switch {
		case err == nil && len(r.Barrages) == 1:
			return r.Barrages[0], nil
		case err == nil: // a home of an older version
			return b, signaling.ErrServer
		case tries == maxIntroductions || signaling.CodeOf(err) != signaling.ErrNotInRoom.Code || !n.has(key, b.Sender.UserID):
			return b, err
		}
		n.announceAll(key) // as in Do
	}
}

// Recent asks the room's home for what has been said lately, the oldest first.
func (n *Node) Recent(ctx context.Context, key store.Key) ([]signaling.Barrage, error) {
	r, _, err := n.ask(ctx, request{Key: key, Recent: true})
	return r.Barrages, err
}

// barrage answers a request about the chat. It may be called from any goroutine, and does not block.
func (h *home) barrage(req request) reply {
	h.chat.mu.Lock()
	defer h.chat.mu.Unlock()
	now := time.Now()
	select {
	case <-h.ended:
		return reply{Moved: true}
	default:
	}
	switch {
	case !h.node.fresh(now): // another node may have the room by now
		return reply{Moved: true}
	case !h.chat.state.Exists():
		return refusal(signaling.ErrRoomNotExist)
	case req.Recent:
		return reply{Barrages: slices.Clone(h.chat.recent)}
	case h.sanctions.unknown: // nobody knows who is muted
		h.tell(call{read: true, answer: func(reply) {}})
		return reply{Moved: true}
	}
	return h.say(*req.Barrage, now)
}

// say decides about a message; h.chat.mu is held.
func (h *home) say(b signaling.Barrage, now time.Time) reply {
	c := &h.chat
	p, here := h.present[b.Sender.UserID]
	if !here && now.Before(h.gatherUntil) {
		return reply{Moved: true} // the user's node says about now whom it has
	}
	if !here {
		return refusal(signaling.ErrNotInRoom)
	}
	b.Sender = p.user
	b.Sender.Role = c.state.RoleOf(p.user.UserID)
	key := string(b.Sender.UserID) + "\x00" + b.MessageID
	if before, repeated := c.said[key]; repeated {
		b.Sequence, b.Timestamp = before.sequence, before.at.Unix()
		return reply{Barrages: []signaling.Barrage{b}}
	}
	if mute, muted := h.sanctions.mutes[b.Sender.UserID]; muted && mute.holds(now) {
		return refusal(signaling.ErrMessageDisabled)
	}
	if c.state.Info.MessageDisabled && !b.Sender.Role.Manages() {
		return refusal(signaling.ErrAllMessagesDisabled)
	}
	if !c.admits(now, b.Sender.Role.Manages()) {
		return refusal(signaling.Errorf(signaling.ErrFreqLimit.Code, "the room's chat is full: %d messages a second; wait a moment and try again", barrageRate))
	}
	b.Sequence, b.Timestamp = c.epoch<<32|(c.count+1), now.Unix()
	data, err := json.Marshal(Said{Room: c.state.Info.CreateTime, Barrage: b})
	if err == nil {
		err = h.node.store.Publish(store.Topic{Kind: store.KindBarrage, App: h.key.App, Room: h.key.Room}, data)
	}
	if err != nil {
		h.log.Warn("chat message not published", "error", err)
		return refusal(signaling.ErrServer)
	}
	c.count++
	h.countBy(now, now.Add(countMessages))
	c.keep(b, len(data), h.node.cfg.History)
	c.remember(key, place{b.Sequence, now})
	return reply{Barrages: []signaling.Barrage{b}}
}

// admits takes a message's place in the present second, if there is one. Ordinary members leave the last few to the
// managers, so that a crowd cannot silence them.
func (c *chat) admits(now time.Time, manager bool) bool {
	if c.times == nil {
		c.times = make([]time.Time, barrageRate)
	}
	oldest := c.times[c.next] // the 40th last message
	if !manager {
		oldest = c.times[(c.next+barrageReserve)%barrageRate] // the 32nd last
	}
	if !oldest.IsZero() && now.Sub(oldest) < time.Second {
		return false
	}
	c.times[c.next] = now
	c.next = (c.next + 1) % barrageRate
	return true
}

// keep adds a message to those that newcomers may read.
func (c *chat) keep(b signaling.Barrage, size, most int) {
	c.recent, c.sizes, c.size = append(c.recent, b), append(c.sizes, size), c.size+size
	for len(c.recent) > max(most, 0) || c.size > maxBarrageBytes {
		c.recent[0] = signaling.Barrage{} // the array keeps its place until it grows
		c.size -= c.sizes[0]
		c.recent, c.sizes = c.recent[1:], c.sizes[1:]
	}
}

// remember notes that a message was said, and forgets the ones that nobody repeats any more.
func (c *chat) remember(key string, p place) {
	if c.said == nil {
		c.said = map[string]place{}
	}
	c.said[key] = p
	c.ages = append(c.ages, key)
	old := 0
	for old < len(c.ages) && p.at.Sub(c.said[c.ages[old]].at) > rememberDone {
		delete(c.said, c.ages[old])
		old++
	}
	c.ages = c.ages[old:]
}
