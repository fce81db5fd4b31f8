package server

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What a member costs in telling the seats of connected rooms is a place in a queue.
func TestTellSeatsAllocatesNothingForAMember(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	seats := make([]signaling.SeatInfo, 10)
	all := map[signaling.RoomID]*[]signaling.SeatInfo{"other": &seats}
	cost := func(members int) float64 {
		r, drain := inProcess(members)
		r.srv = &Server{log: slog.New(slog.DiscardHandler)}
		version := uint64(0)
		return testing.AllocsPerRun(500, func() {
			version++
			r.tellSeats(version, all, all)
			drain()
		})
	}
	require.InDelta(t, cost(10), cost(200), 5)
}

// However often the seats of a connected room change, four messages a second tell of them, and the last one as it is.
func TestSeatsAreToldFourTimesASecond(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		a, b := w.ownerAt(0, "a"), w.ownerAt(1, "b")
		a.ownRoom("a", 5)
		b.ownRoom("b", 5)
		a.must(signaling.MethodRequestConnection, signaling.ConnectionRequestParams{RoomID: "a", RoomIDs: []signaling.RoomID{"b"}}, nil)
		b.must(signaling.MethodAcceptConnection, signaling.ConnectionAnswerParams{RoomID: "b", Inviter: "a"}, nil)
		b.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "b", Index: 0}, nil)
		time.Sleep(time.Second)
		told := func() (n int, last string) {
			a.must(signaling.MethodPing, signaling.Empty{}, nil)
			for _, m := range a.heard {
				if m.Method == signaling.NotifyConnectedSeats {
					var p signaling.ConnectedSeats
					require.NoError(t, signaling.DecodeParams(m.Params, &p))
					require.Len(t, p.Rooms, 1)
					require.Len(t, p.Rooms[0].Seats, 5)
					last = ""
					for _, s := range p.Rooms[0].Seats {
						if s.UserID != "" {
							last = fmt.Sprint(p.Rooms[0].RoomID, " ", s.Index)
						}
					}
					n++
				}
			}
			a.heard = nil
			return n, last
		}
		_, last := told()
		require.Equal(t, "b 0", last)
		for i := range 40 {
			b.must(signaling.MethodMoveSeat, signaling.MoveSeatParams{RoomID: "b", Index: signaling.SeatIndex((i + 1) % 5)}, nil)
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Second)
		n, last := told()
		require.Equal(t, "b 0", last)
		require.LessOrEqual(t, n, 10)
		require.GreaterOrEqual(t, n, 7)
	})
}

// Who was connected before is told the seats again, though nothing about them has changed.
func TestSeatsAreToldAnewToWhoComesBack(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		a, b, guest := w.ownerAt(0, "a"), w.ownerAt(1, "b"), w.ownerAt(1, "guest")
		a.ownRoom("a", 5)
		b.ownRoom("b", 5)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "a"}, nil)
		connect := func() {
			a.must(signaling.MethodRequestConnection, signaling.ConnectionRequestParams{RoomID: "a", RoomIDs: []signaling.RoomID{"b"}}, nil)
			b.must(signaling.MethodAcceptConnection, signaling.ConnectionAnswerParams{RoomID: "b", Inviter: "a"}, nil)
		}
		told := func(c *raw) (n int) {
			c.must(signaling.MethodPing, signaling.Empty{}, nil)
			for _, m := range c.heard {
				if m.Method == signaling.NotifyConnectedSeats {
					n++
				}
			}
			c.heard = nil
			return n
		}
		for i, pause := range []time.Duration{0, 0, time.Second, time.Second, time.Millisecond} {
			if i > 0 {
				b.must(signaling.MethodDisconnect, signaling.RoomParams{RoomID: "b"}, nil)
				time.Sleep(pause)
			}
			connect()
			time.Sleep(3 * time.Second)
			for _, c := range []*raw{a, b, guest} {
				require.NotZero(t, told(c), "time %d", i)
			}
		}
	})
}
