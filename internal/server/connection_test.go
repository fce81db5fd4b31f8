package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// ownerAt logs in at a node.
func (w *world) ownerAt(node int, user signaling.UserID) *raw {
	w.t.Helper()
	c := w.dialAt(node)
	c.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: user, UserSig: w.sig(user)}, nil)
	return c
}

// ownRoom creates and enters a room.
func (c *raw) ownRoom(id signaling.RoomID, seats int) {
	c.t.Helper()
	c.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: id, MaxSeatCount: seats}}, nil)
	c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
}

// Why a room is not asked is on the wire in two numbers: the documents' ConnectionCode, and their error code.
func TestReasonsOfConnectionRequests(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		owners := map[signaling.RoomID]*raw{}
		for i, id := range []signaling.RoomID{"a", "b", "c", "d", "e"} {
			owners[id] = w.ownerAt(i%2, signaling.UserID(id))
			owners[id].ownRoom(id, 5)
		}
		w.ownerAt(1, "hall").ownRoom("hall", 20)
		big := w.ownerAt(1, "big")
		big.ownRoom("big", 20)
		ask := func(from signaling.RoomID, to ...signaling.RoomID) (list []string) {
			var res signaling.ConnectionRequestResult
			c := owners[from]
			c.must(signaling.MethodRequestConnection, signaling.ConnectionRequestParams{RoomID: from, RoomIDs: to, Timeout: 60}, &res)
			require.NotZero(t, res.Version)
			for i, r := range res.Results {
				require.Equal(t, to[i], r.RoomID)
				list = append(list, fmt.Sprint(int(r.Code), " ", int(r.Reason)))
			}
			return list
		}
		require.Equal(t, []string{"0 0"}, ask("a", "b"))
		owners["b"].must(signaling.MethodAcceptConnection, signaling.ConnectionAnswerParams{RoomID: "b", Inviter: "a"}, nil)
		require.Equal(t, []string{"0 0"}, ask("c", "d"))
		require.Equal(t, []string{"2 100401", "2 100402", "2 100402", "1 100004", "0 0", "0 0", "4 100404"}, ask("a", "b", "c", "d", "nowhere", "e", "hall", "big"))
		require.Equal(t, []string{"3 100403"}, ask("c", "a"))
		codes := map[int]signaling.Message{
			100402: owners["e"].call(signaling.MethodRequestConnection, signaling.ConnectionRequestParams{RoomID: "e", RoomIDs: []signaling.RoomID{"c"}}),
			100400: owners["d"].call(signaling.MethodDisconnect, signaling.RoomParams{RoomID: "d"}),
			100407: owners["a"].call(signaling.MethodMuteConnection, signaling.ConnectionMuteParams{RoomID: "a", Connected: "c", Mute: true}),
			100406: owners["b"].call(signaling.MethodRejectConnection, signaling.ConnectionAnswerParams{RoomID: "b", Inviter: "a"}),
		}
		for code, m := range codes {
			require.NotNil(t, m.Err, code)
			require.Equal(t, signaling.Code(code), m.Err.Code, m.Err.Message)
		}
		refused := 0
		for range 2 * connectionsBurst {
			m := owners["c"].call(signaling.MethodRequestConnection, signaling.ConnectionRequestParams{RoomID: "c", RoomIDs: []signaling.RoomID{"nowhere"}})
			if m.Err != nil {
				require.Equal(t, signaling.ErrConnectionTooFrequent.Code, m.Err.Code)
				refused++
			}
			time.Sleep(50 * time.Millisecond)
		}
		require.Greater(t, refused, connectionsBurst/2)
	})
}

