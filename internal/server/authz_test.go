package server

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Every method that is about a room, by somebody who is logged in but not in it, and by somebody who is not logged in.
// What those in the room may do is internal/room's table.
func TestOutsidersMayDoNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		owner, outsider, nobody := w.login("owner"), w.login("outsider"), w.dial()
		owner.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}}, nil)
		owner.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		var before signaling.Snapshot
		owner.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &before)
		params := map[string]any{"roomId": "r", "userId": "owner", "index": 1, "requestId": "x", "on": true, "offer": "v=0", "agree": true, "userRole": 1, "room": map[string]any{"roomId": "q"}, "metadata": map[string]any{"k": "v"}, "keys": []string{"k"}, "users": []string{"owner"}, "duration": 1, "roomIds": []string{"q"}, "inviterRoomId": "q", "connectedRoomId": "q", "mute": true, "durationMs": 1000, "battleId": "q"}
		anybodys := []string{signaling.MethodCreateRoom, signaling.MethodGetRoom, signaling.MethodListRooms, signaling.MethodJoinRoom, signaling.MethodStatistics}
		for method := range methods {
			if m := nobody.call(method, params); method != signaling.MethodLogin {
				require.NotNil(t, m.Err, method)
				require.Equal(t, signaling.ErrNotLoggedIn.Code, m.Err.Code, method)
			}
			if strings.HasPrefix(method, "session.") || strings.HasPrefix(method, "follow.") || method == signaling.MethodListGifts || slices.Contains(anybodys, method) {
				continue // not about a room that one is in
			}
			m := outsider.call(method, params)
			require.NotNil(t, m.Err, method)
			require.Equal(t, signaling.ErrNotInRoom.Code, m.Err.Code, method)
		}
		var after signaling.Snapshot
		owner.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &after)
		require.Equal(t, before, after)
	})
}
