package room

import (
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	comboBytes   = 1500 // that the combos take in the state at most: about a dozen go on at once, and the oldest are forgotten
	MaxCombo     = time.Minute
	maxGiftTotal = 1<<53 - 1 // what JSON's numbers hold; nobody has so many coins
)

// SendGift shows everybody a gift and counts it. What it costs is settled before: the rules know no accounts.
type SendGift struct {
	Gift     signaling.GiftInfo `json:"gift"`
	Count    int                `json:"count"`
	Receiver signaling.UserInfo `json:"receiver"`        // whom the room's home knows under that id; no id is the owner
	Present  bool               `json:"present"`         // the receiver is in the room: the home says so
	News     bool               `json:"news,omitempty"`  // the first gift of its sender: the home says so
	Combo    time.Duration      `json:"combo,omitempty"` // how long a combo waits for the next gift, at most [MaxCombo]

	// Of a gift that the app has agreed to: it is shown whoever has left meanwhile.
	Paid  bool   `json:"paid,omitempty"`
	Order uint64 `json:"order,omitempty"` // the revision of its order in the store
	Room  int64  `json:"room,omitempty"`  // the CreateTime of the room that it is for

	// Ticket is of the home that decides, from before the order was made: the gift cannot be in the log from earlier on.
	Ticket Ticket `json:"ticket,omitzero"`
}

// Ticket is a moment in the life of a room's home. The home gives it, and understands it.
type Ticket struct {
	Epoch uint64        `json:"epoch,omitempty"`
	At    time.Duration `json:"at,omitempty"`
}

func (SendGift) actionType() string { return "sendGift" }

// Combo is gifts of one kind by one sender to one receiver, each soon after the one before.
type Combo struct {
	ID       uint64           `json:"id"` // the number of its first gift in the room
	Sender   signaling.UserID `json:"s"`
	Receiver signaling.UserID `json:"r"`
	Gift     string           `json:"g"`
	Count    int64            `json:"n"`
	Until    int64            `json:"t"` // Unix milliseconds: before that the next one comes
}

// maySend refuses a gift that cannot be sent. What the app has agreed to is refused by the room's end alone.
func (s State) maySend(a SendGift) error {
	switch {
	case a.Room != 0 && a.Room != s.Info.CreateTime:
		return signaling.ErrRoomNotExist
	case a.Count < 1 || a.Count > signaling.MaxGiftCount:
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "giftCount is %d: it is 1 to %d", a.Count, signaling.MaxGiftCount)
	case a.Gift.GiftID == "" || a.Gift.Coins < 0:
		return signaling.ErrGiftNotFound
	case a.Combo < 0 || a.Combo > MaxCombo:
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "a combo waits for %s at most", MaxCombo)
	case a.Paid:
		return nil
	case s.Info.GiftDisabled:
		return signaling.ErrGiftDisabled
	case !a.Present && a.Receiver.UserID != "" && a.Receiver.UserID != s.Info.OwnerID:
		return signaling.Errorf(signaling.ErrUserNotEntered.Code, "the receiver is not in the room: send it to a member or to the owner")
	}
	return nil
}

func (d *decision) sendGift(a SendGift) error {
	if err := d.state.maySend(a); err != nil {
		return err
	}
	to := a.Receiver
	if to.UserID == "" || to.UserID == d.state.Info.OwnerID && to.UserName == "" {
		to.UserID, to.UserName = d.state.Info.OwnerID, d.state.Info.OwnerName
	}
	to.Role = d.state.RoleOf(to.UserID)
	d.state.Gifts++
	combo := d.combo(a, to.UserID)
	stats := &d.state.Stats
	stats.TotalGiftsSent = AddUp(stats.TotalGiftsSent, int64(a.Count))
	stats.TotalGiftCoins = AddUp(stats.TotalGiftCoins, int64(a.Count)*a.Gift.Coins)
	if a.News {
		stats.TotalUniqueGiftSenders++
	}
	d.events = append(d.events, Event{Order: a.Order, Event: signaling.GiftReceived{
		GiftKey: d.id, Sender: d.by, Receiver: to, Gift: a.Gift, Count: a.Count, ComboID: combo.ID, ComboCount: combo.Count,
		TotalGiftsSent: stats.TotalGiftsSent, TotalGiftCoins: stats.TotalGiftCoins, Timestamp: d.now.UnixMilli(),
	}})
	return nil
}

// AddUp adds to a total of gifts or coins, which stops growing where JSON's numbers end.
func AddUp(total, n int64) int64 { return min(total+n, maxGiftTotal) }

// combo counts a gift in its combo, and forgets those that have ended.
func (d *decision) combo(a SendGift, to signaling.UserID) Combo {
	now := d.now.UnixMilli()
	next := Combo{ID: d.state.Gifts, Sender: d.by.UserID, Receiver: to, Gift: a.Gift.GiftID}
	var list []Combo // the newest last
	for _, c := range d.state.Combos {
		switch {
		case now >= c.Until:
		case c.Sender == next.Sender && c.Receiver == next.Receiver && c.Gift == next.Gift:
			next = c
		default:
			list = append(list, c)
		}
	}
	next.Count, next.Until = AddUp(next.Count, int64(a.Count)), now+a.Combo.Milliseconds()
	if a.Combo > 0 {
		list = append(list, next)
	}
	size := 0
	for i, c := range slices.Backward(list) {
		if size += c.size(); size > comboBytes {
			list = slices.Clone(list[i+1:])
			break
		}
	}
	d.state.Combos = list
	return next
}

// size is what a combo takes as JSON at most.
func (c Combo) size() int {
	return 100 + textSize(string(c.Sender)) + textSize(string(c.Receiver)) + textSize(c.Gift)
}
