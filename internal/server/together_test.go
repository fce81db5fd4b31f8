package server

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// gauged returns the sum of a gauge over all nodes that live.
func (w *world) gauged(name string) (sum int) {
	w.t.Helper()
	known := false
	for _, n := range w.nodes {
		if n.gone {
			continue
		}
		families, err := n.srv.metrics.registry.Gather()
		require.NoError(w.t, err)
		for _, f := range families {
			if f.GetName() == name {
				known = true
				sum += int(f.GetMetric()[0].GetGauge().GetValue())
			}
		}
	}
	require.True(w.t, known, name)
	return sum
}

// Whichever nodes the rooms are on, the sums over the nodes count each connection and each battle once.
func TestMetricsOfConnectionsAndBattles(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		owners := map[signaling.RoomID]*raw{}
		for i, id := range []signaling.RoomID{"a", "b", "c", "d", "e"} {
			owners[id] = w.ownerAt(i%2, signaling.UserID(id))
			owners[id].ownRoom(id, 5)
		}
		check := func(connections, rooms, battles int) {
			t.Helper()
			time.Sleep(time.Second)
			for _, c := range owners { // who reads nothing for long is cut off
				c.must(signaling.MethodPing, signaling.Empty{}, nil)
			}
			require.Equal(t, []int{connections, rooms, battles}, []int{
				w.gauged("voiceroom_room_connections"), w.gauged("voiceroom_connected_rooms"), w.gauged("voiceroom_battles"),
			})
		}
		connect := func(from signaling.RoomID, to ...signaling.RoomID) {
			owners[from].must(signaling.MethodRequestConnection, signaling.ConnectionRequestParams{RoomID: from, RoomIDs: to}, nil)
			for _, id := range to {
				owners[id].must(signaling.MethodAcceptConnection, signaling.ConnectionAnswerParams{RoomID: id, Inviter: from}, nil)
			}
		}
		check(0, 0, 0)
		connect("a", "b", "c")
		connect("d", "e")
		check(2, 5, 0)
		w.beginBattle(0, `{"FromRoomId":"a","ToRoomIdList":["b","c"],"Duration":2500}`)
		w.beginBattle(1, `{"FromRoomId":"e","ToRoomIdList":["d"],"Duration":60000}`)
		check(2, 5, 2)
		time.Sleep(2 * time.Second)
		check(2, 5, 1)
		owners["a"].must(signaling.MethodDisconnect, signaling.RoomParams{RoomID: "a"}, nil)
		check(2, 4, 1)
		owners["b"].must(signaling.MethodDisconnect, signaling.RoomParams{RoomID: "b"}, nil)
		check(1, 2, 1)
	})
}
