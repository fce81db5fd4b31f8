package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/internal/battle"
	"github.com/openvoiceroom/openvoiceroom/internal/giftorder"
	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/webhook"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func (s *Server) newOrders() *giftorder.Orders {
	return giftorder.New(giftorder.Config{
		Values: s.cfg.Store, Apps: slices.Collect(maps.Keys(s.cfg.Apps)), Gift: s.catalogues.Gift, Ask: s.askForGift, Score: s.scoreGifts, Logger: s.log,
	})
}

// giftQuestion is what an app's server is asked before a gift is shown.
type giftQuestion struct {
	CallbackCommand string
	OrderID         string           `json:"OrderId"`
	RoomID          signaling.RoomID `json:"RoomId"`
	Sender          signaling.UserID `json:"Sender_Account"`
	Receiver        signaling.UserID `json:"Receiver_Account"`
	GiftID          string           `json:"GiftId"`
	GiftName        string
	GiftCount       int
	Coins           int64 // of one
	TotalCoins      int64 // of all of them
	EventTime       int64 // Unix milliseconds
}

// askForGift asks an app's server whether a gift may be shown: whether its sender has paid.
func (s *Server) askForGift(ctx context.Context, app signaling.AppID, url string, o giftorder.Order) error {
	body, err := json.Marshal(giftQuestion{
		CallbackCommand: webhook.CommandBeforeGift, OrderID: o.ID, RoomID: o.RoomID, Sender: o.Sender.UserID, Receiver: o.Receiver.UserID,
		GiftID: o.Gift.GiftID, GiftName: o.Gift.Name, GiftCount: o.Count, Coins: o.Gift.Coins, TotalCoins: o.Coins(), EventTime: o.At,
	})
	if err != nil {
		return err
	}
	err = s.hooks.Ask(ctx, app, url, webhook.CommandBeforeGift, o.ID, body, giftorder.AnswerLimit)
	if _, no := errors.AsType[webhook.Declines](err); err != nil && !no {
		err = fmt.Errorf("%w: %w", giftorder.ErrNoAnswer, err)
	}
	return err
}

var errNoBattles = errors.New("server: battles are not known yet")

// scoreGifts adds the coins of gifts to the scores of the battles in which they were sent.
func (s *Server) scoreGifts(ctx context.Context, key store.Key, list []home.ShownGift) error {
	battles := s.battles.Load()
	if battles == nil {
		return errNoBattles // this node is just starting; it is told again
	}
	type in struct {
		battle  string
		created int64
	}
	sums := map[in]map[uint64]int64{} // by the log's revision
	for _, g := range list {
		b := in{g.Battle, g.Created}
		if sums[b] == nil {
			sums[b] = map[uint64]int64{}
		}
		sums[b][g.Rev] += int64(g.Count) * g.Gift.Coins
	}
	var errs []error
	for b, revs := range sums {
		add := battle.AddGifts{Room: key.Room, Created: b.created}
		for rev, coins := range revs {
			add.Gifts = append(add.Gifts, battle.Coins{Rev: rev, Coins: coins})
		}
		slices.SortFunc(add.Gifts, func(a, b battle.Coins) int { return cmp.Compare(a.Rev, b.Rev) })
		errs = append(errs, battles.AddGifts(ctx, key.App, b.battle, add))
	}
	return errors.Join(errs...)
}

// giftCall carries out the calls about gifts in a room. ok is false for other methods.
func (ses *session) giftCall(ctx context.Context, m signaling.Message) (result any, ok bool, err error) {
	switch m.Method {
	case signaling.MethodSendGift:
		result, err = with(ctx, m, ses.sendGift)
	case signaling.MethodGiftTotals:
		result, err = with(ctx, m, ses.giftTotals)
	default:
		return nil, false, nil
	}
	return result, true, err
}

