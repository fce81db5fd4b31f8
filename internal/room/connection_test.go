package room_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// showConnection is a connection of rooms as it is shown to one of them, for the rooms of the tests, which are all made at
// t0.
func showConnection(to signaling.RoomID, id string, turn, seq uint64, connected ...signaling.RoomID) room.ShowConnection {
	a := room.ShowConnection{Room: t0.UnixMilli(), ID: id, Turn: turn, Seq: seq, Connected: connected, Over: len(connected) == 0}
	for i, r := range connected {
		a.Users = append(a.Users, room.ConnectedRoom{
			ConnectionUser: signaling.ConnectionUser{RoomID: r, UserID: "owner of " + signaling.UserID(r), JoinConnectionTime: int64(turn)*100 + int64(i)}, Created: 7,
		})
	}
	return a
}

// asks adds a request between two rooms to what is shown.
func asks(a room.ShowConnection, id string, from, to signaling.RoomID) room.ShowConnection {
	a.Over = false
	for _, r := range []signaling.RoomID{from, to} {
		if !slices.ContainsFunc(a.Users, func(u room.ConnectedRoom) bool { return u.RoomID == r }) {
			a.Users = append(slices.Clip(a.Users), room.ConnectedRoom{ConnectionUser: signaling.ConnectionUser{RoomID: r, UserID: "owner of " + signaling.UserID(r)}, Created: 7})
		}
	}
	a.Asks = append(slices.Clip(a.Asks), room.ConnectionAsk{ID: id, From: from, To: to, With: []signaling.RoomID{to}, Ext: "x", Created: 1, Deadline: 2})
	return a
}

// over adds a request that has ended to what is shown.
func over(a room.ShowConnection, seq uint64, result signaling.RequestResultType, id string, from, to signaling.RoomID) room.ShowConnection {
	b := asks(a, id, from, to)
	b.Asks, b.Over = a.Asks, a.Over
	b.Ended = append(slices.Clip(a.Ended), room.ConnectionEnd{ConnectionAsk: room.ConnectionAsk{ID: id, From: from, To: to, Created: 1}, Result: result, Seq: seq})
	return b
}

// words are what the members, and behind a dot only the owner, are told.
func words(t require.TestingT, events []room.Event) (list []string) {
	for _, e := range events {
		var s string
		switch x := e.Event.(type) {
		case signaling.ConnectionUserListChanged:
			if s = "same"; len(x.Joined)+len(x.Left) > 0 {
				s = fmt.Sprintf("+%d-%d=%d", len(x.Joined), len(x.Left), len(x.Connected))
			}
		case signaling.ConnectionRequestReceived:
			s = fmt.Sprintf("%s asks %s", x.Request.Inviter.RoomID, x.Request.Invitee.RoomID)
		case signaling.ConnectionRequestEnded:
			s = fmt.Sprintf("%s>%s %v", x.Request.Inviter.RoomID, x.Request.Invitee.RoomID, x.Result)
		case signaling.ConnectionMuted:
			s = fmt.Sprintf("%s muted %v", x.RoomID, x.Muted)
		default:
			continue
		}
		if e.To != nil {
			require.Equal(t, []signaling.UserID{"owner"}, e.To)
			s = "." + s
		}
		list = append(list, s)
	}
	return list
}

