package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// connectedOwners logs in owners in rooms of their names, all connected with the first.
func (w *world) connectedOwners(ids ...signaling.RoomID) map[signaling.RoomID]*reader {
	w.t.Helper()
	owners := map[signaling.RoomID]*reader{}
	for i, id := range ids {
		owners[id] = w.reader(i%len(w.nodes), signaling.UserID(id))
		owners[id].must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: id, MaxSeatCount: 5}}, nil)
		owners[id].must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
	}
	if len(ids) > 1 {
		connects(ids[0], ids[1:]...)(owners)
	}
	return owners
}

// battle asks for a battle of a minute and returns its id.
func (c *reader) battle(command string, needs bool, from signaling.RoomID, to ...signaling.RoomID) string {
	c.t.Helper()
	var res signaling.BattleRequestResult
	c.must(signaling.MethodRequestBattle, signaling.BattleRequestParams{
		CommandID: command, RoomID: from, RoomIDs: to, DurationMS: 60_000, PunishmentMS: 20_000, NeedResponse: needs, Timeout: 60,
	}, &res)
	for _, r := range res.Results {
		require.Equal(c.t, signaling.BattleSuccess, r.Code, r.RoomID)
	}
	return res.BattleID
}

// Why a room is not asked is on the wire in two numbers: the documents' BattleCode, and their error code.
func TestReasonsOfBattleRequests(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		owners := w.connectedOwners("a", "b", "c", "d", "e")
		alone := w.connectedOwners("z")["z"]
		owners["c"].battle("", false, "c", "d")
		require.NotEmpty(t, owners["e"].battle("", true, "e", "b"))
		synctest.Wait()
		var res signaling.BattleRequestResult
		ask := signaling.BattleRequestParams{RoomID: "a", RoomIDs: []signaling.RoomID{"b", "c", "nowhere", "z"}, DurationMS: 60_000}
		owners["a"].must(signaling.MethodRequestBattle, ask, &res)
		var list []string
		for i, r := range res.Results {
			require.Equal(t, ask.RoomIDs[i], r.RoomID)
			list = append(list, fmt.Sprint(int(r.Code), " ", int(r.Reason)))
		}
		require.Equal(t, []string{"2 100416", "3 100415", "1 100004", "4 100407"}, list)
		require.Empty(t, res.BattleID, "there is none")
		require.NotZero(t, res.Version)
		code := func(c *reader, method string, params any) signaling.Code {
			_, err := c.try(method, params)
			time.Sleep(time.Second)
			return signaling.CodeOf(err)
		}
		ask.RoomIDs = []signaling.RoomID{"a"}
		for id, want := range map[signaling.RoomID]signaling.Code{"c": 100415, "e": 100416, "b": 100416} {
			ask.RoomID = id
			require.Equal(t, want, code(owners[id], signaling.MethodRequestBattle, ask), id)
		}
		ask.RoomID = "z"
		require.Equal(t, signaling.Code(100400), code(alone, signaling.MethodRequestBattle, ask))
		refused := 0
		ask.RoomID, ask.RoomIDs = "a", []signaling.RoomID{"nowhere"}
		for range 2 * connectionsBurst {
			if _, err := owners["a"].try(signaling.MethodRequestBattle, ask); err != nil {
				require.Equal(t, signaling.ErrBattleTooFrequent.Code, signaling.CodeOf(err))
				refused++
			}
			time.Sleep(50 * time.Millisecond)
		}
		require.Greater(t, refused, connectionsBurst/2)
	})
}

