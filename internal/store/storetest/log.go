package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func logCases() []Case {
	return []Case{
		{"append reads back on the other node", appendReadsBack},
		{"append with another last is a conflict", appendConflicts},
		{"two writers race on one room", writersRace},
		{"since", since},
		{"since reads a long log", sinceLong},
		{"after reads page by page", after},
		{"rooms of all apps with all printable ids", roomsAndIDs},
		{"trim never forgets the newest", trim},
		{"remove spares what came later", remove},
		{"payloads up to the limit", payloads},
		{"a context that has ended", endedContext},
	}
}

func appendReadsBack(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	k := key(1, "room")
	_, err := n[0].Last(ctx, k)
	require.ErrorIs(t, err, store.ErrNotFound)

	before := time.Now()
	data := []byte("one")
	rev, err := n[0].Append(ctx, k, data, 0)
	require.NoError(t, err)
	copy(data, "XXX") // the store has its own copy
	e, err := n[1].Last(ctx, k)
	require.NoError(t, err)
	assert.Equal(t, "one", string(e.Data))
	assert.Equal(t, rev, e.Rev)
	assert.WithinRange(t, e.Time, before.Add(-time.Second), time.Now().Add(time.Second))

	revs := appendAll(t, n[1], k, rev, "two", "three")
	e, err = n[0].Last(ctx, k)
	require.NoError(t, err)
	assert.Equal(t, "three", string(e.Data))
	assert.Equal(t, revs[1], e.Rev)
}

func appendConflicts(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	k := key(1, "room")
	_, err := n[0].Append(ctx, k, []byte("x"), 7)
	require.ErrorIs(t, err, store.ErrConflict, "no entry, but a last")
	revs := appendAll(t, n[0], k, 0, "one", "two")
	for _, last := range []uint64{0, revs[0], revs[1] + 1} {
		_, err = n[1].Append(ctx, k, []byte("x"), last)
		require.ErrorIs(t, err, store.ErrConflict, "last %d", last)
	}
	// Another room neither helps nor hurts.
	appendAll(t, n[1], key(1, "other"), 0, "o")
	appendAll(t, n[1], key(2, "room"), 0, "p")
	appendAll(t, n[1], k, revs[1], "three")
	got, err := n[0].Since(ctx, k, time.Time{})
	require.NoError(t, err)
	assert.Equal(t, []string{"one", "two", "three"}, texts(got))
}

// writersRace has both nodes append to one room as fast as they can. What was acknowledged is in the log exactly once
// and in the order of revisions; nothing else is.
func writersRace(t *testing.T, n [2]store.Store) {
	const each = 100
	ctx := within(t)
	k := key(1, "raced")
	var mu sync.Mutex
	acked := map[uint64]string{}
	var wg sync.WaitGroup
	for w, node := range n {
		wg.Go(func() {
			var last uint64
			for i := 0; i < each; {
				data := fmt.Sprintf("writer %d entry %d", w, i)
				rev, err := node.Append(ctx, k, []byte(data), last)
				if errors.Is(err, store.ErrConflict) {
					e, err := node.Last(ctx, k)
					if !assert.NoError(t, err) {
						return
					}
					last = e.Rev
					continue
				}
				if !assert.NoError(t, err) {
					return
				}
				mu.Lock()
				acked[rev] = data
				mu.Unlock()
				last, i = rev, i+1
			}
		})
	}
	wg.Wait()
	entries, err := n[0].Since(ctx, k, time.Time{})
	require.NoError(t, err)
	require.Len(t, acked, 2*each, "each success has a revision of its own")
	require.Len(t, entries, 2*each)
	var last uint64
	for _, e := range entries {
		assert.Greater(t, e.Rev, last)
		assert.Equal(t, acked[e.Rev], string(e.Data))
		last = e.Rev
	}
}

