package server

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

type versions = map[signaling.RoomID]uint64

// loginAt logs in to a node, with what it is to resume (nil: nothing), and returns the answer too.
func (w *world) loginAt(node int, user signaling.UserID, resume *signaling.Resume) (*raw, signaling.LoginResult, error) {
	w.t.Helper()
	c := w.dialAt(node)
	m := c.call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: user, UserSig: w.sig(user), Resume: resume})
	var res signaling.LoginResult
	if m.Err == nil {
		require.NoError(w.t, json.Unmarshal(m.Result, &res))
	}
	return c, res, errOf(m)
}

// resumed goes on with a session at the first node, in room "r" from a version on.
func (w *world) resumed(user signaling.UserID, session string, since uint64) *raw {
	w.t.Helper()
	c, res, err := w.loginAt(0, user, &signaling.Resume{SessionID: session, Versions: versions{"r": since}})
	require.NoError(w.t, err)
	require.True(w.t, res.Resumed)
	require.Equal(w.t, session, res.SessionID)
	return c
}

// drop breaks a client's connection and waits until the server has noticed.
func (c *raw) drop() {
	c.ws.Close()
	synctest.Wait()
}

// events returns the room events among what a client has heard before an answer.
func (c *raw) events() (list []signaling.RoomEvents) {
	c.t.Helper()
	for _, m := range c.heard {
		if m.Method == signaling.NotifyRoomEvents {
			var e signaling.RoomEvents
			require.NoError(c.t, signaling.DecodeParams(m.Params, &e))
			list = append(list, e)
		}
	}
	return list
}

func (c *raw) snapshot() (s signaling.Snapshot) {
	c.t.Helper()
	c.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
	return s
}

// settled is after entries, which wait for company, have been told.
func settled() {
	time.Sleep(time.Second) // virtual
	synctest.Wait()
}

// open makes room "r" with its owner in it.
func (w *world) open(host *raw, mode signaling.SeatMode) {
	w.t.Helper()
	host.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r", SeatMode: mode}}, nil)
	host.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
	settled()
}

func take(index signaling.SeatIndex) signaling.TakeSeatParams {
	return signaling.TakeSeatParams{RoomID: "r", Index: index}
}

// Who comes back is told, in one message and before the answer, exactly what concerns it: public events and its own
// requests, none of others.
func TestResumeTellsWhatWasMissed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host, other := w.login("host"), w.login("other")
		guest, login, err := w.loginAt(0, "guest", nil)
		require.NoError(t, err)
		require.False(t, login.Resumed)
		w.open(host, signaling.ApplyToTake)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		other.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		guest.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "r", CommandID: "mine", Index: 2}, nil)
		settled()
		since := guest.snapshot().Version
		guest.drop()
		require.Equal(t, 1.0, metric(t, w.srv, "voiceroom_sessions_away"))

		other.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "r", CommandID: "theirs", Index: 3}, nil)
		host.must(signaling.MethodTakeSeat, take(5), nil)
		host.must(signaling.MethodRespondRequest, signaling.RespondParams{RoomID: "r", RequestID: "theirs", Agree: false}, nil)
		host.must(signaling.MethodRespondRequest, signaling.RespondParams{RoomID: "r", RequestID: "mine", Agree: true}, nil)
		other.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "r", CommandID: "again", Index: 4}, nil)
		require.Equal(t, 3, host.snapshot().Room.MemberCount, "who is away is a member")

		guest = w.resumed("guest", login.SessionID, since)
		require.Zero(t, metric(t, w.srv, "voiceroom_sessions_away"))
		list := guest.events()
		require.Len(t, list, 1)
		require.Equal(t, since, list[0].Prev)
		var kinds []string
		for _, e := range list[0].Events {
			switch e := e.(type) {
			case signaling.SeatsChanged:
				kinds = append(kinds, "seated "+string(e.Seated[0].UserID))
			case signaling.RequestEnded:
				kinds = append(kinds, "ended "+e.Request.RequestID)
			default:
				t.Errorf("%T is not for the guest", e)
			}
		}
		require.ElementsMatch(t, []string{"seated host", "seated guest", "ended mine"}, kinds)

		host.must(signaling.MethodLeaveSeat, signaling.RoomParams{RoomID: "r"}, nil)
		guest.heard = nil
		now := guest.snapshot()
		require.Equal(t, signaling.UserID("guest"), now.Seats[2].UserID)
		require.Len(t, guest.events(), 1, "events flow again, each once")
		require.Equal(t, list[0].Version, guest.events()[0].Prev, "and follow on what was told")

		guest.drop()
		guest = w.resumed("guest", login.SessionID, now.Version)
		require.Empty(t, guest.events(), "nothing missed, nothing told")
	})
}

