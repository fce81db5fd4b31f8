package room_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func apps(id string, a room.Action) room.Command {
	c := cmd(id, "administrator", a)
	c.App = true
	return c
}

// robots is a command that puts these into a room of three members, of whom five may be there.
func robots(users ...signaling.UserID) room.AddRobots {
	a := room.AddRobots{Members: 3, Views: 7, Limit: 5}
	for _, u := range users {
		a.Robots = append(a.Robots, signaling.UserInfo{UserID: u, UserName: "name of " + string(u)})
	}
	return a
}

func TestRobots(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	s, events, err := room.Apply(s, apps("1", robots("r1", "r2")), t0)
	require.NoError(t, err)
	entered := signaling.UsersEntered{Count: 5, ViewCount: 9, Users: []signaling.UserInfo{
		{UserID: "r1", UserName: "name of r1", Role: signaling.GeneralUser}, {UserID: "r2", UserName: "name of r2", Role: signaling.GeneralUser},
	}}
	require.Equal(t, []room.Event{{Event: entered}}, events)
	require.Equal(t, int64(9), s.Info.ViewCount)
	_, events, err = room.Apply(s, apps("2", robots("r1")), t0)
	require.NoError(t, err)
	require.Empty(t, events, "there already")

	renamed := robots("r1")
	renamed.Robots[0].UserName = "another"
	s = then(t, s, apps("3", room.PutOnSeat{User: user("r1"), Index: 1}))
	s, events, err = room.Apply(s, apps("4", renamed), t0)
	require.NoError(t, err)
	require.Len(t, events, 2, "the seat and the name")
	require.Equal(t, "another", s.Seats[1].UserName)

	s, events, err = room.Apply(s, apps("5", room.RemoveRobots{Users: []signaling.UserID{"r1", "ann"}, Members: 5}), t0)
	require.NoError(t, err)
	require.Equal(t, signaling.UsersLeft{Users: []signaling.UserInfo{{UserID: "r1", UserName: "another", Role: signaling.GeneralUser}}, Count: 4}, events[len(events)-1].Event)
	require.Empty(t, s.Seats[1].UserID)
	require.False(t, s.IsRobot("r1"))
	_, events, err = room.Apply(s, apps("6", room.RemoveRobots{Users: []signaling.UserID{"r1"}}), t0)
	require.NoError(t, err)
	require.Empty(t, events)
	s = then(t, s, cmd("7", "owner", room.KickOut{User: "r2", Present: true}))
	require.False(t, s.IsRobot("r2"), "managers may take them out, too")
}

func TestRobots_whatIsRefused(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	here, banned, full := robots("r"), robots("r"), robots("a", "b", "c")
	here.Here, banned.Banned = []signaling.UserID{"r"}, []signaling.UserID{"r"}
	var many []signaling.UserID
	for i := range room.MaxRobots {
		many = append(many, signaling.UserID(fmt.Sprint("m", i)))
	}
	crowd := robots(many...)
	crowd.Limit = 100
	manyIn := then(t, s, apps("m", crowd))
	one := robots("r")
	one.Limit = 100
	for name, row := range map[string]struct {
		s    room.State
		c    room.Command
		code *signaling.Error
	}{
		"by a client":            {s, cmd("1", "owner", robots("r")), signaling.ErrNoPermission},
		"none":                   {s, apps("1", robots()), signaling.ErrInvalidParameter},
		"no user id":             {s, apps("1", robots("")), signaling.ErrInvalidParameter},
		"who is here":            {s, apps("1", here), signaling.ErrNoPermission},
		"who is banned":          {s, apps("1", banned), signaling.ErrMemberBanned},
		"more than may be here":  {s, apps("1", full), signaling.ErrRoomFull},
		"one too many":           {manyIn, apps("1", one), signaling.ErrTooManyRobots},
		"too many at once":       {s, apps("1", robots(append(many, "r")...)), signaling.ErrInvalidParameter},
		"removed by a client":    {manyIn, cmd("1", "owner", room.RemoveRobots{Users: many}), signaling.ErrNoPermission},
		"none is removed":        {manyIn, apps("1", room.RemoveRobots{}), signaling.ErrInvalidParameter},
		"into a room that ended": {then(t, s, cmd("d", "owner", room.Dismiss{})), apps("1", one), signaling.ErrRoomNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			after, events, err := room.Apply(row.s, row.c, t0)
			require.ErrorIs(t, err, row.code)
			require.Empty(t, events)
			require.Equal(t, row.s, after)
		})
	}
}

// However long names are, robots, metadata, a battle and requests together stay within a state.
func TestRobots_fitIntoTheState(t *testing.T) {
	for _, fill := range []string{"n", "<"} {
		for _, seats := range []int{10, 50} {
			s := full(t, seats, "n")
			for i := range room.MaxRobots {
				a := robots(signaling.UserID(fmt.Sprintf("%s%02d", strings.Repeat(fill, 30), i)))
				a.Limit, a.Robots[0].UserName, a.Robots[0].AvatarURL = 100, strings.Repeat(fill, 100), strings.Repeat(fill, 200)
				next, _, err := room.Apply(s, apps("r", a), t0)
				if err != nil {
					require.ErrorIs(t, err, signaling.ErrLimit)
					break
				}
				s = next
			}
			s.Requests = nil
			for i := range 10 {
				a := robots(signaling.UserID(fmt.Sprintf("%s%02d", strings.Repeat(fill, 30), i)))
				a.Limit, a.Robots[0].UserName, a.Robots[0].AvatarURL = 100, strings.Repeat(fill, 100), strings.Repeat(fill, 200)
				if next, _, err := room.Apply(s, apps("r", a), t0); err == nil {
					s = next
				}
				set := room.SetMetadata{Metadata: map[string]string{fmt.Sprint(i): strings.Repeat("m", 1600)}}
				if next, _, err := room.Apply(s, apps("m", set), t0); err == nil {
					s = next
				}
			}
			b, err := json.Marshal(s)
			require.NoError(t, err)
			require.NotEmpty(t, s.Robots)
			t.Logf("%d seats, %q: %d robots, %d keys, %d bytes", seats, fill, len(s.Robots), len(s.Metadata), len(b))
			require.Less(t, len(b), room.MaxStateBytes)
		}
	}
}
