package engine

import (
	"context"
	"crypto/rand"
	"maps"
	"strconv"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Gifts is what is given in a room.
type Gifts struct{ room *Room }

// Gifts returns what is given in the room. What can be given is [Engine.FetchGiftList].
func (r *Room) Gifts() *Gifts { return &Gifts{r} }

// SendGiftOptions are what may be said about a gift.
type SendGiftOptions struct {
	Receiver UserID // a member, or the owner; default: the owner
	Key      string // names the gift: up to 64 bytes without control characters; default: a random one
}

// SendGift gives somebody in the room some of a gift of the app ([Engine.FetchGiftList]): count is 1 to 9,999. opts may be
// nil. Everybody in the room is told, this user too, before it returns.
//
// The same gift is sent once, however often it is sent with the same key: the SDK repeats it when the connection breaks, and
// who gives a key may do so after an error that leaves open what has become of it ([signaling.ErrServerTimeout],
// [signaling.ErrServer], the end of ctx). A key means the same gift for ten minutes where the app is asked, and else for one.
//
// It fails with [signaling.ErrGiftNotFound] for a gift that there is not, [ErrUserNotEntered] when the receiver is not in
// the room, [signaling.ErrGiftDisabled] where a manager has turned gifts off, [signaling.ErrGiftRejected] when the app's
// server has refused it or has not answered within two seconds, and [ErrFreqLimit] with more than 10 in a second, or 100 of all
// members. Several at once are one.
func (g *Gifts) SendGift(ctx context.Context, giftID string, count int, opts *SendGiftOptions) error {
	var o SendGiftOptions
	if opts != nil {
		o = *opts
	}
	if o.Key == "" {
		o.Key = rand.Text()
	}
	if count < 1 || count > signaling.MaxGiftCount { // to the server 0 means 1
		return signaling.WithOp("SendGift", signaling.Errorf(ErrInvalidParameter.Code, "count is %d: it is 1 to %d", count, signaling.MaxGiftCount))
	}
	err := g.room.Call(ctx, signaling.MethodSendGift, signaling.SendGiftParams{CommandID: o.Key, RoomID: g.room.id, GiftID: giftID, Count: count, Receiver: o.Receiver}, nil)
	return signaling.WithOp("SendGift", err)
}

// FetchGiftTotals asks what has been sent in the room so far, and which users have sent and been given most, by coins: limit
// of each, 0 to 100. In a room where more than 500 have, the lists may be a second old. A login may ask five times a second,
// 20 times in a burst, together with its other lists ([ErrFreqLimit]).
func (g *Gifts) FetchGiftTotals(ctx context.Context, limit int) (GiftTotals, error) {
	t, err := g.giftTotals(ctx, signaling.GiftTotalsParams{Limit: limit})
	return t, signaling.WithOp("FetchGiftTotals", err)
}

// GetGiftCountByAnchor asks what somebody has been given in the room so far. It has the rate of FetchGiftTotals.
func (g *Gifts) GetGiftCountByAnchor(ctx context.Context, user UserID) (GiftTally, error) {
	t, err := g.giftTotals(ctx, signaling.GiftTotalsParams{UserID: user})
	if err == nil && t.Received != nil {
		return *t.Received, nil
	}
	return GiftTally{UserID: user}, signaling.WithOp("GetGiftCountByAnchor", err)
}

func (g *Gifts) giftTotals(ctx context.Context, p signaling.GiftTotalsParams) (t GiftTotals, err error) {
	p.RoomID = g.room.id
	err = g.room.Call(ctx, signaling.MethodGiftTotals, p, &t)
	return t, err
}

// ShowGiftsInChat has each gift from now on be a local line of the chat ([Chat.LocalBarrage]), or ends that. Its extension
// has the documents' keys: TYPE is GIFTMESSAGE, and gift_name, gift_count, gift_icon_url and gift_receiver_username say what
// was given to whom.
func (g *Gifts) ShowGiftsInChat(on bool) {
	g.room.mu.Lock()
	defer g.room.mu.Unlock()
	g.room.giftLines = on
}

// giftReceived tells of a gift; r.mu is held.
func (r *Room) giftReceived(g GiftReceived) {
	each := func() GiftReceived { // an observer may keep and change what it is given
		c := g
		c.Gift.ExtensionInfo = maps.Clone(g.Gift.ExtensionInfo)
		return c
	}
	r.post("OnReceiveGift", func(o *RoomObserver) {
		if o.OnReceiveGift != nil {
			o.OnReceiveGift(r.id, each())
		}
	})
	r.post("OnGiftCountChanged", func(o *RoomObserver) {
		if o.OnGiftCountChanged != nil {
			o.OnGiftCountChanged(r.id, g.TotalGiftsSent, g.TotalGiftCoins)
		}
	})
	if r.giftLines {
		r.insertBarrage(len(r.chat.list), Barrage{
			MessageID: "gift-" + g.GiftKey, Sender: g.Sender, Timestamp: g.Timestamp / 1000, Type: BarrageText,
			Extension: map[string]string{
				"TYPE": "GIFTMESSAGE", "gift_name": g.Gift.Name, "gift_count": strconv.Itoa(g.Count), "gift_icon_url": g.Gift.IconURL,
				"gift_receiver_username": nameOf(g.Receiver),
			},
		})
	}
}

// nameOf is how somebody is called: by the name, or by the id where there is none.
func nameOf(u UserInfo) string {
	if u.UserName == "" {
		return string(u.UserID)
	}
	return u.UserName
}