// A connection that looks alive from here is taken over at once: it does not read, its queue is not empty, and a call is
// under way that no node can decide.
func TestResumeTakesOverADeadPath(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host := w.login("host")
		guest, login, err := w.loginAt(0, "guest", nil)
		require.NoError(t, err)
		w.open(host, signaling.FreeToTake)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		guest.must(signaling.MethodTakeSeat, take(1), nil)
		since := guest.snapshot().Version
		for i := range 10 { // from here on the guest reads nothing
			host.must(signaling.MethodTakeSeat, take(signaling.SeatIndex(3+i%2)), nil)
			host.must(signaling.MethodLeaveSeat, signaling.RoomParams{RoomID: "r"}, nil)
		}
		w.nodes[0].store.Pause()
		b, err := signaling.EncodeCall(99, signaling.MethodLeaveSeat, signaling.RoomParams{RoomID: "r", CommandID: "c"})
		require.NoError(t, err)
		guest.send(string(b))
		synctest.Wait()
		began := time.Now()
		guest = w.resumed("guest", login.SessionID, since)
		require.Zero(t, time.Since(began))
		require.Len(t, guest.events(), 1)
		require.Len(t, guest.events()[0].Events, 20)
		w.nodes[0].store.Resume()
		guest.must(signaling.MethodLeaveSeat, signaling.RoomParams{RoomID: "r", CommandID: "c"}, nil)
		require.Zero(t, guest.snapshot().Seats[1].UserID)
		require.Zero(t, metric(t, w.srv, "voiceroom_sessions_away"))
	})
}

// Of a session id that is not the user's own nothing is learnt, and nothing happens to its owner.
func TestResumeOfWhatIsNotOnesOwn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		victim, login, err := w.loginAt(0, "victim", nil)
		require.NoError(t, err)
		w.open(victim, signaling.FreeToTake)
		for name, id := range map[string]string{"unknown": "nobody's", "another user's": login.SessionID, "none": ""} {
			_, res, err := w.loginAt(0, signaling.UserID("thief "+name), &signaling.Resume{SessionID: id, Versions: versions{"r": 1}})
			require.NoError(t, err, name)
			require.False(t, res.Resumed, name)
			require.Empty(t, res.Rooms, name)
			require.NotEqual(t, login.SessionID, res.SessionID, name)
		}
		c := w.dial() // the same user's, in another app
		sig, err := usersig.Mint(otherApp, secret, "victim", time.Hour, time.Now())
		require.NoError(t, err)
		var res signaling.LoginResult
		c.must(signaling.MethodLogin, signaling.LoginParams{
			SDKAppID: otherApp, UserID: "victim", UserSig: sig, Resume: &signaling.Resume{SessionID: login.SessionID},
		}, &res)
		require.False(t, res.Resumed)
		for _, id := range []string{strings.Repeat("x", 65), "a\nb", "\x00"} {
			_, _, err := w.loginAt(0, "thief", &signaling.Resume{SessionID: id})
			require.ErrorIs(t, err, signaling.ErrBadRequest)
		}
		settled()
		require.Equal(t, 1, victim.snapshot().Room.MemberCount)
		require.Zero(t, metric(t, w.srv, "voiceroom_sessions_away"))
	})
}

// A client whose user has logged in elsewhere meanwhile does not push that login out: it is refused, wherever it asks,
// for as long as clients try. One whose answer got lost is not.
func TestReplacedSessionIsRefused(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		first, one, err := w.loginAt(0, "u", nil)
		require.NoError(t, err)
		first.drop()
		second, two, err := w.loginAt(1, "u", nil)
		require.NoError(t, err)
		synctest.Wait()
		for i := range 5 {
			for node := range w.nodes {
				_, _, err = w.loginAt(node, "u", &signaling.Resume{SessionID: one.SessionID})
				require.ErrorIs(t, err, signaling.ErrKickedOffLine, "at node %d after %d minutes", node, i)
			}
			if i < 3 { // GiveUpAfter and more
				for range 15 {
					time.Sleep(4 * time.Second) // virtual; a ping waits no longer for a client that does not read
					second.must(signaling.MethodPing, signaling.Empty{}, nil)
				}
				w.login("somebody") // who makes the node forget
			}
		}
		second.must(signaling.MethodPing, signaling.Empty{}, nil)

		second.drop()
		lost, three, err := w.loginAt(0, "u", &signaling.Resume{SessionID: two.SessionID})
		require.NoError(t, err, "the client moves to another node")
		require.False(t, three.Resumed)
		lost.drop()
		again, four, err := w.loginAt(0, "u", &signaling.Resume{SessionID: two.SessionID})
		require.NoError(t, err, "it has not got the answer")
		again.drop()
		_, five, err := w.loginAt(1, "u", &signaling.Resume{SessionID: four.SessionID})
		require.NoError(t, err)
		require.True(t, five.Resumed)
		require.Equal(t, two.SessionID, five.SessionID, "back where it has been all the time")
	})
}

