package voiceroom_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestLiveInfoAndMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
		ctx := t.Context()
		own, err := voiceroom.CreateRoom(ctx, host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(ctx, guest.Engine, "room")
		require.NoError(t, err)
		var told []string
		remove, err := voiceroom.Watch(room.Grid, func(e voiceroom.Event) {
			if e.Type != voiceroom.EventSeated && e.Type != voiceroom.EventAudioOn {
				told = append(told, e.String())
			}
		})
		require.NoError(t, err)
		defer remove()
		synctest.Wait()
		told = nil
		info := engine.RoomInfo{Name: "Jazz", CoverURL: "https://example.org/c.png", Categories: []int{7}, Hidden: true}
		require.NoError(t, own.SetLiveInfo(ctx, info, engine.LiveModifyName|engine.LiveModifyCoverURL|engine.LiveModifyCategory|engine.LiveModifyPublic))
		require.NoError(t, own.SetLiveInfo(ctx, engine.RoomInfo{Name: "Blues"}, engine.LiveModifyName))
		require.NoError(t, own.SetRoomMetadata(ctx, map[string]string{"theme": "jazz", "x": "y"}))
		require.NoError(t, own.DeleteRoomMetadata(ctx, "x"))
		synctest.Wait()
		require.Equal(t, []string{"roomName Jazz", "liveInfo isHidden coverUrl categoryList", "roomName Blues", "metadata theme=jazz", "metadata x=y", "noMetadata x"}, told)
		require.Equal(t, map[string]string{"theme": "jazz"}, room.Metadata())
		require.ErrorIs(t, room.SetRoomMetadata(ctx, map[string]string{"k": "v"}), engine.ErrNeedManager)
		require.NoError(t, own.Close())
		synctest.Wait()
		require.ErrorIs(t, own.SetLiveInfo(ctx, info, engine.LiveModifyName), engine.ErrRoomNotExist)
		require.ErrorIs(t, room.DeleteRoomMetadata(ctx, "theme"), engine.ErrRoomNotExist)
	})
}