// What is news is told, once; what comes again or late is not.
func TestShowConnection(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	step := func(a room.ShowConnection, want ...string) {
		t.Helper()
		next, events, err := room.Apply(s, appCmd("c", "administrator", a), t0)
		require.NoError(t, err)
		require.Equal(t, want, words(t, events))
		s = next
	}
	view := func(u signaling.UserID) *signaling.Connection {
		return s.View(signaling.UserInfo{UserID: u}, 1, 1).Connection
	}
	require.Nil(t, view("owner"))
	step(asks(showConnection("r", "a", 1, 1), "1", "x", "r"), ".x asks r")
	require.Equal(t, "x", view("owner").Requests[0].ExtensionInfo)
	require.Nil(t, view("ann"), "requests are the owner's")
	require.Empty(t, s.ConnectedWith(), "not yet")
	accepted := over(showConnection("r", "a", 1, 2, "x", "r"), 2, signaling.Accepted, "1", "x", "r")
	step(accepted, ".x>r Accepted", "+2-0=2")
	step(accepted)
	step(asks(showConnection("r", "a", 1, 1), "1", "x", "r")) // late
	require.Len(t, view("ann").Connected, 2)
	require.Equal(t, []room.ConnectedWith{{RoomID: "x", Created: 7}}, s.ConnectedWith())
	muted, events, err := room.Apply(s, cmd("m", "owner", room.MuteConnection{Room: "x", Mute: true}), t0)
	require.NoError(t, err)
	require.Equal(t, []string{"x muted true"}, words(t, events))
	s = muted
	require.True(t, s.ConnectedWith()[0].Muted)

	step(asks(over(showConnection("r", "a", 1, 3, "x", "r"), 2, signaling.Accepted, "1", "x", "r"), "2", "r", "y"), ".r asks y")
	require.Equal(t, []signaling.RoomID{"x"}, view("ann").Muted, "as long as it is connected")
	step(over(showConnection("r", "a", 1, 5, "x", "r"), 5, signaling.Timeout, "2", "r", "y"), ".r>y Timeout")
	step(over(showConnection("r", "a", 1, 6, "x", "r"), 5, signaling.Timeout, "2", "r", "y"), ".same")
	step(over(showConnection("r", "a", 1, 8, "x", "r"), 7, signaling.Rejected, "3", "r", "z"), ".r>z Rejected") // it has asked and ended unseen
	step(showConnection("r", "a", 1, 9), "+0-2=0")
	require.Nil(t, view("owner"))
	require.Empty(t, s.Connection.Muted)
	step(showConnection("r", "a", 1, 8, "x", "r"))
	step(over(showConnection("r", "b", 2, 4), 4, signaling.Timeout, "4", "q", "r"), ".same") // never seen; noted, so that what is late is known to be
	step(asks(showConnection("r", "b", 2, 3), "4", "q", "r"))
	step(asks(showConnection("r", "d", 4, 1), "5", "r", "q"), ".r asks q")
	step(asks(showConnection("r", "c", 3, 9), "4", "q", "r"))
	step(showConnection("r", "e", 5, 1, "r", "q"), ".r>q Cancelled", "+2-0=2") // how it ended was never shown

	other := showConnection("r", "f", 6, 1, "r", "q")
	other.Room++
	_, _, err = room.Apply(s, appCmd("c", "administrator", other), t0)
	require.ErrorIs(t, err, signaling.ErrRoomNotExist, "another room had this id")
	_, _, err = room.Apply(s, cmd("c", "owner", showConnection("r", "f", 6, 1, "r", "q")), t0)
	require.ErrorIs(t, err, signaling.ErrNoPermission, "only the app may")
	s, _, err = room.Apply(s, appCmd("c", "administrator", room.Dismiss{}), t0)
	require.NoError(t, err)
	require.Nil(t, s.Connection)
	require.Empty(t, s.ConnectedWith())
}

