package room_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// show is a battle as it stands at step seq, for the room of the tests.
func show(s room.State, id string, start int64, seq uint64, score int64, over bool) room.ShowBattle {
	return room.ShowBattle{
		Battle: signaling.BattleInfo{
			BattleID: id, StartTime: start, EndTime: start + 60_000, Inviter: signaling.BattleUser{RoomID: "r", UserID: "owner", Score: score},
			InviteeList: []signaling.BattleUser{{RoomID: "other", UserID: "amy"}},
		},
		Seq: seq, Over: over, Reason: signaling.BattleOtherExit, Room: s.Info.CreateTime,
	}
}

// What is news is told, once; what comes again or late is not.
func TestShowBattle(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	step := func(a room.ShowBattle, want ...string) {
		t.Helper()
		next, events, err := room.Apply(s, appCmd("c", "administrator", a), t0)
		require.NoError(t, err)
		var types []string
		for _, e := range events {
			require.Nil(t, e.To, "everybody hears of it")
			types = append(types, signaling.EventType(e.Event))
		}
		require.Equal(t, want, types)
		if len(events) == 0 {
			require.Equal(t, s, next)
		}
		s = next
	}
	seen := func() *signaling.BattleInfo { return s.View(signaling.UserInfo{UserID: "ann"}, 1, 1).Battle }
	step(show(s, "a", 100, 2, 0, false), "battleStarted")
	require.Equal(t, "a", seen().BattleID)
	step(show(s, "a", 100, 2, 0, false))
	step(show(s, "a", 100, 4, 7, false), "battleScoreChanged")
	step(show(s, "a", 100, 3, 5, false))
	require.Equal(t, int64(7), seen().Inviter.Score)
	step(show(s, "a", 100, 5, 7, true), "battleEnded")
	require.Nil(t, seen())
	step(show(s, "a", 100, 4, 7, false))
	step(show(s, "a", 100, 6, 7, true)) // noted that all have been told
	step(show(s, "b", 90, 9, 0, false)) // before the last one
	step(show(s, "c", 200, 3, 1, true), "battleEnded")
	step(show(s, "d", 300, 2, 0, false), "battleStarted")
	step(show(s, "e", 400, 2, 0, false), "battleEnded", "battleStarted") // the end of d was never told

	_, _, err := room.Apply(s, cmd("c", "owner", show(s, "f", 500, 2, 0, false)), t0)
	require.ErrorIs(t, err, signaling.ErrNoPermission, "only the app may")
	other := show(s, "f", 500, 2, 0, false)
	other.Room++
	_, _, err = room.Apply(s, appCmd("c", "administrator", other), t0)
	require.ErrorIs(t, err, signaling.ErrRoomNotExist, "another room had this id")
	s, _, err = room.Apply(s, appCmd("c", "administrator", room.Dismiss{}), t0)
	require.NoError(t, err)
	require.Nil(t, s.Battle)
	_, _, err = room.Apply(s, appCmd("c", "administrator", show(s, "f", 500, 2, 0, false)), t0)
	require.ErrorIs(t, err, signaling.ErrRoomNotExist)
}

// A room that is dismissed tells of the end that its battle has for it, unless it has told that already.
func TestDismiss_endsTheBattleOfTheRoom(t *testing.T) {
	created, began := start(t, signaling.FreeToTake), t0.UnixMilli()
	s, _, err := room.Apply(created, appCmd("1", "administrator", show(created, "a", began, 2, 7, false)), t0)
	require.NoError(t, err)
	dismissed := func(s room.State, after time.Duration) (ended []signaling.BattleEnded) {
		_, events, err := room.Apply(s, cmd("2", "owner", room.Dismiss{}), t0.Add(after))
		require.NoError(t, err)
		require.IsType(t, signaling.RoomDismissed{}, events[len(events)-1].Event)
		for _, e := range events[:len(events)-1] {
			require.Nil(t, e.To)
			ended = append(ended, e.Event.(signaling.BattleEnded))
		}
		return ended
	}
	early, late := show(s, "a", began, 3, 7, true).Battle, show(s, "a", began, 3, 7, true).Battle
	early.EndTime = began + 1000
	require.Equal(t, []signaling.BattleEnded{{Battle: early, Reason: signaling.BattleOtherExit}}, dismissed(s, time.Second))
	require.Equal(t, []signaling.BattleEnded{{Battle: late, Reason: signaling.BattleTimeOver}}, dismissed(s, time.Hour), "it ended when it was due")
	require.Empty(t, dismissed(created, time.Second))
	over, _, err := room.Apply(s, appCmd("3", "administrator", show(s, "a", began, 3, 7, true)), t0)
	require.NoError(t, err)
	require.Empty(t, dismissed(over, time.Second))
}

// In whichever order what is to be shown arrives, each battle begins and ends once at most, and has no scores before
// and after.
func TestShowBattle_inAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := room.State{}
		s, _, err := room.Apply(s, cmd("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 20}), t0)
		require.NoError(t, err)
		begun, ended := map[string]bool{}, map[string]bool{}
		for range 40 {
			n, seq := rapid.Int64Range(1, 3).Draw(t, "battle"), rapid.Uint64Range(1, 6).Draw(t, "seq")
			next, events, err := room.Apply(s, appCmd("c", "administrator", show(s, fmt.Sprint(n), n*100, seq, int64(seq), seq >= 5)), t0)
			require.NoError(t, err)
			for _, e := range events {
				switch e := e.Event.(type) {
				case signaling.BattleStarted:
					require.False(t, begun[e.Battle.BattleID] || ended[e.Battle.BattleID])
					begun[e.Battle.BattleID] = true
				case signaling.BattleScoreChanged:
					require.True(t, begun[e.BattleID] && !ended[e.BattleID])
				case signaling.BattleEnded:
					require.False(t, ended[e.Battle.BattleID])
					ended[e.Battle.BattleID] = true
				}
			}
			s = next
		}
	})
}

// A full room has no place for a battle until requests have ended; a battle leaves room for fewer requests.
func TestShowBattle_keepsTheStateSmall(t *testing.T) {
	for _, seats := range []int{10, 50} {
		s := full(t, seats, "n")
		_, _, err := room.Apply(s, appCmd("c", "administrator", show(s, "a", 100, 2, 0, false)), t0)
		require.ErrorIs(t, err, signaling.ErrLimit)
		s.Requests = s.Requests[:len(s.Requests)/2]
		s, _, err = room.Apply(s, appCmd("c", "administrator", show(s, "a", 100, 2, 0, false)), t0)
		require.NoError(t, err)
		for i := range room.MaxRequests {
			next, _, err := room.Apply(s, cmd(fmt.Sprintf("%064d", i), signaling.UserID(fmt.Sprintf("%032d", i)), room.TakeSeat{Index: -1, Timeout: time.Hour}), t0)
			if err != nil {
				break
			}
			s = next
		}
		b, err := json.Marshal(s)
		require.NoError(t, err)
		require.Less(t, len(b), room.MaxStateBytes)
	}
}
