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
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
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

// away is a store whose connection is away for a moment: what is read then fails at once.
type away struct {
	store.Store
	until atomic.Int64 // Unix nanoseconds
}

func (a *away) breaks(d time.Duration) { a.until.Store(time.Now().Add(d).UnixNano()) }

func (a *away) err() error {
	if time.Now().UnixNano() >= a.until.Load() {
		return nil
	}
	return errors.New("nats: outbound buffer limit exceeded")
}

func (a *away) Alive(ctx context.Context) (map[store.NodeID][]byte, error) {
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.Store.Alive(ctx)
}

func (a *away) Rooms(ctx context.Context) ([]store.Key, error) {
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.Store.Rooms(ctx)
}

func (a *away) Last(ctx context.Context, key store.Key) (store.Entry, error) {
	if err := a.err(); err != nil {
		return store.Entry{}, err
	}
	return a.Store.Last(ctx, key)
}

// A start whose connection breaks goes on when it is back: nothing of it is lost by asking again. So does one who enters.
func TestConnectionThatBreaksForAMoment(t *testing.T) {
	try := func(t *testing.T, gone time.Duration) (starting, following error) {
		synctest.Test(t, func(t *testing.T) {
			cluster := memstore.New()
			one, other := cluster.Node(), cluster.Node()
			cfg := home.Config{Store: other, ID: "a", Members: func(store.Key) []home.Member { return nil }}
			former, err := home.Start(t.Context(), cfg)
			require.NoError(t, err)
			_, err = former.Create(t.Context(), key, command("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}}))
			require.NoError(t, err)
			other.Kill()
			_ = former.Stop(t.Context()) // its store is gone
			require.NoError(t, other.Close())

			st := &away{Store: one}
			st.breaks(gone)
			cfg.Store, cfg.ID = st, "b"
			node, err := home.Start(t.Context(), cfg)
			if starting = err; err == nil {
				time.Sleep(5 * time.Second)
				require.Equal(t, 1, node.Rooms(), "it has taken the room over")
				st.breaks(gone)
				var stop func()
				if _, stop, following = node.Follow(t.Context(), key, func(home.Entry, bool) {}); following == nil {
					stop()
				}
				require.NoError(t, node.Stop(t.Context()))
			}
			require.NoError(t, one.Close())
		})
		return starting, following
	}
	starting, following := try(t, time.Second)
	require.NoError(t, starting)
	require.NoError(t, following)
	starting, _ = try(t, time.Minute)
	require.ErrorContains(t, starting, "outbound buffer")
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
