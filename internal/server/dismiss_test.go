package server

import (
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What an app sets by one node counts at once for a room at another, and for its own rooms alone: the owner may leave, and
// the room ends when the owner does not come back. Members and the app's server are told.
func TestAutoDismiss_asTheAppSetsIt(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		h := w.hook(t)
		host, ends := w.login("host"), func() string {
			var told []string
			for _, c := range h.take() {
				if strings.Contains(c, "Destroy") {
					told = append(told, c)
				}
			}
			return strings.Join(told, ",")
		}
		w.open(host, signaling.FreeToTake)
		guest := w.member(1, "guest")
		require.ErrorIs(t, errOf(host.call(signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"})), signaling.ErrOwnerCannotLeave)
		set := `voiceroom_console/set_auto_dismiss`
		require.Equal(t, restOK, w.restAt(1, set, w.restQuery(), `{"OwnerLeftTimeout":600}`))
		settled()
		require.Equal(t, response(`{"EmptyRoomTimeout":1800,"OwnerLeftTimeout":600,"OwnerLostTimeout":0}`), w.restAt(0, "voiceroom_console/get_auto_dismiss", w.restQuery(), `{}`))
		host.must(signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"}, nil)
		guest.pass(9 * time.Minute)
		guest.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "r", Index: 1}, nil)

		// Back in time, and lost then, which another rule ends.
		host = w.member(0, "host")
		host.drop()
		guest.pass(15 * time.Minute)
		require.Equal(t, restOK, w.restAt(0, set, w.restQuery(), `{"OwnerLostTimeout":1200}`))
		guest.pass(4*time.Minute + 50*time.Second)
		require.Empty(t, ends())
		require.Equal(t, signaling.UserID("guest"), guest.snapshot().Seats[1].UserID)
		told := strings.Join(guest.pass(20*time.Second), " ")
		require.Contains(t, told, `{"type":"roomDismissed","data":{"reason":2}}`)
		require.Equal(t, "DestroyRoom r DestroyBySystem Unknown", ends())

		// Every node knows it when it starts.
		require.Equal(t, restOK, w.restAt(0, set, w.restQuery(), `{"EmptyRoomTimeout":600}`))
		w.kill(1)
		w.nodes = append(w.nodes, w.start("server1:80"))
		require.Equal(t, AutoDismiss{Empty: 10 * time.Minute, OwnerLeft: 10 * time.Minute, OwnerLost: 20 * time.Minute}, w.nodes[2].srv.dismissals.of(app))
		require.Equal(t, AutoDismiss{Empty: 30 * time.Minute}, w.nodes[2].srv.dismissals.of(otherApp))
	})
}

// An app that takes its rules back has the server's, which need not be those of the documents, at every node and for rooms
// that live.
func TestAutoDismiss_takenBack(t *testing.T) {
	defaults := AutoDismiss{Empty: 2 * time.Hour, OwnerLost: 5 * time.Minute}
	inWorldWith(t, 2, func(c *Config) { c.AutoDismiss = defaults }, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		require.Equal(t, restOK, w.restAt(0, "voiceroom_console/set_auto_dismiss", w.restQuery(), `{"EmptyRoomTimeout":600,"OwnerLeftTimeout":600}`))
		host.must(signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"}, nil)
		time.Sleep(9 * time.Minute)
		require.Equal(t, restOK, w.restAt(1, "voiceroom_console/delete_auto_dismiss", w.restQuery(), `{}`))
		settled()
		for i := range w.nodes {
			require.Equal(t, defaults, w.nodes[i].srv.dismissals.of(app))
		}
		require.Equal(t, response(`{"EmptyRoomTimeout":7200,"OwnerLeftTimeout":0,"OwnerLostTimeout":300}`), w.restAt(0, "voiceroom_console/get_auto_dismiss", w.restQuery(), `{}`))
		look := func() error {
			return errOf(w.login("guest").call(signaling.MethodGetRoom, signaling.GetRoomParams{RoomID: "r"}))
		}
		time.Sleep(100 * time.Minute)
		require.NoError(t, look(), "it would have ended long ago by the app's rules")
		time.Sleep(20 * time.Minute)
		require.ErrorIs(t, look(), signaling.ErrRoomNotExist)
	})
}

// The clock of an empty room runs on while every server is down.
func TestAutoDismiss_ofAnEmptyRoom(t *testing.T) {
	inWorldWith(t, 1, func(c *Config) { c.AutoDismiss.Empty = 2 * time.Hour }, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		host.must(signaling.MethodLogout, signaling.Empty{}, nil)
		require.Equal(t, websocket.CloseNormalClosure, host.closed())
		settled()
		w.kill(0)
		time.Sleep(90 * time.Minute)
		w.nodes = []*worldNode{w.start("server:80")}
		time.Sleep(29 * time.Minute)
		look := func() error {
			return errOf(w.login("guest").call(signaling.MethodGetRoom, signaling.GetRoomParams{RoomID: "r"}))
		}
		require.NoError(t, look())
		time.Sleep(2 * time.Minute)
		require.ErrorIs(t, look(), signaling.ErrRoomNotExist)
	})
}

func TestConfig_AutoDismiss_outOfBounds(t *testing.T) {
	_, err := New(t.Context(), Config{AutoDismiss: AutoDismiss{OwnerLeft: time.Minute}})
	require.ErrorContains(t, err, "2 minutes to 12 hours")
	_, err = New(t.Context(), Config{AutoDismiss: AutoDismiss{Empty: 25 * time.Hour}})
	require.ErrorContains(t, err, "10 minutes to 24 hours")
}
