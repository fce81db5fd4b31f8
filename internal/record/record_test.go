package record_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var key = store.ValueKey{Bucket: store.BucketApp, App: 1, ID: "x"}

type doc struct{ N int }

func nodes(t *testing.T, n int) []*memstore.Node {
	c := memstore.New()
	list := make([]*memstore.Node, n)
	for i := range list {
		list[i] = c.Node()
		t.Cleanup(func() { require.NoError(t, list[i].Close()) })
	}
	return list
}

// Of many changes at many nodes at once none is lost.
func TestUpdatesLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, 3)
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				_, err := record.Update(t.Context(), all[i%3], key, func(d *doc, _ uint64) error { d.N++; return nil })
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		got, rev, err := record.Load[doc](t.Context(), all[0], key)
		require.NoError(t, err)
		require.NotZero(t, rev)
		require.Equal(t, doc{60}, got)
	})
}

func TestUpdateMayKeepOrRefuse(t *testing.T) {
	node := nodes(t, 1)[0]
	no := errors.New("no")
	_, err := record.Update(t.Context(), node, key, func(d *doc, rev uint64) error {
		require.Zero(t, rev)
		d.N = 1
		return record.ErrKeep
	})
	require.NoError(t, err)
	_, rev, err := record.Load[doc](t.Context(), node, key)
	require.NoError(t, err)
	require.Zero(t, rev, "nothing was stored")
	_, err = record.Update(t.Context(), node, key, func(d *doc, _ uint64) error { return no })
	require.ErrorIs(t, err, no)

	_, err = record.Update(t.Context(), node, key, func(d *doc, _ uint64) error { d.N = 2; return nil })
	require.NoError(t, err)
	require.ErrorIs(t, record.Delete(t.Context(), node, key, func(d doc) error { require.Equal(t, 2, d.N); return no }), no)
	require.NoError(t, record.Delete(t.Context(), node, key, func(doc) error { return nil }))
	require.NoError(t, record.Delete(t.Context(), node, key, func(doc) error { return no }), "not there: nothing to check")
	_, rev, err = record.Load[doc](t.Context(), node, key)
	require.NoError(t, err)
	require.Zero(t, rev)
}

// A document that is changed by others without end costs the caller no more than the context.
func TestUpdateEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		other := func(d *doc, _ uint64) error { d.N++; return nil }
		_, err := record.Update(ctx, all[0], key, func(*doc, uint64) error {
			_, err := record.Update(t.Context(), all[1], key, other)
			return err
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestUnreadableIsAnError(t *testing.T) {
	node := nodes(t, 1)[0]
	_, err := node.Put(t.Context(), key, []byte("{"), 0)
	require.NoError(t, err)
	_, _, err = record.Load[doc](t.Context(), node, key)
	require.ErrorContains(t, err, `record: app "x"`)
	_, err = record.Update(t.Context(), node, key, func(*doc, uint64) error { t.Fatal("not to be changed"); return nil })
	require.Error(t, err)
}

// TestScan: a change at any node is seen a second later at most, many at once are one, and without any a scan comes every
// ten seconds.
func TestScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, 2)
		began := time.Now()
		var at []time.Duration
		run, err := record.Scan(all[0], store.BucketApp, func(context.Context) { at = append(at, time.Since(began)) })
		require.NoError(t, err)
		change := func() {
			_, err := record.Update(t.Context(), all[1], key, func(d *doc, _ uint64) error { d.N++; return nil })
			assert.NoError(t, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { run(ctx) })
		time.Sleep(500 * time.Millisecond)
		for range 5 {
			change()
		}
		time.Sleep(2500 * time.Millisecond)
		change()
		time.Sleep(15 * time.Second)
		cancel()
		wg.Wait()
		require.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 13 * time.Second}, at)
	})
}