// sendGift sends a gift. Where the app is asked the answer comes later.
func (ses *session) sendGift(ctx context.Context, p signaling.SendGiftParams) (any, error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return nil, err
	}
	w := giftorder.Wish{Room: m.replica.key, Sender: ses.self(), Origin: ses.origin, GiftID: p.GiftID, Count: cmp.Or(p.Count, 1), Receiver: p.Receiver}
	if w.Key, err = commandID(p.CommandID); err != nil {
		return nil, err
	}
	if p.Receiver != "" {
		if err := p.Receiver.Valid(); err != nil {
			return nil, err
		}
	}
	if w.Count < 1 || w.Count > signaling.MaxGiftCount {
		return nil, signaling.Errorf(signaling.ErrInvalidParameter.Code, "giftCount is %d: it is 1 to %d", w.Count, signaling.MaxGiftCount)
	}
	asks, err := ses.srv.orders.Asks(ctx, ses.app)
	if err != nil {
		return nil, storeAway(err)
	}
	send := func(ctx context.Context) (any, error) {
		version, err := ses.srv.orders.Send(ctx, w)
		if err != nil {
			return nil, storeAway(err)
		}
		if err := m.replica.await(ctx, version); err != nil { // sent, but this node has not heard of it
			return nil, &signaling.Error{Code: signaling.ErrServerTimeout.Code, Err: err}
		}
		return signaling.Done{Version: version}, nil
	}
	if asks {
		return later(send), nil
	}
	return send(ctx)
}

func (ses *session) giftTotals(ctx context.Context, p signaling.GiftTotalsParams) (signaling.GiftTotals, error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return signaling.GiftTotals{}, err
	}
	if !ses.lists.Allow() {
		return signaling.GiftTotals{}, signaling.ErrFreqLimit
	}
	if p.Limit < 0 || p.Limit > signaling.MaxGiftTop {
		return signaling.GiftTotals{}, signaling.Errorf(signaling.ErrInvalidParameter.Code, "limit is 0 to %d", signaling.MaxGiftTop)
	}
	if p.UserID != "" {
		if err := p.UserID.Valid(); err != nil {
			return signaling.GiftTotals{}, err
		}
	}
	return ses.srv.node.Gifts(ctx, m.replica.key, home.GiftQuery{Limit: p.Limit, User: p.UserID})
}

// restGifts is what the REST API sees of gifts that are sent.
type restGifts struct{ srv *Server }

var _ adminapi.SentGifts = restGifts{}

func (r restGifts) Settings(ctx context.Context, app signaling.AppID) (adminapi.GiftSettings, error) {
	set, err := r.srv.orders.Settings(ctx, app)
	return adminapi.GiftSettings{URL: set.BillingURL, Combo: set.ComboWindow, CoinsScore: set.CoinsScore}, storeAway(err)
}

func (r restGifts) Set(ctx context.Context, app signaling.AppID, c adminapi.GiftChange) error {
	if c.URL != nil && *c.URL != "" {
		if err := r.srv.hooks.CheckURL("Url", *c.URL); err != nil {
			return err
		}
	}
	return storeAway(r.srv.orders.Set(ctx, app, giftorder.Change{BillingURL: c.URL, ComboWindow: c.Combo, CoinsScore: c.CoinsScore}))
}

func (r restGifts) Totals(ctx context.Context, app signaling.AppID, room signaling.RoomID, limit int) (signaling.GiftTotals, error) {
	return r.srv.node.Gifts(ctx, store.Key{App: app, Room: room}, home.GiftQuery{Limit: limit})
}

func (r restGifts) Returns(ctx context.Context, app signaling.AppID) ([]adminapi.GiftOrder, error) {
	orders, err := r.srv.orders.Returns(ctx, app)
	list := make([]adminapi.GiftOrder, len(orders))
	for i, o := range orders {
		list[i] = adminapi.GiftOrder{
			ID: o.ID, State: string(o.State), Room: o.RoomID, Sender: o.Sender.UserID, Receiver: o.Receiver.UserID, Gift: o.Gift.GiftID,
			Count: o.Count, Coins: o.Coins(), At: time.UnixMilli(o.At), Reason: o.Message,
		}
	}
	return list, storeAway(err)
}
