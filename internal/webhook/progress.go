package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// progress is how far a room has been told: a value in the store.
type progress struct {
	Rev  uint64    `json:"rev"`  // the outbox's revision of the newest entry that was begun
	At   time.Time `json:"at"`   // when the store got that entry
	Done int       `json:"done"` // how many of its callbacks are done with
	Over bool      `json:"over"` // all of them are
	Seq  uint64    `json:"seq"`  // how many of the room's callbacks are done with, whatever came of them

	Attempts int    `json:"attempts,omitempty"` // at the next callback
	Error    string `json:"error,omitempty"`    // of the newest of them
	Tried    int64  `json:"tried,omitempty"`    // its time, Unix milliseconds
}

// behind reports whether q is further than p.
func (p progress) behind(q progress) bool {
	return p.Rev < q.Rev || p.Rev == q.Rev && (p.Done < q.Done || !p.Over && q.Over)
}

func progressKey(key store.Key) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketDelivery, App: key.App, ID: string(key.Room)}
}

func decodeProgress(data []byte) (p progress, err error) {
	if len(data) == 0 {
		return p, nil
	}
	if err = json.Unmarshal(data, &p); err != nil {
		err = fmt.Errorf("webhook: unreadable progress: %w", err)
	}
	return p, err
}

// progress reads how far a room has been told, and the revision of that.
func (s *Service) progress(ctx context.Context, key store.Key) (p progress, rev uint64, err error) {
	v, err := s.get(ctx, progressKey(key))
	if err != nil {
		return p, 0, err
	}
	p, err = decodeProgress(v.Data)
	return p, v.Rev, err
}

// storeLimit is how long one question to the store may take.
const storeLimit = 5 * time.Second

// get returns a value; the zero one where there is none.
func (s *Service) get(ctx context.Context, key store.ValueKey) (store.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	v, err := s.cfg.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return store.Value{}, nil
	}
	return v, err
}

func (s *Service) put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	return s.cfg.Store.Put(ctx, key, data, last)
}

// remove removes a value, unless it has changed since, which is no error.
func (s *Service) remove(ctx context.Context, key store.ValueKey, last uint64) error {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	err := s.cfg.Store.Delete(ctx, key, last)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// since reads a room's outbox to its end, which is for operators; it may be long.
func (s *Service) since(ctx context.Context, key store.Key, t time.Time) ([]store.Entry, error) {
	return s.reading(ctx, func(ctx context.Context) ([]store.Entry, error) { return s.cfg.Store.Outbox().Since(ctx, key, t) })
}

// after reads what comes next in a room's outbox.
func (s *Service) after(ctx context.Context, key store.Key, rev uint64) ([]store.Entry, error) {
	return s.reading(ctx, func(ctx context.Context) ([]store.Entry, error) {
		return s.cfg.Store.Outbox().After(ctx, key, rev, windowPage)
	})
}

// reading bounds how many outboxes are read at once: what is in them may be large.
func (s *Service) reading(ctx context.Context, read func(context.Context) ([]store.Entry, error)) ([]store.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	select {
	case s.reads <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.reads }()
	return read(ctx)
}
