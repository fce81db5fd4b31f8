package room_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

type users = []signaling.UserID

// Who is here is out, with everything of theirs, and is told why; the others of the list are only kept out.
func TestBanTakesOutWhoIsHere(t *testing.T) {
	s := then(t, stage(t), cmd("1", "sam", room.SetAudio{On: true}))
	after, events, err := room.Apply(s, cmd("2", "amy", room.Ban{Users: users{"sam", "pat", "zoe"}, Duration: time.Hour, Reason: "spam", Present: users{"sam", "pat"}}), t0)
	require.NoError(t, err)
	_, seated := after.SeatOf("sam")
	require.False(t, seated)
	require.Len(t, after.Requests, 1, "ann's invitation")
	told := map[signaling.UserID]signaling.KickedOutOfRoom{}
	for _, e := range events {
		switch ev := e.Event.(type) {
		case signaling.KickedOutOfRoom:
			require.Len(t, e.To, 1)
			told[e.To[0]] = ev
		case signaling.AudioChanged:
			require.Equal(t, signaling.AudioChanged{UserID: "sam", Reason: signaling.ByAdmin}, ev)
		}
	}
	out := signaling.KickedOutOfRoom{Reason: signaling.KickedByAdmin, Message: "banned from the room: spam"}
	require.Equal(t, map[signaling.UserID]signaling.KickedOutOfRoom{"sam": out, "pat": out}, told)

	_, events, err = room.Apply(s, cmd("3", "amy", room.Ban{Users: users{"zoe"}, Duration: time.Hour}), t0)
	require.NoError(t, err)
	require.Empty(t, events, "nobody here has to know")
}

