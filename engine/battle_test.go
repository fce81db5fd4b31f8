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

// fighter is a member who notes what is told of battles.
type fighter struct {
	*engine.Battles
	*cohost
}

func watchBattles(t *testing.T, u *voiceroomtest.User) fighter {
	f := fighter{u.Room().Battles(), &cohost{room: u.Room(), user: u}}
	note := f.note
	u.Room().AddObserver(&engine.RoomObserver{
		OnBattleStarted: func(_ engine.RoomID, b engine.BattleInfo) { note("started: %s", scores(b.Users())) },
		OnBattleEnded: func(_ engine.RoomID, b engine.BattleInfo, why engine.BattleStoppedReason) {
			note("ended by %v: %s", why, scores(b.Users()))
		},
		OnBattleScoreChanged: func(_ engine.RoomID, _ string, users []engine.BattleUser) { note("scores: %s", scores(users)) },
		OnUserJoinBattle:     func(_ engine.RoomID, _ string, u engine.BattleUser) { note("with %s", u.RoomID) },
		OnUserExitBattle:     func(_ engine.RoomID, _ string, u engine.BattleUser) { note("without %s", u.RoomID) },
		OnBattleRequestReceived: func(_ engine.RoomID, b engine.BattleInfo, inviter, invitee engine.BattleUser) {
			note("%s asks %s: %s", inviter.RoomID, invitee.RoomID, b.ExtensionInfo)
		},
		OnBattleRequestCancelled: func(_ engine.RoomID, _ engine.BattleInfo, inviter engine.BattleUser) {
			note("cancelled, of %s", inviter.RoomID)
		},
		OnBattleRequestTimeout: func(_ engine.RoomID, _ engine.BattleInfo, inviter, invitee engine.BattleUser) {
			note("no answer to %s from %s", inviter.RoomID, invitee.RoomID)
		},
		OnBattleRequestAccept: func(_ engine.RoomID, _ engine.BattleInfo, _, invitee engine.BattleUser) {
			note("%s accepts", invitee.RoomID)
		},
		OnBattleRequestReject: func(_ engine.RoomID, _ engine.BattleInfo, _, invitee engine.BattleUser) {
			note("%s rejects", invitee.RoomID)
		},
		OnBattlePunishmentEnded: func(_ engine.RoomID, b engine.BattleInfo) { note("punishment over") },
	})
	return f
}

func scores(users []engine.BattleUser) string {
	var list []string
	for _, u := range users {
		s := fmt.Sprint(u.RoomID, " ", u.Score)
		if u.Left {
			s += " left"
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

// fighters are owners of connected rooms, on nodes in turn.
func fighters(t *testing.T, srv *voiceroomtest.Server, nodes int, names ...string) map[string]fighter {
	t.Helper()
	hosts := cohosts(t, srv, nodes, names...)
	first := hosts[names[0]]
	all := map[string]fighter{}
	for _, name := range names {
		if name != names[0] {
			ask(t, first, time.Minute, engine.RoomID(name))
			synctest.Wait()
			require.NoError(t, hosts[name].AcceptConnection(t.Context(), engine.RoomID(names[0])))
		}
		all[name] = watchBattles(t, hosts[name].user)
	}
	synctest.Wait()
	return all
}

func (f fighter) challenge(t *testing.T, c engine.BattleConfig, timeout time.Duration, rooms ...engine.RoomID) string {
	t.Helper()
	id, codes, err := f.RequestBattle(t.Context(), rooms, c, timeout)
	require.NoError(t, err)
	require.NotEmpty(t, id)
	for _, r := range rooms {
		require.Equal(t, engine.BattleSuccess, codes[r], r)
	}
	return id
}

// Two rooms on two nodes: asked, accepted, scored by the app, over by time; members see it, requests are the owners'.
func TestBattle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		all := fighters(t, srv, 2, "amy", "bob")
		amy, bob := all["amy"], all["bob"]
		guest := srv.NewUserOn(t, 1, "guest")
		_, err := guest.JoinVoiceRoom(t.Context(), "amy")
		require.NoError(t, err)
		audience := watchBattles(t, guest)

		id := amy.challenge(t, engine.BattleConfig{Duration: 30 * time.Second, NeedResponse: true, ExtensionInfo: "pk"}, 10*time.Second, "bob")
		require.Len(t, amy.Requests(), 1, "with the answer")
		require.Equal(t, []string{"amy asks bob: pk"}, bob.heard())
		require.Equal(t, id, bob.Requests()[0].Battle.BattleID)
		_, going := amy.Current()
		require.False(t, going)
		require.NoError(t, bob.AcceptBattle(t.Context(), id))
		require.Equal(t, []string{"started: amy 0, bob 0", "with amy"}, bob.heard())
		require.Equal(t, []string{"bob accepts", "started: amy 0, bob 0", "with bob"}, amy.heard())
		require.Equal(t, []string{"started: amy 0, bob 0", "with bob"}, audience.heard(), "requests are the owners' business")
		require.Empty(t, append(amy.Requests(), bob.Requests()...))
		info, going := bob.Current()
		require.True(t, going)
		require.Equal(t, id, info.BattleID)
		require.Equal(t, int64(30_000), info.EndTime-info.StartTime)
		require.ErrorIs(t, amy.CancelBattleRequest(t.Context(), id), signaling.ErrBattling)

		time.Sleep(31 * time.Second)
		for _, f := range []fighter{amy, bob, audience} {
			require.Equal(t, []string{"ended by TimeOver: amy 0, bob 0"}, f.heard())
			_, going = f.Current()
			require.False(t, going)
		}
		require.ErrorIs(t, amy.ExitBattle(t.Context(), id), signaling.ErrBattleOver)
		require.Len(t, amy.room.Connections().Connected(), 2, "the connection goes on")
	})
}
