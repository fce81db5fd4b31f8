package memstore_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) [2]store.Store {
		c := memstore.New()
		return [2]store.Store{c.Node(), c.Node()}
	})
}

// TestContractInBubble ends only when no goroutine is left, which the bubble checks.
func TestContractInBubble(t *testing.T) {
	for _, c := range storetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster := memstore.New()
				nodes := [2]store.Store{cluster.Node(), cluster.Node()}
				t.Cleanup(func() {
					require.NoError(t, nodes[0].Close())
					require.NoError(t, nodes[1].Close())
				})
				c.Run(t, nodes)
			})
		})
	}
}

var room = store.Key{App: 1, Room: "r"}

// bubble runs f with two nodes on virtual time.
func bubble(t *testing.T, f func(t *testing.T, c *memstore.Cluster, a, b *memstore.Node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := memstore.New()
		a, b := c.Node(), c.Node()
		f(t, c, a, b)
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	})
}

func TestFailNextAppend(t *testing.T) {
	bubble(t, func(t *testing.T, c *memstore.Cluster, a, _ *memstore.Node) {
		ctx := t.Context()
		c.FailNextAppend(memstore.Before)
		c.FailNextAppend(memstore.After)
		_, err := a.Append(ctx, room, []byte("one"), 0)
		require.ErrorIs(t, err, memstore.ErrInjected)
		_, err = a.Last(ctx, room)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = a.Append(ctx, room, []byte("one"), 0)
		require.ErrorIs(t, err, memstore.ErrInjected)
		_, err = a.Append(ctx, room, []byte("one"), 0)
		require.ErrorIs(t, err, store.ErrConflict, "a retry looks like a conflict")
		e, err := a.Last(ctx, room)
		require.NoError(t, err)
		_, err = a.Append(ctx, room, []byte("two"), e.Rev)
		require.NoError(t, err)
	})
}

func TestPausedNodeIsFenced(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memstore.Cluster, a, b *memstore.Node) {
		ctx := t.Context()
		rev, err := a.Append(ctx, room, []byte("a's"), 0)
		require.NoError(t, err)
		require.NoError(t, a.Beat(ctx, "a", nil))
		var heard []string
		topic := store.Topic{Kind: store.KindRoom, App: 1, Room: "r"}
		cancel, err := a.Subscribe(topic, func(data []byte) { heard = append(heard, string(data)) })
		require.NoError(t, err)
		defer cancel()

		a.Pause()
		result := make(chan error, 1)
		go func() {
			_, err := a.Append(ctx, room, []byte("a's second"), rev)
			result <- err
		}()
		time.Sleep(store.HeartbeatTTL)
		synctest.Wait()
		alive, err := b.Alive(ctx)
		require.NoError(t, err)
		assert.Empty(t, alive, "its heartbeat has run out")
		_, err = b.Append(ctx, room, []byte("b takes over"), rev)
		require.NoError(t, err)
		require.NoError(t, b.Publish(topic, []byte("one")))
		require.NoError(t, b.Publish(topic, []byte("two")))
		synctest.Wait()
		assert.Empty(t, heard)
		assert.Empty(t, result, "it is stopped")

		a.Resume()
		require.ErrorIs(t, <-result, store.ErrConflict)
		synctest.Wait()
		assert.Equal(t, []string{"one", "two"}, heard)
	})
}

func TestPausedNodeAnswersAfterResume(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memstore.Cluster, a, b *memstore.Node) {
		topic := store.Topic{Kind: store.KindCommand, Node: "a"}
		_, err := a.Serve(topic, func(data []byte, reply func([]byte)) { reply(data) })
		require.NoError(t, err)
		a.Pause()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = b.Request(ctx, topic, []byte("x"))
		require.ErrorIs(t, err, context.DeadlineExceeded, "it has a responder, but a stopped one")
		time.AfterFunc(time.Minute, a.Resume)
		got, err := b.Request(t.Context(), topic, []byte("y"))
		require.NoError(t, err)
		assert.Equal(t, "y", string(got))
	})
}

