package server

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const pk = "live_engine_http_pk/"

var battleID = regexp.MustCompile(`"BattleId":"([A-Z2-7]{26})"`)

// battleRoomsOf creates rooms without seats, each owned by an account of its own.
func (w *world) battleRooms(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		answers(w.t, restOK, w.admin("im_open_login_svc/account_import", `{"UserID":"owner-`+id+`","Nick":"Owner of `+id+`","FaceUrl":"`+id+`.png"}`))
		answers(w.t, besideCode(`"RoomId":"`+id+`"`), w.admin("live_engine_http_srv/create_room", `{"RoomInfo":{"RoomId":"`+id+`","RoomType":"Live","Owner_Account":"owner-`+id+`"}}`))
	}
}

// begin begins a battle and returns its id.
func (w *world) beginBattle(node int, body string) string {
	w.t.Helper()
	got := w.restAs("administrator", node, pk+"create_battle", body)
	m := battleID.FindStringSubmatch(got)
	require.Len(w.t, m, 2, got)
	return m[1]
}

// Every command about battles, to good and to bad calls, byte for byte. Of each row r1 and r2 are in a battle, r3 and r4 are
// free, and a battle of r5 and r6 has ended.
func TestRESTBattleCommands(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	many := make([]string, 10)
	for i := range many {
		many[i] = fmt.Sprintf(`"m%d"`, i)
	}
	score := func(op, list string) string { return `{"BattleId":"$B","OpType":` + op + `,"ScoreList":` + list + `}` }
	for _, row := range []struct{ command, body, want string }{
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["r4","r1","none"],"Duration":60000,"ExtensionInfo":"x"}`, response(`{"BattleId":"ID","Result":[{"RoomId":"r4","ResultCode":0,"ResultMessage":""},{"RoomId":"r1","ResultCode":3,"ResultMessage":"the room is in another battle"},{"RoomId":"none","ResultCode":5,"ResultMessage":"the room does not exist, or no longer"}]}`)},
		{"create_battle", `{"FromRoomId":"r5","ToRoomIdList":["r6"],"Duration":1000}`, response(`{"BattleId":"ID","Result":[{"RoomId":"r6","ResultCode":0,"ResultMessage":""}]}`)},
		{"create_battle", `{"FromRoomId":"r1","ToRoomIdList":["r3"],"Duration":60000}`, fail(100415, "the inviting room is in a battle")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["r1","r2"],"Duration":60000}`, fail(100412, "none of the invited rooms can take part")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["none"],"Duration":60000}`, fail(100412, "none of the invited rooms can take part")},
		{"create_battle", `{"FromRoomId":"none","ToRoomIdList":["r3"],"Duration":60000}`, fail(100004, "the room does not exist, or no longer")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["r3"],"Duration":60000}`, fail(100002, "the room r3 is named twice")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["r4","r4"],"Duration":60000}`, fail(100002, "the room r4 is named twice")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":[` + strings.Join(many, ",") + `],"Duration":60000}`, fail(100013, "a battle may have 10 rooms")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":[],"Duration":60000}`, fail(100002, "ToRoomIdList is required")},
		{"create_battle", `{"ToRoomIdList":["r3"],"Duration":60000}`, fail(100002, "the room id is not valid")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":[""],"Duration":60000}`, fail(100002, "the room id is not valid")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["r4"]}`, fail(100002, "Duration is required")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["r4"],"Duration":999}`, fail(100002, "Duration is 999 ms; it is 1000 to 86400000")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["r4"],"Duration":9000000000000000000}`, fail(100002, "Duration is 86400001 ms")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["r4"],"Duration":-5}`, fail(100002, "Duration is 0 ms")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["r4"],"Duration":"60000"}`, fail(100002, "Duration cannot be a JSON string")},
		{"create_battle", `{"FromRoomId":"r3","ToRoomIdList":["r4"],"Duration":1000,"ExtensionInfo":"` + long(1025) + `"}`, fail(100002, "ExtensionInfo may have 1024 bytes")},

		{"set_battle_score", score(`1`, `[{"RoomId":"r1","Score":100},{"RoomId":"r3","Score":1},{"RoomId":"r2","Score":-5}]`), response(`{"Result":[{"RoomId":"r1","ResultCode":0},{"RoomId":"r3","ResultCode":1},{"RoomId":"r2","ResultCode":0}]}`)},
		{"set_battle_score", score(`"2"`, `[{"RoomId":"r1","Score":0}]`), response(`{"Result":[{"RoomId":"r1","ResultCode":0}]}`)},
		{"set_battle_score", score(`3`, `[{"RoomId":"r1","Score":0}]`), fail(100002, "OpType is 1 (add) or 2 (overwrite)")},
		{"set_battle_score", `{"BattleId":"$B","ScoreList":[{"RoomId":"r1","Score":0}]}`, fail(100002, "OpType is 1 (add) or 2 (overwrite)")},
		{"set_battle_score", score(`1`, `[]`), fail(100002, "ScoreList has 0 rooms")},
		{"set_battle_score", score(`1`, `[{"RoomId":"r1"}]`), fail(100002, "Score is required")},
		{"set_battle_score", score(`1`, `[{"Score":1}]`), fail(100002, "the room id is not valid")},
		{"set_battle_score", score(`1`, `[{"RoomId":"r1","Score":9007199254740992}]`), fail(100002, "the score of room r1 may be 9007199254740991 at most")},
		{"set_battle_score", score(`1`, `[{"RoomId":"r1","Score":1.5}]`), fail(100002, "Score cannot be a JSON number")},
		{"set_battle_score", `{"OpType":1,"ScoreList":[{"RoomId":"r1","Score":0}]}`, fail(100002, "BattleId is required")},
		{"set_battle_score", `{"BattleId":"$E","OpType":1,"ScoreList":[{"RoomId":"r5","Score":1}]}`, fail(100006, "the battle has not begun or has ended")},
		{"set_battle_score", `{"BattleId":"none","OpType":1,"ScoreList":[{"RoomId":"r1","Score":1}]}`, fail(100006, "there is no such battle, or it has ended")},

		{"get_battle_info", `{"BattleId":"$B"}`, response(`{"BattleId":"ID","Duration":60000,"StartTime":946684802,"EndTime":946684862,"Status":2,"FromRoomInfo":{"RoomId":"r1","Score":7,"Owner_Account":"owner-r1"},"ToRoomList":[{"RoomId":"r2","Score":0,"Owner_Account":"owner-r2"}]}`)},
		{"get_battle_info", `{"RoomId":"r2"}`, response(`{"BattleId":"ID","Duration":60000,"StartTime":946684802,"EndTime":946684862,"Status":2,"FromRoomInfo":{"RoomId":"r1","Score":7,"Owner_Account":"owner-r1"},"ToRoomList":[{"RoomId":"r2","Score":0,"Owner_Account":"owner-r2"}]}`)},
		{"get_battle_info", `{"BattleId":"$E","RoomId":"r1"}`, response(`{"BattleId":"ID","Duration":1000,"StartTime":946684800,"EndTime":946684801,"Status":3,"FromRoomInfo":{"RoomId":"r5","Score":0,"Owner_Account":"owner-r5"},"ToRoomList":[{"RoomId":"r6","Score":0,"Owner_Account":"owner-r6"}]}`)},
		{"get_battle_info", `{"RoomId":"r5"}`, fail(100411, "there is no such battle, or it ended too long ago")},
		{"get_battle_info", `{"RoomId":"none"}`, fail(100411, "there is no such battle")},
		{"get_battle_info", `{"BattleId":"none"}`, fail(100411, "there is no such battle")},
		{"get_battle_info", `{"BattleId":"room"}`, fail(100411, "there is no such battle")},
		{"get_battle_info", `{}`, fail(100002, "BattleId is required")},
		{"get_battle_info", `{"RoomId":"é"}`, fail(100002, "the room id is not valid")},
	} {
		t.Run(row.command+" "+row.body[:min(len(row.body), 80)], func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.battleRooms("r1", "r2", "r3", "r4", "r5", "r6")
				ended := w.beginBattle(0, `{"FromRoomId":"r5","ToRoomIdList":["r6"],"Duration":1000}`)
				time.Sleep(2 * time.Second)
				b := w.beginBattle(0, `{"FromRoomId":"r1","ToRoomIdList":["r2"],"Duration":60000}`)
				require.Contains(t, w.admin(pk+"set_battle_score", `{"BattleId":"`+b+`","OpType":1,"ScoreList":[{"RoomId":"r1","Score":7}]}`), `"ErrorCode":0`)
				got := w.admin(pk+row.command, strings.NewReplacer("$B", b, "$E", ended).Replace(row.body))
				answers(t, row.want, battleID.ReplaceAllString(got, `"BattleId":"ID"`))
			})
		})
	}
}

