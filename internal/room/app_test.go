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

func appCmd(id string, by signaling.UserID, a room.Action) room.Command {
	c := cmd(id, by, a)
	c.App = true
	return c
}

// What the app may do by one of its administrators, who is a stranger to the room, and what the owner may not do by a
// client. 0 is success.
func TestTheAppMayWhatTheOwnerMay(t *testing.T) {
	name, free, limit := "new name", signaling.FreeToTake, 3
	lock := func(i signaling.SeatIndex, which signaling.LockFlag) room.LockSeat {
		return room.LockSeat{Index: i, Lock: signaling.SeatLock{Seat: true, Audio: true, Which: which}}
	}
	for _, row := range []struct {
		verb   string
		action room.Action
		codes  string // by the app, by the owner
	}{
		{"seat a member", room.PutOnSeat{User: user("zoe"), Index: 3}, "0 100006"},
		{"seat a member anywhere", room.PutOnSeat{User: user("zoe"), Index: -1}, "0 100006"},
		{"seat the invited", room.PutOnSeat{User: user("ann"), Index: 3}, "0 100006"},
		{"seat an applicant", room.PutOnSeat{User: user("pat"), Index: 3}, "100202 100006"},
		{"seat who sits", room.PutOnSeat{User: user("sam"), Index: 3}, "100203 100006"},
		{"seat a member on a taken seat", room.PutOnSeat{User: user("zoe"), Index: 2}, "100210 100006"},
		{"seat a member on a locked seat", room.PutOnSeat{User: user("zoe"), Index: 4}, "100200 100006"},
		{"seat an administrator on a locked seat", room.PutOnSeat{User: user("amy"), Index: 4}, "0 100006"},
		{"seat a member where there is no seat", room.PutOnSeat{User: user("zoe"), Index: 6}, "-2344 100006"},
		{"seat who is not there", room.PutOnSeat{Index: 3}, "100005 100006"},
		{"take off a seat", room.KickOffSeat{User: "tom", Data: "time over"}, "0 0"},
		{"take the owner off", room.KickOffSeat{User: "owner"}, "0 -1001"},
		{"take off who does not sit", room.KickOffSeat{User: "pat"}, "100206 100206"},
		{"take off with too much to say", room.KickOffSeat{User: "tom", Data: strings.Repeat("x", room.MaxKickData+1)}, "-1001 -1001"},
		{"take off with what is no text", room.KickOffSeat{User: "tom", Data: "\xff"}, "-1001 -1001"},
		{"lock the owner's seat", lock(0, signaling.LockFlagSeat), "0 0"},
		{"rename the room", room.Update{Name: &name}, "0 0"},
		{"change the seat mode", room.Update{SeatMode: &free}, "0 0"},
		{"limit the members", room.Update{MaxMembers: &limit}, "0 0"},
		{"make administrators", room.ModifyAdmins{Users: []signaling.UserID{"tom", "zoe", "tom"}, Add: true}, "0 0"},
		{"make too many", room.ModifyAdmins{Users: []signaling.UserID{"a", "b", "c", "d", "e"}, Add: true}, "100020 100020"},
		{"make the owner one", room.ModifyAdmins{Users: []signaling.UserID{"tom", "owner"}, Add: true}, "100006 100006"},
		{"make nobody one", room.ModifyAdmins{Users: []signaling.UserID{""}, Add: true}, "-1001 -1001"},
		{"take it back", room.ModifyAdmins{Users: []signaling.UserID{"amy", "tom"}}, "0 0"},
		{"hand the room over", room.ChangeRole{User: "tom", Role: signaling.RoomOwner, Present: true}, "0 0"},
		{"take the owner out", room.KickOut{User: "owner", Present: true}, "0 -1001"},
		{"ban the owner", room.Ban{Users: []signaling.UserID{"owner"}, Duration: time.Hour, Present: []signaling.UserID{"owner"}}, "0 -1001"},
		{"mute the owner", room.Mute{Users: []signaling.UserID{"owner"}, Duration: time.Hour}, "0 -1001"},
		{"end the owner's ban", room.Unban{Users: []signaling.UserID{"owner"}}, "0 -1001"},
		{"set metadata", room.SetMetadata{Metadata: map[string]string{"k": "v"}}, "0 0"},
		{"delete metadata", room.DeleteMetadata{Keys: []string{"old"}}, "0 0"},
		{"dismiss the room", room.Dismiss{}, "0 0"},
		{"create it again", room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 20}, "100003 100010"},
	} {
		for i, code := range strings.Fields(row.codes) {
			c := []room.Command{appCmd("c", "administrator", row.action), cmd("c", "owner", row.action)}[i]
			t.Run(row.verb+" by "+string(c.By.UserID), func(t *testing.T) {
				before := stage(t)
				after, events, err := room.Apply(before, c, t0)
				require.Equal(t, code, strconv.Itoa(int(signaling.CodeOf(err))), "%v", err)
				if err != nil {
					require.Equal(t, before, after, "all or nothing")
					require.Empty(t, events)
				}
			})
		}
	}
}

// The same person by a client is a stranger: the right is the command's, not the name's.
func TestAnAppsAdministratorIsNobodyByAClient(t *testing.T) {
	for _, a := range []room.Action{
		room.PutOnSeat{User: user("zoe"), Index: 3}, room.KickOffSeat{User: "tom"}, room.ModifyAdmins{}, room.Dismiss{},
		room.LockSeat{}, room.Update{}, room.ChangeRole{User: "tom", Role: signaling.RoomOwner, Present: true},
	} {
		_, _, err := room.Apply(stage(t), cmd("c", "administrator", a), t0)
		require.Error(t, err, "%T", a)
	}
}