// A call whose answer was lost comes again: the same is said, and nothing happens twice.
func TestRepeatedBattleCalls(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		owners := w.connectedOwners("a", "b", "c")
		same := func(id signaling.RoomID, method string, params any) {
			t.Helper()
			first, err := owners[id].try(method, params)
			require.NoError(t, err)
			time.Sleep(time.Second)
			again, err := owners[id].try(method, params)
			require.NoError(t, err)
			if method == signaling.MethodRequestBattle {
				require.JSONEq(t, string(first.Result), string(again.Result))
			}
		}
		ask := func(command string) (id string) {
			p := signaling.BattleRequestParams{CommandID: command, RoomID: "a", RoomIDs: []signaling.RoomID{"b", "c"}, DurationMS: 60_000, NeedResponse: true}
			same("a", signaling.MethodRequestBattle, p)
			var res signaling.BattleRequestResult
			owners["a"].must(signaling.MethodRequestBattle, p, &res)
			return res.BattleID
		}
		params := func(command string, id signaling.RoomID, battle string) signaling.BattleParams {
			return signaling.BattleParams{CommandID: command, RoomID: id, BattleID: battle}
		}
		first := ask("1")
		same("b", signaling.MethodAcceptBattle, params("2", "b", first))
		same("c", signaling.MethodRejectBattle, params("3", "c", first))
		require.Equal(t, first, ask("1"), "after it has ended")
		second := ask("4")
		require.NotEqual(t, first, second)
		same("a", signaling.MethodCancelBattle, params("5", "a", second))
		third := ask("6")
		same("b", signaling.MethodAcceptBattle, params("7", "b", third))
		same("c", signaling.MethodAcceptBattle, params("8", "c", third))
		same("c", signaling.MethodExitBattle, params("9", "c", third))
		same("b", signaling.MethodExitBattle, params("10", "b", third))
		require.Empty(t, fightLooks(owners)["a"])
	})
}

// Calls that make no sense say why, and change nothing.
func TestBadBattleCalls(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("bad")
		c.ownRoom("r", 5)
		good := strings.Repeat("A", 26)
		for _, x := range []struct {
			method string
			params map[string]any
			code   signaling.Code
			says   string
		}{
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{}}, -1001, "1 to 8 can be asked"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": strings.Fields("1 2 3 4 5 6 7 8 9")}, -1001, "1 to 8 can be asked"},
			{signaling.MethodRequestBattle, map[string]any{}, -1001, `"roomIds" is missing`},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"r"}}, -1001, "name other rooms"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"x", "x"}}, -1001, "twice"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"raum ü"}}, -2105, "printable ASCII"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"x"}, "durationMs": 999}, -1001, "durationMs is 999; it is 1000 to 86400000"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"x"}, "durationMs": 86400001}, -1001, "durationMs is"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"x"}, "punishmentMs": -1}, -1001, "punishmentMs is -1; it is 0 to 3600000"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"x"}, "punishmentMs": 3600001}, -1001, "punishmentMs is"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"x"}, "timeout": 301}, -1001, "timeout is in seconds, 1 to 300"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"x"}, "timeout": -1}, -1001, "timeout is in seconds, 1 to 300"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"x"}, "extensionInfo": strings.Repeat("x", 1025)}, -1001, "extensionInfo"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"x"}, "commandId": "\n"}, 100002, "commandId"},
			{signaling.MethodRequestBattle, map[string]any{"roomIds": []string{"x"}}, 100400, "not connected"},
			{signaling.MethodAcceptBattle, map[string]any{}, 100411, "no such battle"},
			{signaling.MethodAcceptBattle, map[string]any{"battleId": good}, 100411, "no such battle"},
			{signaling.MethodRejectBattle, map[string]any{"battleId": "room"}, 100411, "no such battle"},
			{signaling.MethodCancelBattle, map[string]any{"battleId": strings.Repeat("x", 10_000)}, 100411, "no such battle"},
			{signaling.MethodExitBattle, map[string]any{"battleId": "a/b.*>\x00"}, 100411, "no such battle"},
			{signaling.MethodExitBattle, map[string]any{"battleId": good, "commandId": "\n"}, 100002, "commandId"},
		} {
			x.params["roomId"] = "r"
			if _, set := x.params["durationMs"]; !set {
				x.params["durationMs"] = 1000
			}
			m := c.call(x.method, x.params)
			require.NotNil(t, m.Err, x.params)
			require.Equal(t, x.code, m.Err.Code, m.Err.Message)
			require.Contains(t, m.Err.Message, x.says)
			time.Sleep(time.Second)
		}
		m := c.call(signaling.MethodRequestBattle, map[string]any{"roomId": "r", "roomIds": []string{"x"}})
		require.NotNil(t, m.Err)
		require.Contains(t, m.Err.Message, `"durationMs" is missing`)
		var s signaling.Snapshot
		c.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
		require.Nil(t, s.Battle)
	})
}

