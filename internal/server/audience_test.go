package server

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A room's next home knows from the nodes who came when.
func TestAudienceKeepsItsOrderOverATakeover(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		clients := map[signaling.UserID]*raw{}
		for _, u := range []signaling.UserID{"c", "a", "b"} {
			c, _, err := w.loginAt(1, u, nil)
			require.NoError(t, err)
			c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
			clients[u] = c
			time.Sleep(10 * time.Millisecond) // virtual
		}
		clients["c"].must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		w.stop(0)
		late, _, err := w.loginAt(1, "late", nil)
		require.NoError(t, err)
		late.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		var list signaling.AudienceList
		late.must(signaling.MethodListAudience, signaling.RoomParams{RoomID: "r"}, &list)
		var order []signaling.UserID
		for _, u := range list.Users {
			order = append(order, u.UserID)
		}
		require.Equal(t, []signaling.UserID{"late", "b", "a", "c"}, order, "entering again is no coming")
		require.Equal(t, 4, list.Total, "without the owner")
	})
}
