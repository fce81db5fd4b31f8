package voiceroom_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRoomFromOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{RoomName: "Evening talk", MaxAnchorCount: 6})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), guest.Engine, "room")
		require.NoError(t, err)
		guest.Hears(t, host)
		info := room.RoomInfo()
		require.Equal(t, "Evening talk", info.Name)
		require.Equal(t, seatgrid.ApplyToTake, info.SeatMode)
		require.Len(t, room.Seats(), 6)
		page, err := own.Members.List(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, 2, page.Total)
		dismissed := make(chan engine.RoomID, 1)
		room.AddObserver(&seatgrid.Observer{OnRoomDismissed: func(id engine.RoomID) { dismissed <- id }})
		require.NoError(t, own.Close())
		require.Equal(t, engine.RoomID("room"), <-dismissed)
		require.NoError(t, own.Close(), "closing twice is no error")
		require.NoError(t, room.Close(), "nor is closing what has ended")
	})
}

func TestGuestCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{SeatMode: seatgrid.FreeToTake})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), guest.Engine, "room")
		require.NoError(t, err)
		_, err = room.TakeSeat(t.Context(), 1, 0)
		require.NoError(t, err)
		require.NoError(t, room.Close())
		synctest.Wait()
		require.Empty(t, own.Seats()[1].UserID, "the seat is free")
		_, err = voiceroom.CreateRoom(t.Context(), guest.Engine, "room", voiceroom.CreateRoomParams{})
		require.ErrorIs(t, err, engine.ErrRoomIDOccupied)
		require.NoError(t, own.Close())
	})
}

// A login without a microphone (a bot's) opens rooms too.
func TestRoomWithoutMicrophone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		cfg := srv.EngineConfig(t, 0, "bot")
		eng, err := engine.Login(t.Context(), cfg)
		require.NoError(t, err)
		room, err := voiceroom.CreateRoom(t.Context(), eng, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		require.Equal(t, engine.MicOff, room.Seats()[0].Mic)
		require.NoError(t, room.Close())
		require.NoError(t, eng.Logout(t.Context()))
	})
}
