package storetest

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func busCases() []Case {
	return []Case{
		{"a thousand messages in order to every subscriber", publishInOrder},
		{"topics do not mix", topicsApart},
		{"cancel waits and ends", cancelWaits},
		{"request and reply", requestReply},
		{"no responder is told at once", noResponder},
		{"a late reply from another goroutine", lateReply},
		{"a request ends with its context", requestTimeout},
		{"a closed store", closedStore},
		{"close ends a waiting request", closeEndsRequest},
	}
}

func room(name signaling.RoomID) store.Topic {
	return store.Topic{Kind: store.KindRoom, App: 1, Room: name}
}

func publishInOrder(t *testing.T, n [2]store.Store) {
	const count = 1000
	type end struct {
		got  int
		text string
	}
	ends := make(chan end, 3)
	for i, node := range []store.Store{n[0], n[1], n[1]} {
		next := 0
		var busy atomic.Bool
		cancel, err := node.Subscribe(room("r"), func(data []byte) {
			if busy.Swap(true) {
				t.Errorf("subscriber %d: two calls at once", i)
			}
			if want := fmt.Sprint(next); next <= count && string(data) != want {
				t.Errorf("subscriber %d: got %s, want %s", i, data, want)
				next = count + 1
				ends <- end{}
			} else if next++; next == count {
				ends <- end{next, string(data)}
			}
			busy.Store(false)
		})
		require.NoError(t, err)
		defer cancel()
	}
	buf := make([]byte, 0, 8)
	for i := range count {
		buf = fmt.Append(buf[:0], i) // one buffer: the store must copy
		require.NoError(t, n[0].Publish(room("r"), buf))
	}
	for range 3 {
		assert.Equal(t, end{count, fmt.Sprint(count - 1)}, receive(t, ends))
	}
}

// topicsApart publishes to many addresses; each subscriber hears its own only.
func topicsApart(t *testing.T, n [2]store.Store) {
	topics := []store.Topic{
		{Kind: store.KindCommand, Node: "a"}, {Kind: store.KindCommand, Node: "*"}, {Kind: store.KindCommand},
		{Kind: store.KindRoom, App: 1, Room: "a"}, {Kind: store.KindRoom, App: 2, Room: "a"},
		{Kind: store.KindRoom, App: 1, Room: "*"}, {Kind: store.KindRoom, App: 1, Room: ">"},
		{Kind: store.KindRoom, App: 1, Room: "a.b"}, {Kind: store.KindMedia, App: 1, Room: "a"},
		{Kind: store.KindLogin, App: 1}, {Kind: store.KindLogin, App: 2}, {Kind: store.KindFollow, App: 1}, {Kind: store.KindFollow, App: 2}, {Kind: store.KindNodes},
		{Kind: store.KindBarrage, App: 1, Room: "a"}, {Kind: store.KindBarrage, App: 1, Room: "b"},
	}
	heard := make(chan string, len(topics)*len(topics))
	for i, topic := range topics {
		cancel, err := n[1].Subscribe(topic, func(data []byte) { heard <- fmt.Sprintf("%d hears %s", i, data) })
		require.NoError(t, err)
		defer cancel()
	}
	for i, topic := range topics {
		if topic.Kind == store.KindLogin || topic.Kind == store.KindFollow || topic.Kind == store.KindNodes {
			topic.Room, topic.Node = "ignored", "ignored"
		}
		require.NoError(t, n[0].Publish(topic, fmt.Append(nil, i)))
	}
	var want, got []string
	for i := range topics {
		want = append(want, fmt.Sprintf("%d hears %d", i, i))
		got = append(got, receive(t, heard))
	}
	assert.ElementsMatch(t, want, got)
	assert.Empty(t, heard)
}

func cancelWaits(t *testing.T, n [2]store.Store) {
	entered, release := make(chan struct{}, 10), make(chan struct{})
	var ended atomic.Bool
	var calls atomic.Int32
	cancel, err := n[1].Subscribe(room("r"), func([]byte) {
		calls.Add(1)
		entered <- struct{}{}
		<-release
		ended.Store(true)
	})
	require.NoError(t, err)
	require.NoError(t, n[0].Publish(room("r"), []byte("first")))
	require.NoError(t, n[0].Publish(room("r"), []byte("second")))
	receive(t, entered)
	waited := make(chan bool)
	started := make(chan struct{})
	go func() {
		close(started)
		cancel()
		waited <- ended.Load()
	}()
	<-started
	<-time.After(20 * time.Millisecond) // a cancel that does not wait has returned by now
	close(release)
	assert.True(t, receive(t, waited), "cancel returned while fn ran")
	seen := calls.Load()
	cancel() // once more does nothing

	// A later subscriber hears the third; the cancelled one does not.
	third := make(chan string, 1)
	cancel2, err := n[1].Subscribe(room("r"), func(data []byte) { third <- string(data) })
	require.NoError(t, err)
	defer cancel2()
	require.NoError(t, n[0].Publish(room("r"), []byte("third")))
	assert.Equal(t, "third", receive(t, third))
	assert.Equal(t, seen, calls.Load())
}

