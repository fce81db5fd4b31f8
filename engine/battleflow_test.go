package engine_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// score is what the app's server adds to a room's score.
func score(t *testing.T, srv *voiceroomtest.Server, battle string, id engine.RoomID, n int) {
	t.Helper()
	sig, err := usersig.Mint(voiceroomtest.App, voiceroomtest.Secret, "administrator", time.Hour, time.Now())
	require.NoError(t, err)
	query := url.Values{
		"sdkappid": {fmt.Sprint(voiceroomtest.App)}, "identifier": {"administrator"}, "usersig": {sig}, "random": {"1"}, "contenttype": {"json"},
	}.Encode()
	body := fmt.Sprintf(`{"BattleId":"%s","OpType":1,"ScoreList":[{"RoomId":"%s","Score":%d}]}`, battle, id, n)
	resp, err := srv.HTTPClient(t).Post(srv.NodeURL(0)+"/v4/live_engine_http_pk/set_battle_score?"+query, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer struct{ ErrorCode int }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Zero(t, answer.ErrorCode)
}

// Every end that a request of three rooms can have, and who is told.
func TestBattleRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 3}.NewServer(t)
		all := fighters(t, srv, 3, "amy", "bob", "cem")
		amy, bob, cem := all["amy"], all["bob"], all["cem"]
		ctx := t.Context()
		heard := func(a, b, c string) {
			t.Helper()
			time.Sleep(100 * time.Millisecond)
			for f, want := range map[fighter]string{amy: a, bob: b, cem: c} {
				require.Equal(t, want, strings.Join(f.heard(), "; "), f.room.ID())
			}
		}
		none := func() {
			t.Helper()
			require.Empty(t, append(append(amy.Requests(), bob.Requests()...), cem.Requests()...))
		}
		ask := func() string {
			t.Helper()
			id := amy.challenge(t, engine.BattleConfig{Duration: time.Minute, NeedResponse: true}, 10*time.Second, "bob", "cem")
			heard("", "amy asks bob: ", "amy asks cem: ")
			return id
		}
		id := ask()
		require.NoError(t, bob.AcceptBattle(ctx, id))
		require.Equal(t, []engine.RoomID{"bob"}, bob.Requests()[0].Accepted, "with the answer")
		heard("bob accepts", "", "bob accepts")
		require.Equal(t, []engine.RoomID{"bob"}, cem.Requests()[0].Accepted)
		require.NoError(t, bob.AcceptBattle(ctx, id), "once more")
		require.ErrorIs(t, bob.RejectBattle(ctx, id), signaling.ErrBattleNotStarted)
		require.ErrorIs(t, bob.ExitBattle(ctx, id), signaling.ErrBattleNotStarted)
		require.ErrorIs(t, bob.CancelBattleRequest(ctx, id), signaling.ErrNotInBattle)
		require.ErrorIs(t, amy.AcceptBattle(ctx, id), signaling.ErrNotInBattle)
		require.NoError(t, cem.RejectBattle(ctx, id))
		heard("cem rejects", "cem rejects", "")
		none()
		require.ErrorIs(t, bob.AcceptBattle(ctx, id), signaling.ErrBattleOver)

		id = ask()
		require.NoError(t, cem.AcceptBattle(ctx, id))
		require.NoError(t, amy.CancelBattleRequest(ctx, id))
		heard("cem accepts; cancelled, of amy", "cem accepts; cancelled, of amy", "cancelled, of amy")
		none()
		require.ErrorIs(t, amy.CancelBattleRequest(ctx, id), signaling.ErrBattleOver)

		id = ask()
		require.NoError(t, bob.AcceptBattle(ctx, id))
		time.Sleep(11 * time.Second)
		heard("bob accepts; no answer to amy from cem", "no answer to amy from cem", "bob accepts; no answer to amy from cem")
		none()
		ask()
		time.Sleep(11 * time.Second)
		both := "no answer to amy from bob; no answer to amy from cem"
		heard(both, both, both)

		ask()
		require.NoError(t, cem.room.Connections().Disconnect(ctx))
		time.Sleep(time.Second)
		heard("cancelled, of amy", "cancelled, of amy", "cancelled, of amy")
		none()
		_, codes, err := amy.RequestBattle(ctx, []engine.RoomID{"cem"}, engine.BattleConfig{Duration: time.Minute}, 0)
		require.ErrorIs(t, err, signaling.ErrBattleNoRooms)
		require.Equal(t, map[engine.RoomID]engine.BattleCode{"cem": engine.BattleRoomExit}, codes)
		_, _, err = cem.RequestBattle(ctx, []engine.RoomID{"amy"}, engine.BattleConfig{Duration: time.Minute}, 0)
		require.ErrorIs(t, err, signaling.ErrConnectionNotExist)

		amy.challenge(t, engine.BattleConfig{Duration: time.Minute, NeedResponse: true}, 0, "bob")
		heard("", "amy asks bob: ", "")
		require.Equal(t, int64(300_000), amy.Requests()[0].Deadline-amy.Requests()[0].Created, "0 is the longest")
		_, err = bob.user.StopVoiceRoom(ctx)
		require.NoError(t, err)
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{"cancelled, of amy"}, amy.heard())
	})
}

