package battle

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// settle waits until every node has seen and done what is to be done.
func settle() {
	time.Sleep(5 * time.Second)
	synctest.Wait()
}

// ids are the battles of a test.
type ids struct{ asked, half, pair, three string }

// changes are one of each kind, in a world in which r1 has asked r2 and r3, and both or none have answered.
func changes() map[string]func(n *node, b ids) error {
	return map[string]func(n *node, b ids) error{
		"asked":                 func(n *node, _ ids) error { _, _, err := n.ask("x", 90*time.Second, "r6", "r7"); return err },
		"begun at once":         func(n *node, _ ids) error { _, _, err := n.ask("x", 0, "r6", "r7"); return err },
		"accepted, not by all":  func(n *node, b ids) error { return n.do("r2", b.asked, Answer{"x", "r2", true}) },
		"accepted by the last":  func(n *node, b ids) error { return n.do("r3", b.half, Answer{"x", "r3", true}) },
		"rejected":              func(n *node, b ids) error { return n.do("r3", b.half, Answer{"x", "r3", false}) },
		"cancelled":             func(n *node, b ids) error { return n.do("r1", b.half, Cancel{"x", "r1"}) },
		"timed out":             func(*node, ids) error { passes(); return nil },
		"left by one of two":    func(n *node, b ids) error { return n.do("r4", b.pair, Leave{"x", "r4"}) },
		"left by one of three":  func(n *node, b ids) error { return n.do("r1", b.three, Leave{"x", "r1"}) },
		"scored":                func(n *node, b ids) error { return n.score(b.pair, "r4", 7) },
		"ended by time":         func(*node, ids) error { passes(); return nil },
		"punished to the end":   func(*node, ids) error { passes(); return nil },
		"of three disconnected": func(n *node, _ ids) error { n.w.disconnect("r2"); settle(); return nil },
	}
}

// passes lets some time pass, in which something is due.
func passes() {
	time.Sleep(4 * time.Second)
	synctest.Wait()
}

func (n *node) score(battle string, id signaling.RoomID, score int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := n.SetScores(ctx, app, battle, SetScores{Scores: []Score{{id, score}}})
	return err
}

// Wherever a node dies in the midst of a change, before a write or after it: a moment later all rooms show the change, or
// none does, and what was answered with success has happened. The same command once more makes it happen. And when all is
// over the app's server has been told of every battle once, from its beginning to its end.
func TestDeathBetweenAnyTwoWrites(t *testing.T) {
	setup := func(w *world, name string) (first, second *node, b ids) {
		first, second = w.node(true), w.node(false)
		id := first.asks("1", 90*time.Second, "r1", "r2", "r3")
		switch name {
		case "accepted by the last", "rejected", "cancelled", "timed out":
			first.must("r2", id, Answer{"2", "r2", true})
		case "left by one of three", "of three disconnected":
			first.must("r2", id, Answer{"2", "r2", true})
			first.must("r3", id, Answer{"3", "r3", true})
		}
		b = ids{asked: id, half: id, three: id}
		b.pair = first.asks("4", 0, "r4", "r5")
		due := map[string]time.Duration{"timed out": 90 * time.Second, "ended by time": length, "punished to the end": length + punishment}
		if wait, ok := due[name]; ok {
			time.Sleep(wait - 7*time.Second)
		}
		settle()
		w.agree()
		return first, second, b
	}
	for name, change := range changes() {
		var before, after string
		inWorld(t, func(t *testing.T, w *world) {
			n, _, b := setup(w, name)
			before = w.looks()
			require.NoError(t, change(n, b))
			settle()
			after = w.looks()
			w.agree()
		})
		require.NotEqual(t, before, after, name)
		byItself := map[string]bool{"timed out": true, "ended by time": true, "punished to the end": true, "of three disconnected": true}[name]
		deaths := 0
		for left, more := 0, true; more; left++ {
			more = false
			for _, afterwards := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", left, afterwards), func(t *testing.T) {
					inWorld(t, func(t *testing.T, w *world) {
						first, second, b := setup(w, name)
						first.dieAt(left, afterwards)
						err := change(first, b)
						synctest.Wait() // the other rooms are shown it after the answer
						first.mu.Lock()
						died := first.dead
						first.mu.Unlock()
						first.kill()
						time.Sleep(40 * time.Second)
						synctest.Wait()
						w.agree()
						got := w.looks()
						if require.Contains(t, []string{before, after}, got); err == nil {
							require.Equal(t, after, got)
						}
						if died {
							more = true
							deaths++
						}
						if !byItself {
							require.NoError(t, change(second, b), "the answer may have been lost")
							settle()
							require.Equal(t, after, w.looks())
						}
						time.Sleep(length + punishment)
						synctest.Wait()
						w.agree()
						w.once()
						w.reported()
					})
				})
			}
		}
		t.Log(name, deaths)
		require.GreaterOrEqual(t, deaths, 4, name)
	}
}

// once demands that each room was told of a battle in order: of the request, its end, the beginning, the end and the end of
// the punishment phase once each at most, of nothing before the first and after the last, and of the end of each that it
// has seen the beginning of, unless it goes on.
func (w *world) once() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, h := range w.rooms {
		at := map[string]int{}
		step := func(battle string, n int) {
			require.Greater(w.t, n, at[battle], "%s: %s", id, battle)
			at[battle] = n
		}
		for _, e := range h.events {
			switch e := e.Event.(type) {
			case signaling.BattleRequestReceived:
				step(e.Request.Battle.BattleID, 1)
			case signaling.BattleRequestEnded:
				if e.Result != signaling.Accepted {
					require.LessOrEqual(w.t, at[e.BattleID], 1)
					step(e.BattleID, 6)
				}
			case signaling.BattleStarted:
				step(e.Battle.BattleID, 3)
			case signaling.BattleScoreChanged:
				require.Equal(w.t, 3, at[e.BattleID])
			case signaling.BattleEnded:
				step(e.Battle.BattleID, 4)
				if e.Battle.PunishEndTime == 0 {
					at[e.Battle.BattleID] = 6
				}
			case signaling.BattlePunishmentEnded:
				require.Equal(w.t, 4, at[e.Battle.BattleID])
				step(e.Battle.BattleID, 6)
			}
		}
		for battle, n := range at {
			goesOn := h.state.Battle.Phase != room.BattleOver && h.state.Battle.ID == battle
			require.Equal(w.t, goesOn, n != 6, "%s: %s at %d", id, battle, n)
		}
	}
}

// reported demands that the app's server has been told of all battles that anybody has heard of, each step once and in
// order, and that all have ended.
func (w *world) reported() {
	docs, _ := w.stored()
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, b := range docs {
		want := "(created)(started)(ended)"
		if b.Start == 0 {
			want = "(created)(ended)"
		}
		require.Equal(w.t, want, w.reports[id], "%+v", b)
	}
	for id := range w.known { // those that have ended as requests are not kept for long
		require.Contains(w.t, []string{"(created)(ended)", "(created)(started)(ended)"}, w.reports[id])
	}
}