func requestReply(t *testing.T, n [2]store.Store) {
	topic := store.Topic{Kind: store.KindCommand, Node: "home"}
	overheard := make(chan []byte, 1)
	cancelSub, err := n[1].Subscribe(topic, func(data []byte) { overheard <- data })
	require.NoError(t, err)
	defer cancelSub()
	cancel, err := n[0].Serve(topic, func(data []byte, reply func([]byte)) {
		reply(append([]byte("re: "), data...))
		reply([]byte("a second reply is dropped"))
	})
	require.NoError(t, err)
	for _, node := range n {
		for i := range 20 {
			got, err := node.Request(within(t), topic, fmt.Append(nil, i))
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("re: %d", i), string(got))
		}
	}
	big := bytes.Repeat([]byte("x"), 64<<10)
	got, err := n[1].Request(within(t), topic, big)
	require.NoError(t, err)
	assert.Len(t, got, len(big)+4)
	assert.Empty(t, overheard, "requests are not messages")

	cancel()
	_, err = n[1].Request(within(t), topic, nil)
	require.ErrorIs(t, err, store.ErrNoResponder, "after cancel")
}

func noResponder(t *testing.T, n [2]store.Store) {
	topic := store.Topic{Kind: store.KindCommand, Node: "nobody"}
	cancel, err := n[0].Subscribe(topic, func([]byte) {})
	require.NoError(t, err)
	defer cancel() // a subscriber is no responder
	start := time.Now()
	_, err = n[0].Request(within(t), topic, []byte("?"))
	require.ErrorIs(t, err, store.ErrNoResponder)
	assert.Less(t, time.Since(start), time.Second)
}

func lateReply(t *testing.T, n [2]store.Store) {
	topic := store.Topic{Kind: store.KindCommand, Node: "slow"}
	replies := make(chan func([]byte), 2)
	cancel, err := n[0].Serve(topic, func(_ []byte, reply func([]byte)) { replies <- reply })
	require.NoError(t, err)
	defer cancel()
	ctx := within(t)
	answers := [2]chan string{make(chan string, 1), make(chan string, 1)}
	var asked [2]func([]byte)
	for i := range answers {
		go func() {
			got, err := n[1].Request(ctx, topic, fmt.Append(nil, i))
			assert.NoError(t, err)
			answers[i] <- string(got)
		}()
		asked[i] = receive(t, replies)
	}
	asked[1]([]byte("one")) // out of order
	assert.Equal(t, "one", receive(t, answers[1]))
	asked[0]([]byte("zero"))
	assert.Equal(t, "zero", receive(t, answers[0]))
}

func requestTimeout(t *testing.T, n [2]store.Store) {
	topic := store.Topic{Kind: store.KindCommand, Node: "mute"}
	cancel, err := n[0].Serve(topic, func([]byte, func([]byte)) {})
	require.NoError(t, err)
	defer cancel()
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	_, err = n[1].Request(ctx, topic, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func closedStore(t *testing.T, n [2]store.Store) {
	s := n[1]
	cancel, err := s.Subscribe(room("r"), func([]byte) {})
	require.NoError(t, err)
	cancelLost := s.OnReconnect(func() {})
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "twice")
	cancel()
	cancelLost()

	ctx, k, topic := within(t), key(1, "r"), room("r")
	_, err = s.Append(ctx, k, nil, 0)
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = s.Last(ctx, k)
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = s.Since(ctx, k, time.Time{})
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = s.Rooms(ctx)
	require.ErrorIs(t, err, store.ErrClosed)
	require.ErrorIs(t, s.Trim(ctx, k, 1), store.ErrClosed)
	require.ErrorIs(t, s.Remove(ctx, k, 1), store.ErrClosed)
	require.ErrorIs(t, s.Publish(topic, nil), store.ErrClosed)
	_, err = s.Subscribe(topic, func([]byte) {})
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = s.Request(ctx, topic, nil)
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = s.Serve(topic, func([]byte, func([]byte)) {})
	require.ErrorIs(t, err, store.ErrClosed)
	require.ErrorIs(t, s.Beat(ctx, "n", nil), store.ErrClosed)
	require.ErrorIs(t, s.Gone(ctx, "n"), store.ErrClosed)
	_, err = s.Alive(ctx)
	require.ErrorIs(t, err, store.ErrClosed)
	_, err = s.Watch(func(store.NodeID, bool) {})
	require.ErrorIs(t, err, store.ErrClosed)
	s.OnReconnect(func() {})()

	appendAll(t, n[0], k, 0, "the other node goes on")
}

func closeEndsRequest(t *testing.T, n [2]store.Store) {
	topic := store.Topic{Kind: store.KindCommand, Node: "mute"}
	taken := make(chan struct{}, 1)
	cancel, err := n[0].Serve(topic, func([]byte, func([]byte)) { taken <- struct{}{} })
	require.NoError(t, err)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		_, err := n[1].Request(context.WithoutCancel(t.Context()), topic, nil)
		result <- err
	}()
	receive(t, taken)
	require.NoError(t, n[1].Close())
	require.ErrorIs(t, receive(t, result), store.ErrClosed)
}