// In whichever order the states of connections arrive, and however often, a room shows in the end the last of them, and what
// it was told leads there: requests begin and end once, and nobody joins twice.
func TestShowConnection_inAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// A history: the room is asked, connected or out, in one connection after another.
		var history []room.ShowConnection
		last := func() room.ShowConnection { return history[len(history)-1] }
		for turn := uint64(1); turn <= 3; turn++ {
			id := fmt.Sprint(turn)
			history = append(history, asks(showConnection("r", id, turn, 1), id, "x", "r"))
			if rapid.Bool().Draw(t, "accepts") {
				history = append(history, over(showConnection("r", id, turn, 2, "x", "r"), 2, signaling.Accepted, id, "x", "r"))
				history = append(history, over(showConnection("r", id, turn, 3, "x", "r", "y"), 2, signaling.Accepted, id, "x", "r"))
				history = append(history, over(showConnection("r", id, turn, 4), 2, signaling.Accepted, id, "x", "r"))
			} else {
				history = append(history, over(showConnection("r", id, turn, 2), 2, signaling.Rejected, id, "x", "r"))
			}
		}
		s, _, err := room.Apply(room.State{}, cmd("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 20}), t0)
		require.NoError(t, err)
		order := rapid.Permutation(slices.Concat(history, history)).Draw(t, "order")
		connected, pending := map[signaling.RoomID]bool{}, map[string]int{}
		for _, a := range append(order, last()) {
			var events []room.Event
			s, events, err = room.Apply(s, appCmd("c", "administrator", a), t0)
			require.NoError(t, err)
			for _, e := range events {
				switch e := e.Event.(type) {
				case signaling.ConnectionRequestReceived:
					require.Zero(t, pending[e.Request.RequestID])
					pending[e.Request.RequestID] = 1
				case signaling.ConnectionRequestEnded:
					require.Equal(t, 1, pending[e.Request.RequestID])
					pending[e.Request.RequestID] = 2
				case signaling.ConnectionUserListChanged:
					for _, u := range e.Left {
						require.True(t, connected[u.RoomID])
						delete(connected, u.RoomID)
					}
					for _, u := range e.Joined {
						require.False(t, connected[u.RoomID])
						connected[u.RoomID] = true
					}
					require.Len(t, e.Connected, len(connected))
				}
			}
		}
		require.Empty(t, connected)
		require.Nil(t, s.View(signaling.UserInfo{UserID: "owner"}, 1, 1).Connection)
		for id, n := range pending {
			require.Equal(t, 2, n, id)
		}
	})
}

// The largest connection that a room can be shown: what is counted for it is not less than what it takes.
func TestShowConnection_keepsTheStateSmall(t *testing.T) {
	for _, fill := range []string{"n", "<", "\\"} {
		a := room.ShowConnection{ID: strings.Repeat("i", 26), Turn: 1, Seq: 1}
		for i := range signaling.MaxConnectedRooms {
			id := signaling.RoomID(fmt.Sprint(i) + strings.Repeat(fill, 47))
			u := signaling.ConnectionUser{RoomID: id, UserID: signaling.UserID(strings.Repeat(fill, 32)), UserName: strings.Repeat("n", 60), AvatarURL: strings.Repeat("a", 60), JoinConnectionTime: 1 << 60}
			a.Users = append(a.Users, room.ConnectedRoom{ConnectionUser: u, Created: 1 << 60})
			if i < 2 {
				a.Connected = append(a.Connected, id)
			} else {
				a.Asks = append(a.Asks, room.ConnectionAsk{ID: strings.Repeat(fill, 64), From: a.Connected[0], To: id, Created: 1 << 60, Deadline: 1 << 60})
			}
		}
		for _, seats := range []int{10, 20} {
			s := full(t, seats, "n")
			a.Room = s.Info.CreateTime
			before, err := json.Marshal(s)
			require.NoError(t, err)
			next, _, err := room.Apply(s, appCmd("c", "administrator", a), t0)
			if err != nil {
				require.ErrorIs(t, err, signaling.ErrLimit)
				s.Requests = s.Requests[:len(s.Requests)/2]
				next, _, err = room.Apply(s, appCmd("c", "administrator", a), t0)
				require.NoError(t, err)
			}
			b, err := json.Marshal(next)
			require.NoError(t, err)
			t.Logf("%q, %d seats: %d bytes with, %d without", fill, seats, len(b), len(before))
			require.Less(t, len(b), room.MaxStateBytes)
			require.LessOrEqual(t, len(connectionJSON(t, next)), room.ConnectionBytes(next))
		}
	}
}

func connectionJSON(t *testing.T, s room.State) []byte {
	t.Helper()
	b, err := json.Marshal(s.Connection)
	require.NoError(t, err)
	return b
}
