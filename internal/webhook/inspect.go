package webhook

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// State says what has become of a callback.
type State string

// The states of callbacks.
const (
	StatePending   State = "pending"   // not delivered yet
	StateDelivered State = "delivered" // or left out, as the app did not want it any more
	StateFailed    State = "failed"    // given up, or a replay of it failed
)

// Delivery is a callback as operators see it.
type Delivery struct {
	ID       string
	Room     signaling.RoomID
	Command  string
	Recorded time.Time
	State    State
	Attempts int       // of those that failed; a delivered one's are not kept
	Error    string    // of the newest attempt
	Tried    time.Time // when that was; zero: not yet, or not kept
	Body     json.RawMessage
}

// List asks for callbacks of an app.
type List struct {
	Room  signaling.RoomID // empty: of all rooms
	State State            // empty: in any state
	After string           // only what comes behind this delivery: rooms by their ids, in each the oldest first
	Limit int
}

// Deliveries returns what is asked for, without the bodies. more says that there is, or may be, something behind the
// last, or behind next where there is none: a long search ends with ctx's time.
func (s *Service) Deliveries(ctx context.Context, app signaling.AppID, q List) (list []Delivery, next string, err error) {
	var from store.Key
	var at place
	if q.After != "" {
		var ok bool
		if from, at.Rev, at.Index, ok = parseID(q.After); !ok || from.App != app {
			return nil, "", signaling.Errorf(codeParameter, "Next is not what an answer of this command said; begin anew with \"\"")
		}
	}
	rooms := []store.Key{{App: app, Room: q.Room}}
	if q.Room == "" {
		all, err := s.cfg.Store.Outbox().Rooms(ctx)
		if err != nil {
			return nil, "", err
		}
		rooms = slices.DeleteFunc(all, func(k store.Key) bool { return k.App != app || k.Room < from.Room })
		slices.SortFunc(rooms, func(a, b store.Key) int { return strings.Compare(string(a.Room), string(b.Room)) })
	}
	end := time.Now().Add(searchLimit)
	for _, key := range rooms {
		found, err := s.deliveries(ctx, key, q.State)
		if err != nil {
			return nil, "", err
		}
		for _, d := range found {
			_, rev, index, _ := parseID(d.ID)
			if key == from && !at.before(place{rev, index}) {
				continue
			}
			if len(list) == q.Limit {
				return list, list[len(list)-1].ID, nil
			}
			d.Body = nil
			list = append(list, d)
		}
		if time.Now().After(end) && key != rooms[len(rooms)-1] {
			return list, deliveryID(key, 1<<63, 0), nil // behind everything of this room
		}
	}
	return list, "", nil
}

// searchLimit is how long one page may take: calls of the REST API have 3 s.
const searchLimit = 2 * time.Second

// Delivery returns one callback with its body.
func (s *Service) Delivery(ctx context.Context, app signaling.AppID, id string) (Delivery, error) {
	key, _, _, ok := parseID(id)
	if !ok || key.App != app {
		return Delivery{}, unknownDelivery()
	}
	list, err := s.deliveries(ctx, key, "")
	if err != nil {
		return Delivery{}, err
	}
	for _, d := range list {
		if d.ID == id {
			return d, nil
		}
	}
	return Delivery{}, signaling.Errorf(codeParameter, "there is no such callback: they are kept for %d days", int(store.OutboxAge/(24*time.Hour)))
}

// deliveries returns a room's callbacks of a state, or of any.
func (s *Service) deliveries(ctx context.Context, key store.Key, state State) ([]Delivery, error) {
	p, _, err := s.progress(ctx, key)
	if err != nil {
		return nil, err
	}
	values, err := s.cfg.Store.Values(ctx, store.BucketDelivery, key.App, string(key.Room))
	if err != nil {
		return nil, err
	}
	given := map[place]failed{}
	for k, v := range values {
		var f failed
		if at, ok := failedAt(k.Sub); ok && json.Unmarshal(v.Data, &f) == nil {
			given[at] = f
		}
	}
	var since time.Time
	switch state {
	case StatePending: // what is done with need not be read
		since = p.At
	case StateFailed:
		if len(given) == 0 {
			return nil, nil
		}
	}
	raws, err := s.since(ctx, key, since)
	if err != nil {
		return nil, err
	}
	l := line{place: p}
	var list []Delivery
	for _, raw := range raws {
		e, err := decodeOutbox(raw)
		if err != nil {
			continue // it is skipped by the delivery too
		}
		for i, c := range e.list {
			d := Delivery{
				ID: deliveryID(key, e.of, i), Room: key.Room, Command: c.Command, Recorded: e.at, State: StateDelivered, Body: c.Body,
			}
			if l.pendingAt(e, i) {
				d.State = StatePending
				if e.rev == p.Rev && i == p.Done && p.Attempts > 0 {
					d.Attempts, d.Error, d.Tried = p.Attempts, p.Error, time.UnixMilli(p.Tried)
				}
			} else if f, bad := given[place{e.of, i}]; bad {
				d.State, d.Attempts, d.Error, d.Tried = StateFailed, f.Attempts, f.Error, time.UnixMilli(f.Tried)
			}
			if state == "" || d.State == state {
				list = append(list, d)
			}
		}
	}
	return list, nil
}