// The return to another node that breaks before the rooms are joined there costs no seat: the first node has kept it.
func TestReturnThatBreaksKeepsTheSeat(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		guest, one, err := w.loginAt(0, "guest", nil)
		require.NoError(t, err)
		w.open(host, signaling.FreeToTake)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		guest.must(signaling.MethodTakeSeat, take(2), nil)
		since := guest.snapshot().Version
		guest.drop()
		guest, two, err := w.loginAt(1, "guest", &signaling.Resume{SessionID: one.SessionID, Versions: versions{"r": since}})
		require.NoError(t, err)
		require.False(t, two.Resumed)
		require.Empty(t, two.Rooms)
		settled()
		require.Equal(t, signaling.UserID("guest"), host.snapshot().Seats[2].UserID)
		guest.drop()
		_, res, err := w.loginAt(0, "guest", &signaling.Resume{SessionID: two.SessionID, Versions: versions{"r": since}})
		require.NoError(t, err)
		require.True(t, res.Resumed)
		require.Equal(t, []signaling.RoomID{"r"}, res.Rooms)
		for range 8 {
			time.Sleep(5 * time.Second) // virtual: longer than the grace period
			host.must(signaling.MethodPing, signaling.Empty{}, nil)
		}
		require.Equal(t, signaling.UserID("guest"), host.snapshot().Seats[2].UserID)
		require.Equal(t, 2, host.snapshot().Room.MemberCount)
	})
}

// Logging in over and over, with and without a session to resume, leaves one session.
func TestLoginFloodLeavesOneSession(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var last signaling.LoginResult
		for i := range 200 {
			var resume *signaling.Resume
			if i%3 == 1 {
				resume = &signaling.Resume{SessionID: last.SessionID}
			}
			c, res, err := w.loginAt(0, "u", resume)
			require.NoError(t, err)
			last = res
			if i%2 == 0 {
				c.ws.Close()
			}
		}
		time.Sleep(20 * time.Second) // virtual: some never read the reason why they were closed
		w.srv.mu.Lock()
		sessions, users, latest := len(w.srv.sessions), len(w.srv.users), len(w.srv.latest)
		w.srv.mu.Unlock()
		require.Equal(t, []int{1, 1, 1}, []int{sessions, users, latest})
	})
}

// The server's end takes nobody off a seat, also none who is away, and waits for nobody's return.
func TestServerEndsWhileAMemberIsAway(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		guest, _, err := w.loginAt(0, "guest", nil)
		require.NoError(t, err)
		hostConn, _, err := w.loginAt(1, "host", nil)
		require.NoError(t, err)
		w.open(hostConn, signaling.FreeToTake)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		guest.must(signaling.MethodTakeSeat, take(2), nil)
		guest.drop()
		began := time.Now()
		w.stop(0)
		require.Less(t, time.Since(began), time.Second)
		stopped := time.Now()
		for hostConn.snapshot().Seats[2].UserID == "guest" {
			time.Sleep(time.Second) // virtual
			require.Less(t, time.Since(stopped), 40*time.Second, "nobody came")
		}
		require.Greater(t, time.Since(stopped), 29*time.Second, "the grace period")
		require.NoError(t, w.nodes[0].srv.Close(context.Background()), "again")
	})
}

// A session that logs out is over at once, also for who would go on with it.
func TestLogoutEndsTheSession(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c, login, err := w.loginAt(0, "u", nil)
		require.NoError(t, err)
		c.must(signaling.MethodLogout, signaling.Empty{}, nil)
		require.Equal(t, websocket.CloseNormalClosure, c.closed())
		synctest.Wait()
		_, res, err := w.loginAt(0, "u", &signaling.Resume{SessionID: login.SessionID})
		require.NoError(t, err)
		require.False(t, res.Resumed)
	})
}

// A client that has moved to another node and logs out there leaves nothing behind where it was, though that node has
// kept its seat for it.
func TestLogoutAfterAMoveFreesTheSeat(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host, login, since := w.seatedAndAway(t)
		guest, _, err := w.loginAt(1, "guest", &signaling.Resume{SessionID: login.SessionID, Versions: versions{"r": since}})
		require.NoError(t, err)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Since: since}, nil)
		require.Equal(t, 1.0, metric(t, w.srv, "voiceroom_sessions_away"))
		require.Equal(t, signaling.UserID("guest"), guest.snapshot().Seats[2].UserID)
		guest.must(signaling.MethodLogout, signaling.Empty{}, nil)
		require.Equal(t, websocket.CloseNormalClosure, guest.closed())
		settled()
		require.Empty(t, host.snapshot().Seats[2].UserID)
		require.Equal(t, 1, host.snapshot().Room.MemberCount)
		require.Zero(t, metric(t, w.srv, "voiceroom_sessions_away"))
	})
}