// fightLooks is what rooms show to their owners of battles.
func fightLooks(owners map[signaling.RoomID]*reader) map[signaling.RoomID]string {
	all := map[signaling.RoomID]string{}
	for id, c := range owners {
		var s signaling.Snapshot
		c.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: id}, &s)
		var b strings.Builder
		for _, q := range s.BattleRequests {
			fmt.Fprintf(&b, "%s asks, accepted %v;", q.Battle.Inviter.RoomID, q.Accepted)
		}
		if s.Battle != nil {
			for _, u := range s.Battle.Users() {
				fmt.Fprintf(&b, "%s %d %v,", u.RoomID, u.Score, u.Left)
			}
			fmt.Fprintf(&b, "punished %v", s.Battle.PunishEndTime != 0)
		}
		all[id] = b.String()
	}
	return all
}

// The node of an owner, which decides the room too, dies at each write of each kind of change: with all that there is, logs,
// takeovers and clients, the change has been made in all rooms a little later, or in none. And the app's server is told of
// each battle in order, and of all that there is to tell.
func TestNodeDiesWhileRoomsBattle(t *testing.T) {
	type fight struct {
		w      *world
		owners map[signaling.RoomID]*reader
		battle string
	}
	accept := func(id signaling.RoomID) func(f *fight) {
		return func(f *fight) {
			f.owners[id].must(signaling.MethodAcceptBattle, signaling.BattleParams{RoomID: id, BattleID: f.battle}, nil)
		}
	}
	begun := func(f *fight) { accept("a")(f); accept("c")(f) }
	call := func(method string) func(f *fight) error {
		return func(f *fight) error {
			_, err := f.owners["a"].try(method, signaling.BattleParams{CommandID: "y", RoomID: "a", BattleID: f.battle})
			return err
		}
	}
	passes := func(d time.Duration) func(f *fight) error {
		return func(*fight) error { time.Sleep(d); synctest.Wait(); return nil }
	}
	all := 0
	for name, c := range map[string]struct {
		asks   signaling.RoomID // who has asked the others before
		setup  func(f *fight)
		change func(f *fight) error
	}{
		"asks": {"", nil, func(f *fight) error {
			_, err := f.owners["a"].try(signaling.MethodRequestBattle, signaling.BattleRequestParams{
				CommandID: "x", RoomID: "a", RoomIDs: []signaling.RoomID{"b", "c"}, DurationMS: 60_000, PunishmentMS: 20_000, NeedResponse: true, Timeout: 60,
			})
			return err
		}},
		"begins": {"", nil, func(f *fight) error {
			_, err := f.owners["a"].try(signaling.MethodRequestBattle, signaling.BattleRequestParams{
				CommandID: "x", RoomID: "a", RoomIDs: []signaling.RoomID{"b", "c"}, DurationMS: 60_000,
			})
			return err
		}},
		"accepts":      {"b", nil, call(signaling.MethodAcceptBattle)},
		"accepts last": {"b", accept("c"), call(signaling.MethodAcceptBattle)},
		"rejects":      {"b", accept("c"), call(signaling.MethodRejectBattle)},
		"cancels":      {"a", accept("c"), call(signaling.MethodCancelBattle)},
		"times out":    {"a", accept("c"), passes(58 * time.Second)},
		"exits":        {"b", begun, call(signaling.MethodExitBattle)},
		"scores": {"b", begun, func(f *fight) error {
			body := `{"BattleId":"` + f.battle + `","OpType":2,"ScoreList":[{"RoomId":"a","Score":3}]}`
			if got := f.w.restAs("administrator", 0, pk+"set_battle_score", body); !strings.Contains(got, `"ErrorCode":0`) {
				return fmt.Errorf("%s", got)
			}
			return nil
		}},
		"ends":        {"b", begun, passes(62 * time.Second)},
		"is punished": {"b", begun, passes(82 * time.Second)},
	} {
		run := func(t *testing.T, left int, after bool) (before, now map[signaling.RoomID]string, done, died bool) {
			var first *mortal
			inWorldWith(t, 3, func(cfg *Config) {
				d := mortalTeller{&mortal{Node: cfg.Store.(*memstore.Node)}}
				if cfg.Store = d; first == nil {
					first = d.mortal
				}
			}, func(t *testing.T, w *world) {
				h := w.hook(t)
				f := &fight{w: w, owners: w.connectedOwners("a", "b", "c")}
				time.Sleep(3 * time.Second)
				if c.asks != "" {
					var others []signaling.RoomID
					for _, id := range []signaling.RoomID{"a", "b", "c"} {
						if id != c.asks {
							others = append(others, id)
						}
					}
					f.battle = f.owners[c.asks].battle("", true, c.asks, others...)
					synctest.Wait()
				}
				if c.setup != nil {
					c.setup(f)
				}
				time.Sleep(3 * time.Second)
				synctest.Wait()
				before = fightLooks(f.owners)
				if left >= 0 {
					first.arm(left, after)
				}
				done = c.change(f) == nil
				synctest.Wait()
				if died = first.disarm(); died { // what it does later is another change
					w.kill(0)
					f.owners["a"] = w.reader(1, "a") // comes back to another node
					f.owners["a"].must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "a"}, nil)
				}
				time.Sleep(20 * time.Second)
				synctest.Wait()
				now = fightLooks(f.owners)
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				for id, s := range fightLooks(f.owners) {
					require.Empty(t, s, id)
				}
				told := h.battles()
				if len(told) == 0 { // it was never made
					require.Empty(t, c.asks)
					require.False(t, done)
					return
				}
				if len(told) == 2 {
					require.Equal(t, []string{"Create", "End2"}, told)
				} else {
					require.Equal(t, "Create Start End", strings.TrimRight(strings.Join(told, " "), "01"))
				}
			})
			return before, now, done, died
		}
		before, after, done, _ := run(t, -1, false)
		require.True(t, done)
		require.NotEqual(t, before, after)
		deaths := 0
		for left, more := 0, true; more && left < 30; left++ {
			more = false
			for _, afterwards := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", left, afterwards), func(t *testing.T) {
					_, now, done, died := run(t, left, afterwards)
					require.Contains(t, []map[signaling.RoomID]string{before, after}, now)
					if done {
						require.Equal(t, after, now)
					}
					if died {
						more = true
						deaths++
					}
				})
			}
		}
		t.Log(name, deaths)
		require.GreaterOrEqual(t, deaths, 2, name) // which of the nodes does what is due is chance
		all += deaths
	}
	require.GreaterOrEqual(t, all, 40)
}

