package home_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// ledger wants to be told of every entry in which something happens, and remembers what a room's log held before it was
// trimmed or removed.
type ledger struct {
	unwanted atomic.Bool
	nudges   atomic.Int64

	mu    sync.Mutex
	truth map[uint64]home.Entry // by revision, of what has been trimmed
}

func (l *ledger) Wanted(signaling.AppID) bool { return !l.unwanted.Load() }

func (l *ledger) Record(_ store.Key, rev uint64, e home.Entry) []byte {
	if len(e.Events) == 0 {
		return nil
	}
	b, err := json.Marshal(struct {
		Version uint64
		What    string
	}{e.Version, describe([]home.Entry{e})[0]})
	if err != nil {
		panic(err)
	}
	return b
}

// keep notes what the log holds.
func (l *ledger) keep(raw []store.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.truth == nil {
		l.truth = map[uint64]home.Entry{}
	}
	for _, r := range raw {
		var e home.Entry
		if err := json.Unmarshal(r.Data, &e); err != nil {
			panic(err)
		}
		l.truth[r.Rev] = e
	}
}

// everything is all entries in their order.
func (l *ledger) everything() (list []home.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rev := range slices.Sorted(maps.Keys(l.truth)) {
		list = append(list, l.truth[rev])
	}
	return list
}

func (c *cluster) keep() {
	n := c.store.Node()
	defer n.Close()
	raw, err := n.Since(c.t.Context(), key, time.Time{})
	require.NoError(c.t, err)
	c.outbox.keep(raw)
}

// told returns the room's outbox.
func (c *cluster) told() (list []home.Told) {
	n := c.store.Node()
	defer n.Close()
	raw, err := n.Outbox().Since(c.t.Context(), key, time.Time{})
	require.NoError(c.t, err)
	for _, r := range raw {
		var t home.Told
		require.NoError(c.t, json.Unmarshal(r.Data, &t))
		list = append(list, t)
	}
	return list
}

// story is what the outbox tells, one line an entry.
func (c *cluster) story() (lines []string) {
	for _, t := range c.told() {
		var r struct{ What string }
		require.NoError(c.t, json.Unmarshal(t.Data, &r))
		lines = append(lines, strings.TrimSpace(r.What))
	}
	return lines
}

// accounted checks that the outbox is Record of each entry that the log has ever held, once and in order.
func (c *cluster) accounted() {
	c.t.Helper()
	synctest.Wait()
	c.keep()
	var want []home.Told
	for _, rev := range slices.Sorted(maps.Keys(c.outbox.truth)) {
		if e := c.outbox.truth[rev]; e.Tell {
			if data := c.outbox.Record(key, rev, e); data != nil {
				want = append(want, home.Told{Rev: rev, Data: data})
			}
		}
	}
	told := c.told()
	for i := range min(len(want), len(told)) {
		require.Equal(c.t, want[i], told[i], "entry %d", i)
	}
	require.Equal(c.t, len(want), len(told), "entries")
	require.GreaterOrEqual(c.t, int(c.outbox.nudges.Load()), len(want), "whoever delivers is told")
}

// Trim and Remove are what a log forgets by: the test remembers.
func (d deafStore) Trim(ctx context.Context, key store.Key, before uint64) error {
	d.remember()
	return d.Store.Trim(ctx, key, before)
}

func (d deafStore) Remove(ctx context.Context, key store.Key, last uint64) error {
	d.remember()
	return d.Store.Remove(ctx, key, last)
}

func (d deafStore) remember() {
	if d.n.c.outbox != nil {
		d.n.c.keep()
	}
}

func (d deafStore) Outbox() store.Log { return fullLog{d.Store.Outbox(), d.n} }

// fullLog is an outbox that can be out of order.
type fullLog struct {
	store.Log
	n *node
}

var errFull = errors.New("no space left")

func (l fullLog) Append(ctx context.Context, key store.Key, data []byte, last uint64) (uint64, error) {
	l.n.talks.Add(1)
	if l.n.full.Load() {
		return 0, errFull
	}
	if l.n.space.Load() > 0 && l.n.space.Add(-1) == 0 {
		l.n.full.Store(true)
	}
	return l.Log.Append(ctx, key, data, last)
}

func (l fullLog) Last(ctx context.Context, key store.Key) (store.Entry, error) {
	l.n.talks.Add(1)
	if l.n.full.Load() {
		return store.Entry{}, errFull
	}
	return l.Log.Last(ctx, key)
}
