package seatgrid_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// A login is in at most three rooms, a grid in one: the fourth room pushes out the first, a grid's second is refused.
func TestFourthRoomPushesOutTheFirst(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		onSeat(t, host, guest, 1)
		left := make(chan seatgrid.UserID, 1)
		host.Room().AddObserver(&engine.RoomObserver{OnRemoteUserLeaveRoom: func(_ seatgrid.RoomID, u seatgrid.UserInfo) { left <- u.UserID }})
		out := events(guest)
		for _, id := range []seatgrid.RoomID{"b", "c", "d"} {
			other := srv.NewUser(t, "host of "+seatgrid.UserID(id))
			other.Start(t, id)
			synctest.Wait()
			require.Equal(t, seatgrid.RoomID("room"), guest.RoomInfo().RoomID)
			grid := seatgrid.New(guest.Engine)
			_, err := grid.JoinVoiceRoom(t.Context(), id)
			require.NoError(t, err)
			_, err = grid.JoinVoiceRoom(t.Context(), "room")
			require.ErrorIs(t, err, engine.ErrInOtherRoom)
		}
		for e := range out {
			if e == "kicked out ForTooManyRooms" {
				break
			}
		}
		require.Equal(t, seatgrid.UserID("guest"), <-left)
		require.Empty(t, host.Seats()[1].UserID)
		host.HearsNothing(t)
		require.Nil(t, guest.Room())
		guest.Join(t, "room") // which now is the newest
		guest.Hears(t, host)
	})
}

// What a former room has queued says nothing of the room that the grid is in by now, except that the former is over.
func TestFormerRoomsCallbacksAreDropped(t *testing.T) {
	for name, out := range map[string]func(t *testing.T, host, guest *voiceroomtest.User){
		"left": func(t *testing.T, _, guest *voiceroomtest.User) {
			require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		},
		"taken out": func(t *testing.T, host, _ *voiceroomtest.User) {
			require.NoError(t, host.Room().Members().KickRemoteUserOutOfRoom(t.Context(), "guest"))
		},
		"dismissed": func(t *testing.T, host, _ *voiceroomtest.User) {
			_, err := host.StopVoiceRoom(t.Context())
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
				other := srv.NewUser(t, "other")
				other.Start(t, "next")
				synctest.Wait()
				free := make(chan struct{})
				guest.Engine.Post("busy", func() { <-free })
				seen := events(guest)
				require.NoError(t, host.MuteMicrophone(t.Context()))
				invited := invite(t, host, "guest", 1)
				synctest.Wait()
				out(t, host, guest)
				synctest.Wait()
				<-invited
				guest.Join(t, "next")
				close(free)
				synctest.Wait()
				want := map[string]string{"left": "", "taken out": "kicked out ByAdmin", "dismissed": "dismissed room"}[name]
				if want != "" {
					require.Equal(t, want, <-seen)
				}
				require.NoError(t, other.MuteMicrophone(t.Context()))
				require.Equal(t, "audio off other BySelf", <-seen, "and nothing of the former room before it")
			})
		})
	}
}
