package voiceroom_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// A room among friends: entered with a password, which the host changes; who is in it hears on, and comes back after a
// broken connection, at whichever node.
func TestRoomWithAPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, guest, late := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest"), srv.NewUserOn(t, 1, "late")
		ctx := t.Context()
		own, err := voiceroom.CreateRoom(ctx, host.Engine, "room", voiceroom.CreateRoomParams{Password: "friends"})
		require.NoError(t, err)
		require.True(t, own.RoomInfo().HasPassword)
		require.Empty(t, own.RoomInfo().Password)
		public, err := guest.Engine.FetchRoomInfo(ctx, "room")
		require.NoError(t, err)
		require.True(t, public.HasPassword)

		_, err = voiceroom.EnterRoom(ctx, guest.Engine, "room")
		require.ErrorIs(t, err, engine.ErrPasswordNeeded)
		_, err = voiceroom.EnterRoom(ctx, guest.Engine, "room", seatgrid.JoinOptions{Password: "foes"})
		require.ErrorIs(t, err, engine.ErrWrongPassword)
		room, err := voiceroom.EnterRoom(ctx, guest.Engine, "room", seatgrid.JoinOptions{Password: "friends"})
		require.NoError(t, err)
		guest.Hears(t, host)
		require.ErrorIs(t, room.UpdateRoomPasswordByAdmin(ctx, ""), engine.ErrNeedManager)

		var told []string
		remove, err := voiceroom.Watch(room.Grid, func(e voiceroom.Event) {
			if e.Type == voiceroom.EventLiveInfo {
				told = append(told, e.String())
			}
		})
		require.NoError(t, err)
		require.NoError(t, own.UpdateRoomPasswordByAdmin(ctx, "best friends"))
		_, err = voiceroom.EnterRoom(ctx, late.Engine, "room", seatgrid.JoinOptions{Password: "friends"})
		require.ErrorIs(t, err, engine.ErrWrongPassword)
		guest.ResetConnection()
		time.Sleep(5 * time.Second)
		guest.Hears(t, host)
		require.NoError(t, own.UpdateRoomPasswordByAdmin(ctx, ""))
		_, err = voiceroom.EnterRoom(ctx, late.Engine, "room")
		require.NoError(t, err)
		synctest.Wait()
		remove()
		require.Equal(t, []string{"liveInfo hasPassword"}, told, "that it has changed is no news")

		// Long away: another session, for which the SDK remembers the password.
		require.NoError(t, own.UpdateRoomPasswordByAdmin(ctx, "friends"))
		guest.SetOffline(true)
		time.Sleep(40 * time.Second)
		guest.SetOffline(false)
		time.Sleep(10 * time.Second)
		require.NoError(t, room.Room().Err())
		guest.Hears(t, host)
		require.NoError(t, own.Close())
	})
}