func TestKilledNodeVanishes(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memstore.Cluster, a, b *memstore.Node) {
		ctx := t.Context()
		topic := store.Topic{Kind: store.KindCommand, Node: "a"}
		replies := make(chan func([]byte), 1)
		_, err := a.Serve(topic, func(_ []byte, reply func([]byte)) { replies <- reply })
		require.NoError(t, err)
		require.NoError(t, a.Beat(ctx, "a", nil))
		died := make(chan time.Time, 1)
		_, err = b.Watch(func(_ store.NodeID, alive bool) {
			if !alive {
				died <- time.Now()
			}
		})
		require.NoError(t, err)
		waiting := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			_, err := b.Request(ctx, topic, nil)
			waiting <- err
		}()
		reply := <-replies

		start := time.Now()
		a.Kill()
		reply([]byte("from the dead"))
		_, err = b.Request(ctx, topic, nil)
		require.ErrorIs(t, err, store.ErrNoResponder)
		_, err = a.Append(ctx, room, nil, 0)
		require.ErrorIs(t, err, store.ErrClosed)
		assert.Equal(t, store.HeartbeatTTL, (<-died).Sub(start), "its heartbeat runs out, no sooner")
		require.ErrorIs(t, <-waiting, context.DeadlineExceeded, "a taken request is never answered")
	})
}

func TestKillEndsAPausedNode(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memstore.Cluster, a, _ *memstore.Node) {
		a.Pause()
		result := make(chan error, 1)
		go func() { result <- a.Publish(store.Topic{Kind: store.KindNodes}, nil) }()
		synctest.Wait()
		a.Kill()
		require.ErrorIs(t, <-result, store.ErrClosed)
	})
}

func TestSlowSubscriberIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memstore.Cluster, a, b *memstore.Node) {
		topic := store.Topic{Kind: store.KindMedia, App: 1, Room: "r"}
		release := make(chan struct{})
		var got, lost int
		cancelLost := a.OnReconnect(func() { lost++ })
		cancel, err := a.Subscribe(topic, func([]byte) { <-release; got++ })
		require.NoError(t, err)
		const sent = 70_000
		for range sent {
			require.NoError(t, b.Publish(topic, []byte("x")))
		}
		close(release)
		synctest.Wait()
		cancel()
		cancelLost()
		assert.Positive(t, lost)
		assert.Less(t, got, sent)
		assert.GreaterOrEqual(t, got, 64<<10)
	})
}

func TestDisconnectTells(t *testing.T) {
	bubble(t, func(t *testing.T, _ *memstore.Cluster, a, b *memstore.Node) {
		toldA, toldB := 0, 0
		a.OnReconnect(func() { toldA++ })
		b.OnReconnect(func() { toldB++ })
		a.Disconnect()
		synctest.Wait()
		assert.Equal(t, 1, toldA)
		assert.Zero(t, toldB)
	})
}

func BenchmarkAppend3KB(b *testing.B) {
	n := memstore.New().Node()
	defer n.Close()
	data := make([]byte, 3<<10)
	var last uint64
	for b.Loop() {
		rev, err := n.Append(b.Context(), room, data, last)
		if err != nil {
			b.Fatal(err)
		}
		if err := n.Trim(b.Context(), room, rev); err != nil {
			b.Fatal(err)
		}
		last = rev
	}
}

func BenchmarkPublishReceive(b *testing.B) {
	n := memstore.New().Node()
	defer n.Close()
	topic := store.Topic{Kind: store.KindMedia, App: 1, Room: "r"}
	got := make(chan struct{}, 1)
	if _, err := n.Subscribe(topic, func([]byte) { got <- struct{}{} }); err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 200)
	for b.Loop() {
		if err := n.Publish(topic, data); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}
