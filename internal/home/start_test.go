package home_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
)

// leaderless is a store that elects a leader: it takes no heartbeats until there is one.
type leaderless struct {
	store.Store
	refusals atomic.Int32
}

func (l *leaderless) Beat(ctx context.Context, id store.NodeID, info []byte) error {
	if l.refusals.Add(-1) >= 0 {
		return errors.New("no leader")
	}
	return l.Store.Beat(ctx, id, info)
}

// A node that starts while its cluster elects a leader waits for it, but not for ever.
func TestStartWaitsForTheStore(t *testing.T) {
	start := func(t *testing.T, refusals int32) (took time.Duration, err error) {
		synctest.Test(t, func(t *testing.T) {
			n := memstore.New().Node()
			st := &leaderless{Store: n}
			st.refusals.Store(refusals)
			begin := time.Now()
			var node *home.Node
			node, err = home.Start(t.Context(), home.Config{Store: st, ID: "a", Members: func(store.Key) []home.Member { return nil }})
			took = time.Since(begin)
			if err == nil {
				require.NoError(t, node.Stop(t.Context()))
			}
			require.NoError(t, n.Close())
		})
		return took, err
	}
	took, err := start(t, 3)
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, took)
	took, err = start(t, 1000)
	require.ErrorContains(t, err, "no leader")
	require.Equal(t, 15*time.Second, took)
}
