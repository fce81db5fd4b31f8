package giftorder

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// AnswerLimit is how long an app may think about a gift (documents).
const AnswerLimit = 2 * time.Second

// writers is how many orders are closed at once.
const writers = 16

// Rooms are the rooms' homes.
type Rooms interface {
	CheckGift(ctx context.Context, key store.Key, cmd room.Command) (check home.GiftCheck, version uint64, err error)
	Do(ctx context.Context, key store.Key, cmd room.Command) (home.Outcome, error)
	FindGift(ctx context.Context, key store.Key, g home.GiftName) (version uint64, found bool, err error)
	Info(ctx context.Context, key store.Key) (signaling.RoomInfo, error)
	Decides(key store.Key) bool
	TidyGifts(ctx context.Context, app signaling.AppID) error
}

// ErrNoAnswer is what Config.Ask returns where the app has not said yes or no.
var ErrNoAnswer = errors.New("giftorder: no answer")

// Config of Orders. All but Logger is required.
type Config struct {
	Values store.Values
	Apps   []signaling.AppID

	// Gift returns a gift of an app, at its price.
	Gift func(ctx context.Context, app signaling.AppID, id string) (signaling.GiftInfo, error)

	// Ask asks an app's server about an order. nil is yes; an error that is [ErrNoAnswer] is neither yes nor no; any other is
	// no, and says why. ctx has [AnswerLimit].
	Ask func(ctx context.Context, app signaling.AppID, url string, o Order) error

	// Score adds gifts to the scores of battles, each once. It is called in the order of a room's log.
	Score func(ctx context.Context, key store.Key, list []home.ShownGift) error

	Logger *slog.Logger
}

// Orders sends gifts. Serve begins to look after those that others have left; Close ends it. It is the [home.Gifts] of
// this node's rooms from the first on.
type Orders struct {
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	homes  atomic.Pointer[Rooms]

	mu       sync.Mutex // protects what follows; nothing is called while it is held
	settings map[signaling.AppID]*settingsAt
}

var _ home.Gifts = (*Orders)(nil)

