package dispatch

import (
	"bytes"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type observer struct{ onEvent func(int) }

func TestCallbacksComeInOrderAndNeverTwoAtOnce(t *testing.T) {
	q := New(slog.New(slog.DiscardHandler))
	var running atomic.Int32
	var got []int
	for i := range 1000 {
		q.Post("event", func() {
			require.EqualValues(t, 1, running.Add(1))
			got = append(got, i)
			running.Add(-1)
		})
	}
	q.Close()
	require.Len(t, got, 1000, "Close delivers what was posted before it")
	for i, v := range got {
		require.Equal(t, i, v)
	}
}

func TestPostFromInsideRunsLater(t *testing.T) {
	q := New(slog.New(slog.DiscardHandler))
	var got []string
	second := make(chan struct{})
	q.Post("first", func() {
		q.Post("second", func() { got = append(got, "second"); close(second) })
		got = append(got, "first")
	})
	<-second
	q.Close()
	require.Equal(t, []string{"first", "second"}, got)
}

func TestCloseFromInsideDoesNotDeadlock(t *testing.T) {
	q := New(slog.New(slog.DiscardHandler))
	q.Post("close", func() { q.Close() })
	<-q.Done()
	q.Post("late", func() { t.Error("posted after Close") })
}

func TestNothingAfterRemoveReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(slog.New(slog.DiscardHandler))
		var list Observers[observer]
		entered, leave := make(chan struct{}), make(chan struct{})
		calls := 0
		remove := list.Add(&observer{onEvent: func(int) { calls++; close(entered); <-leave }}, q.Inside)
		q.Post("one", func() { list.Each(func(o *observer) { o.onEvent(1) }) })
		q.Post("two", func() { list.Each(func(o *observer) { o.onEvent(2) }) })
		<-entered
		removed := make(chan struct{})
		go func() { remove(); close(removed) }()
		time.Sleep(time.Minute) // virtual: everything that can run has run
		select {
		case <-removed:
			t.Fatal("remove returned while the callback was running")
		default:
		}
		close(leave)
		<-removed
		q.Close()
		require.Equal(t, 1, calls)
	})
}

func TestObserverRemovesItself(t *testing.T) {
	q := New(slog.New(slog.DiscardHandler))
	var list Observers[observer]
	calls := 0
	var o observer
	o.onEvent = func(int) { calls++; list.Remove(&o, q.Inside) }
	list.Add(&o, q.Inside)
	for range 3 {
		q.Post("event", func() { list.Each(func(o *observer) { o.onEvent(0) }) })
	}
	q.Close()
	require.Equal(t, 1, calls)
}

func TestSlowObserverIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		q := New(slog.New(slog.NewTextHandler(&out, nil)))
		q.Post("OnSeatListChanged", func() { time.Sleep(2 * time.Second) })
		q.Close()
		require.Contains(t, out.String(), "OnSeatListChanged")
	})
}

// An observer that waits for something that never comes is the one that most needs a report.
func TestObserverThatHangsIsReportedWhileItHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		q := New(slog.New(slog.NewTextHandler(&out, nil)))
		leave := make(chan struct{})
		q.Post("OnRoomDismissed", func() { <-leave })
		q.Post("OnSeatListChanged", func() {})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Contains(t, out.String(), "OnRoomDismissed")
		require.Contains(t, out.String(), "waiting=1")
		close(leave)
		q.Close()
	})
}
