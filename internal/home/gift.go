package home

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	giftRate       = 10  // gifts of one sender in a room in any second
	giftRateOfRoom = 100 // and of all

	// ticketAge is how old a ticket may be. A gift that was decided since is then in the home's memory, which lasts for
	// rememberDone.
	ticketAge = rememberDone / 2
)

// Gifts is told which gifts are in rooms' logs. Its methods are called from any goroutine.
type Gifts interface {
	// Open reports whether a gift that the app has agreed to still waits to be shown. It is asked when everything that is in
	// the room's log has been told to Shown, and holds up the room.
	Open(ctx context.Context, key store.Key, g GiftName) (bool, error)

	// Shown is told of gifts in a room's log, in its order. After an error it is told of them again, and the room's next
	// home may do so, too: what has been told before must change nothing. The log is kept until it has returned nil.
	Shown(ctx context.Context, key store.Key, list []ShownGift) error
}

// GiftName names a gift in a room.
type GiftName struct {
	Created int64 // the room's CreateTime
	Sender  signaling.UserID
	Key     string // the sender's choice
}

// ShownGift is a gift in a room's log.
type ShownGift struct {
	signaling.GiftReceived
	Created int64  // the room's CreateTime
	Rev     uint64 // of the entry
	Version uint64 // of the room with it
	Order   uint64 // the revision of its order in the store; 0: it has none
	Battle  string // in which the room was then
}

// giftMoments are the times of the newest gifts of a room, a ring.
type giftMoments struct {
	at   [giftRateOfRoom]time.Time
	who  [giftRateOfRoom]signaling.UserID
	next int // the oldest
}

// admits takes a gift's place in the present second, if there is one.
func (m *giftMoments) admits(now time.Time, u signaling.UserID) error {
	recent := func(i int) bool { return !m.at[i].IsZero() && now.Sub(m.at[i]) < time.Second }
	if recent(m.next) {
		return signaling.Errorf(signaling.ErrFreqLimit.Code, "the room has %d gifts a second already; wait a moment and try again", giftRateOfRoom)
	}
	own := 0
	for i := range m.who {
		if m.who[i] == u && recent(i) {
			own++
		}
	}
	if own >= giftRate {
		return signaling.Errorf(signaling.ErrFreqLimit.Code, "a user sends %d gifts a second; wait a moment, or send several at once", giftRate)
	}
	m.at[m.next], m.who[m.next] = now, u
	m.next = (m.next + 1) % giftRateOfRoom
	return nil
}

// GiftCheck is a gift as it could be sent now.
type GiftCheck struct {
	Ticket   room.Ticket        `json:"ticket"`
	Created  int64              `json:"created"` // the room's CreateTime
	Sender   signaling.UserInfo `json:"sender"`
	Receiver signaling.UserInfo `json:"receiver"`
}

// CheckGift asks the room's home whether a gift could be sent now; cmd's action is a [room.SendGift]. A gift that was shown
// lately has a version. Else it counts among those that may be sent in this second.
func (n *Node) CheckGift(ctx context.Context, key store.Key, cmd room.Command) (check GiftCheck, version uint64, err error) {
	req := request{Key: key, Command: &cmd, Check: true, Seq: n.seq.Add(1)}
	for tries := 0; ; tries++ {
		r, _, err := n.ask(ctx, req)
		switch {
		case err == nil && r.Gift != nil:
			return *r.Gift, 0, nil
		case err == nil && r.Outcome.Version != 0:
			return check, r.Outcome.Version, nil
		case err == nil: // a home of an older version
			return check, 0, signaling.ErrServer
		case tries == maxIntroductions || signaling.CodeOf(err) != signaling.ErrNotInRoom.Code || !n.has(key, cmd.By.UserID):
			return check, 0, err
		}
		n.announceAll(key) // as in Do
	}
}