// Rooms leave a battle one by one, scores come and go with them, and what has ended by time is followed by a punishment.
func TestBattleExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 3}.NewServer(t)
		all := fighters(t, srv, 3, "amy", "bob", "cem")
		amy, bob, cem := all["amy"], all["bob"], all["cem"]
		ctx := t.Context()
		begin := func(rooms ...engine.RoomID) string {
			t.Helper()
			id := amy.challenge(t, engine.BattleConfig{Duration: time.Minute, Punishment: 20 * time.Second}, 0, rooms...)
			synctest.Wait()
			for _, f := range all {
				f.heard()
			}
			return id
		}
		id := begin("bob", "cem")
		score(t, srv, id, "amy", 5)
		score(t, srv, id, "cem", 7)
		require.Equal(t, []string{"scores: amy 5, bob 0, cem 0", "scores: amy 5, bob 0, cem 7"}, bob.heard())
		require.NoError(t, amy.ExitBattle(ctx, id))
		time.Sleep(time.Second)
		require.Equal(t, "ended by OtherExit: amy 5 left, bob 0, cem 7", strings.Join(amy.heard()[2:], "; "))
		_, going := amy.Current()
		require.False(t, going)
		require.Equal(t, []string{"without amy"}, bob.heard())
		b, going := bob.Current()
		require.True(t, going)
		require.True(t, b.Inviter.Left)
		require.ErrorIs(t, amy.ExitBattle(ctx, id), signaling.ErrNotInBattle)
		other, codes, err := amy.RequestBattle(ctx, []engine.RoomID{"bob"}, engine.BattleConfig{Duration: time.Minute}, 0)
		require.ErrorIs(t, err, signaling.ErrBattleNoRooms, other)
		require.Equal(t, engine.BattleBattlingOtherRoom, codes["bob"])
		_, _, err = bob.RequestBattle(ctx, []engine.RoomID{"amy"}, engine.BattleConfig{Duration: time.Minute}, 0)
		require.ErrorIs(t, err, signaling.ErrBattlingElsewhere)
		require.NoError(t, cem.ExitBattle(ctx, id))
		time.Sleep(time.Second)
		require.Equal(t, []string{"ended by OtherExit: amy 5 left, bob 0, cem 7 left"}, bob.heard(), "no punishment")

		id = begin("bob")
		score(t, srv, id, "bob", 3)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"scores: amy 0, bob 3", "ended by TimeOver: amy 0, bob 3"}, amy.heard())
		b, going = amy.Current()
		require.True(t, going, "in its punishment phase")
		require.Equal(t, b.EndTime+20_000, b.PunishEndTime)
		_, codes, err = cem.RequestBattle(ctx, []engine.RoomID{"bob"}, engine.BattleConfig{Duration: time.Minute}, 0)
		require.ErrorIs(t, err, signaling.ErrBattleNoRooms)
		require.Equal(t, engine.BattleBattlingOtherRoom, codes["bob"], "it is held")
		time.Sleep(20 * time.Second)
		require.Equal(t, []string{"punishment over"}, amy.heard())
		_, going = amy.Current()
		require.False(t, going)
		begin("bob")
		time.Sleep(61 * time.Second)
		amy.heard()
		b, _ = amy.Current()
		require.NoError(t, amy.ExitBattle(ctx, b.BattleID))
		time.Sleep(time.Second)
		require.Equal(t, []string{"punishment over"}, amy.heard())
		require.Equal(t, "punishment over", strings.Join(bob.heard()[1:], "; "), "nobody is left with it")

		begin("bob", "cem")
		require.NoError(t, bob.room.Connections().Disconnect(ctx))
		time.Sleep(time.Second)
		require.Equal(t, []string{"without bob"}, amy.heard())
		require.Equal(t, []string{"ended by OtherExit: amy 0, bob 0 left, cem 0"}, bob.heard())
		require.NoError(t, cem.ExitBattle(ctx, current(t, cem)))
		time.Sleep(time.Second)
		amy.heard()
		begin("cem")
		require.NoError(t, cem.room.Connections().Disconnect(ctx))
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{"ended by OtherExit: amy 0, cem 0 left"}, amy.heard(), "though both are connected no longer")

		ask(t, &cohost{Connections: amy.room.Connections()}, time.Minute, "cem")
		synctest.Wait()
		require.NoError(t, cem.room.Connections().AcceptConnection(ctx, "amy"))
		begin("cem")
		_, err = cem.user.StopVoiceRoom(ctx)
		require.NoError(t, err)
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{"ended by OtherExit: amy 0, cem 0 left"}, amy.heard())
	})
}