func TestWhatTheAppDoesIsTold(t *testing.T) {
	admin := user("administrator")
	admin.Role = signaling.GeneralUser
	last := func(a room.Action) room.Event {
		_, events, err := room.Apply(stage(t), appCmd("c", "administrator", a), t0)
		require.NoError(t, err)
		return events[len(events)-1]
	}
	require.Equal(t,
		room.Event{To: []signaling.UserID{"tom"}, Event: signaling.KickedOffSeat{Index: 2, By: admin, Data: "time over"}},
		last(room.KickOffSeat{User: "tom", Data: "time over"}))
	require.Equal(t, room.Event{Event: signaling.RoomDismissed{Reason: signaling.DismissedByServer}}, last(room.Dismiss{}))
	require.Equal(t, room.Event{Event: signaling.RoleChanged{UserID: "tom", Role: signaling.RoomOwner}},
		last(room.ChangeRole{User: "tom", Role: signaling.RoomOwner, Present: true}))
	name := "new"
	require.Equal(t, admin, last(room.Update{Name: &name}).Event.(signaling.RoomUpdated).By)
}

func TestOwnerWhoLosesTheRoomByTheAppIsTold(t *testing.T) {
	s, events, err := room.Apply(stage(t), appCmd("c", "administrator", room.ChangeRole{User: "tom", Role: signaling.RoomOwner, Present: true}), t0)
	require.NoError(t, err)
	require.Equal(t, signaling.RoleChanged{UserID: "owner", Role: signaling.GeneralUser}, events[0].Event)
	require.Equal(t, signaling.RoomOwner, s.RoleOf("tom"))
	require.Equal(t, signaling.GeneralUser, s.RoleOf("owner"))
}

func TestTheAppsLockLeavesNobody(t *testing.T) {
	s := then(t, start(t, signaling.FreeToTake), cmd("1", "admin", room.TakeSeat{Index: 2}))
	require.True(t, s.Seats[2].Locked)
	s = then(t, s, appCmd("2", "administrator", room.LockSeat{Index: 2, Lock: signaling.SeatLock{Seat: true, Which: signaling.LockFlagSeat}}))
	require.Empty(t, s.Seats[2].UserID, "it was locked already")
	s = then(t, s, cmd("3", "administrator", room.TakeSeat{Index: 0}),
		appCmd("4", "administrator", room.LockSeat{Index: 0, Lock: signaling.SeatLock{Seat: true, Which: signaling.LockFlagSeat}}))
	require.Empty(t, s.Seats[0].UserID, "the administrator of the app itself")
}

func TestRoomWithoutSeats(t *testing.T) {
	s := then(t, room.State{}, cmd("1", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 20, NoSeats: true}))
	require.True(t, s.Exists())
	require.Empty(t, s.Seats)
	require.Zero(t, s.Info.MaxSeatCount)
	for _, a := range []room.Action{
		room.TakeSeat{Index: -1}, room.TakeSeat{Index: 0}, room.MoveSeat{}, room.MoveUser{User: "tom"}, room.Invite{User: user("tom")},
		room.LockSeat{}, room.PutOnSeat{User: user("tom")},
	} {
		_, _, err := room.Apply(s, appCmd("c", "owner", a), t0)
		require.ErrorIs(t, err, signaling.ErrSeatsNotSupported, "%T", a)
	}
	_, _, err := room.Apply(s, cmd("c", "owner", room.LeaveSeat{}), t0)
	require.ErrorIs(t, err, signaling.ErrNotOnSeat)
	_, _, err = room.Apply(room.State{}, cmd("1", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r", MaxSeatCount: 2}, SeatLimit: 20, NoSeats: true}), t0)
	require.ErrorIs(t, err, signaling.ErrInvalidParameter)
}

func TestTheAppCreatesAnIdOnceASecond(t *testing.T) {
	create := room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 20}
	s := then(t, room.State{}, appCmd("1", "owner", create), cmd("2", "owner", room.Dismiss{}))
	for _, c := range []struct {
		after time.Duration
		want  error
	}{{0, signaling.ErrTooFrequent}, {999 * time.Millisecond, signaling.ErrTooFrequent}, {time.Second, nil}, {-time.Hour, nil}} {
		_, _, err := room.Apply(s, appCmd("3", "owner", create), t0.Add(c.after))
		if c.want == nil {
			require.NoError(t, err, c.after)
			continue
		}
		require.ErrorIs(t, err, c.want, c.after)
	}
}

func TestLimitOfMembers(t *testing.T) {
	for _, n := range []int{-1, 1 << 31} {
		_, _, err := room.Apply(room.State{}, cmd("1", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r", MaxMemberCount: n}, SeatLimit: 20}), t0)
		require.ErrorIs(t, err, signaling.ErrInvalidParameter)
		_, _, err = room.Apply(stage(t), cmd("1", "owner", room.Update{MaxMembers: &n}), t0)
		require.ErrorIs(t, err, signaling.ErrInvalidParameter)
	}
	n := 400
	s := then(t, stage(t), cmd("1", "owner", room.Update{MaxMembers: &n}))
	require.Equal(t, n, s.Info.MaxMemberCount)
}