// What a battle is to those in its rooms, whichever nodes they and the caller are at: they hear of the beginning, of the
// scores and of the end, and who comes in between sees it.
func TestBattleIsSeenInRooms(t *testing.T) {
	inWorldOf(t, 3, func(t *testing.T, w *world) {
		w.battleRooms("r1", "r2")
		join := func(node int, user signaling.UserID, id signaling.RoomID) (*raw, signaling.Snapshot) {
			c := w.dialAt(node)
			c.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: user, UserSig: w.sig(user)}, nil)
			var res signaling.JoinResult
			c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, &res)
			return c, res.Snapshot
		}
		ann, _ := join(0, "ann", "r1")
		bob, _ := join(1, "bob", "r2")
		time.Sleep(time.Second)
		ann.told()
		bob.told()
		both := func(want ...string) {
			t.Helper()
			synctest.Wait()
			for _, c := range []*raw{ann, bob} {
				var types []string
				for _, e := range c.told() {
					types = append(types, e[:strings.Index(e, " ")])
				}
				require.Equal(t, want, types)
			}
		}
		id := w.beginBattle(2, `{"FromRoomId":"r1","ToRoomIdList":["r2"],"Duration":20000,"ExtensionInfo":"x"}`)
		both("battleStarted")
		score := func(op int, r1, r2 int) {
			t.Helper()
			require.Contains(t, w.restAs("administrator", 2, pk+"set_battle_score", fmt.Sprintf(`{"BattleId":"%s","OpType":%d,"ScoreList":[{"RoomId":"r1","Score":%d},{"RoomId":"r2","Score":%d}]}`, id, op, r1, r2)), `"ErrorCode":0`)
		}
		score(1, 5, 3)
		both("battleScoreChanged")
		score(1, 0, 0)
		both()
		_, seen := join(2, "carl", "r2")
		require.NotNil(t, seen.Battle)
		require.Equal(t, signaling.BattleUser{RoomID: "r1", UserID: "owner-r1", UserName: "Owner of r1", AvatarURL: "r1.png", Score: 5}, seen.Battle.Inviter)
		require.Equal(t, int64(3), seen.Battle.InviteeList[0].Score)
		require.Equal(t, "x", seen.Battle.ExtensionInfo)
		time.Sleep(5 * time.Second)
		bob.told()
		time.Sleep(5 * time.Second)
		ann.told()
		bob.told()
		time.Sleep(10 * time.Second)
		both("battleEnded")
		_, seen = join(2, "dora", "r1")
		require.Nil(t, seen.Battle)
		w.beginBattle(0, `{"FromRoomId":"r2","ToRoomIdList":["r1"],"Duration":1000}`)
	})
}

