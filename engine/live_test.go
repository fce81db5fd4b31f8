package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// toldOfTheRoom collects what a user is told of the room's info and metadata.
func toldOfTheRoom(t *testing.T, u *voiceroomtest.User) (next func() []string) {
	t.Helper()
	var list []string
	u.Room().AddObserver(&engine.RoomObserver{
		OnRoomNameChanged:     func(_ engine.RoomID, name string) { list = append(list, "name "+name) },
		OnRoomSeatModeChanged: func(_ engine.RoomID, m engine.SeatMode) { list = append(list, "mode "+m.String()) },
		OnLiveInfoChanged: func(info engine.RoomInfo, flags engine.LiveModifyFlag) {
			list = append(list, fmt.Sprintf("info %d %s %s %s %v %d %s %t %t", flags, info.Notice, info.CoverURL, info.BackgroundURL, info.Categories,
				info.ActivityStatus, info.CustomInfo, info.Hidden, info.MessageDisabled))
			if len(info.Categories) > 0 {
				info.Categories[0] = 99 // an observer's own
			}
		},
		OnRoomMetadataChanged: func(_ engine.RoomID, key, value string, deleted bool) {
			list = append(list, fmt.Sprintf("metadata %s=%s %t", key, value, deleted))
		},
	})
	return func() []string {
		synctest.Wait()
		was := list
		list = nil
		return was
	}
}

func TestSetLiveInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		ctx := t.Context()
		next := toldOfTheRoom(t, guest)
		set := func(info engine.RoomInfo, flags engine.LiveModifyFlag) {
			require.NoError(t, host.Room().SetLiveInfo(ctx, info, flags))
		}
		full := engine.RoomInfo{
			Name: "Name", Notice: "notice", SeatMode: engine.FreeToTake, CoverURL: "cover", BackgroundURL: "background", Categories: []int{3, 2, 1},
			ActivityStatus: -7, CustomInfo: "custom", Hidden: true, MessageDisabled: true,
		}
		set(full, engine.LiveModifyNotice|engine.LiveModifyCoverURL|engine.LiveModifyCategory)
		require.Equal(t, []string{"info 642 notice cover  [3 2 1] 0  false false"}, next())
		require.Equal(t, []int{3, 2, 1}, guest.RoomInfo().Categories)
		require.Equal(t, "room", guest.RoomInfo().Name, "what no flag names stays")
		set(full, engine.LiveModifyBackgroundURL|engine.LiveModifyActivityStatus|engine.LiveModifyCustomInfo|engine.LiveModifyPublic|engine.LiveModifyDisableMessage)
		require.Equal(t, []string{"info 1049892 notice cover background [3 2 1] -7 custom true true"}, next())
		set(full, engine.LiveModifyName|engine.LiveModifyTakeSeatMode|engine.LiveModifyCoverURL)
		require.Equal(t, []string{"name Name", "mode FreeToTake", "info 65 notice cover background [3 2 1] -7 custom true true"}, next(), "the cover is as it was")
		set(full, engine.LiveModifyCoverURL)
		require.Empty(t, next())
		set(engine.RoomInfo{}, engine.LiveModifyCategory|engine.LiveModifyActivityStatus|engine.LiveModifyCustomInfo|engine.LiveModifyPublic|engine.LiveModifyDisableMessage|
			engine.LiveModifyBackgroundURL|engine.LiveModifyCoverURL|engine.LiveModifyNotice)
		require.Equal(t, []string{"info 1050534    [] 0  false false"}, next(), "nothing is a value")

		for _, bad := range []struct {
			info  engine.RoomInfo
			flags engine.LiveModifyFlag
			want  error
		}{
			{full, 0, engine.ErrInvalidParameter},
			{full, 2048, engine.ErrInvalidParameter}, // the documents' layout template, which rooms do not have
			{engine.RoomInfo{Notice: strings.Repeat("x", 101)}, engine.LiveModifyNotice, engine.ErrInvalidParameter},
			{full, engine.LiveModifyName | 1<<21, engine.ErrInvalidParameter},
			{engine.RoomInfo{}, engine.LiveModifyName, signaling.ErrInvalidRoomName},
			{engine.RoomInfo{}, engine.LiveModifyTakeSeatMode, engine.ErrInvalidParameter},
			{engine.RoomInfo{CoverURL: strings.Repeat("x", 201)}, engine.LiveModifyCoverURL, engine.ErrInvalidParameter},
			{engine.RoomInfo{BackgroundURL: "\n"}, engine.LiveModifyBackgroundURL, engine.ErrInvalidParameter},
			{engine.RoomInfo{Categories: []int{1, 2, 3, 4}}, engine.LiveModifyCategory, engine.ErrTooManyCategories},
			{engine.RoomInfo{ActivityStatus: 1 << 31}, engine.LiveModifyActivityStatus, engine.ErrInvalidParameter},
			{engine.RoomInfo{CustomInfo: strings.Repeat("x", 501)}, engine.LiveModifyCustomInfo, engine.ErrInvalidParameter},
		} {
			require.ErrorIs(t, host.Room().SetLiveInfo(ctx, bad.info, bad.flags), bad.want)
		}
		require.ErrorIs(t, guest.Room().SetLiveInfo(ctx, full, engine.LiveModifyCoverURL), engine.ErrNeedManager)
		require.Empty(t, next())
		require.NoError(t, host.Room().Members().ChangeUserRole(ctx, "guest", engine.Administrator))
		require.NoError(t, guest.Room().SetLiveInfo(ctx, full, engine.LiveModifyCoverURL))
		require.Equal(t, []string{"info 128  cover  [] 0  false false"}, next())
		require.Equal(t, "cover", host.RoomInfo().CoverURL)
	})
}

func TestRoomMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		ctx := t.Context()
		next := toldOfTheRoom(t, guest)
		require.Empty(t, guest.Room().Metadata())
		require.NoError(t, host.Room().SetRoomMetadata(ctx, map[string]string{"b": "", "a": "1"}))
		require.Equal(t, []string{"metadata a=1 false", "metadata b= false"}, next())
		require.Equal(t, map[string]string{"a": "1", "b": ""}, host.Room().Metadata(), "when the call returns")
		require.NoError(t, host.Room().SetRoomMetadata(ctx, map[string]string{"a": "1", "c": "3"}))
		require.Equal(t, []string{"metadata c=3 false"}, next(), "only what is different")
		require.NoError(t, host.Room().DeleteRoomMetadata(ctx, "a", "b", "x"))
		require.Equal(t, []string{"metadata a= true", "metadata b= true"}, next())
		m := guest.Room().Metadata()
		m["c"] = "a copy"
		require.Equal(t, map[string]string{"c": "3"}, guest.Room().Metadata())

		require.ErrorIs(t, host.Room().DeleteRoomMetadata(ctx, "x"), signaling.ErrMetadataNotFound)
		require.ErrorIs(t, host.Room().DeleteRoomMetadata(ctx), signaling.ErrMetadataNotFound)
		require.ErrorIs(t, host.Room().SetRoomMetadata(ctx, nil), engine.ErrInvalidParameter)
		require.ErrorIs(t, host.Room().SetRoomMetadata(ctx, map[string]string{strings.Repeat("k", 51): ""}), signaling.ErrMetadataKeyTooLarge)
		require.ErrorIs(t, host.Room().SetRoomMetadata(ctx, map[string]string{"k": strings.Repeat("v", 2049)}), signaling.ErrMetadataValueTooLarge)
		many := map[string]string{}
		for i := range 9 {
			many[fmt.Sprint(i)] = strings.Repeat("v", 1850)
		}
		require.ErrorIs(t, host.Room().SetRoomMetadata(ctx, many), signaling.ErrMetadataTooLarge)
		many["9"] = ""
		require.ErrorIs(t, host.Room().SetRoomMetadata(ctx, many), signaling.ErrTooManyMetadataKeys)
		require.ErrorIs(t, guest.Room().SetRoomMetadata(ctx, map[string]string{"k": "v"}), engine.ErrNeedManager)
		require.ErrorIs(t, guest.Room().DeleteRoomMetadata(ctx, "c"), engine.ErrNeedManager)
		require.Empty(t, next())

		late := srv.NewUserOn(t, 1, "late")
		late.Join(t, "room")
		require.Equal(t, map[string]string{"c": "3"}, late.Room().Metadata(), "whoever comes in has it")
	})
}

// What has changed while somebody was away is told like a change, also when so much has that only a snapshot tells it.
func TestLiveInfoAndMetadataChangeWhileAway(t *testing.T) {
	for name, changes := range map[string]int{"little": 1, "more than a server keeps": 600} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 2, Grace: 10 * time.Minute}.NewServer(t)
				host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
				host.Start(t, "room")
				guest.Join(t, "room")
				ctx := t.Context()
				require.NoError(t, host.Room().SetRoomMetadata(ctx, map[string]string{"gone": "1", "stays": "2"}))
				synctest.Wait()
				next := toldOfTheRoom(t, guest)
				guest.SetOffline(true)
				for i := range changes {
					require.NoError(t, host.Room().SetLiveInfo(ctx, engine.RoomInfo{CoverURL: fmt.Sprint(changes - i)}, engine.LiveModifyCoverURL))
					time.Sleep(time.Second / signaling.CallsPerSecond) // virtual
				}
				require.NoError(t, host.Room().SetRoomMetadata(ctx, map[string]string{"new": "3"}))
				require.NoError(t, host.Room().DeleteRoomMetadata(ctx, "gone"))
				guest.SetOffline(false)
				time.Sleep(time.Minute) // virtual
				require.Equal(t, []string{"info 128  1  [] 0  false false", "metadata new=3 false", "metadata gone= true"}, next())
				require.Equal(t, host.Room().Metadata(), guest.Room().Metadata())
			})
		})
	}
}
