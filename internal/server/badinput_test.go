package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// Each kind of bad input gets a code of the documents and a text that says what to do, and somebody else's room goes on.
func TestBadInputIsAnsweredAndDisturbsNobody(t *testing.T) {
	const room = "the good room"
	own := func(c *raw, id signaling.RoomID) {
		c.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: id}}, nil)
		c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
	}
	cases := []struct {
		name string
		code signaling.Code
		says string // part of the message
		do   func(w *world) signaling.Message
	}{
		{"unknown method", 100002, "unknown method", func(w *world) signaling.Message {
			return w.login("bad").call("seat.explode", struct{}{})
		}},
		{"malformed JSON", 60003, "not valid JSON-RPC", func(w *world) signaling.Message {
			c := w.login("bad")
			c.send(`{"jsonrpc":"2.0","id":7,`)
			return c.answer(0)
		}},
		{"other version of JSON-RPC", 60003, `"2.0"`, func(w *world) signaling.Message {
			c := w.login("bad")
			c.send(`{"jsonrpc":"1.0","id":7,"method":"seat.leave"}`)
			return c.answer(7)
		}},
		{"parameters of another type", 100002, "do not fit", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodTakeSeat, map[string]any{"roomId": 5, "index": "first"})
		}},
		{"message before the login", -1002, "log in", func(w *world) signaling.Message {
			return w.dial().call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: room})
		}},
		{"second login on one connection", -3, "logged in already", func(w *world) signaling.Message {
			c := w.login("bad")
			return c.call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "bad", UserSig: w.sig("bad")})
		}},
		{"UserSig of another secret", 70003, "not valid", func(w *world) signaling.Message {
			sig, err := usersig.Mint(app, "another secret", "bad", time.Hour, time.Now())
			require.NoError(w.t, err)
			return w.dial().call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "bad", UserSig: sig})
		}},
		{"UserSig that is none", 70003, "not valid", func(w *world) signaling.Message {
			return w.dial().call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "bad", UserSig: "hello"})
		}},
		{"UserSig of version 1", 70003, "version 1 (ECDSA-SHA256)", func(w *world) signaling.Message {
			return w.dial().call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "bad", UserSig: legacySig(w.t, legacyKey(w.t), "bad")})
		}},
		{"PrivateMapKey as UserSig", 70003, "one room", func(w *world) signaling.Message {
			sig, err := usersig.MintPrivateMapKeyWithStringRoomID(app, secret, "bad", time.Hour, time.Now(), room, usersig.PrivilegeAll)
			require.NoError(w.t, err)
			return w.dial().call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "bad", UserSig: sig})
		}},
		{"renewal with a PrivateMapKey", 70003, "one room", func(w *world) signaling.Message {
			sig, err := usersig.MintPrivateMapKey(app, secret, "bad", time.Hour, time.Now(), 7, usersig.PrivilegeEnterRoom)
			require.NoError(w.t, err)
			return w.login("bad").call(signaling.MethodRenew, signaling.RenewParams{UserSig: sig})
		}},
		{"expired UserSig", 70001, "new one", func(w *world) signaling.Message {
			sig, err := usersig.Mint(app, secret, "bad", time.Minute, time.Now().Add(-time.Hour))
			require.NoError(w.t, err)
			return w.dial().call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "bad", UserSig: sig})
		}},
		{"UserSig of another user", 70013, "another user", func(w *world) signaling.Message {
			return w.dial().call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "bad", UserSig: w.sig("good")})
		}},
		{"unknown SDKAppID", -1000, "--app", func(w *world) signaling.Message {
			return w.dial().call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: 99, UserID: "bad", UserSig: w.sig("bad")})
		}},
		{"user id with a line break", -1001, "user id", func(w *world) signaling.Message {
			return w.dial().call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "a\nb", UserSig: w.sig("bad")})
		}},
		{"unknown room", 100004, "does not exist", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "nowhere"})
		}},
		{"room id that cannot be one", -2105, "printable ASCII", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "raum ü"})
		}},
		{"question about a room that is not there", 100004, "does not exist", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodGetRoom, signaling.GetRoomParams{RoomID: "nowhere"})
		}},
		{"question about no room", -2105, "printable ASCII", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodGetRoom, signaling.Empty{})
		}},
		{"page of no rooms", -1001, "count is -1; it is 1 to 50", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodListRooms, signaling.ListRoomsParams{Count: -1})
		}},
		{"page of all rooms", -1001, "count is 51; it is 1 to 50", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodListRooms, signaling.ListRoomsParams{Count: 51})
		}},
		{"page behind no room", -1001, "begin anew", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodListRooms, signaling.ListRoomsParams{Cursor: "7"})
		}},
		{"taken room id", 100003, "taken", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: room}})
		}},
		{"command for a room one is not in", -2101, "enter", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: room, Index: 1})
		}},
		{"bad seat index", -2344, "seats 0 to 9", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "bad's room", Index: 10})
		}},
		{"unknown policy of a move", -1001, "policy is 7", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodMoveUser, signaling.MoveUserParams{RoomID: "bad's room", UserID: "x", Index: 1, Policy: 7})
		}},
		{"move without a seat to move to", -1001, `"index" is missing`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodMoveUser, signaling.UserParams{RoomID: "bad's room", UserID: "bad"})
		}},
		{"ban without a time", -1001, `"duration" is missing`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodBan, map[string]any{"roomId": "bad's room", "users": []string{"x"}})
		}},
		{"ban for no time", -1001, "a ban lasts 1 to 4294967295 seconds", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodBan, signaling.BanParams{RoomID: "bad's room", Users: []signaling.UserID{"x"}})
		}},
		{"ban for longer than there are seconds", -1001, "duration is in seconds", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodBan, signaling.BanParams{RoomID: "bad's room", Users: []signaling.UserID{"x"}, Duration: 1 << 62})
		}},
		{"mute for a negative time", -1001, "duration is in seconds", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodMute, signaling.MuteParams{RoomID: "bad's room", Users: []signaling.UserID{"x"}, Duration: -1})
		}},
		{"mute of nobody", -1001, "name 1 to 20 users", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodMute, signaling.MuteParams{RoomID: "bad's room", Users: []signaling.UserID{}, Duration: 1})
		}},
		{"mute of a bad id", -1001, "user id", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodMute, signaling.MuteParams{RoomID: "bad's room", Users: []signaling.UserID{"a\nb"}, Duration: 1})
		}},
		{"end of a ban of nobody", -1001, `"users" is missing`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodUnban, signaling.RoomParams{RoomID: "bad's room"})
		}},
		{"ban of oneself", -1001, "themselves", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodBan, signaling.BanParams{RoomID: "bad's room", Users: []signaling.UserID{"bad"}, Duration: 1})
		}},
		{"large page of the banned", -1001, "limit is 51; it is 1 to 50", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodListBanned, signaling.SanctionListParams{RoomID: "bad's room", Limit: 51})
		}},
		{"own name with a line break", -1001, "control characters", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodSetSelfInfo, map[string]any{"userName": "a\nb"})
		}},
		{"own name of 101 bytes", -1001, "100 bytes", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodSetSelfInfo, map[string]any{"userName": strings.Repeat("n", 101)})
		}},
		{"own avatar of 201 bytes", -1001, "200", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodSetSelfInfo, map[string]any{"avatarUrl": strings.Repeat("n", 201)})
		}},
		{"renewal with an expired UserSig", 70001, "new one", func(w *world) signaling.Message {
			sig, err := usersig.Mint(app, secret, "bad", time.Minute, time.Now().Add(-time.Hour))
			require.NoError(w.t, err)
			return w.login("bad").call(signaling.MethodRenew, signaling.RenewParams{UserSig: sig})
		}},
		{"renewal with another user's UserSig", 70013, "another user", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodRenew, signaling.RenewParams{UserSig: w.sig("good")})
		}},
		{"renewal with nothing", -1001, `"userSig" is missing`, func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodRenew, signaling.Empty{})
		}},
		{"following nobody", -1001, "1 to 20 users", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodFollow, signaling.FollowParams{UserIDs: []signaling.UserID{}})
		}},
		{"following without saying whom", -1001, `"userIds" is missing`, func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodFollow, signaling.Empty{})
		}},
		{"following 21 at once", -1001, "this call 21", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodFollow, signaling.FollowParams{UserIDs: make([]signaling.UserID, 21)})
		}},
		{"unfollowing 21 at once", -1001, "this call 21", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodUnfollow, signaling.FollowParams{UserIDs: make([]signaling.UserID, 21)})
		}},
		{"checking 101 at once", -1001, "1 to 100 users", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodCheckFollow, signaling.FollowParams{UserIDs: make([]signaling.UserID, 101)})
		}},
		{"checking what is no user id", -1001, "user id", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodCheckFollow, signaling.FollowParams{UserIDs: []signaling.UserID{"a", ""}})
		}},
		{"counting for what is no user id", -1001, "user id", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodFollowInfo, signaling.FollowParams{UserIDs: []signaling.UserID{"a\nb"}})
		}},
		{"list of what nobody has", -1001, `"followers"`, func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodFollowList, map[string]any{"list": "friends"})
		}},
		{"page of too many followers", -1001, "1 to 100", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodFollowList, signaling.FollowListParams{List: signaling.FollowersList, Limit: 101})
		}},
		{"cursor that is none", -1001, "the page before", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodFollowList, signaling.FollowListParams{List: signaling.FollowersList, NextCursor: "5"})
		}},
		{"negative time-out", -1001, "seconds", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "bad's room", Index: 1, Timeout: -1})
		}},
		{"offer that is no SDP", 100002, "offer", func(w *world) signaling.Message {
			return w.login("bad").call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: room, Offer: "v=nonsense"})
		}},
		{"empty message", -1001, `textContent is empty`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "bad's room"})
		}},
		{"message of 2049 bytes", -1001, `2048 bytes`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "bad's room", Text: strings.Repeat("n", 2049)})
		}},
		{"message with a control character", -1001, `control characters`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "bad's room", Text: "a\tb"})
		}},
		{"message of an unknown kind", -1001, `messageType is 7`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "bad's room", Type: 7, Text: "x"})
		}},
		{"text message with data", -1001, `messageType 1`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "bad's room", Text: "x", Data: "y"})
		}},
		{"custom message with nothing", -1001, `businessId and data are empty`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "bad's room", Type: signaling.BarrageCustom, Text: "x"})
		}},
		{"custom message of a long business", -1001, `64 bytes`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "bad's room", Type: signaling.BarrageCustom, BusinessID: strings.Repeat("b", 65)})
		}},
		{"custom message of 2049 bytes", -1001, `2048 bytes`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "bad's room", Type: signaling.BarrageCustom, Data: strings.Repeat("b", 2049)})
		}},
		{"message with too much extension", -1001, `and has 2049`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "bad's room", Text: "x", Extension: map[string]string{"k": strings.Repeat("v", 2048)}})
		}},
		{"message with a nameless extension", -1001, `keys that are not empty`, func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "bad's room", Text: "x", Extension: map[string]string{"": "v"}})
		}},
		{"command id of a novel's length", 100002, "64 bytes", func(w *world) signaling.Message {
			c := w.login("bad")
			own(c, "bad's room")
			return c.call(signaling.MethodLeaveSeat, signaling.RoomParams{RoomID: "bad's room", CommandID: strings.Repeat("x", 65)})
		}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				good := w.login("good")
				own(good, room)
				m := tc.do(w)
				require.NotNil(t, m.Err, "it was not refused")
				require.Equal(t, tc.code, m.Err.Code, m.Err.Message)
				require.Contains(t, m.Err.Message, tc.says)
				var res signaling.TakeSeatResult
				good.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: room, Index: 0}, &res)
				require.False(t, res.Pending)
			})
		})
	}
}