func TestMuteIsTold(t *testing.T) {
	s := stage(t)
	until := t0.Add(time.Minute).UnixMilli()
	for name, c := range map[string]struct {
		do   room.Mute
		want []room.Event
	}{
		"two of the audience": {room.Mute{Users: users{"pat", "ann", "pat"}, Duration: time.Minute}, []room.Event{
			{To: users{"owner", "amy"}, Event: signaling.SendMessageDisabledChanged{Users: users{"ann", "pat"}, Disabled: true, Until: until}},
			{To: users{"ann"}, Event: signaling.SendMessageDisabledChanged{Users: users{"ann"}, Disabled: true, Until: until}},
			{To: users{"pat"}, Event: signaling.SendMessageDisabledChanged{Users: users{"pat"}, Disabled: true, Until: until}},
		}},
		"an administrator": {room.Mute{Users: users{"amy"}, Duration: time.Minute}, []room.Event{
			{To: users{"owner", "amy"}, Event: signaling.SendMessageDisabledChanged{Users: users{"amy"}, Disabled: true, Until: until}},
		}},
		"its end": {room.Mute{Users: users{"ann", "pat"}, Muted: users{"pat"}}, []room.Event{
			{To: users{"owner", "amy"}, Event: signaling.SendMessageDisabledChanged{Users: users{"pat"}}},
			{To: users{"pat"}, Event: signaling.SendMessageDisabledChanged{Users: users{"pat"}}},
		}},
		"the end of none": {room.Mute{Users: users{"ann", "pat"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			after, events, err := room.Apply(s, cmd("1", "owner", c.do), t0)
			require.NoError(t, err)
			require.Equal(t, c.want, events)
			require.Equal(t, s, after, "it is not in the state")
		})
	}
}

func TestSanctionsAreChecked(t *testing.T) {
	many := make(users, room.MaxSanctioned+1)
	for i := range many {
		many[i] = signaling.UserID(fmt.Sprint("u", i))
	}
	forever := math.MaxUint32 * time.Second
	for name, c := range map[string]struct {
		do   room.Action
		code signaling.Code
	}{
		"twenty":             {room.Ban{Users: many[1:], Duration: time.Second}, 0},
		"as good as ever":    {room.Ban{Users: users{"zoe"}, Duration: forever, Reason: strings.Repeat("x", 200)}, 0},
		"twenty-one":         {room.Ban{Users: many, Duration: time.Second}, -1001},
		"nobody":             {room.Ban{Duration: time.Second}, -1001},
		"no user id":         {room.Ban{Users: users{""}, Duration: time.Second}, -1001},
		"no time":            {room.Ban{Users: users{"zoe"}}, -1001},
		"longer":             {room.Ban{Users: users{"zoe"}, Duration: forever + 1}, -1001},
		"a long reason":      {room.Ban{Users: users{"zoe"}, Duration: time.Second, Reason: strings.Repeat("x", 201)}, -1001},
		"unban twenty-one":   {room.Unban{Users: many}, -1001},
		"unban nobody":       {room.Unban{}, -1001},
		"mute twenty-one":    {room.Mute{Users: many, Duration: time.Second}, -1001},
		"mute for ever":      {room.Mute{Users: users{"zoe"}, Duration: forever}, 0},
		"mute for longer":    {room.Mute{Users: users{"zoe"}, Duration: forever + 1}, -1001},
		"mute for less":      {room.Mute{Users: users{"zoe"}, Duration: -1}, -1001},
		"who is not here":    {room.Mute{Users: users{"zoe"}, Duration: time.Second}, 0},
		"end of a mute":      {room.Mute{Users: users{"zoe"}}, 0},
		"unban who is not":   {room.Unban{Users: users{"zoe"}}, 0},
		"in a room that was": {room.Ban{Users: users{"zoe"}, Duration: time.Second}, 100004},
	} {
		t.Run(name, func(t *testing.T) {
			s := stage(t)
			if c.code == 100004 {
				s = then(t, s, cmd("0", "owner", room.Dismiss{}))
			}
			_, _, err := room.Apply(s, cmd("1", "owner", c.do), t0)
			require.Equal(t, c.code, signaling.CodeOf(err), "%v", err)
		})
	}
}

// The worst ban and the worst mute fit into an entry with the worst state.
func TestSanctionsFitIntoTheLog(t *testing.T) {
	s := full(t, 50, "<")
	var all users
	for i := range room.MaxSanctioned {
		all = append(all, s.Seats[i].UserID)
	}
	for name, a := range map[string]room.Action{
		"ban":  room.Ban{Users: all, Present: all, Duration: time.Hour, Reason: strings.Repeat("<", 200)},
		"mute": room.Mute{Users: all, Duration: time.Hour},
	} {
		next, events, err := room.Apply(s, appCmd("1", "administrator", a), t0)
		require.NoError(t, err)
		b, err := json.Marshal(struct {
			S room.State
			E []room.Event
		}{next, events})
		require.NoError(t, err)
		t.Logf("%s: %d bytes", name, len(b))
		assert.Less(t, len(b), 200<<10, "the log takes 256 KB, and a turn may hold 48 KB of other events")
	}
}

// An administrator decides about members, the owner and the app about administrators, too.
func TestAdministratorsDoNotSanctionEachOther(t *testing.T) {
	s := then(t, stage(t), cmd("1", "owner", room.ChangeRole{User: "ben", Role: signaling.Administrator}))
	for _, a := range []room.Action{
		room.Ban{Users: users{"zoe", "ben"}, Duration: time.Hour}, room.Unban{Users: users{"ben"}},
		room.Mute{Users: users{"ben"}, Duration: time.Hour}, room.Mute{Users: users{"ben"}},
	} {
		for _, by := range []struct {
			user signaling.UserID
			app  bool
			want signaling.Code
		}{{"amy", false, 100006}, {"amy", true, 0}, {"owner", false, 0}, {"ben", false, -1001}, {"ann", false, -2301}} {
			c := cmd("2", by.user, a)
			c.App = by.app
			_, _, err := room.Apply(s, c, t0)
			require.Equal(t, by.want, signaling.CodeOf(err), "%T by %s: %v", a, by.user, err)
		}
	}
}