// New makes orders that Serve brings to life.
func New(cfg Config) *Orders {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Orders{cfg: cfg, settings: map[signaling.AppID]*settingsAt{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Serve gives the orders the rooms in which they are shown, and sees to those that are open.
func (s *Orders) Serve(rooms Rooms) {
	s.homes.Store(&rooms)
	s.wg.Go(s.sweepForever)
}

// Close waits for everything that Serve has begun. What is open is for other nodes, or the next start.
func (s *Orders) Close() {
	s.cancel()
	s.wg.Wait()
}

func (s *Orders) rooms() Rooms { return *s.homes.Load() }

// Wish is a gift that somebody wants to send. The sender is in the room by this node.
type Wish struct {
	Room     store.Key
	Sender   signaling.UserInfo
	Origin   room.Origin
	Key      string
	GiftID   string
	Count    int
	Receiver signaling.UserID // empty: the owner
}

// Asks reports whether the app is asked about gifts, so that sending one may take a while.
func (s *Orders) Asks(ctx context.Context, app signaling.AppID) (bool, error) {
	set, err := s.Settings(ctx, app)
	return set.BillingURL != "", err
}

// Send sends a gift, and returns the room's version that shows it. The same wish again, within ten minutes, is the same
// gift. After an error of unknown outcome the wish may come true all the same; the same again tells.
func (s *Orders) Send(ctx context.Context, w Wish) (version uint64, err error) {
	set, err := s.Settings(ctx, w.Room.App)
	if err != nil {
		return 0, err
	}
	n := name{w.Room, w.Sender.UserID, w.Key}
	gift, err := s.cfg.Gift(ctx, w.Room.App, w.GiftID)
	if err != nil {
		return s.orKnown(ctx, n, set, err)
	}
	cmd := room.Command{ID: w.Key, By: w.Sender, Origin: w.Origin, Action: room.SendGift{
		Gift: gift, Count: w.Count, Receiver: signaling.UserInfo{UserID: w.Receiver}, Combo: set.ComboWindow,
	}}
	if set.BillingURL == "" {
		out, err := s.rooms().Do(ctx, w.Room, cmd)
		return out.Version, err
	}
	check, version, err := s.rooms().CheckGift(ctx, w.Room, cmd)
	if err != nil {
		return s.orKnown(ctx, n, set, err)
	}
	if version != 0 {
		return version, nil
	}
	o := Order{
		State: Asking, ID: orderID(n, check.Created), RoomID: w.Room.Room, Created: check.Created, Sender: check.Sender, Receiver: check.Receiver,
		Key: w.Key, Gift: gift, Count: w.Count, Combo: set.ComboWindow, Origin: w.Origin, At: time.Now().UnixMilli(),
	}
	rev, err := s.open(ctx, n, o)
	if err == nil {
		version, err = s.goOn(ctx, n, o, rev, check.Ticket)
	}
	if errors.Is(err, errGone) {
		version, _, err = s.resume(ctx, n)
	}
	return version, err
}

// orKnown answers for a wish that cannot be sent now, unless it is one that was sent before.
func (s *Orders) orKnown(ctx context.Context, n name, set Settings, err error) (uint64, error) {
	if set.BillingURL == "" {
		return 0, err
	}
	if version, known, e := s.resume(ctx, n); known || e != nil {
		return version, e
	}
	return 0, err
}

// open stores a new order; errGone says that there is one, or was one lately.
func (s *Orders) open(ctx context.Context, n name, o Order) (rev uint64, err error) {
	if rev, err = s.change(ctx, n, o, 0); err != nil {
		return 0, err
	}
	_, doneRev, err := record.Load[Order](ctx, s.cfg.Values, n.in(store.BucketGiftDone))
	if err == nil && doneRev != 0 {
		err = errGone
	}
	return rev, err
}

// ask asks the app, which answers in time or not at all.
func (s *Orders) ask(ctx context.Context, app signaling.AppID, o Order) (refusal string, answered bool) {
	set, err := s.Settings(ctx, app)
	if err != nil {
		return "its settings cannot be read", false
	}
	if set.BillingURL == "" { // it has been taken away meanwhile
		return "", true
	}
	ctx, cancel := context.WithTimeout(ctx, AnswerLimit)
	defer cancel()
	switch err := s.cfg.Ask(ctx, app, set.BillingURL, o); {
	case err == nil:
		return "", true
	case errors.Is(err, ErrNoAnswer):
		s.cfg.Logger.Warn("an app has not answered about a gift", "app", app, "error", err)
		return err.Error(), false
	default:
		return err.Error(), true
	}
}

// Open implements [home.Gifts].
func (s *Orders) Open(ctx context.Context, key store.Key, g home.GiftName) (bool, error) {
	o, rev, err := record.Load[Order](ctx, s.cfg.Values, name{key, g.Sender, g.Key}.in(store.BucketGiftOrder))
	return rev != 0 && o.State == Paid && o.Created == g.Created, err
}

// Shown implements [home.Gifts].
func (s *Orders) Shown(ctx context.Context, key store.Key, list []home.ShownGift) error {
	errs := make([]error, len(list))
	each(len(list), writers, func(i int) {
		g := list[i]
		if g.Order == 0 {
			return
		}
		n := name{key, g.Sender.UserID, g.GiftKey}
		if errs[i] = s.add(ctx, n.in(store.BucketGiftDone), Order{State: Shown, Created: g.Created, Key: g.GiftKey, Version: g.Version, At: g.Timestamp}); errs[i] == nil {
			errs[i] = s.drop(ctx, n, g.Order)
		}
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.score(ctx, key, list)
}

// score adds the gifts of battles to their scores, where the app wants that.
func (s *Orders) score(ctx context.Context, key store.Key, list []home.ShownGift) error {
	var scored []home.ShownGift
	for _, g := range list {
		if g.Battle != "" && g.Gift.Coins > 0 {
			scored = append(scored, g)
		}
	}
	if len(scored) == 0 {
		return nil
	}
	set, err := s.Settings(ctx, key.App)
	if err != nil || !set.CoinsScore {
		return err
	}
	return s.cfg.Score(ctx, key, scored)
}

// Returns lists what an app may have taken coins for that nobody has seen, the oldest first: it has not answered in time, or the
// room has ended, or it has refused what it was asked about before, whose answer is not known. It is kept for [Kept].
func (s *Orders) Returns(ctx context.Context, app signaling.AppID) ([]Order, error) {
	values, err := s.cfg.Values.Values(ctx, store.BucketGiftReturn, app, "")
	if err != nil {
		return nil, err
	}
	list := make([]Order, 0, len(values))
	for _, v := range values {
		var o Order
		if err := json.Unmarshal(v.Data, &o); err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	sortReturns(list)
	return list, nil
}
