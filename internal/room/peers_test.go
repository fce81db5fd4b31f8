package room_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What an administrator does to a general user, and the owner and the app to anybody, no administrator does to another:
// abe, who sits on seat 3.
func TestAdministratorsLeaveEachOtherAlone(t *testing.T) {
	s := then(t, stage(t),
		cmd("abe", "owner", room.ChangeRole{User: "abe", Role: signaling.Administrator}),
		cmd("sits", "abe", room.TakeSeat{Index: 3}))
	abe := []signaling.UserID{"abe"}
	for verb, action := range map[string]room.Action{
		"take out of the room":  room.KickOut{User: "abe", Present: true},
		"take off the seat":     room.KickOffSeat{User: "abe"},
		"lock the seat":         room.LockSeat{Index: 3, Lock: signaling.SeatLock{Seat: true, Which: signaling.LockFlagSeat}},
		"move":                  room.MoveUser{User: "abe", Index: 5},
		"move another over":     room.MoveUser{User: "tom", Index: 3, Policy: signaling.ForceReplace},
		"swap with another":     room.MoveUser{User: "tom", Index: 3, Policy: signaling.SwapPosition},
		"ban":                   room.Ban{Users: abe, Duration: time.Hour},
		"ban, here":             room.Ban{Users: abe, Duration: time.Hour, Present: abe},
		"end a ban":             room.Unban{Users: abe},
		"mute":                  room.Mute{Users: abe, Duration: time.Hour},
		"end a mute":            room.Mute{Users: abe, Muted: abe},
		"among others, the ban": room.Ban{Users: []signaling.UserID{"tom", "abe"}, Duration: time.Hour},
	} {
		t.Run(verb, func(t *testing.T) {
			after, events, err := room.Apply(s, cmd("c", "amy", action), t0)
			require.ErrorIs(t, err, signaling.ErrNoPermission)
			require.Empty(t, events)
			require.Equal(t, s, after)
			_, _, err = room.Apply(s, cmd("c", "owner", action), t0)
			require.NoError(t, err)
			app := cmd("c", "amy", action)
			app.App = true
			_, _, err = room.Apply(s, app, t0)
			require.NoError(t, err, "in the name of the app she may")
			asked := then(t, s, cmd("down", "owner", room.ChangeRole{User: "abe", Role: signaling.GeneralUser}))
			_, _, err = room.Apply(asked, cmd("c", "amy", action), t0)
			require.NoError(t, err, "he is an administrator no more")
		})
	}
	// The locks of a seat are the seat's: a manager may silence it, whoever sits there, the owner included.
	_, _, err := room.Apply(s, cmd("c", "amy", room.LockSeat{Index: 3, Lock: signaling.SeatLock{Audio: true, Which: signaling.LockFlagAudio}}), t0)
	require.NoError(t, err)
	// And who is moved as an administrator may be moved by oneself.
	_, _, err = room.Apply(s, cmd("c", "abe", room.MoveUser{User: "abe", Index: 5}), t0)
	require.NoError(t, err)
}