// What is asked for is told to the app's server: who has asked, from where, and how it ended without a beginning.
func TestCallbacksOfARequestedBattle(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		h := w.hook(t)
		owners := w.connectedOwners("a", "b")
		id := owners["a"].battle("", true, "a", "b")
		owners["b"].must(signaling.MethodAcceptBattle, signaling.BattleParams{RoomID: "b", BattleID: id}, nil)
		time.Sleep(90 * time.Second)
		owners["a"].battle("", true, "a", "b")
		time.Sleep(70 * time.Second)
		var bodies []map[string]any
		h.mu.Lock()
		for i, call := range h.calls {
			if strings.Contains(call, "Battle ") {
				var body map[string]any
				require.NoError(t, json.Unmarshal([]byte(h.bodies[i]), &body))
				bodies = append(bodies, body)
			}
		}
		h.mu.Unlock()
		require.Equal(t, []string{"Create", "Start", "End0", "Create", "End2"}, h.battles())
		created := bodies[0]
		require.Equal(t, "a", created["Operator_Account"])
		require.Equal(t, float64(60_000), created["Timeout"])
		require.Equal(t, float64(60_000), created["Duration"])
		require.Equal(t, true, created["NeedResponse"])
		require.Equal(t, id, bodies[1]["BattleId"])
		require.Equal(t, created["BattleId"], bodies[2]["BattleId"])
		require.Equal(t, bodies[3]["BattleId"], bodies[4]["BattleId"])
		require.Zero(t, bodies[4]["StartTime"])
	})
}
