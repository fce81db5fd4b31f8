package room_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// told describes events in their order.
func told(events []room.Event) (list []string) {
	ids := func(users []signaling.UserInfo) (list []signaling.UserID) {
		for _, u := range users {
			list = append(list, u.UserID)
		}
		return list
	}
	for _, e := range events {
		switch x := e.Event.(type) {
		case signaling.AudioChanged:
			list = append(list, fmt.Sprintf("%s is silent %s", x.UserID, x.Reason))
		case signaling.SeatsChanged:
			var at []signaling.SeatIndex
			for _, s := range x.Seats {
				at = append(at, s.Index)
			}
			list = append(list, fmt.Sprintf("seats %v seated %v left %v", at, ids(x.Seated), ids(x.Left)))
		case signaling.KickedOffSeat:
			list = append(list, fmt.Sprintf("%v kicked off %d by %s", e.To, x.Index, x.By.UserID))
		}
	}
	return list
}

// ann sits on seat 0 and bob on seat 1, both with an open microphone. Seat 2 is locked, the audio of seat 3 too.
func TestMoveUser(t *testing.T) {
	const abort, force, swap = signaling.AbortWhenOccupied, signaling.ForceReplace, signaling.SwapPosition
	heard := func(u signaling.UserID, i signaling.SeatIndex) []room.Command {
		return []room.Command{cmd("sit "+string(u), u, room.TakeSeat{Index: i}), cmd("speak "+string(u), u, room.SetAudio{On: true})}
	}
	move := func(u signaling.UserID, i signaling.SeatIndex, p signaling.MoveSeatPolicy) room.MoveUser {
		return room.MoveUser{User: u, Index: i, Policy: p}
	}
	silenced := room.LockSeat{Index: 1, Lock: signaling.SeatLock{Audio: true, Which: signaling.LockFlagAudio}}
	for name, c := range map[string]struct {
		before []room.Command
		by     signaling.UserID
		move   room.MoveUser
		err    *signaling.Error
		seats  string
		mics   string // off, on, by Administrator
		told   []string
	}{
		"vacant, abort -> moved, microphone on": {
			by: "admin", move: move("ann", 1, abort), before: []room.Command{cmd("1", "bob", room.LeaveSeat{})},
			seats: "/ann///", mics: "0100", told: []string{"seats [0 1] seated [ann] left [ann]"},
		},
		"vacant, force -> moved, nobody is kicked": {
			by: "admin", move: move("ann", 1, force), before: []room.Command{cmd("1", "bob", room.LeaveSeat{})},
			seats: "/ann///", mics: "0100", told: []string{"seats [0 1] seated [ann] left [ann]"},
		},
		"vacant, swap -> moved": {
			by: "admin", move: move("ann", 1, swap), before: []room.Command{cmd("1", "bob", room.LeaveSeat{})},
			seats: "/ann///", mics: "0100", told: []string{"seats [0 1] seated [ann] left [ann]"},
		},
		"occupied, abort -> 100210": {by: "owner", move: move("ann", 1, abort), err: signaling.ErrSeatOccupied},
		"occupied, force -> the occupant is off, silent and told": {
			by: "admin", move: move("ann", 1, force), seats: "/ann///", mics: "0100",
			told: []string{"bob is silent ByAdmin", "seats [0 1] seated [ann] left [ann bob]", "[bob] kicked off 1 by admin"},
		},
		"occupied, swap -> both moved, microphones on": {
			by: "admin", move: move("ann", 1, swap), seats: "bob/ann///", mics: "1100",
			told: []string{"seats [0 1] seated [ann bob] left [ann bob]"},
		},
		"to an audio-locked seat -> silent": {
			by: "owner", move: move("ann", 3, abort), seats: "/bob//ann/", mics: "0102",
			told: []string{"ann is silent ByAdmin", "seats [0 3] seated [ann] left [ann]"},
		},
		"away from an audio-locked seat -> off, not unmuted": {
			by: "owner", move: move("bob", 0, abort), seats: "bob////", mics: "0000",
			before: []room.Command{cmd("1", "ann", room.LeaveSeat{}), cmd("2", "owner", silenced)},
			told:   []string{"seats [1 0] seated [bob] left [bob]"},
		},
		"swap with an audio-locked seat -> the lock stays with the seat": {
			by: "owner", move: move("ann", 1, swap), seats: "bob/ann///", mics: "0200",
			before: []room.Command{cmd("2", "owner", silenced)},
			told:   []string{"ann is silent ByAdmin", "seats [0 1] seated [ann bob] left [ann bob]"},
		},
		"to a locked seat -> 100200":          {by: "owner", move: move("ann", 2, force), err: signaling.ErrSeatLocked},
		"administrator to a locked seat -> 2": {by: "owner", move: move("admin", 2, abort), before: heard("admin", 3)[:1], seats: "ann/bob/admin//", mics: "1100", told: []string{"seats [3 2] seated [admin] left [admin]"}},
		"swap would put the occupant on a locked seat -> 100200": {
			by: "owner", move: move("admin", 0, swap), before: heard("admin", 2), err: signaling.ErrSeatLocked,
		},
		"force off a locked seat -> the seat is left": {
			by: "owner", move: move("admin", 0, force), before: heard("admin", 2), seats: "admin/bob///", mics: "1100",
			told: []string{"ann is silent ByAdmin", "seats [2 0] seated [admin] left [admin ann]", "[ann] kicked off 0 by owner"},
		},
		"over the owner, by an administrator -> 100006": {
			by: "admin", move: move("ann", 3, force), before: heard("owner", 3)[:1], err: signaling.ErrNoPermission,
		},
		"over oneself -> one's own seat is given away": {
			by: "owner", move: move("ann", 3, force), before: heard("owner", 3)[:1], seats: "/bob//ann/", mics: "0102",
			told: []string{"ann is silent ByAdmin", "seats [0 3] seated [ann] left [ann owner]", "[owner] kicked off 3 by owner"},
		},
		"oneself, force -> 100210 as with abort": {by: "ann", move: move("ann", 1, force), err: signaling.ErrSeatOccupied},
		"oneself, swap -> 100210 as with abort":  {by: "ann", move: move("ann", 1, swap), err: signaling.ErrSeatOccupied},
		"to the same seat -> nothing":            {by: "owner", move: move("ann", 0, force), seats: "ann/bob///", mics: "1100"},
	} {
		t.Run(name, func(t *testing.T) {
			s := then(t, start(t, signaling.FreeToTake), append(append(heard("ann", 0), heard("bob", 1)...), c.before...)...)
			next, events, err := room.Apply(s, cmd("x", c.by, c.move), t0)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				assert.Equal(t, s, next)
				assert.Empty(t, events)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.seats, seated(next))
			var mics strings.Builder
			for _, seat := range next.Seats {
				mics.WriteString(fmt.Sprint(int(seat.Mic)))
			}
			assert.Equal(t, c.mics, mics.String())
			assert.Equal(t, c.told, told(events))
		})
	}
}