// Two servers count for one battle at once: no score is lost, and the rooms show the sum.
func TestScoresAtTwoNodesAtOnce(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		w.battleRooms("r1", "r2")
		id := w.beginBattle(0, `{"FromRoomId":"r1","ToRoomIdList":["r2"],"Duration":60000}`)
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				w.restAs("administrator", i%2, pk+"set_battle_score", `{"BattleId":"`+id+`","OpType":1,"ScoreList":[{"RoomId":"r2","Score":1}]}`)
			})
		}
		wg.Wait()
		require.Contains(t, w.admin(pk+"get_battle_info", `{"BattleId":"`+id+`"}`), `{"RoomId":"r2","Score":40,`)
		ann := w.login("ann")
		var res signaling.JoinResult
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r1"}, &res)
		require.Equal(t, int64(40), res.Snapshot.Battle.InviteeList[0].Score)
	})
}

// A room that is dismissed is out of its battle, and with fewer than two it ends; all servers may stop and start: a
// battle goes on, and ends when it has to.
func TestBattleEndsWithItsRoomsAndSurvivesServers(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		w.battleRooms("r1", "r2", "r3", "r4")
		id := w.beginBattle(0, `{"FromRoomId":"r1","ToRoomIdList":["r2"],"Duration":60000}`)
		other := w.beginBattle(1, `{"FromRoomId":"r3","ToRoomIdList":["r4"],"Duration":60000}`)
		ann := w.login("ann")
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r2"}, nil)
		answers(t, restOK, w.admin("live_engine_http_srv/destroy_room", `{"RoomId":"r1"}`))
		time.Sleep(3 * time.Second)
		require.Contains(t, w.admin(pk+"get_battle_info", `{"BattleId":"`+id+`"}`), `"Status":3`)
		told := ann.told()
		require.NotEmpty(t, told)
		last := told[len(told)-1]
		require.True(t, strings.HasPrefix(last, "battleEnded "), last)
		var ended signaling.BattleEnded
		require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(last, "battleEnded ")), &ended))
		require.Equal(t, signaling.BattleOtherExit, ended.Reason)

		w.stop(0)
		w.stop(1)
		time.Sleep(30 * time.Second)
		w.nodes = append(w.nodes, w.start("server2:80"))
		require.Contains(t, w.restAs("administrator", 2, pk+"get_battle_info", `{"RoomId":"r4"}`), `"BattleId":"`+other+`"`)
		time.Sleep(30 * time.Second)
		require.Contains(t, w.restAs("administrator", 2, pk+"get_battle_info", `{"BattleId":"`+other+`"}`), `"Status":3`)
		bob := w.dialAt(2)
		bob.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "bob", UserSig: w.sig("bob")}, nil)
		var res signaling.JoinResult
		bob.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r4"}, &res)
		require.Nil(t, res.Snapshot.Battle)
		w.beginBattle(2, `{"FromRoomId":"r4","ToRoomIdList":["r3"],"Duration":1000}`)
	})
}
