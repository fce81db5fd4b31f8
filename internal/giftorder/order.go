package giftorder

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// State is how far an order is.
type State string

// The states. In the first two an order is open.
const (
	Asking     State = "asking"
	Paid       State = "paid"
	Shown      State = "shown"
	Refused    State = "refused"
	Unanswered State = "unanswered"
	Lost       State = "lost"
)

// Order is a gift that the app is asked about.
type Order struct {
	State    State              `json:"state"`
	ID       string             `json:"id"` // for the app: the same however often it is asked
	RoomID   signaling.RoomID   `json:"room"`
	Created  int64              `json:"created"` // the room's CreateTime
	Sender   signaling.UserInfo `json:"sender"`
	Receiver signaling.UserInfo `json:"receiver"`
	Key      string             `json:"key"` // the sender's choice
	Gift     signaling.GiftInfo `json:"gift"`
	Count    int                `json:"count"`
	Combo    time.Duration      `json:"combo,omitempty"`
	Origin   room.Origin        `json:"origin,omitzero"`
	At       int64              `json:"at"`                // when it was made, Unix milliseconds
	Message  string             `json:"message,omitempty"` // why it was refused, or not answered
	Again    bool               `json:"again,omitempty"`   // the app may have been asked before, and have answered otherwise
	Version  uint64             `json:"version,omitempty"` // of the room that shows it
}

// Coins is what the gift costs.
func (o Order) Coins() int64 { return int64(o.Count) * o.Gift.Coins }

// name is what an order is found under.
type name struct {
	room   store.Key
	sender signaling.UserID
	key    string
}

func (n name) in(b store.Bucket) store.ValueKey {
	return store.ValueKey{Bucket: b, App: n.room.App, ID: string(n.room.Room), Sub: string(n.sender) + "\x00" + n.key}
}

// parseName undoes name.in.
func parseName(k store.ValueKey) (name, bool) {
	sender, key, ok := strings.Cut(k.Sub, "\x00")
	return name{store.Key{App: k.App, Room: signaling.RoomID(k.ID)}, signaling.UserID(sender), key}, ok
}

