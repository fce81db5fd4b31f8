package room_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// stage is a room in which every verb has something to act on: the owner on seat 0, sam on seat 1, tom on seat 2, seat
// 3 vacant, seat 4 locked, seat 5 with its audio locked; amy administers without a seat, ann is in the audience and
// invited, pat has applied for seat 3.
func stage(t *testing.T) room.State {
	t.Helper()
	var s room.State
	n := 0
	do := func(id string, by signaling.UserID, a room.Action) {
		t.Helper()
		n++
		if id == "" {
			id = "setup" + strconv.Itoa(n)
		}
		next, _, err := room.Apply(s, cmd(id, by, a), t0)
		require.NoError(t, err, "%T", a)
		s = next
	}
	free, asks := signaling.FreeToTake, signaling.ApplyToTake
	do("", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r", SeatMode: free, MaxSeatCount: 6}, SeatLimit: 20})
	do("", "owner", room.TakeSeat{Index: 0})
	do("", "sam", room.TakeSeat{Index: 1})
	do("", "tom", room.TakeSeat{Index: 2})
	do("", "owner", room.LockSeat{Index: 4, Lock: signaling.SeatLock{Seat: true, Which: signaling.LockFlagSeat}})
	do("", "owner", room.LockSeat{Index: 5, Lock: signaling.SeatLock{Audio: true, Which: signaling.LockFlagAudio}})
	do("", "owner", room.SetMetadata{Metadata: map[string]string{"old": "value"}})
	do("", "owner", room.ChangeRole{User: "amy", Role: signaling.Administrator})
	do("", "owner", room.Update{SeatMode: &asks})
	do("applied", "pat", room.TakeSeat{Index: 3, Timeout: time.Minute})
	do("invited", "owner", room.Invite{User: user("ann"), Index: 3})
	connected, _, err := room.Apply(s, appCmd("connected", "administrator", showConnection("r", "c", 1, 1, "r", "other")), t0)
	require.NoError(t, err)
	s = connected
	return s
}

// Every verb by every role: what each may do, and with which code it is refused. 0 is success. Whoever is not in the
// room gets -2101 for all of it, which package server tests.
func TestEveryVerbByEveryRole(t *testing.T) {
	name, free := "new name", signaling.FreeToTake
	force, swap := signaling.ForceReplace, signaling.SwapPosition
	lock := func(i signaling.SeatIndex, which signaling.LockFlag) room.LockSeat {
		return room.LockSeat{Index: i, Lock: signaling.SeatLock{Seat: true, Audio: true, Which: which}}
	}
	table := []struct {
		verb   string
		action room.Action
		codes  string // owner, administrator off the seats, seated, audience with an invitation, audience with an application
	}{
		{"take a vacant seat", room.TakeSeat{Index: 3}, "100203 0 100203 0 -2312"},
		{"take any seat", room.TakeSeat{Index: -1}, "100203 0 100203 0 -2312"},
		{"take an occupied seat", room.TakeSeat{Index: 2}, "100203 100210 100203 100210 -2312"},
		{"take a locked seat", room.TakeSeat{Index: 4}, "100203 0 100203 100200 -2312"},
		{"take a seat that is not there", room.TakeSeat{Index: 6}, "-2344 -2344 -2344 -2344 -2344"},
		{"take a seat before any", room.TakeSeat{Index: -2}, "-2344 -2344 -2344 -2344 -2344"},
		{"apply for ever so long", room.TakeSeat{Index: 3, Timeout: 25 * time.Hour}, "-1001 -1001 -1001 -1001 -1001"},
		{"leave the seat", room.LeaveSeat{}, "0 100206 0 100206 100206"},
		{"move to a vacant seat", room.MoveSeat{Index: 3}, "0 100206 0 100206 100206"},
		{"move to an occupied seat", room.MoveSeat{Index: 2}, "100210 100206 100210 100206 100206"},
		{"move to a locked seat", room.MoveSeat{Index: 4}, "0 100206 100200 100206 100206"},
		{"move to any seat", room.MoveSeat{Index: -1}, "-2344 100206 -2344 100206 100206"},
		{"move oneself as an administrator would", room.MoveUser{Index: 3}, "0 100206 0 100206 100206"},
		{"move oneself over another", room.MoveUser{Index: 2, Policy: force}, "100210 100206 100210 100206 100206"},
		{"move another to a vacant seat", room.MoveUser{User: "tom", Index: 3}, "0 0 -2301 -2301 -2301"},
		{"move another to where they sit", room.MoveUser{User: "tom", Index: 2, Policy: swap}, "0 0 -2301 -2301 -2301"},
		{"move another to an occupied seat", room.MoveUser{User: "tom", Index: 1}, "100210 100210 -2301 -2301 -2301"},
		{"move another over somebody", room.MoveUser{User: "tom", Index: 1, Policy: force}, "0 0 -2301 -2301 -2301"},
		{"swap two others", room.MoveUser{User: "tom", Index: 1, Policy: swap}, "0 0 -2301 -2301 -2301"},
		{"move another onto the owner's seat", room.MoveUser{User: "tom", Index: 0}, "100210 100210 -2301 -2301 -2301"},
		{"move another over the owner", room.MoveUser{User: "tom", Index: 0, Policy: force}, "0 100006 -2301 -2301 -2301"},
		{"swap another with the owner", room.MoveUser{User: "tom", Index: 0, Policy: swap}, "0 100006 -2301 -2301 -2301"},
		{"move the owner", room.MoveUser{User: "owner", Index: 3}, "0 100006 -2301 -2301 -2301"},
		{"move the owner over another", room.MoveUser{User: "owner", Index: 2, Policy: swap}, "100210 100006 -2301 -2301 -2301"},
		{"move another onto a locked seat", room.MoveUser{User: "tom", Index: 4, Policy: force}, "100200 100200 -2301 -2301 -2301"},
		{"move who does not sit", room.MoveUser{User: "zoe", Index: 3}, "100206 100206 -2301 -2301 -2301"},
		{"move another to a seat that is not there", room.MoveUser{User: "tom", Index: 6}, "-2344 -2344 -2301 -2301 -2301"},
		{"move another to any seat", room.MoveUser{User: "tom", Index: -1}, "-2344 -2344 -2301 -2301 -2301"},
		{"move another by an unknown policy", room.MoveUser{User: "tom", Index: 3, Policy: 3}, "-1001 -1001 -1001 -1001 -1001"},
		{"turn the microphone on", room.SetAudio{On: true}, "0 100206 0 100206 100206"},
		{"accept an application", room.Respond{RequestID: "applied", Agree: true}, "0 0 -2310 -2310 -2310"},
		{"reject an application", room.Respond{RequestID: "applied"}, "0 0 -2310 -2310 -2310"},
		{"accept an invitation", room.Respond{RequestID: "invited", Agree: true}, "-2310 -2310 -2310 0 -2310"},
		{"reject an invitation", room.Respond{RequestID: "invited"}, "-2310 -2310 -2310 0 -2310"},
		{"answer what is not there", room.Respond{RequestID: "x", Agree: true}, "-2311 -2311 -2311 -2311 -2311"},
		{"cancel an application", room.Cancel{RequestID: "applied"}, "-2310 -2310 -2310 -2310 0"},
		{"cancel an invitation", room.Cancel{RequestID: "invited"}, "0 -2310 -2310 -2310 -2310"},
		{"cancel what is not there", room.Cancel{RequestID: "x"}, "-2311 -2311 -2311 -2311 -2311"},
		{"invite who applies", room.Invite{User: user("pat"), Index: 3}, "0 0 -2301 -2301 -2301"},
		{"invite to a locked seat", room.Invite{User: user("pat"), Index: 4}, "100200 100200 -2301 -2301 -2301"},
		{"invite to an occupied seat", room.Invite{User: user("pat"), Index: 2}, "100210 100210 -2301 -2301 -2301"},
		{"invite the invited", room.Invite{User: user("ann"), Index: 3}, "100208 100208 -2301 -2301 -2301"},
		{"invite the seated", room.Invite{User: user("tom"), Index: 3}, "100203 100203 -2301 -2301 -2301"},
		{"invite the owner", room.Invite{User: user("owner"), Index: 3}, "-1001 100203 -2301 -2301 -2301"},
		{"invite an administrator", room.Invite{User: user("amy"), Index: 3}, "0 -1001 -2301 -2301 -2301"},
		{"invite who is not here", room.Invite{Index: 3}, "-2200 -2200 -2301 -2301 -2301"},
		{"take off a seat", room.KickOffSeat{User: "tom"}, "0 0 -2301 -2301 -2301"},
		{"take the owner off", room.KickOffSeat{User: "owner"}, "-1001 100006 -2301 -2301 -2301"},
		{"take an administrator off who does not sit", room.KickOffSeat{User: "amy"}, "100206 100206 -2301 -2301 -2301"},
		{"take off who does not sit", room.KickOffSeat{User: "pat"}, "100206 100206 -2301 -2301 -2301"},
		{"lock a vacant seat", lock(3, signaling.LockFlagSeat), "0 0 -2301 -2301 -2301"},
		{"lock an occupied seat", lock(2, signaling.LockFlagAll), "0 0 -2301 -2301 -2301"},
		{"lock the owner's seat", lock(0, signaling.LockFlagSeat), "0 100006 -2301 -2301 -2301"},
		{"silence the owner's seat", lock(0, signaling.LockFlagAudio), "0 0 -2301 -2301 -2301"},
		{"lock a seat that is not there", lock(6, signaling.LockFlagAll), "-2344 -2344 -2301 -2301 -2301"},
		{"lock with unknown flags", lock(3, 8), "-1001 -1001 -2301 -2301 -2301"},
		{"rename the room", room.Update{Name: &name}, "0 0 -2301 -2301 -2301"},
		{"change the seat mode", room.Update{SeatMode: &free}, "0 0 -2301 -2301 -2301"},
		{"set metadata", room.SetMetadata{Metadata: map[string]string{"k": "v"}}, "0 0 -2301 -2301 -2301"},
		{"set no metadata", room.SetMetadata{}, "-1001 -1001 -2301 -2301 -2301"},
		{"delete metadata", room.DeleteMetadata{Keys: []string{"old"}}, "0 0 -2301 -2301 -2301"},
		{"delete metadata that is not there", room.DeleteMetadata{Keys: []string{"k"}}, "100503 100503 -2301 -2301 -2301"},
		{"make an administrator", room.ChangeRole{User: "tom", Role: signaling.Administrator}, "0 -2300 -2300 -2300 -2300"},
		{"take it back", room.ChangeRole{User: "amy", Role: signaling.GeneralUser}, "0 -2300 -2300 -2300 -2300"},
		{"hand the room over", room.ChangeRole{User: "tom", Role: signaling.RoomOwner, Present: true}, "0 -2300 -2300 -2300 -2300"},
		{"hand it to who is not here", room.ChangeRole{User: "zoe", Role: signaling.RoomOwner}, "100005 -2300 -2300 -2300 -2300"},
		{"demote the owner", room.ChangeRole{User: "owner", Role: signaling.GeneralUser}, "100006 -2300 -2300 -2300 -2300"},
		{"make nobody an administrator", room.ChangeRole{Role: signaling.Administrator}, "-1001 -2300 -2300 -2300 -2300"},
		{"take out of the room", room.KickOut{User: "tom", Present: true}, "0 0 -2301 -2301 -2301"},
		{"take the owner out", room.KickOut{User: "owner", Present: true}, "-1001 100006 -2301 -2301 -2301"},
		{"take an administrator out", room.KickOut{User: "amy", Present: true}, "0 -1001 -2301 -2301 -2301"},
		{"take out who is not here", room.KickOut{User: "zoe"}, "100005 100005 -2301 -2301 -2301"},
		{"ban", room.Ban{Users: []signaling.UserID{"tom", "zoe"}, Duration: time.Hour, Present: []signaling.UserID{"tom"}}, "0 0 -2301 -2301 -2301"},
		{"ban the owner", room.Ban{Users: []signaling.UserID{"tom", "owner"}, Duration: time.Hour}, "-1001 100006 -2301 -2301 -2301"},
		{"ban an administrator", room.Ban{Users: []signaling.UserID{"amy"}, Duration: time.Hour}, "0 -1001 -2301 -2301 -2301"},
		{"end a ban", room.Unban{Users: []signaling.UserID{"tom"}}, "0 0 -2301 -2301 -2301"},
		{"mute", room.Mute{Users: []signaling.UserID{"tom", "zoe"}, Duration: time.Hour}, "0 0 -2301 -2301 -2301"},
		{"mute the owner", room.Mute{Users: []signaling.UserID{"owner"}, Duration: time.Hour}, "-1001 100006 -2301 -2301 -2301"},
		{"end a mute", room.Mute{Users: []signaling.UserID{"tom"}, Muted: []signaling.UserID{"tom"}}, "0 0 -2301 -2301 -2301"},
		{"send a gift to a member", room.SendGift{Gift: signaling.GiftInfo{GiftID: "rose", Coins: 1}, Count: 1, Receiver: user("tom"), Present: true}, "0 0 0 0 0"},
		{"send a gift to the owner", room.SendGift{Gift: signaling.GiftInfo{GiftID: "rose", Coins: 1}, Count: 9999}, "0 0 0 0 0"},
		{"send a gift to who is not here", room.SendGift{Gift: signaling.GiftInfo{GiftID: "rose"}, Count: 1, Receiver: user("zoe")}, "100005 100005 100005 100005 100005"},
		{"send nothing", room.SendGift{Gift: signaling.GiftInfo{GiftID: "rose"}}, "-1001 -1001 -1001 -1001 -1001"},
		{"send too many", room.SendGift{Gift: signaling.GiftInfo{GiftID: "rose"}, Count: 10000}, "-1001 -1001 -1001 -1001 -1001"},
		{"turn likes off", room.Update{LikeDisabled: new(true)}, "0 0 -2301 -2301 -2301"},
		{"count likes", room.Count{Messages: 1}, "100006 100006 100006 100006 100006"},
		{"turn gifts off", room.Update{GiftDisabled: new(true)}, "0 0 -2301 -2301 -2301"},
		{"mute a connected room", room.MuteConnection{Room: "other", Mute: true}, "0 0 -2301 -2301 -2301"},
		{"mute a room that is not connected", room.MuteConnection{Room: "third", Mute: true}, "100407 100407 -2301 -2301 -2301"},
		{"mute the own room", room.MuteConnection{Room: "r", Mute: true}, "-1001 -1001 -2301 -2301 -2301"},
		{"hear a connected room that one hears", room.MuteConnection{Room: "other"}, "0 0 -2301 -2301 -2301"},
		{"show a battle", room.ShowBattle{Battle: signaling.BattleInfo{BattleID: "b"}, Turn: 1, Seq: 1, Phase: room.BattleRunning, Room: t0.UnixMilli()}, "100006 100006 100006 100006 100006"},
		{"show a connection", showConnection("r", "c", 9, 9, "r", "other"), "100006 100006 100006 100006 100006"},
		{"change the own name", room.SetInfo{UserName: "x", News: true}, "0 0 0 0 0"},
		{"be expelled by the server", room.Expel{Reason: signaling.KickedForTooManyRooms}, "0 0 0 0 0"},
		{"leave the room", room.Leave{}, "-2102 0 0 0 0"},
		{"leave the room where owners may", room.Leave{OwnerMay: true}, "0 0 0 0 0"},
		{"end the room as overdue", room.Lapse{Rules: room.LifeRules{Empty: time.Nanosecond}}, "100006 100006 100006 100006 100006"},
		{"dismiss the room", room.Dismiss{}, "0 -2300 -2300 -2300 -2300"},
		{"create it again", room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 20}, "100010 100003 100003 100003 100003"},
	}
	roles := []signaling.UserID{"owner", "amy", "sam", "ann", "pat"}
	for _, row := range table {
		codes := strings.Fields(row.codes)
		require.Len(t, codes, len(roles), row.verb)
		for i, who := range roles {
			t.Run(row.verb+" by "+string(who), func(t *testing.T) {
				before := stage(t)
				action := row.action
				if move, ok := action.(room.MoveUser); ok && move.User == "" { // oneself, whoever that is
					move.User = who
					action = move
				}
				after, events, err := room.Apply(before, cmd("c", who, action), t0)
				require.Equal(t, codes[i], strconv.Itoa(int(signaling.CodeOf(err))), "%v", err)
				if err != nil {
					require.Equal(t, before, after)
					require.Empty(t, events)
				}
			})
		}
	}
}

