package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// failed says of a callback that was given up, or whose replay failed: a value in the store.
type failed struct {
	Attempts int    `json:"attempts"`
	Error    string `json:"error"`
	Tried    int64  `json:"tried"` // Unix milliseconds
}

func failedKey(key store.Key, rev uint64, index int) store.ValueKey {
	k := progressKey(key)
	k.Sub = fmt.Sprintf("failed.%d.%d", rev, index)
	return k
}

// failedAt undoes failedKey's Sub.
func failedAt(sub string) (at place, ok bool) {
	rest, ok := strings.CutPrefix(sub, "failed.")
	rev, index, ok2 := strings.Cut(rest, ".")
	var err1, err2 error
	at.Rev, err1 = strconv.ParseUint(rev, 10, 64)
	at.Index, err2 = strconv.Atoi(index)
	return at, ok && ok2 && err1 == nil && err2 == nil
}

// replaysKey is where it stands what of a room is to be delivered again.
func replaysKey(key store.Key) store.ValueKey {
	k := progressKey(key)
	k.Sub = "replays"
	return k
}

// place names a callback of a room: the revision of the log entry that it tells of, and its index there.
type place struct {
	Rev   uint64 `json:"rev"`
	Index int    `json:"index"`
}

func (p place) before(q place) bool { return p.Rev < q.Rev || p.Rev == q.Rev && p.Index < q.Index }

// span is a range of callbacks that are to be delivered again, both ends included.
type span struct {
	From place `json:"from"` // what is left begins here
	To   place `json:"to"`
}

// maxSpans bounds what may be waiting for a room.
const maxSpans = 100

// fail notes that a callback was not delivered.
func (l *line) fail(ctx context.Context, rev uint64, index int, f failed) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	s, key := l.d.service, failedKey(l.key, rev, index)
	ctx = context.WithoutCancel(ctx)
	var last uint64
	for {
		_, err := s.put(ctx, key, data, last)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		v, err := s.get(ctx, key)
		if err != nil {
			return err
		}
		last = v.Rev
	}
}

// forgive notes that a callback that had failed is delivered now.
func (l *line) forgive(ctx context.Context, rev uint64, index int) error {
	s, key := l.d.service, failedKey(l.key, rev, index)
	v, err := s.get(ctx, key)
	if err != nil || v.Rev == 0 {
		return err
	}
	return s.remove(ctx, key, v.Rev)
}

// replay delivers some of what an operator wants delivered again; left says that there is more. Each gets one attempt. What
// has not been delivered for the first time yet is left out: that comes anyway.
func (l *line) replay(ctx context.Context) (left bool, err error) {
	s := l.d.service
	v, err := s.get(ctx, replaysKey(l.key))
	if err != nil || v.Rev == 0 {
		return err != nil, err
	}
	var spans []span
	if err := json.Unmarshal(v.Data, &spans); err != nil {
		return true, err
	}
	list, err := s.since(ctx, l.key, time.Time{})
	if err != nil {
		return true, err
	}
	if len(spans) > 0 {
		if left, err = l.replaySpan(ctx, &spans[0], list); err != nil {
			return true, err
		}
		if !left {
			spans = spans[1:]
		}
	}
	if len(spans) == 0 {
		ctx, cancel := context.WithTimeout(ctx, storeLimit)
		defer cancel()
		err = s.cfg.Store.Delete(ctx, replaysKey(l.key), v.Rev)
	} else {
		var data []byte
		if data, err = json.Marshal(spans); err == nil {
			_, err = s.put(ctx, replaysKey(l.key), data, v.Rev)
		}
	}
	if errors.Is(err, store.ErrConflict) {
		return true, nil // more is wanted; some of it comes twice
	}
	return len(spans) > 0, err
}