func TestOversizedFrameClosesTheConnection(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("bad")
		go func() { // the server stops to read in the middle
			_ = c.ws.WriteMessage(websocket.TextMessage, []byte(strings.Repeat(" ", signaling.MaxFrame+1)))
		}()
		require.Equal(t, websocket.CloseMessageTooBig, c.closed())
	})
}

func TestBinaryFrameClosesTheConnection(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("bad")
		require.NoError(t, c.ws.WriteMessage(websocket.BinaryMessage, []byte("{}")))
		require.Equal(t, websocket.CloseUnsupportedData, c.closed())
	})
}

func TestSilentConnectionIsClosedBeforeTheLogin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.dial()
		start := time.Now()
		c.closed()
		require.LessOrEqual(t, time.Since(start), 2*loginWait)
	})
}

func TestSecondLoginEndsTheFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first := w.login("denny")
		second := w.login("denny")
		m := first.next()
		require.Equal(t, signaling.NotifyKickedOff, m.Method)
		require.Contains(t, string(m.Params), "elsewhere")
		require.Equal(t, websocket.ClosePolicyViolation, first.closed())
		second.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}}, nil)
	})
}

func TestTooManyCallsAreRefusedForThatClientAlone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		bad, good := w.login("bad"), w.login("good")
		refused := 0
		for range 3 * signaling.CallsPerSecond {
			if m := bad.call(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}); m.Err.Code == signaling.ErrFreqLimit.Code {
				refused++
			}
		}
		require.Greater(t, refused, 0)
		require.LessOrEqual(t, refused, signaling.CallsPerSecond+1, "the burst is twice the rate, and the login was a call")
		good.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}}, nil)
	})
}