func TestAudioLockFollowsTheSeat(t *testing.T) {
	s := stage(t)
	s, events, err := room.Apply(s, cmd("1", "sam", room.SetAudio{On: true}), t0)
	require.NoError(t, err)
	require.Len(t, events, 1)
	s, events, err = room.Apply(s, cmd("2", "sam", room.MoveSeat{Index: 5}), t0)
	require.NoError(t, err)
	require.Equal(t, signaling.AudioChanged{UserID: "sam", HasAudio: false, Reason: signaling.ByAdmin}, events[0].Event)
	require.Equal(t, signaling.MicOffByAdmin, s.Seats[5].Mic)
	_, _, err = room.Apply(s, cmd("3", "sam", room.SetAudio{On: true}), t0)
	require.ErrorIs(t, err, signaling.ErrSeatAudioLocked)
	s, _, err = room.Apply(s, cmd("4", "sam", room.MoveSeat{Index: 1}), t0)
	require.NoError(t, err)
	require.Equal(t, signaling.MicOff, s.Seats[1].Mic, "nobody is unmuted by moving")
	require.True(t, s.Seats[5].AudioLocked, "the lock stays with the seat")
}

func TestSixthAdministratorIsRefused(t *testing.T) {
	s := stage(t)
	var err error
	for i := range room.MaxAdmins { // amy is the first
		u := signaling.UserID("admin" + strconv.Itoa(i))
		s, _, err = room.Apply(s, cmd(string(u), "owner", room.ChangeRole{User: u, Role: signaling.Administrator}), t0)
	}
	require.ErrorIs(t, err, signaling.ErrTooManyAdmins)
}