// replaySpan delivers up to turnLimit callbacks of a span, and moves its beginning.
func (l *line) replaySpan(ctx context.Context, sp *span, list []store.Entry) (left bool, err error) {
	n := 0
	for _, raw := range list {
		e, err := decodeOutbox(raw)
		if err != nil || e.of < sp.From.Rev || e.of > sp.To.Rev {
			continue
		}
		for i, c := range e.list {
			at := place{e.of, i}
			if at.before(sp.From) || sp.To.before(at) || l.pendingAt(e, i) {
				continue
			}
			if n == turnLimit || l.d.stopping() {
				sp.From = at
				return true, nil
			}
			n++
			if err := l.replayOne(ctx, e, i, c); err != nil {
				return true, err
			}
		}
	}
	return false, nil
}

// pendingAt reports whether a callback waits for its first delivery.
func (l *line) pendingAt(e entry, index int) bool {
	return e.rev > l.place.Rev || e.rev == l.place.Rev && !l.place.Over && index >= l.place.Done
}

func (l *line) replayOne(ctx context.Context, e entry, index int, c callback) error {
	s := l.d.service
	set, err := l.settings(ctx, c.Command)
	if err != nil {
		return err
	}
	var f failed
	v, err := s.get(ctx, failedKey(l.key, e.of, index))
	if err != nil {
		return err
	}
	_ = json.Unmarshal(v.Data, &f) // none, mostly; it only counts
	start := time.Now()
	failure := errors.New("the app does not want this callback")
	if set.wants(c.Command) {
		failure = s.post(ctx, l.key.App, set, delivery{
			callback: c, id: deliveryID(l.key, e.of, index), attempt: f.Attempts + 1, replay: true,
		})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failure == nil {
		s.cfg.Observe(c.Command, Replayed, time.Since(start))
		return l.forgive(ctx, e.of, index)
	}
	s.cfg.Observe(c.Command, Failed, time.Since(start))
	return l.fail(ctx, e.of, index, failed{f.Attempts + 1, "replay: " + failure.Error(), time.Now().UnixMilli()})
}

// Replay has callbacks of a room delivered again: those from one delivery to another, both included. It returns when that
// is certain to happen, and how many callbacks it is about.
func (s *Service) Replay(ctx context.Context, app signaling.AppID, from, to string) (int, error) {
	key, fromRev, fromIndex, ok := parseID(from)
	key2, toRev, toIndex, ok2 := parseID(to)
	sp := span{place{fromRev, fromIndex}, place{toRev, toIndex}}
	switch {
	case !ok || !ok2 || key.App != app:
		return 0, unknownDelivery()
	case key != key2:
		return 0, signaling.Errorf(codeParameter, "the two deliveries are of different rooms")
	case sp.To.before(sp.From):
		return 0, signaling.Errorf(codeParameter, "the range ends before it begins")
	}
	list, err := s.since(ctx, key, time.Time{})
	if err != nil {
		return 0, err
	}
	p, _, err := s.progress(ctx, key)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, raw := range list {
		e, err := decodeOutbox(raw)
		if err != nil {
			continue
		}
		for i := range e.list {
			at := place{e.of, i}
			l := line{place: p}
			if !at.before(sp.From) && !sp.To.before(at) && !l.pendingAt(e, i) {
				n++
			}
		}
	}
	if n == 0 {
		return 0, signaling.Errorf(codeParameter, "no callback there that was delivered or given up: it is waiting for its first delivery, or more than %d days old", int(store.OutboxAge/(24*time.Hour)))
	}
	return n, s.order(ctx, key, sp)
}

// order stores what is to be delivered again, and tells the node that does it.
func (s *Service) order(ctx context.Context, key store.Key, sp span) error {
	_, err := record.Update(ctx, s.cfg.Store, replaysKey(key), func(spans *[]span, _ uint64) error {
		if len(*spans) >= maxSpans {
			return signaling.Errorf(signaling.ErrTooFrequent.Code, "%d replays of this room are waiting; wait until they are done", maxSpans)
		}
		*spans = append(*spans, sp)
		return nil
	})
	if err == nil {
		s.wake(key, true)
	}
	return err
}

func unknownDelivery() error {
	return signaling.Errorf(codeParameter, "DeliveryId is not one of this app; list_deliveries names them")
}