func since(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	k := key(1, "room")
	got, err := n[0].Since(ctx, k, time.Time{})
	require.NoError(t, err)
	assert.Empty(t, got)

	revs := appendAll(t, n[0], k, 0, "one")
	waitForClock(t)
	revs = append(revs, appendAll(t, n[0], k, revs[0], "two", "three")...)
	appendAll(t, n[0], key(1, "other"), 0, "not ours")
	all, err := n[1].Since(ctx, k, time.Time{})
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two", "three"}, texts(all))
	for i, e := range all {
		assert.Equal(t, revs[i], e.Rev)
	}
	got, err = n[1].Since(ctx, k, all[1].Time)
	require.NoError(t, err)
	assert.Equal(t, []string{"two", "three"}, texts(got), "the time itself counts")
	got, err = n[1].Since(ctx, k, all[0].Time.Add(1))
	require.NoError(t, err)
	assert.Equal(t, []string{"two", "three"}, texts(got))
	got, err = n[1].Since(ctx, k, all[2].Time.Add(1))
	require.NoError(t, err)
	assert.Empty(t, got)
}

// waitForClock has the next entry be stored at a later time than the last.
func waitForClock(t *testing.T) {
	t.Helper()
	<-time.After(2 * time.Millisecond)
}

func sinceLong(t *testing.T, n [2]store.Store) {
	const count = 700
	k, other := key(1, "long"), key(1, "beside")
	var last, lastOther uint64
	for i := range count {
		last = appendAll(t, n[0], k, last, fmt.Sprint(i))[0]
		lastOther = appendAll(t, n[0], other, lastOther, "x")[0]
	}
	got, err := n[1].Since(within(t), k, time.Time{})
	require.NoError(t, err)
	require.Len(t, got, count)
	for i, e := range got {
		require.Equal(t, fmt.Sprint(i), string(e.Data))
	}
}

func after(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	k := key(1, "room")
	got, err := n[0].After(ctx, k, 0, 10)
	require.NoError(t, err)
	require.Empty(t, got)
	var revs []uint64
	var last, lastOther uint64
	for i := range 300 {
		last = appendAll(t, n[0], k, last, fmt.Sprint(i))[0]
		lastOther = appendAll(t, n[0], key(1, "beside"), lastOther, "x")[0]
		revs = append(revs, last)
	}
	for _, limit := range []int{7, 100, 299, 300, 1000} {
		var all []store.Entry
		for at := uint64(0); ; {
			page, err := n[1].After(ctx, k, at, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			all = append(all, page...)
			if len(page) < limit {
				break
			}
			at = page[len(page)-1].Rev
		}
		require.Len(t, all, 300)
		for i, e := range all {
			require.Equal(t, fmt.Sprint(i), string(e.Data))
			require.Equal(t, revs[i], e.Rev)
		}
	}
	got, err = n[1].After(ctx, k, revs[297], 1)
	require.NoError(t, err)
	require.Equal(t, []string{"298"}, texts(got))
	require.NoError(t, n[0].Trim(ctx, k, revs[200]))
	got, err = n[1].After(ctx, k, revs[10], 2)
	require.NoError(t, err)
	require.Equal(t, []string{"200", "201"}, texts(got), "what is trimmed is passed over")
	got, err = n[1].After(ctx, k, revs[299], 2)
	require.NoError(t, err)
	require.Empty(t, got)
}

// roomsAndIDs gives each character a room, and rooms that NATS would read as patterns.
func roomsAndIDs(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	keys := []store.Key{
		key(1, "*"), key(1, ">"), key(1, "a.b"), key(1, "a.*"), key(1, "a.>"), key(1, "a b"), key(1, " "), key(1, "."),
		key(1, "$JS.API.>"), key(2, "*"), key(4294967295, "a"), key(0, "a"),
	}
	for c := byte(0x20); c <= 0x7e; c++ {
		keys = append(keys, key(1, signaling.RoomID("r"+string(c)+"r")))
	}
	revs := map[store.Key]uint64{}
	for _, k := range keys {
		revs[k] = appendAll(t, n[0], k, 0, fmt.Sprintf("%d %q", k.App, k.Room))[0]
	}
	got, err := n[1].Rooms(ctx)
	require.NoError(t, err)
	assert.ElementsMatch(t, keys, got)
	for _, k := range keys {
		e, err := n[1].Last(ctx, k)
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("%d %q", k.App, k.Room), string(e.Data))
	}
	// A room whose name is a pattern takes nobody along.
	for i, k := range keys[:5] {
		require.NoError(t, n[1].Remove(ctx, k, revs[k]+1_000_000))
		got, err = n[0].Rooms(ctx)
		require.NoError(t, err)
		assert.ElementsMatch(t, keys[i+1:], got)
	}
}

