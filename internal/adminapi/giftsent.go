package adminapi

import (
	"context"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Gifts that are sent: get_gift_settings, set_gift_settings, get_gift_totals, get_gift_returns. The documents have none of
// these: theirs is the console, and a callback.

// giftPage is how many orders one answer has at most.
const giftPage = 100

// SentGifts is what the API needs of gifts that are sent. Errors are those of the calls of clients.
type SentGifts interface {
	Settings(ctx context.Context, app signaling.AppID) (GiftSettings, error)
	Set(ctx context.Context, app signaling.AppID, c GiftChange) error

	// Totals returns what has been sent in a room, also in one that has ended lately.
	Totals(ctx context.Context, app signaling.AppID, room signaling.RoomID, limit int) (signaling.GiftTotals, error)

	// Returns lists what the app may have been paid for in vain, the oldest first.
	Returns(ctx context.Context, app signaling.AppID) ([]GiftOrder, error)
}

// GiftSettings are what an app has set about gifts.
type GiftSettings struct {
	URL        string // is asked before a gift is shown; empty: nobody is
	Combo      time.Duration
	CoinsScore bool
}

// GiftChange changes them; nil leaves something as it is.
type GiftChange struct {
	URL        *string
	Combo      *time.Duration
	CoinsScore *bool
}

// GiftOrder is a gift that nobody has seen.
type GiftOrder struct {
	ID               string
	State            string
	Room             signaling.RoomID
	Sender, Receiver signaling.UserID
	Gift             string
	Count            int
	Coins            int64 // of all of them
	At               time.Time
	Reason           string
}

type giftSettings struct {
	URL               string `json:"Url"`
	ComboWindow       int64  // milliseconds
	CoinsScoreBattles bool
}

func (a *API) getGiftSettings(ctx context.Context, who caller, _ struct{}) (any, error) {
	set, err := a.cfg.SentGifts.Settings(ctx, who.app)
	if err != nil {
		return nil, err
	}
	return giftSettings{set.URL, set.Combo.Milliseconds(), set.CoinsScore}, nil
}

type giftSettingsParams struct {
	URL               *string `json:"Url"`
	ComboWindow       *int64
	CoinsScoreBattles *bool
}

func (a *API) setGiftSettings(ctx context.Context, who caller, p giftSettingsParams) (any, error) {
	c := GiftChange{URL: p.URL, CoinsScore: p.CoinsScoreBattles}
	if p.ComboWindow != nil {
		if *p.ComboWindow < 0 || *p.ComboWindow > time.Minute.Milliseconds() {
			return nil, refuse(codeParameter, "ComboWindow is %d; it is in milliseconds, 0 (no combos) to %d", *p.ComboWindow, time.Minute.Milliseconds())
		}
		c.Combo = new(time.Duration(*p.ComboWindow) * time.Millisecond)
	}
	if c == (GiftChange{}) {
		return nil, refuse(codeParameter, "nothing is set: give Url, ComboWindow or CoinsScoreBattles")
	}
	return nil, a.cfg.SentGifts.Set(ctx, who.app, c)
}

type giftTotalsParams struct {
	RoomID signaling.RoomID `json:"RoomId"`
	Count  *int
}

type giftTally struct {
	Member    signaling.UserID `json:"Member_Account"`
	NickName  string
	GiftCount int64
	Coins     int64
}

type giftTotals struct {
	TotalGiftsSent         int64
	TotalGiftCoins         int64
	TotalUniqueGiftSenders int64
	SenderList             []giftTally
	ReceiverList           []giftTally
}

func (a *API) getGiftTotals(ctx context.Context, who caller, p giftTotalsParams) (any, error) {
	if err := p.RoomID.Valid(); err != nil {
		return nil, err
	}
	limit := signaling.MaxGiftTop
	if p.Count != nil {
		limit = *p.Count
	}
	if limit < 0 || limit > signaling.MaxGiftTop {
		return nil, refuse(codeParameter, "Count is %d; it is 0 to %d", limit, signaling.MaxGiftTop)
	}
	t, err := a.cfg.SentGifts.Totals(ctx, who.app, p.RoomID, limit)
	if err != nil {
		return nil, err
	}
	return giftTotals{t.TotalGiftsSent, t.TotalGiftCoins, t.TotalUniqueGiftSenders, tallies(t.Senders), tallies(t.Receivers)}, nil
}

func tallies(list []signaling.GiftTally) []giftTally {
	out := make([]giftTally, len(list))
	for i, t := range list {
		out[i] = giftTally{t.UserID, t.UserName, t.Count, t.Coins}
	}
	return out
}

type giftReturnsParams struct {
	Next  *string
	Count *int
}

type giftReturn struct {
	OrderID    string `json:"OrderId"`
	State      string
	RoomID     signaling.RoomID `json:"RoomId"`
	Sender     signaling.UserID `json:"Sender_Account"`
	Receiver   signaling.UserID `json:"Receiver_Account"`
	GiftID     string           `json:"GiftId"`
	GiftCount  int
	TotalCoins int64
	EventTime  int64 // Unix milliseconds
	Reason     string
}

type giftReturns struct {
	Next      string
	OrderList []giftReturn
}

func (a *API) getGiftReturns(ctx context.Context, who caller, p giftReturnsParams) (any, error) {
	limit := giftPage
	if p.Count != nil {
		limit = *p.Count
	}
	switch {
	case p.Next == nil:
		return nil, missing("Next", "\"\" for the first page, then the Next of the answer before")
	case limit < 1 || limit > giftPage:
		return nil, refuse(codeParameter, "Count is %d; it is 1 to %d", limit, giftPage)
	}
	list, err := a.cfg.SentGifts.Returns(ctx, who.app)
	if err != nil {
		return nil, err
	}
	ans, last := giftReturns{OrderList: []giftReturn{}}, ""
	for _, o := range list {
		if at := moment(o); at <= *p.Next {
			continue
		}
		if len(ans.OrderList) == limit {
			ans.Next = last
			break
		}
		last = moment(o)
		ans.OrderList = append(ans.OrderList, giftReturn{o.ID, o.State, o.Room, o.Sender, o.Receiver, o.Gift, o.Count, o.Coins, o.At.UnixMilli(), o.Reason})
	}
	return ans, nil
}

// moment orders what is listed, as SentGifts.Returns does.
func moment(o GiftOrder) string { return fmt.Sprintf("%013d.%s", o.At.UnixMilli(), o.ID) }
