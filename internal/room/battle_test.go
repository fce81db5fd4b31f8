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
	a := room.ShowBattle{
		Battle: signaling.BattleInfo{
			BattleID: id, StartTime: start, EndTime: start + 60_000, Inviter: signaling.BattleUser{RoomID: "r", UserID: "owner", Score: score},
			InviteeList: []signaling.BattleUser{{RoomID: "other", UserID: "amy"}},
		},
		Turn: uint64(start), Seq: seq, Phase: room.BattleRunning, Reason: signaling.BattleOtherExit, Room: s.Info.CreateTime,
	}
	if over {
		a.Phase = room.BattleOver
	}
	return a
}

// toBattle are the types of events, with a dot those for the owner alone; what the app's server is told is in brackets.
func toBattle(t require.TestingT, events []room.Event) (list []string) {
	for _, e := range events {
		if e.Battle != nil {
			list = append(list, fmt.Sprintf("(%d)", e.Battle.Step))
			continue
		}
		s := signaling.EventType(e.Event)
		if r, ok := e.Event.(signaling.BattleRequestEnded); ok {
			s = fmt.Sprintf("%v%v", r.Result, r.Invitees)
		}
		if e.To != nil {
			require.Equal(t, []signaling.UserID{"owner"}, e.To)
			s = "." + s
		}
		list = append(list, s)
	}
	return list
}

// A battle that is asked for: the owner sees the request and the answers, everybody the battle, its end, and its punishment
// phase. The app's server is told of each step once.
func TestShowBattle_thatIsAskedFor(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	asked := func(id string, turn, seq uint64, inviter signaling.RoomID, accepted ...signaling.RoomID) room.ShowBattle {
		a := show(s, id, int64(turn), seq, 0, false)
		a.Battle.StartTime, a.Battle.EndTime, a.Phase, a.Accepted = 0, 0, room.BattleAsked, accepted
		a.Created, a.Deadline = 1000, 11_000
		a.Battle.Inviter.RoomID = inviter
		a.Battle.InviteeList = []signaling.BattleUser{{RoomID: "x"}, {RoomID: "y"}}
		if inviter != "r" {
			a.Battle.InviteeList[0].RoomID = "r"
		} else {
			a.Report = &room.ReportBattle{Created: 1000, Timeout: 10_000}
		}
		return a
	}
	ended := func(a room.ShowBattle, result signaling.RequestResultType, of ...signaling.RoomID) room.ShowBattle {
		a.Phase, a.Result, a.Ended, a.Battle.EndTime = room.BattleOver, result, of, 2000
		if a.Report != nil {
			a.Report = &room.ReportBattle{Created: 1000, Timeout: 10_000, Ended: true}
		}
		return a
	}
	begun := func(a room.ShowBattle, phase room.BattlePhase) room.ShowBattle {
		a.Phase, a.Battle.StartTime, a.Battle.EndTime = phase, 3000, 4000
		if phase == room.BattlePunished || phase == room.BattleOver {
			a.Battle.PunishEndTime = 5000
			if a.Report != nil {
				a.Report = &room.ReportBattle{Created: 1000, Timeout: 10_000, Ended: true}
			}
		}
		return a
	}
	step := func(a room.ShowBattle, want ...string) {
		t.Helper()
		next, events, err := room.Apply(s, appCmd("c", "administrator", a), t0)
		require.NoError(t, err)
		require.Equal(t, want, toBattle(t, events))
		s = next
	}
	view := func(u signaling.UserID) signaling.Snapshot { return s.View(signaling.UserInfo{UserID: u}, 1, 1) }

	step(asked("a", 1, 2, "r"), ".battleRequestReceived", "(1)")
	require.Equal(t, "a", view("owner").BattleRequests[0].Battle.BattleID)
	require.Equal(t, int64(11_000), view("owner").BattleRequests[0].Deadline)
	require.Nil(t, view("ann").BattleRequests, "requests are the owner's")
	require.Nil(t, view("owner").Battle)
	require.False(t, s.Battle.Runs(), "gifts do not count yet")
	step(asked("a", 1, 3, "r", "x"), ".Accepted[x]")
	step(asked("a", 1, 2, "r"))
	require.Equal(t, []signaling.RoomID{"x"}, view("owner").BattleRequests[0].Accepted)
	step(begun(asked("a", 1, 4, "r"), room.BattleRunning), ".Accepted[y]", "battleStarted", "(2)")
	require.NotNil(t, view("ann").Battle)
	require.True(t, s.Battle.Runs())
	left := begun(asked("a", 1, 5, "r"), room.BattleRunning)
	left.Battle.InviteeList[0].Left, left.Battle.InviteeList[1].Score = true, 3
	step(left, "battleUserLeft", "battleScoreChanged")
	over := begun(left, room.BattlePunished)
	over.Seq = 6
	step(over, "battleEnded", "(3)")
	require.False(t, s.Battle.Runs())
	require.NotZero(t, view("ann").Battle.PunishEndTime)
	step(begun(asked("a", 1, 7, "r"), room.BattleOver), "battlePunishmentEnded")
	require.Nil(t, view("ann").Battle)
	step(asked("a", 1, 8, "r"))

	step(asked("b", 2, 2, "x"), ".battleRequestReceived") // to this room: the other one tells the app
	step(ended(asked("b", 2, 3, "x"), signaling.Timeout, "r", "y"), ".Timeout[r y]")
	step(ended(asked("c", 3, 3, "r", "y"), signaling.Rejected, "x"), ".battleRequestReceived", ".Rejected[x]", "(1)", "(3)") // unseen
	step(ended(asked("d", 4, 3, "x"), signaling.Cancelled, "r"), ".Cancelled[r]")
	step(asked("d", 4, 2, "x"))
	step(begun(asked("e", 5, 9, "x"), room.BattleOver), "battleEnded", "battlePunishmentEnded") // all of it unseen
	step(asked("f", 6, 2, "x", "r"), ".battleRequestReceived")
	step(begun(asked("f", 6, 5, "x", "r"), room.BattleOver), ".Accepted[y]", "battleEnded", "battlePunishmentEnded")
	step(asked("g", 7, 2, "r"), ".battleRequestReceived", "(1)")
	step(begun(asked("h", 8, 2, "x"), room.BattleRunning), ".Cancelled[x y]", "battleStarted") // how g ended was never shown
	next := begun(asked("h", 8, 4, "x"), room.BattleOver)
	step(next, "battleEnded", "battlePunishmentEnded")
	next.Seq, next.Report = 5, &room.ReportBattle{Told: room.BattleStarts, Ended: true}
	step(next, "(3)") // the room that told is gone
	next.Seq = 6
	step(next)
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
