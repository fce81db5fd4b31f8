package room_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestSetInfo(t *testing.T) {
	rename := room.SetInfo{UserName: "new", AvatarURL: "a.png"}
	news := rename
	news.News = true
	changed := func(u signaling.UserID, r signaling.Role) room.Event {
		return room.Event{Event: signaling.UserInfoChanged{User: signaling.UserInfo{UserID: u, UserName: "new", AvatarURL: "a.png", Role: r}}}
	}
	seat := room.Event{Event: signaling.SeatsChanged{Seats: []signaling.SeatInfo{{Index: 1, UserID: "sam", UserName: "new", AvatarURL: "a.png"}}}}
	for name, c := range map[string]struct {
		by     signaling.UserID
		do     room.SetInfo
		events []room.Event
	}{
		"audience, known already -> nothing":     {by: "ann", do: rename},
		"audience -> told":                       {by: "ann", do: news, events: []room.Event{changed("ann", signaling.GeneralUser)}},
		"administrator -> told with the role":    {by: "amy", do: news, events: []room.Event{changed("amy", signaling.Administrator)}},
		"seated -> the seat, then the name":      {by: "sam", do: news, events: []room.Event{seat, changed("sam", signaling.GeneralUser)}},
		"seated, only the seat is behind -> too": {by: "sam", do: rename, events: []room.Event{seat, changed("sam", signaling.GeneralUser)}},
		"applicant, only the request is behind":  {by: "pat", do: rename, events: []room.Event{changed("pat", signaling.GeneralUser)}},
	} {
		t.Run(name, func(t *testing.T) {
			s, events, err := room.Apply(stage(t), cmd("1", c.by, c.do), t0)
			require.NoError(t, err)
			require.Equal(t, c.events, events)
			again, events, err := room.Apply(s, cmd("2", c.by, rename), t0)
			require.NoError(t, err)
			require.Empty(t, events, "the same again is no news")
			require.Equal(t, s, again)
			for _, r := range s.Requests {
				require.Equal(t, r.From.UserID == c.by, r.From.UserName == "new")
			}
		})
	}
	s, events, err := room.Apply(stage(t), cmd("1", "owner", rename), t0)
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, "new", s.Info.OwnerName)
	require.Equal(t, "new", s.Requests[1].From.UserName, "of the owner's invitation")
}

// Names that grow while their owners' requests are pending must not make the state larger than the log takes.
func TestSetInfo_keepsTheStateSmall(t *testing.T) {
	s := start(t, signaling.ApplyToTake)
	owner := signaling.UserID("owner")
	for i := range room.MaxRequests {
		next, _, err := room.Apply(s, cmd(fmt.Sprint("invitation ", i), owner, room.Invite{User: user(signaling.UserID(fmt.Sprint("u", i))), Index: -1}), t0)
		require.NoError(t, err)
		s = next
	}
	long := room.SetInfo{UserName: strings.Repeat("<", 100), AvatarURL: strings.Repeat("<", 200), News: true}
	s, events, err := room.Apply(s, cmd("x", owner, long), t0)
	require.NoError(t, err)
	require.NotEmpty(t, events)
	assert.Equal(t, long.UserName, s.Info.OwnerName)
	assert.Equal(t, "name of owner", s.Requests[0].From.UserName, "the requests keep the former name")
	b, err := json.Marshal(s)
	require.NoError(t, err)
	assert.Less(t, len(b), room.MaxStateBytes)
	s, _, err = room.Apply(s, cmd("y", owner, room.SetInfo{UserName: "o"}), t0)
	require.NoError(t, err)
	assert.Equal(t, "o", s.Requests[0].From.UserName, "a shorter one fits")
}
