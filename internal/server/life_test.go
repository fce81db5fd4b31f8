package server

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The answer to a logout and the close that follows it come in this order, whatever the two goroutines of the session do.
func TestLogoutIsAnsweredBeforeTheClose(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for range 200 {
			c := w.login("u")
			c.must(signaling.MethodLogout, signaling.Empty{}, nil)
			require.Equal(t, websocket.CloseNormalClosure, c.closed())
		}
	})
}

// A ping that crosses a logout must not make the two sides wait for each other: the client answers the ping before it
// reads the answer to its logout.
func TestLogoutCrossesAPing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("u")
		time.Sleep(w.srv.pingEvery()) // virtual
		synctest.Wait()               // the ping waits for the client to read
		began := time.Now()
		c.must(signaling.MethodLogout, signaling.Empty{}, nil)
		require.Equal(t, websocket.CloseNormalClosure, c.closed())
		require.Zero(t, time.Since(began))
	})
}

// A client that takes a message every few seconds is no slow reader by the queue's measure, but must not hold up the end.
func TestLazyReaderDoesNotHoldUpTheServersEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("lazy")
		ses := onlySession(w.srv)
		for range signaling.MaxQueue {
			ses.notify("nothing", signaling.Empty{})
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				time.Sleep(4 * time.Second) // virtual
				if _, _, err := c.ws.ReadMessage(); err != nil {
					return
				}
			}
		}()
		began := time.Now()
		require.NoError(t, w.srv.Close(context.Background()))
		took := time.Since(began)
		<-ended
		require.Less(t, took, time.Minute, "a few write deadlines, whatever the length of the queue")
	})
}

func TestSlowReaderIsCountedOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("slow")
		ses := onlySession(w.srv)
		for range 2 * signaling.MaxQueue {
			ses.notify("nothing", signaling.Empty{})
		}
		require.Equal(t, 1.0, metric(t, w.srv, "voiceroom_slow_readers_total"))
		require.Contains(t, []int{websocket.CloseTryAgainLater, websocket.CloseAbnormalClosure}, c.closed())
		synctest.Wait()
		require.Zero(t, metric(t, w.srv, "voiceroom_connections"))
	})
}

func onlySession(s *Server) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ses := range s.sessions {
		return ses
	}
	return nil
}

// metric reads a number without labels off /metrics.
func metric(t *testing.T, s *Server, name string) float64 {
	t.Helper()
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, rec.Code)
	for line := range strings.Lines(rec.Body.String()) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			require.NoError(t, err)
			return f
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// A session may be in three rooms at a time, not in three in its life.
func TestEndedRoomsDoNotCount(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host, guest := w.login("host"), w.login("guest")
		for range maxRooms + 2 {
			host.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}}, nil)
			host.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
			guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
			host.must(signaling.MethodDismissRoom, signaling.RoomParams{RoomID: "r"}, nil)
		}
		for _, id := range []signaling.RoomID{"a", "b", "c", "d", "e"} { // other ids: each stays on the session's list
			host.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: id}}, nil)
			host.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
			guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
			host.must(signaling.MethodDismissRoom, signaling.RoomParams{RoomID: id}, nil)
		}
	})
}

// A second join replaces the first when it has succeeded. One that fails changes nothing, and nobody learns of it.
func TestFailedSecondJoinChangesNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host, guest := w.login("host"), w.login("guest")
		host.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r", SeatMode: signaling.FreeToTake}}, nil)
		host.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		guest.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "r", Index: 3}, nil)
		time.Sleep(time.Second) // virtual: entries wait for company
		var before, after signaling.Snapshot
		host.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &before)

		require.Error(t, errOf(guest.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Offer: "garbage"})))
		w.srv.mu.Lock()
		w.srv.closed = true // acquire fails, as it does while the store is out of reach
		w.srv.mu.Unlock()
		require.Error(t, errOf(guest.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"})))
		w.srv.mu.Lock()
		w.srv.closed = false
		w.srv.mu.Unlock()
		require.Error(t, errOf(w.login("other").call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Offer: "garbage"})))

		time.Sleep(time.Second)
		host.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &after)
		after.Statistics.LiveDuration = before.Statistics.LiveDuration // time passes
		require.Equal(t, before, after)
		require.Equal(t, signaling.UserID("guest"), after.Seats[3].UserID)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		guest.must(signaling.MethodLeaveSeat, signaling.RoomParams{RoomID: "r"}, nil)
	})
}

// Virtual time makes two logins at the same nanosecond easy. One of the two has to stay.
func TestTwoLoginsAtTheSameMoment(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first, second := w.login("u"), w.login("u")
		require.Equal(t, websocket.ClosePolicyViolation, first.closed())
		synctest.Wait()
		time.Sleep(time.Second) // virtual: the notices have come back
		require.ErrorIs(t, errOf(second.call(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"})), signaling.ErrNotInRoom)
	})
}

// A method that is not on the list of labels is counted as unknown.
func TestEveryMethodHasItsMetric(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../../signaling/message.go", nil, 0)
	require.NoError(t, err)
	found := 0
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(v.Names[0].Name, "Method") {
			name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			require.True(t, methods[name], "%s is not in methods of metrics.go", v.Names[0].Name)
			found++
		}
		return true
	})
	require.Equal(t, len(methods), found)
}
