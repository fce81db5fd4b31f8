package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Mute all, by the documents' names: managers may chat, others not, wherever they come from, until it ends.
func TestDisableSendingMessageForAllUserByAdmin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, amy, ann := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "amy"), srv.NewUserOn(t, 1, "ann")
		host.Start(t, "room")
		amy.Join(t, "room")
		ann.Join(t, "room")
		ctx := t.Context()
		require.NoError(t, host.Room().Members().ChangeUserRole(ctx, "amy", engine.Administrator))
		var told []bool
		var flags []engine.LiveModifyFlag
		ann.Room().AddObserver(&engine.RoomObserver{
			OnSendMessageForAllUserDisableChanged: func(id engine.RoomID, disabled bool) {
				require.Equal(t, engine.RoomID("room"), id)
				told = append(told, disabled)
			},
			OnLiveInfoChanged: func(_ engine.RoomInfo, f engine.LiveModifyFlag) { flags = append(flags, f) },
		})
		require.ErrorIs(t, ann.Room().Members().DisableSendingMessageForAllUserByAdmin(ctx, true), engine.ErrNeedManager)
		require.NoError(t, amy.Room().Members().DisableSendingMessageForAllUserByAdmin(ctx, true))
		require.NoError(t, host.Room().Members().DisableSendingMessageForAllUserByAdmin(ctx, true), "as it is")
		synctest.Wait()
		require.Equal(t, []bool{true}, told)
		require.Equal(t, []engine.LiveModifyFlag{engine.LiveModifyDisableMessage}, flags)
		_, err := ann.Room().Chat().SendBarrage(ctx, "x", nil)
		require.ErrorIs(t, err, engine.ErrAllMessagesDisabled)
		_, err = amy.Room().Chat().SendBarrage(ctx, "x", nil)
		require.NoError(t, err)
		require.NoError(t, ann.LeaveVoiceRoom(ctx))
		ann.Join(t, "room")
		require.True(t, ann.Room().Info().MessageDisabled, "from the moment of the entry")
		_, err = ann.Room().Chat().SendBarrage(ctx, "x", nil)
		require.ErrorIs(t, err, engine.ErrAllMessagesDisabled)
		require.NoError(t, host.Room().Members().DisableSendingMessageForAllUserByAdmin(ctx, false))
		_, err = ann.Room().Chat().SendBarrage(ctx, "x", nil)
		require.NoError(t, err)
	})
}

// Every node dies and is started again: mutes, bans, the silence of all, administrators, metadata and who has done all
// that are as they were, and a kick is no ban.
func TestModerationSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, amy, ann := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "amy"), srv.NewUserOn(t, 1, "ann")
		bob, cid := srv.NewUserOn(t, 0, "bob"), srv.NewUserOn(t, 1, "cid")
		host.Start(t, "room")
		for _, u := range []*voiceroomtest.User{amy, ann, bob, cid} {
			u.Join(t, "room")
		}
		ctx := t.Context()
		owner := host.Room().Members()
		require.NoError(t, owner.ChangeUserRole(ctx, "amy", engine.Administrator))
		admin := amy.Room().Members()
		require.NoError(t, admin.MuteUser(ctx, "ann", 2*time.Minute))
		require.NoError(t, admin.BanUser(ctx, "bob", 2*time.Minute, "noise"))
		require.NoError(t, admin.KickRemoteUserOutOfRoom(ctx, "cid"))
		require.NoError(t, admin.DisableSendingMessageForAllUserByAdmin(ctx, true))
		require.NoError(t, amy.Room().SetRoomMetadata(ctx, map[string]string{"theme": "jazz"}))
		want := []string{"amy setMetadata []", "amy muteAll []", "amy kick [cid]", "amy ban [bob]", "amy mute [ann]", "host role [amy]"}
		for round := range 2 {
			for i := range 2 {
				srv.KillNode(t, i)
			}
			time.Sleep(time.Second) // virtual
			for i := range 2 {
				srv.StartNode(t, i)
			}
			time.Sleep(15 * time.Second)
			require.Equal(t, want, readActs(t, host.Room()), "round %d", round)
			require.Equal(t, engine.Administrator, host.Room().RoleOf("amy"))
			require.Equal(t, map[string]string{"theme": "jazz"}, host.Room().Metadata())
			require.True(t, ann.Room().Info().MessageDisabled)
			require.False(t, ann.Room().MutedUntil().IsZero())
			_, err := ann.Room().Chat().SendBarrage(ctx, "x", nil)
			require.ErrorIs(t, err, engine.ErrMessageDisabled)
			_, err = amy.Room().Chat().SendBarrage(ctx, "x", nil)
			require.NoError(t, err)
			_, err = bob.JoinVoiceRoom(ctx, "room")
			require.ErrorIs(t, err, engine.ErrMemberBanned)
			_, err = cid.JoinVoiceRoom(ctx, "room")
			require.NoError(t, err, "a kick is no ban")
			_, err = cid.Room().Chat().SendBarrage(ctx, "x", nil)
			require.ErrorIs(t, err, engine.ErrAllMessagesDisabled)
			require.NoError(t, cid.LeaveVoiceRoom(ctx))
		}
		time.Sleep(2 * time.Minute)
		require.True(t, ann.Room().MutedUntil().IsZero())
		_, err := bob.JoinVoiceRoom(ctx, "room")
		require.NoError(t, err)
	})
}
