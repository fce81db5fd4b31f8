package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

func nodeCases() []Case {
	return []Case{
		{"a beat counts for its time and its end is told", heartbeatExpires},
		{"beats keep a node alive", beatsRenew},
		{"gone is at once", gone},
		{"a watcher hears of those present first", watchPresent},
	}
}

type change struct {
	id    store.NodeID
	alive bool
}

// watch collects what node hears.
func watch(t *testing.T, node store.Store) <-chan change {
	t.Helper()
	ch := make(chan change, 100)
	cancel, err := node.Watch(func(id store.NodeID, alive bool) { ch <- change{id, alive} })
	require.NoError(t, err)
	t.Cleanup(cancel)
	return ch
}

func heartbeatExpires(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	changes := watch(t, n[1])
	start := time.Now()
	require.NoError(t, n[0].Beat(ctx, "a", []byte("at 10.0.0.1")))
	stored := time.Now()
	assert.Equal(t, change{"a", true}, receive(t, changes))
	alive, err := n[1].Alive(ctx)
	require.NoError(t, err)
	assert.Equal(t, map[store.NodeID][]byte{"a": []byte("at 10.0.0.1")}, alive)

	assert.Equal(t, change{"a", false}, receive(t, changes))
	assert.GreaterOrEqual(t, time.Since(start), n[1].HeartbeatTTL())
	assert.LessOrEqual(t, time.Since(stored), n[1].HeartbeatTTL()+time.Second)
	t.Logf("told %v after the TTL", time.Since(stored)-n[1].HeartbeatTTL())
	for _, node := range n {
		alive, err = node.Alive(ctx)
		require.NoError(t, err)
		assert.Empty(t, alive)
	}
	require.NoError(t, n[0].Beat(ctx, "a", nil), "it may come back")
	assert.Equal(t, change{"a", true}, receive(t, changes))
}

func beatsRenew(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	changes := watch(t, n[1])
	ttl := n[0].HeartbeatTTL()
	for i := range 5 {
		require.NoError(t, n[0].Beat(ctx, "a", []byte{byte(i)}))
		<-time.After(ttl / 3)
	}
	alive, err := n[1].Alive(ctx)
	require.NoError(t, err)
	assert.Equal(t, map[store.NodeID][]byte{"a": {4}}, alive)
	assert.Equal(t, change{"a", true}, receive(t, changes))
	assert.Empty(t, changes, "renewals tell nothing")
}

func gone(t *testing.T, n [2]store.Store) {
	ctx := within(t)
	changes := watch(t, n[1])
	require.NoError(t, n[0].Gone(ctx, "unknown"))
	require.NoError(t, n[0].Beat(ctx, "a", nil))
	assert.Equal(t, change{"a", true}, receive(t, changes))
	start := time.Now()
	require.NoError(t, n[0].Gone(ctx, "a"))
	alive, err := n[1].Alive(ctx)
	require.NoError(t, err)
	assert.Empty(t, alive)
	assert.Equal(t, change{"a", false}, receive(t, changes))
	assert.Less(t, time.Since(start), time.Second)
}

func watchPresent(t *testing.T, n [2]store.Store) {
	ctx := context.WithoutCancel(within(t))
	ids := []store.NodeID{"a", "b.*", ">"}
	var want []change
	for _, id := range ids {
		require.NoError(t, n[0].Beat(ctx, id, []byte(id)))
		want = append(want, change{id, true})
	}
	changes := watch(t, n[1])
	got := []change{receive(t, changes), receive(t, changes), receive(t, changes)}
	assert.ElementsMatch(t, want, got)
}