func TestSittingDownEndsWhatElseWasAsked(t *testing.T) {
	s := stage(t)
	s, _, err := room.Apply(s, cmd("both", "owner", room.Invite{User: user("pat"), Index: 3}), t0)
	require.NoError(t, err)
	s, events, err := room.Apply(s, cmd("yes", "pat", room.Respond{RequestID: "both", Agree: true}), t0)
	require.NoError(t, err)
	ends := map[string]signaling.RequestResultType{}
	for _, e := range events {
		if end, ok := e.Event.(signaling.RequestEnded); ok {
			ends[end.Request.RequestID] = end.Result
		}
	}
	require.Equal(t, map[string]signaling.RequestResultType{"both": signaling.Accepted, "applied": signaling.Cancelled}, ends)
	require.Len(t, s.Requests, 1, "ann's invitation")
}

// Whose doing the silence is, of somebody who was speaking and is not there any more.
func TestSilenceOfWhoIsGone(t *testing.T) {
	s := then(t, start(t, signaling.FreeToTake), cmd("1", "ann", room.TakeSeat{}), cmd("2", "ann", room.SetAudio{On: true}))
	for name, c := range map[string]struct {
		do  room.Command
		why signaling.ChangeReason
	}{
		"taken out of the room": {cmd("3", "owner", room.KickOut{User: "ann", Present: true}), signaling.ByAdmin},
		"taken off the seat":    {cmd("3", "owner", room.KickOffSeat{User: "ann"}), signaling.ByAdmin},
		"left the room":         {cmd("3", "ann", room.Leave{}), signaling.BySelf},
		"left the seat":         {cmd("3", "ann", room.LeaveSeat{}), signaling.BySelf},
		"gone":                  {cmd("", "ann", room.Depart{}), signaling.BySelf},
		"in too many rooms":     {cmd("", "ann", room.Expel{Reason: signaling.KickedForTooManyRooms}), signaling.BySelf},
	} {
		t.Run(name, func(t *testing.T) {
			_, events, err := room.Apply(s, c.do, t0)
			require.NoError(t, err)
			require.Equal(t, signaling.AudioChanged{UserID: "ann", Reason: c.why}, events[0].Event)
		})
	}
}

// A lock evicts when it comes; who sits on a locked seat by right, or has lost that right since, stays.
func TestLockingAgainEvictsNobody(t *testing.T) {
	s := then(t, start(t, signaling.FreeToTake), cmd("1", "admin", room.TakeSeat{Index: 2}))
	require.True(t, s.Seats[2].Locked)
	for _, before := range []room.State{s, then(t, s, cmd("2", "owner", room.ChangeRole{User: "admin", Role: signaling.GeneralUser}))} {
		after, events, err := room.Apply(before, cmd("3", "owner", room.LockSeat{Index: 2, Lock: signaling.SeatLock{Seat: true, Which: signaling.LockFlagSeat}}), t0)
		require.NoError(t, err)
		require.Empty(t, events)
		require.Equal(t, "//admin//", seated(after))
	}
}