// orderID is the name of a gift for the app: of one room, for ever.
func orderID(n name, created int64) string {
	text, err := json.Marshal([]string{strconv.Itoa(int(n.room.App)), string(n.room.Room), strconv.FormatInt(created, 10), string(n.sender), n.key})
	if err != nil {
		return "" // texts can be encoded
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// errGone says that an order is not where it was expected: somebody else has gone on with it.
var errGone = errors.New("giftorder: somebody else has gone on with the order")

// resume goes on with an order, wherever it is. known is false when there is none.
func (s *Orders) resume(ctx context.Context, n name) (version uint64, known bool, err error) {
	for range 10 {
		// What is done is looked for behind what is open: it is stored before that is removed.
		o, rev, err := record.Load[Order](ctx, s.cfg.Values, n.in(store.BucketGiftOrder))
		if err != nil {
			return 0, false, err
		}
		done, doneRev, err := record.Load[Order](ctx, s.cfg.Values, n.in(store.BucketGiftDone))
		switch {
		case err != nil:
			return 0, false, err
		case doneRev != 0:
			if rev != 0 {
				err = s.drop(ctx, n, rev)
			}
			if err == nil {
				version, err = done.outcome()
			}
			return version, true, err
		case rev == 0:
			return 0, false, nil
		}
		if o.State == Asking {
			if o, rev, err = s.loseIfOver(ctx, n, o, rev); err != nil && !errors.Is(err, errGone) {
				return 0, true, err
			}
			o.Again = true
		}
		if err == nil {
			version, err = s.goOn(ctx, n, o, rev, room.Ticket{})
		}
		if !errors.Is(err, errGone) {
			return version, true, err
		}
	}
	return 0, true, signaling.ErrServer // a busy order: the sweep goes on
}

// outcome is the answer to whoever has made an order that has come to its end.
func (o Order) outcome() (uint64, error) {
	switch o.State {
	case Shown:
		return o.Version, nil
	case Refused:
		return 0, signaling.Errorf(signaling.ErrGiftRejected.Code, "the app has refused the gift: %s", o.Message)
	case Unanswered:
		return 0, signaling.Errorf(signaling.ErrGiftRejected.Code, "the app has not agreed to the gift in time: %s; nothing was sent, try again with a new key", o.Message)
	case Lost:
		return 0, signaling.ErrRoomNotExist
	}
	return 0, signaling.ErrServer
}

// goOn takes an open order to its end. ticket is of before it was made, or zero.
func (s *Orders) goOn(ctx context.Context, n name, o Order, rev uint64, ticket room.Ticket) (version uint64, err error) {
	if o.State == Asking {
		refusal, answered := s.ask(ctx, n.room.App, o)
		switch {
		case answered && refusal == "":
			o.State = Paid
		case answered:
			o.State, o.Message = Refused, refusal
		default:
			o.State, o.Message = Unanswered, refusal
		}
		if ctx.Err() != nil { // it has not had its time: whoever comes next asks again
			return 0, context.Cause(ctx)
		}
		rev, err = s.change(ctx, n, o, rev)
		if errors.Is(err, errGone) && o.State == Paid {
			if e := s.paidInVain(ctx, n, o); e != nil {
				return 0, e
			}
		}
		if err != nil {
			return 0, err
		}
	}
	if o.State == Paid {
		out, err := s.rooms().Do(ctx, n.room, o.command(rev, ticket))
		switch {
		case err == nil:
			return out.Version, nil // its home notes it
		case signaling.CodeOf(err) == signaling.ErrRepeatOperation.Code:
			return 0, errGone
		case signaling.CodeOf(err) != signaling.ErrRoomNotExist.Code:
			return 0, err
		}
		// The log before the order: what has gone out of the log is noted there.
		version, found, err := s.rooms().FindGift(ctx, n.room, home.GiftName{Created: o.Created, Sender: n.sender, Key: n.key})
		if err != nil || found {
			return version, err
		}
		o.State = Lost
		if rev, err = s.change(ctx, n, o, rev); err != nil {
			return 0, err
		}
	}
	if err := s.end(ctx, n, o, rev); err != nil {
		return 0, err
	}
	return o.outcome()
}

func (o Order) command(rev uint64, ticket room.Ticket) room.Command {
	return room.Command{ID: o.Key, By: o.Sender, Origin: o.Origin, Action: room.SendGift{
		Gift: o.Gift, Count: o.Count, Receiver: o.Receiver, Combo: o.Combo, Paid: true, Order: rev, Room: o.Created, Ticket: ticket,
	}}
}

// loseIfOver gives an order up whose room has ended: nobody could see it, so the app is not asked again.
func (s *Orders) loseIfOver(ctx context.Context, n name, o Order, rev uint64) (Order, uint64, error) {
	info, err := s.rooms().Info(ctx, n.room)
	switch {
	case err == nil && info.CreateTime == o.Created:
		return o, rev, nil
	case err != nil && signaling.CodeOf(err) != signaling.ErrRoomNotExist.Code:
		return o, rev, err
	}
	o.State = Lost
	rev, err = s.change(ctx, n, o, rev)
	return o, rev, err
}

// paidInVain is for an order that the app has agreed to, but that has gone on meanwhile without: where the app has refused it
// to somebody else, it can find it among what it may have to give back.
func (s *Orders) paidInVain(ctx context.Context, n name, o Order) error {
	now, rev, err := record.Load[Order](ctx, s.cfg.Values, n.in(store.BucketGiftOrder))
	if err == nil && rev == 0 {
		now, _, err = record.Load[Order](ctx, s.cfg.Values, n.in(store.BucketGiftDone))
	}
	if err != nil || now.ID != o.ID || now.State != Refused {
		return err
	}
	now.Again = true
	return s.add(ctx, store.ValueKey{Bucket: store.BucketGiftReturn, App: n.room.App, ID: o.ID}, now)
}

// change stores an open order's next state; errGone says that it has another.
func (s *Orders) change(ctx context.Context, n name, o Order, rev uint64) (uint64, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	rev, err = s.cfg.Values.Put(ctx, n.in(store.BucketGiftOrder), data, rev)
	if errors.Is(err, store.ErrConflict) {
		return 0, errGone
	}
	return rev, err
}

// end notes what has come of an order, and closes it.
func (s *Orders) end(ctx context.Context, n name, o Order, rev uint64) error {
	if o.State == Unanswered || o.State == Lost || o.State == Refused && o.Again {
		if err := s.add(ctx, store.ValueKey{Bucket: store.BucketGiftReturn, App: n.room.App, ID: o.ID}, o); err != nil {
			return err
		}
	}
	if err := s.add(ctx, n.in(store.BucketGiftDone), o); err != nil {
		return err
	}
	return s.drop(ctx, n, rev)
}

// add stores a value, unless it is there.
func (s *Orders) add(ctx context.Context, key store.ValueKey, o Order) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if _, err = s.cfg.Values.Put(ctx, key, data, 0); errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// drop removes an order from those that are open.
func (s *Orders) drop(ctx context.Context, n name, rev uint64) error {
	key := n.in(store.BucketGiftOrder)
	err := s.cfg.Values.Delete(ctx, key, rev)
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	v, err := s.cfg.Values.Get(ctx, key) // it has gone on meanwhile, in vain: its end is noted
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = s.cfg.Values.Delete(ctx, key, v.Rev)
	}
	return err
}