// A client that takes no byte is cut off by the write deadline or the full queue, and the others get every event.
func TestClientThatNeverReadsIsCutOff(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		owner, reader, stuck := w.login("owner"), w.login("reader"), w.login("stuck")
		owner.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r", SeatMode: signaling.FreeToTake}}, nil)
		for _, c := range []*raw{owner, reader, stuck} {
			c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		}
		got := make(chan uint64)
		reading, stop := context.WithCancel(t.Context())
		defer stop()
		go func() {
			for {
				_, b, err := reader.ws.ReadMessage()
				if err != nil {
					close(got)
					return
				}
				var n struct {
					Params signaling.RoomEvents `json:"params"`
				}
				if json.Unmarshal(b, &n) == nil {
					select {
					case got <- n.Params.Version:
					case <-reading.Done():
					}
				}
			}
		}()
		const changes = 40
		for range changes {
			owner.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "r", Index: 0}, nil)
			owner.must(signaling.MethodLeaveSeat, signaling.RoomParams{RoomID: "r"}, nil)
			for range 2 {
				<-got
			}
			time.Sleep(100 * time.Millisecond) // virtual; stays under the rate of calls
		}
		time.Sleep(writeWait)
		synctest.Wait()
		w.srv.mu.Lock()
		ses := w.srv.users[userKey{app, "stuck"}]
		w.srv.mu.Unlock()
		require.Nil(t, ses.link.Load(), "the client that does not read is still there after %d events", 2*changes)
		stop()
	})
}

func TestForeignOriginIsRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for origin, want := range map[string]int{
			"http://evil.example": http.StatusForbidden, "http://server:80": http.StatusSwitchingProtocols, "": http.StatusSwitchingProtocols,
		} {
			d := websocket.Dialer{NetDialContext: w.net.Dial, Subprotocols: []string{signaling.Subprotocol}}
			h := http.Header{}
			if origin != "" {
				h.Set("Origin", origin)
			}
			ws, resp, err := d.Dial("ws://server:80"+signaling.Path, h)
			require.Equal(t, want, resp.StatusCode, fmt.Sprintf("origin %q: %v", origin, err))
			if ws != nil {
				ws.Close()
			}
		}
	})
}

// Nodes' clocks differ. A login that is later on another node ends the one here although its clock says otherwise;
// only of two that cross do the clocks decide, so that one stays.
func TestLaterLoginOfAnotherNodeWinsWhateverItsClockSays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		notice := func(at time.Time) {
			b, err := json.Marshal(loginNotice{User: "denny", Session: "elsewhere", At: at.UnixNano()})
			require.NoError(t, err)
			w.srv.loggedInElsewhere(app, b)
		}
		c := w.login("denny")
		notice(time.Now().Add(-time.Minute))
		c.must(signaling.MethodPing, signaling.Empty{}, nil) // they crossed, and the other was first
		time.Sleep(loginsCross + time.Second)
		notice(time.Now().Add(-time.Minute))
		require.Equal(t, websocket.ClosePolicyViolation, c.closed())
	})
}