// gift decides a gift, or with c.Check says only whether it could be sent.
func (h *home) gift(t *turn, c call, cmd room.Command, a room.SendGift) {
	answer := func(r reply) { t.add(c, func(Entry) reply { return r }) }
	p, here := h.present[cmd.By.UserID]
	switch {
	case here:
		cmd.By.UserName, cmd.By.AvatarURL, cmd.By.Level = p.user.UserName, p.user.AvatarURL, p.user.Level
	case a.Paid:
	case t.now.Before(h.gatherUntil): // its node says about now whom it has
		answer(reply{Moved: true})
		return
	default:
		answer(refusal(signaling.ErrNotInRoom))
		return
	}
	if a.Receiver.UserID == "" {
		a.Receiver.UserID = t.state.Info.OwnerID
	}
	var to presence
	if to, a.Present = h.present[a.Receiver.UserID]; a.Present {
		a.Receiver = to.user
	} else if !a.Paid && t.now.Before(h.gatherUntil) {
		answer(reply{Moved: true})
		return
	}
	if !h.book.ready() {
		answer(reply{Moved: true})
		return
	}
	a.News = !h.book.hasSent(cmd.By.UserID) && !t.gifters[cmd.By.UserID]
	cmd.Action = a
	_, _, err := room.Apply(t.state, cmd, t.now)
	if err == nil && !a.Paid {
		err = h.book.place(cmd.By.UserID, a.Receiver.UserID)
	}
	if err == nil && !a.Paid {
		if h.giftMoments == nil {
			h.giftMoments = &giftMoments{}
		}
		err = h.giftMoments.admits(t.now, cmd.By.UserID)
	}
	switch {
	case err != nil:
		answer(refusal(err))
		return
	case c.Check:
		cmd.By.Role, a.Receiver.Role = t.state.RoleOf(cmd.By.UserID), t.state.RoleOf(a.Receiver.UserID)
		answer(reply{Gift: &GiftCheck{
			Ticket:  room.Ticket{Epoch: h.entry.Epoch, At: time.Since(h.began)},
			Created: t.state.Info.CreateTime, Sender: cmd.By, Receiver: a.Receiver,
		}})
		return
	case a.Paid && !h.knowsSince(a.Ticket):
		if r, open := h.stillOpen(cmd, a); !open {
			answer(r)
			return
		}
	}
	out, err := h.apply(t, cmd)
	if err != nil { // it has just been allowed
		answer(refusal(err))
		return
	}
	if t.gifters == nil {
		t.gifters = map[signaling.UserID]bool{}
	}
	t.gifters[cmd.By.UserID] = true
	t.add(c, func(e Entry) reply { out.Version = e.Version; return reply{Outcome: out} })
}

// knowsSince reports whether what was decided since a ticket is all in this home's memory.
func (h *home) knowsSince(ticket room.Ticket) bool {
	return ticket.Epoch == h.entry.Epoch && ticket.At > 0 && time.Since(h.began)-ticket.At < ticketAge
}

// stillOpen reports whether a gift that the app has agreed to has not been shown, however long ago that could have been.
func (h *home) stillOpen(cmd room.Command, a room.SendGift) (r reply, open bool) {
	if h.node.cfg.Gifts == nil {
		return refusal(signaling.ErrServer), false
	}
	if !h.book.covers(h.rev + 1) {
		return reply{Moved: true}, false // what is in the log has to be told first
	}
	ctx, cancel := context.WithTimeout(h.node.ctx, appendTry)
	defer cancel()
	h.chat.mu.Unlock() // who chats does not wait for the store
	open, err := h.node.cfg.Gifts.Open(ctx, h.key, GiftName{Created: a.Room, Sender: cmd.By.UserID, Key: cmd.ID})
	h.chat.mu.Lock()
	switch {
	case err != nil:
		h.log.Warn("cannot read a gift's order", "error", err)
		return reply{Moved: true}, false
	case !open:
		return refusal(signaling.ErrRepeatOperation), false // its order says what came of it
	}
	return reply{}, true
}

// GiftQuery asks for a room's gifts.
type GiftQuery struct {
	Limit int              `json:"limit"`          // users in each list
	User  signaling.UserID `json:"user,omitempty"` // this one's numbers, too
}

// Gifts returns what has been sent in a room so far. Of a room that is over it is kept for [GiftsKept].
func (n *Node) Gifts(ctx context.Context, key store.Key, q GiftQuery) (signaling.GiftTotals, error) {
	r, _, err := n.ask(ctx, request{Key: key, Gifts: &q})
	switch {
	case err == nil && r.Totals != nil:
		return *r.Totals, nil
	case err == nil:
		return signaling.GiftTotals{}, signaling.ErrServer
	case signaling.CodeOf(err) == signaling.ErrRoomNotExist.Code:
		return n.pastGifts(ctx, key, q)
	}
	return signaling.GiftTotals{}, err
}

// totals answers a question for the room's gifts.
func (h *home) totals(t *turn, q GiftQuery) reply {
	if !h.book.ready() {
		return reply{Moved: true}
	}
	totals := h.book.totals(q)
	return reply{Totals: &totals}
}

// FindGift looks for a gift in a room's log. What is not there any more has been told to [Gifts.Shown].
func (n *Node) FindGift(ctx context.Context, key store.Key, g GiftName) (version uint64, found bool, err error) {
	for at, more := uint64(0), true; more; {
		list, err := n.store.After(ctx, key, at, copyPage)
		if err != nil {
			return 0, false, err
		}
		for _, raw := range list {
			at = raw.Rev
			e, err := decodeEntry(raw.Data)
			if err != nil {
				return 0, false, err
			}
			for _, ev := range e.Events {
				shown, ok := ev.Event.(signaling.GiftReceived)
				if ok && e.State.Info.CreateTime == g.Created && shown.Sender.UserID == g.Sender && shown.GiftKey == g.Key {
					return e.Version, true, nil
				}
			}
		}
		more = len(list) == copyPage
	}
	return 0, false, nil
}