func trim(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	k := key(1, "room")
	require.NoError(t, n[0].Trim(ctx, k, 5), "nothing to trim")
	revs := appendAll(t, n[0], k, 0, "one", "two", "three", "four")
	for _, c := range []struct {
		before uint64
		want   []string
	}{
		{0, []string{"one", "two", "three", "four"}},
		{revs[2], []string{"three", "four"}},
		{revs[1], []string{"three", "four"}},
		{revs[3] + 100, []string{"four"}},
	} {
		require.NoError(t, n[1].Trim(ctx, k, c.before))
		got, err := n[0].Since(ctx, k, time.Time{})
		require.NoError(t, err)
		assert.Equal(t, c.want, texts(got))
	}
	appendAll(t, n[0], k, revs[3], "five")
}

func remove(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	k, other := key(1, "room"), key(1, "other")
	require.NoError(t, n[0].Remove(ctx, k, 5), "nothing to remove")
	appendAll(t, n[0], other, 0, "stays")
	revs := appendAll(t, n[0], k, 0, "one", "two", "three")
	require.NoError(t, n[1].Remove(ctx, k, 0))
	require.NoError(t, n[1].Remove(ctx, k, revs[1]))
	got, err := n[0].Since(ctx, k, time.Time{})
	require.NoError(t, err)
	assert.Equal(t, []string{"three"}, texts(got), "what came later survives")

	require.NoError(t, n[1].Remove(ctx, k, revs[2]))
	_, err = n[0].Last(ctx, k)
	require.ErrorIs(t, err, store.ErrNotFound)
	rooms, err := n[0].Rooms(ctx)
	require.NoError(t, err)
	assert.Equal(t, []store.Key{other}, rooms)

	_, err = n[0].Append(ctx, k, []byte("x"), revs[2])
	require.ErrorIs(t, err, store.ErrConflict, "the old home does not bring it back")
	again := appendAll(t, n[0], k, 0, "new")
	assert.Greater(t, again[0], revs[2])
}

func payloads(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	k := key(1, "big")
	var last uint64
	for _, size := range []int{0, 64 << 10, store.MaxPayload} {
		data := bytes.Repeat([]byte{0xa5}, size)
		last = appendAll(t, n[0], k, last, string(data))[0]
		e, err := n[1].Last(ctx, k)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, e.Data), "size %d", size)
	}
	over := make([]byte, store.MaxPayload+1)
	_, err := n[0].Append(ctx, k, over, last)
	require.ErrorIs(t, err, store.ErrTooLarge)
	topic := store.Topic{Kind: store.KindNodes}
	require.ErrorIs(t, n[0].Publish(topic, over), store.ErrTooLarge)
	_, err = n[0].Request(ctx, topic, over)
	require.ErrorIs(t, err, store.ErrTooLarge)
}

func endedContext(t *testing.T, n [2]store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := key(1, "room")
	_, err := n[0].Append(ctx, k, []byte("x"), 0)
	require.ErrorIs(t, err, context.Canceled)
	_, err = n[0].Last(ctx, k)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, n[0].Remove(ctx, k, 1), context.Canceled)
	_, err = n[0].Alive(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
