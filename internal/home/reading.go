package home

import (
	"context"
	"errors"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// A question that breaks off with the connection gets no answer, not even an error. Whoever holds up a room's takeover, or
// all of them, with a question asks in time, and once more: the next one goes by the connection that there is then. One
// that is asked while the connection is away fails at once, which is how the store wants it (nothing waits for a connection
// to be sent late), and the connection comes back by itself: a moment later is soon enough.
const (
	readTry   = time.Second     // for a room's newest entry
	listTry   = 3 * time.Second // for more; each is doubled with every attempt, for it may be the store that is slow
	readMost  = 3               // attempts without an answer; then whoever wants it begins anew
	awayLimit = 2 * time.Second // for those that fail
	awayPause = 50 * time.Millisecond
)

func (n *Node) lastOf(ctx context.Context, key store.Key) (store.Entry, error) {
	return reading(ctx, readTry, func(ctx context.Context) (store.Entry, error) { return n.store.Last(ctx, key) })
}

func (n *Node) sinceOf(ctx context.Context, key store.Key, t time.Time) ([]store.Entry, error) {
	return reading(ctx, listTry, func(ctx context.Context) ([]store.Entry, error) { return n.store.Since(ctx, key, t) })
}

func (n *Node) roomsOf(ctx context.Context) ([]store.Key, error) {
	return reading(ctx, listTry, n.store.Rooms)
}

// reading asks until there is an answer, which may be that there is nothing. ctx ends it, or that the store is closed.
func reading[T any](ctx context.Context, limit time.Duration, ask func(context.Context) (T, error)) (answer T, err error) {
	begun := time.Now()
	for unanswered := 0; ; {
		try, cancel := context.WithTimeout(ctx, limit)
		answer, err = ask(try)
		silent := err != nil && try.Err() != nil
		cancel()
		switch {
		case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrClosed), ctx.Err() != nil:
			return answer, err
		case silent:
			if unanswered++; unanswered == readMost {
				return answer, err
			}
			limit *= 2
		case time.Since(begun) >= awayLimit:
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(awayPause):
		}
	}
}
