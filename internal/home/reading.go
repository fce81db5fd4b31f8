package home

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// A question that breaks off with the connection gets no answer, not even an error. Whoever holds up a room's takeover, or
// all of them, with a question asks in time, and once more: the next one goes by the connection that there is then.
const (
	readTry  = time.Second     // for a room's newest entry
	listTry  = 3 * time.Second // for more; each is doubled with every attempt, for it may be the store that is slow
	readMost = 3               // attempts; then whoever wants the answer begins anew
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

// reading asks until there is an answer, which may be an error. ctx ends it, or the last attempt.
func reading[T any](ctx context.Context, limit time.Duration, ask func(context.Context) (T, error)) (answer T, err error) {
	for range readMost {
		try, cancel := context.WithTimeout(ctx, limit)
		answer, err = ask(try)
		unanswered := err != nil && try.Err() != nil
		cancel()
		if !unanswered || ctx.Err() != nil {
			break
		}
		limit *= 2
	}
	return answer, err
}
