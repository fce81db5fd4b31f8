package server

import (
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// After a node's death its clients come to another in the same moment. All of them are told what they missed, and who
// was taken out meanwhile stays out.
func TestCrowdComesBackToAnotherNode(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		users := []signaling.UserID{"a", "b", "c", "d", "e", "f", "g", "h"}
		ids := map[signaling.UserID]string{}
		var since uint64
		for _, u := range users {
			c, login, err := w.loginAt(0, u, nil)
			require.NoError(t, err)
			c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
			settled()
			host.must(signaling.MethodPing, signaling.Empty{}, nil) // reads
			since = c.snapshot().Version
			ids[u] = login.SessionID
			c.drop()
		}
		for _, u := range users[:4] {
			host.must(signaling.MethodKickOut, signaling.UserParams{RoomID: "r", UserID: u}, nil)
		}
		var wg sync.WaitGroup
		answers := make([]signaling.Message, len(users))
		for i, u := range users {
			c, _, err := w.loginAt(1, u, &signaling.Resume{SessionID: ids[u]})
			require.NoError(t, err)
			wg.Go(func() { answers[i] = c.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Since: since}) })
		}
		wg.Wait()
		for i, u := range users {
			if i < 4 {
				require.ErrorIs(t, errOf(answers[i]), signaling.ErrNotInRoom, "%s", u)
				continue
			}
			var res signaling.JoinResult
			require.NoError(t, errOf(answers[i]), "%s", u)
			require.NoError(t, json.Unmarshal(answers[i].Result, &res))
			require.NotNil(t, res.Missed, "%s", u)
			require.Equal(t, since, res.Missed.Prev)
		}
	})
}

// One reads the log, and the others wait for it.
func TestHistoryIsReadOnceAndWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &replica{past: history{list: []past{{version: 9}}, filling: make(chan struct{})}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.reach(t.Context(), 5)
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("went on without the history")
		default:
		}
		r.mu.Lock()
		r.past.list = []past{{version: 6}, {version: 7}, {version: 8}, {version: 9}}
		close(r.past.filling)
		r.past.filling, r.past.filled = nil, true
		r.mu.Unlock()
		<-done
	})
}

// Who is taken out between the home's word and the answer to the join is out.
func TestTakenOutDuringTheJoin(t *testing.T) {
	r := &replica{members: map[*membership]struct{}{}}
	m := &membership{replica: r, out: true}
	_, _, err := r.admit(t.Context(), m, 0)
	require.ErrorIs(t, err, signaling.ErrNotInRoom)
	require.False(t, m.active)
}

// Nodes that come later are told to those who are logged in.
func TestNewNodesAreTold(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("u")
		w.nodes = append(w.nodes, w.start("server1:80"))
		m := c.next()
		require.Equal(t, signaling.NotifyNodes, m.Method)
		var p signaling.NodesChanged
		require.NoError(t, json.Unmarshal(m.Params, &p))
		require.ElementsMatch(t, []string{"ws://server:80", "ws://server1:80"}, p.Nodes)
	})
}

// A node that has been restarted does not know who has logged in where since. The node of the later login does.
func TestRestartedNodeDoesNotBringBackTheEarlierLogin(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		_, phone, err := w.loginAt(1, "u", nil)
		require.NoError(t, err)
		w.stop(1)
		laptop, newest, err := w.loginAt(0, "u", nil)
		require.NoError(t, err)
		time.Sleep(3 * time.Second) // virtual; the logins do not cross
		w.nodes[1] = w.start(w.nodes[1].addr)
		back := w.dialAt(1)
		login, err := signaling.EncodeCall(1, signaling.MethodLogin, signaling.LoginParams{
			SDKAppID: app, UserID: "u", UserSig: w.sig("u"), Resume: &signaling.Resume{SessionID: phone.SessionID},
		})
		require.NoError(t, err)
		back.send(string(login))
		require.Equal(t, websocket.ClosePolicyViolation, back.closed(), "before or after the answer")
		laptop.must(signaling.MethodPing, signaling.Empty{}, nil)
		laptop.drop()
		_, res, err := w.loginAt(0, "u", &signaling.Resume{SessionID: newest.SessionID})
		require.NoError(t, err, "its own return is not refused")
		require.True(t, res.Resumed)
	})
}
