package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// With several logins allowed, a phone enters the room where the same user's computer sits: the phone has the seat, the
// computer is told reason 1, and nobody else notices anything.
func TestSecondLoginTakesTheStayAlong(t *testing.T) {
	for name, c := range map[string]struct {
		node    int
		offline bool // the computer is without a connection at that moment
	}{
		"on the same node": {node: 0}, "on another node": {node: 1},
		"on the same node, while the first is away": {node: 0, offline: true}, "on another node, while the first is away": {node: 1, offline: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 2, Multi: true}.NewServer(t)
				host, computer := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 0, "user")
				_, err := host.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "room", SeatMode: seatgrid.FreeToTake})
				require.NoError(t, err)
				require.NoError(t, host.StartMicrophone(t.Context()))
				computer.Join(t, "room")
				_, err = computer.TakeSeat(t.Context(), 3, time.Minute)
				require.NoError(t, err)
				require.NoError(t, computer.StartMicrophone(t.Context()))
				host.Hears(t, computer)
				reasons := make(chan engine.KickedOutReason, 2)
				computer.AddObserver(&seatgrid.Observer{OnKickedOutOfRoom: func(_ engine.RoomID, r engine.KickedOutReason, _ string) { reasons <- r }})
				seen := keepDiary(host)

				computer.SetOffline(c.offline)
				phone := srv.NewUserOn(t, c.node, "user")
				phone.Join(t, "room")
				phoneReasons := make(chan engine.KickedOutReason, 2)
				phone.AddObserver(&seatgrid.Observer{OnKickedOutOfRoom: func(_ engine.RoomID, r engine.KickedOutReason, _ string) { phoneReasons <- r }})
				require.Equal(t, engine.UserID("user"), phone.Seats()[3].UserID)
				synctest.Wait()
				require.Equal(t, engine.MicOff, host.Seats()[3].Mic, "that was the computer's microphone")
				require.NoError(t, phone.StartMicrophone(t.Context()))
				host.Hears(t, phone)
				host.HearsNot(t, computer)
				phone.Hears(t, host)
				time.Sleep(5 * time.Second) // virtual
				computer.SetOffline(false)
				require.Equal(t, engine.KickedByLoginOnOtherDevice, <-reasons)
				require.NoError(t, computer.Engine.Err(), "the login lasts")
				_, err = computer.Engine.FetchRoomInfo(t.Context(), "room")
				require.NoError(t, err)

				time.Sleep(35 * time.Second) // past the grace period
				require.Equal(t, engine.UserID("user"), host.Seats()[3].UserID)
				require.NotContains(t, seen.read(), "user got up")
				require.NotContains(t, seen.read(), "user went")
				require.NotContains(t, seen.read(), "user came")
				require.Equal(t, 2, host.RoomInfo().MemberCount)
				require.Empty(t, reasons)

				computer.Join(t, "room") // and back
				require.Equal(t, engine.KickedByLoginOnOtherDevice, <-phoneReasons)
				require.Equal(t, engine.UserID("user"), computer.Seats()[3].UserID)
				require.NoError(t, computer.LeaveVoiceRoom(t.Context()))
				synctest.Wait()
				require.Empty(t, host.Seats()[3].UserID)
			})
		})
	}
}

// A computer whose node has died comes back to the other one, where the same user's phone has entered the room meanwhile:
// the phone stays. When the phone has gone by then, the computer goes on.
func TestReturnElsewhereDoesNotTakeTheRoom(t *testing.T) {
	for name, phoneStays := range map[string]bool{"the phone is there": true, "the phone has left": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 2, Multi: true}.NewServer(t)
				host, computer := srv.NewUserOn(t, 1, "host"), srv.NewUserOn(t, 0, "user")
				host.Start(t, "room")
				computer.Join(t, "room")
				reasons := make(chan engine.KickedOutReason, 2)
				computer.AddObserver(&seatgrid.Observer{OnKickedOutOfRoom: func(_ engine.RoomID, r engine.KickedOutReason, _ string) { reasons <- r }})
				time.Sleep(15 * time.Second) // virtual; with a ping the computer is told of the other node
				computer.SetOffline(true)
				phone := srv.NewUserOn(t, 1, "user")
				phone.Join(t, "room")
				phoneReasons := make(chan engine.KickedOutReason, 2)
				phone.AddObserver(&seatgrid.Observer{OnKickedOutOfRoom: func(_ engine.RoomID, r engine.KickedOutReason, _ string) { phoneReasons <- r }})
				time.Sleep(time.Second)
				srv.KillNode(t, 0)
				if !phoneStays {
					require.NoError(t, phone.LeaveVoiceRoom(t.Context()))
				}
				computer.SetOffline(false)
				if phoneStays {
					require.Equal(t, engine.KickedByLoginOnOtherDevice, <-reasons)
					phone.Hears(t, host)
				} else {
					computer.Hears(t, host)
					require.Empty(t, reasons)
				}
				require.NoError(t, computer.Engine.Err(), "the login lasts")
				require.Empty(t, phoneReasons)
			})
		})
	}
}
