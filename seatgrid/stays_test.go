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
