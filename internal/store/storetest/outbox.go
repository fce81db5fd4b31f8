package storetest

import (
	"context"
	"strconv"
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

// outboxCases are those of the log, on the outbox, and that the kinds of logs do not meet. The audit log is the outbox's
// like but for its bound.
func outboxCases() []Case {
	cases := []Case{
		{"the outbox is another log", func(t *testing.T, n [2]store.Store) { logsApart(t, n, store.Store.Outbox) }},
		{"the audit log is another log", func(t *testing.T, n [2]store.Store) { logsApart(t, n, store.Store.Audit) }},
		{"the audit log keeps the newest entries", auditBounded},
	}
	for _, c := range logCases() {
		cases = append(cases, Case{"outbox: " + c.Name, func(t *testing.T, n [2]store.Store) {
			c.Run(t, [2]store.Store{outboxed{n[0], n[0].Outbox()}, outboxed{n[1], n[1].Outbox()}})
		}})
	}
	return cases
}

func logsApart(t *testing.T, n [2]store.Store, of func(store.Store) store.Log) {
	ctx := within(t)
	k := key(1, "room")
	appendAll(t, n[0], k, 0, "log")
	_, err := of(n[0]).Last(ctx, k)
	require.ErrorIs(t, err, store.ErrNotFound)
	revs := appendAll(t, of(n[1]), k, 0, "told")
	require.NoError(t, of(n[0]).Remove(ctx, k, revs[0]))
	e, err := n[1].Last(ctx, k)
	require.NoError(t, err)
	require.Equal(t, "log", string(e.Data))
}

// auditBounded: what is too much falls out at the old end, without a refusal, and other rooms keep theirs.
func auditBounded(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	other := appendAll(t, n[0].Audit(), key(1, "other"), 0, "act")
	k := key(1, "room")
	var last, first uint64
	for i := range store.AuditEntries + 3 {
		rev, err := n[0].Audit().Append(ctx, k, []byte(strconv.Itoa(i)), last)
		require.NoError(t, err)
		last = rev
		if i == 3 {
			first = rev
		}
	}
	list, err := n[1].Audit().After(ctx, k, 0, store.AuditEntries+3)
	require.NoError(t, err)
	require.Len(t, list, store.AuditEntries)
	require.Equal(t, first, list[0].Rev)
	require.Equal(t, strconv.Itoa(store.AuditEntries+2), string(list[len(list)-1].Data))
	e, err := n[1].Audit().Last(ctx, key(1, "other"))
	require.NoError(t, err)
	require.Equal(t, other[0], e.Rev)
}