// A call whose answer was lost comes again: the same is said, and nothing happens twice.
func TestRepeatedConnectionCalls(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		a, b := w.ownerAt(0, "a"), w.ownerAt(1, "b")
		a.ownRoom("a", 5)
		b.ownRoom("b", 5)
		same := func(c *raw, method string, params any) {
			t.Helper()
			first := c.call(method, params)
			require.NoError(t, errOf(first))
			synctest.Wait()
			again := c.call(method, params)
			require.NoError(t, errOf(again))
			if method == signaling.MethodRequestConnection {
				require.JSONEq(t, string(first.Result), string(again.Result))
			}
		}
		ask := signaling.ConnectionRequestParams{CommandID: "1", RoomID: "a", RoomIDs: []signaling.RoomID{"b"}, Timeout: 60}
		same(a, signaling.MethodRequestConnection, ask)
		same(b, signaling.MethodRejectConnection, signaling.ConnectionAnswerParams{CommandID: "2", RoomID: "b", Inviter: "a"})
		var res signaling.ConnectionRequestResult
		a.must(signaling.MethodRequestConnection, ask, &res) // after it has ended
		require.Equal(t, signaling.ConnectionSuccess, res.Results[0].Code)
		ask.CommandID = "3"
		same(a, signaling.MethodRequestConnection, ask)
		same(a, signaling.MethodCancelConnection, signaling.ConnectionCancelParams{CommandID: "4", RoomID: "a", RoomIDs: []signaling.RoomID{"b"}})
		ask.CommandID = "5"
		same(a, signaling.MethodRequestConnection, ask)
		same(b, signaling.MethodAcceptConnection, signaling.ConnectionAnswerParams{CommandID: "6", RoomID: "b", Inviter: "a"})
		same(b, signaling.MethodDisconnect, signaling.RoomParams{CommandID: "7", RoomID: "b"})
		synctest.Wait()
		a.must(signaling.MethodPing, signaling.Empty{}, nil)
		var told []string
		for _, m := range a.heard {
			var p signaling.RoomEvents
			if m.Method == signaling.NotifyRoomEvents && json.Unmarshal(m.Params, &p) == nil {
				for _, e := range p.Events {
					if name := signaling.EventType(e); strings.HasPrefix(name, "connection") {
						told = append(told, strings.TrimPrefix(name, "connection"))
					}
				}
			}
		}
		// A list that says the same tells nothing new.
		told = slices.DeleteFunc(told, func(s string) bool { return s == "UserListChanged" })
		require.Equal(t, []string{"RequestReceived", "RequestEnded", "RequestReceived", "RequestEnded", "RequestReceived", "RequestEnded"}, told)
	})
}

// Calls that make no sense say why, and change nothing.
func TestBadConnectionCalls(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("bad")
		c.ownRoom("r", 5)
		for _, x := range []struct {
			method string
			params map[string]any
			code   signaling.Code
			says   string
		}{
			{signaling.MethodRequestConnection, map[string]any{"roomIds": []string{}}, -1001, "1 to 8 can be asked"},
			{signaling.MethodRequestConnection, map[string]any{"roomIds": strings.Fields("1 2 3 4 5 6 7 8 9")}, -1001, "1 to 8 can be asked"},
			{signaling.MethodRequestConnection, map[string]any{}, -1001, `"roomIds" is missing`},
			{signaling.MethodRequestConnection, map[string]any{"roomIds": []string{"r"}}, -1001, "name other rooms"},
			{signaling.MethodRequestConnection, map[string]any{"roomIds": []string{"x", "x"}}, -1001, "twice"},
			{signaling.MethodRequestConnection, map[string]any{"roomIds": []string{"raum ü"}}, -2105, "printable ASCII"},
			{signaling.MethodRequestConnection, map[string]any{"roomIds": []string{"x"}, "timeout": 301}, -1001, "timeout is in seconds, 1 to 300"},
			{signaling.MethodRequestConnection, map[string]any{"roomIds": []string{"x"}, "timeout": -1}, -1001, "timeout is in seconds, 1 to 300"},
			{signaling.MethodRequestConnection, map[string]any{"roomIds": []string{"x"}, "extensionInfo": strings.Repeat("x", 1025)}, -1001, "extensionInfo"},
			{signaling.MethodRequestConnection, map[string]any{"roomIds": []string{"x"}, "commandId": "\n"}, 100002, "commandId"},
			{signaling.MethodCancelConnection, map[string]any{"roomIds": []string{}}, -1001, "roomIds has 0 rooms"},
			{signaling.MethodAcceptConnection, map[string]any{}, -2105, "printable ASCII"},
			{signaling.MethodRejectConnection, map[string]any{"inviterRoomId": "nobody"}, 100400, "not connected"},
			{signaling.MethodMuteConnection, map[string]any{"connectedRoomId": "x"}, -1001, `"mute" is missing`},
			{signaling.MethodMuteConnection, map[string]any{"connectedRoomId": "x", "mute": true}, 100400, "not connected"},
		} {
			x.params["roomId"] = "r"
			m := c.call(x.method, x.params)
			require.NotNil(t, m.Err, x.params)
			require.Equal(t, x.code, m.Err.Code, m.Err.Message)
			require.Contains(t, m.Err.Message, x.says)
			time.Sleep(time.Second)
		}
		for range connectionsBurst { // what nobody is asked counts for nothing, and waiting would not help
			m := c.call(signaling.MethodRequestConnection, map[string]any{"roomId": "r", "roomIds": strings.Fields("1 2 3 4 5 6 7 8 9")})
			require.Equal(t, signaling.ErrInvalidParameter.Code, m.Err.Code, m.Err.Message)
			time.Sleep(100 * time.Millisecond)
		}
		var res signaling.ConnectionRequestResult
		c.must(signaling.MethodRequestConnection, signaling.ConnectionRequestParams{RoomID: "r", RoomIDs: []signaling.RoomID{"x"}}, &res)
		require.Equal(t, signaling.ConnectionRoomNotExist, res.Results[0].Code)
		var s signaling.Snapshot
		c.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
		require.Nil(t, s.Connection)
	})
}
