package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// outboxed is a store whose outbox is its log.
type outboxed struct {
	store.Store
	log store.Log
}

func (o outboxed) Append(ctx context.Context, key store.Key, data []byte, last uint64) (uint64, error) {
	return o.log.Append(ctx, key, data, last)
}

func (o outboxed) Last(ctx context.Context, key store.Key) (store.Entry, error) {
	return o.log.Last(ctx, key)
}

func (o outboxed) Since(ctx context.Context, key store.Key, t time.Time) ([]store.Entry, error) {
	return o.log.Since(ctx, key, t)
}

func (o outboxed) After(ctx context.Context, key store.Key, rev uint64, limit int) ([]store.Entry, error) {
	return o.log.After(ctx, key, rev, limit)
}

func (o outboxed) Rooms(ctx context.Context) ([]store.Key, error) { return o.log.Rooms(ctx) }

func (o outboxed) Trim(ctx context.Context, key store.Key, before uint64) error {
	return o.log.Trim(ctx, key, before)
}

func (o outboxed) Remove(ctx context.Context, key store.Key, last uint64) error {
	return o.log.Remove(ctx, key, last)
}

// outboxCases are those of the log, on the outbox, and that the two do not meet.
func outboxCases() []Case {
	cases := []Case{{"the outbox is another log", outboxApart}}
	for _, c := range logCases() {
		cases = append(cases, Case{"outbox: " + c.Name, func(t *testing.T, n [2]store.Store) {
			c.Run(t, [2]store.Store{outboxed{n[0], n[0].Outbox()}, outboxed{n[1], n[1].Outbox()}})
		}})
	}
	return cases
}

func outboxApart(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	k := key(1, "room")
	appendAll(t, n[0], k, 0, "log")
	_, err := n[0].Outbox().Last(ctx, k)
	require.ErrorIs(t, err, store.ErrNotFound)
	revs := appendAll(t, n[1].Outbox(), k, 0, "told")
	require.NoError(t, n[0].Outbox().Remove(ctx, k, revs[0]))
	e, err := n[1].Last(ctx, k)
	require.NoError(t, err)
	require.Equal(t, "log", string(e.Data))
}