func current(t *testing.T, f fighter) string {
	t.Helper()
	b, ok := f.Current()
	require.True(t, ok)
	return b.BattleID
}

// A request survives the deaths of the nodes that decide its rooms; so does the battle that comes of it.
func TestBattleSurvivesNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 3}.NewServer(t)
		all := fighters(t, srv, 3, "amy", "bob", "cem")
		amy, bob, cem := all["amy"], all["bob"], all["cem"]
		id := amy.challenge(t, engine.BattleConfig{Duration: time.Minute, NeedResponse: true}, time.Minute, "bob", "cem")
		synctest.Wait()
		require.NoError(t, cem.AcceptBattle(t.Context(), id))
		amy.heard()
		srv.KillNode(t, 1)
		time.Sleep(20 * time.Second)
		require.NoError(t, bob.AcceptBattle(t.Context(), id))
		require.Equal(t, []string{"bob accepts", "started: amy 0, bob 0, cem 0", "with bob", "with cem"}, amy.heard())
		srv.KillNode(t, 0)
		time.Sleep(70 * time.Second)
		require.Equal(t, "ended by TimeOver: amy 0, bob 0, cem 0", strings.Join(amy.heard(), "; "))
		require.Contains(t, bob.heard(), "ended by TimeOver: amy 0, bob 0, cem 0")
		require.ErrorIs(t, cem.ExitBattle(t.Context(), id), signaling.ErrBattleOver)
	})
}

// What happens to battles while an owner's connection is gone is told when it is back, as it would have been; what was asked
// and what goes on is there for who comes later, too.
func TestBattleWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		all := fighters(t, srv, 2, "amy", "bob")
		amy, bob := all["amy"], all["bob"]
		ctx := t.Context()
		config := engine.BattleConfig{Duration: 10 * time.Second, Punishment: 30 * time.Second, NeedResponse: true}
		away := func(do func()) []string {
			t.Helper()
			bob.heard()
			bob.user.SetOffline(true)
			time.Sleep(time.Second)
			do()
			bob.user.SetOffline(false)
			time.Sleep(15 * time.Second) // it is back
			return bob.heard()
		}
		var id string
		require.Equal(t, []string{"amy asks bob: "}, away(func() { id = amy.challenge(t, config, time.Minute, "bob") }))
		require.Equal(t, []string{"cancelled, of amy"}, away(func() { require.NoError(t, amy.CancelBattleRequest(ctx, id)) }))
		require.Empty(t, bob.Requests())

		id = amy.challenge(t, config, time.Minute, "bob")
		synctest.Wait()
		require.NoError(t, bob.AcceptBattle(ctx, id))
		late := srv.NewUserOn(t, 1, "late")
		_, err := late.JoinVoiceRoom(ctx, "bob")
		require.NoError(t, err)
		b, going := late.Room().Battles().Current()
		require.True(t, going)
		require.Equal(t, id, b.BattleID)
		told := away(func() {
			score(t, srv, id, "amy", 4)
			time.Sleep(10 * time.Second)
		})
		require.Equal(t, []string{"scores: amy 4, bob 0", "ended by TimeOver: amy 4, bob 0"}, told)
		b, going = bob.Current()
		require.True(t, going)
		require.NotZero(t, b.PunishEndTime)
		time.Sleep(20 * time.Second)
		require.Equal(t, []string{"punishment over"}, bob.heard())

		config.NeedResponse = false
		told = away(func() {
			amy.challenge(t, config, 0, "bob")
			time.Sleep(12 * time.Second)
		})
		require.Equal(t, "started: amy 0, bob 0; with amy; ended by TimeOver: amy 0, bob 0", strings.Join(told, "; "))
	})
}
