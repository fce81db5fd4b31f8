package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// An outsider sees what a member sees of the room, from whichever node, also after the room's home has died.
func TestFetchRoomInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2, Grace: time.Minute}.NewServer(t)
		host, guest, outsider := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest"), srv.NewUserOn(t, 1, "outsider")
		ctx := t.Context()
		_, err := outsider.Engine.FetchRoomInfo(ctx, "room")
		require.ErrorIs(t, err, engine.ErrRoomNotExist)
		_, err = outsider.Engine.FetchRoomInfo(ctx, "ü")
		require.ErrorIs(t, err, signaling.ErrInvalidRoomID)
		_, err = host.StartVoiceRoom(ctx, seatgrid.RoomInfo{RoomID: "room", Name: "Denny's room", MaxSeatCount: 6, SeatMode: engine.FreeToTake})
		require.NoError(t, err)
		guest.Join(t, "room")
		for _, e := range []*engine.Engine{outsider.Engine, guest.Engine, host.Engine} {
			info, err := e.FetchRoomInfo(ctx, "room")
			require.NoError(t, err)
			require.Equal(t, guest.RoomInfo(), info)
			require.Equal(t, 2, info.MemberCount)
		}
		time.Sleep(time.Second) // virtual
		require.Equal(t, 2, guest.RoomInfo().MemberCount, "nobody has entered by asking")

		srv.KillNode(t, 0)
		info, err := outsider.Engine.FetchRoomInfo(ctx, "room")
		require.NoError(t, err, "it finds the room a new home")
		require.Equal(t, "Denny's room", info.Name)
		require.Positive(t, info.MemberCount, "who has not been announced yet is not forgotten")
	})
}

func TestFetchRoomInfoOfADismissedRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		for range 2 {
			_, err := host.Engine.FetchRoomInfo(t.Context(), "room")
			require.ErrorIs(t, err, engine.ErrRoomNotExist)
			time.Sleep(time.Minute) // virtual: its log is removed
		}
	})
}
