package battle

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A battle ends on time without anybody asking, its rooms are told and free for the next one, and it can be read for an
// hour.
func TestBattleEndsByTime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		b := n.begin(30*time.Second, "r1", "r2")
		require.Equal(t, []string{"started 0 0", "(created)", "(started)"}, w.told("r1"))
		got, err := n.OfRoom(t.Context(), app, "r2")
		require.NoError(t, err)
		require.Equal(t, b.ID, got.ID)
		_, _, err = n.Start(t.Context(), app, Create{Rooms: rooms("r1", "r3"), Duration: time.Minute})
		require.ErrorIs(t, err, signaling.ErrBattlingElsewhere)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		require.Contains(t, w.told("r2"), "ended TimeOver 0 0")
		require.Equal(t, Ended, n.status(b.ID))
		_, err = n.OfRoom(t.Context(), app, "r2")
		require.ErrorIs(t, err, signaling.ErrBattleNotExist)
		n.begin(time.Second, "r2", "r1")
		time.Sleep(Kept - time.Minute)
		require.Equal(t, Ended, n.status(b.ID))
		time.Sleep(2 * time.Minute)
		require.Zero(t, n.status(b.ID))
		keys, err := n.store.Keys(t.Context(), store.BucketBattle, app, "")
		require.NoError(t, err)
		require.Empty(t, keys, "nothing is left")
	})
}

// A battle survives the death of every node, and ends on time: as soon as a node is there again.
func TestBattleSurvivesEveryNode(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first := w.node(true)
		long, short := first.begin(time.Minute, "r1", "r2"), first.begin(10*time.Second, "r3", "r4")
		_, err := first.SetScores(t.Context(), app, long.ID, SetScores{Add: true, Scores: []Score{{Room: "r1", Score: 5}}})
		require.NoError(t, err)
		first.kill()
		w.told("r1")
		w.told("r3")
		time.Sleep(30 * time.Second)

		second := w.node(false)
		synctest.Wait()
		require.Equal(t, []string{"ended TimeOver 0 0", "(ended)"}, w.told("r3"), "overdue")
		ended, err := second.Get(t.Context(), app, short.ID)
		require.NoError(t, err)
		require.Equal(t, short.End, ended.End, "when it was due")
		require.Equal(t, Running, second.status(long.ID))
		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.Contains(t, w.told("r1"), "ended TimeOver 5 0")
	})
}

// The node that has begun a battle dies; another one, that has heard of it from the store alone, ends it.
func TestOtherNodesEndABattle(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first, second := w.node(true), w.node(false)
		b := first.begin(20*time.Second, "r1", "r2")
		time.Sleep(5 * time.Second)
		first.kill()
		time.Sleep(16 * time.Second)
		synctest.Wait()
		require.Contains(t, w.told("r2"), "ended TimeOver 0 0")
		require.Equal(t, Ended, second.status(b.ID))
		second.begin(time.Second, "r1", "r2")
	})
}

// A room that is dismissed is out; the last but one ends it. Another room of the same id has nothing to do with it.
func TestDismissedRoomsLeave(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		b := n.begin(time.Hour, "r1", "r2", "r3")
		w.dismiss("r1") // and created anew
		time.Sleep(time.Millisecond)
		w.create("r1")
		time.Sleep(3 * time.Second)
		require.Equal(t, Running, n.status(b.ID))
		other := n.begin(time.Hour, "r1", "r4")
		w.dismiss("r3")
		time.Sleep(3 * time.Second)
		got, err := n.Get(t.Context(), app, b.ID)
		require.NoError(t, err)
		require.Equal(t, Ended, got.Status)
		require.Equal(t, signaling.BattleOtherExit, got.Reason)
		require.Equal(t, []string{"started 0 0 0", "without r1", "ended OtherExit 0! 0 0!", "(ended)"}, w.told("r2"))
		require.Equal(t, Running, n.status(other.ID))
	})
}

// Rooms that cannot take part are left out, with the reason; without any there is no battle, and nobody is stuck.
func TestResultsOfStart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		n.begin(time.Minute, "r1", "r2")
		b, results, err := n.Start(t.Context(), app, Create{Rooms: rooms("r3", "r2", "none", "r4"), Duration: time.Minute})
		require.NoError(t, err)
		require.ErrorIs(t, results[0].Err, signaling.ErrBattlingElsewhere)
		require.ErrorIs(t, results[1].Err, signaling.ErrRoomNotExist)
		require.NoError(t, results[2].Err)
		require.Len(t, b.Rooms, 2)
		w.create("r8")
		_, _, err = n.Start(t.Context(), app, Create{Rooms: rooms("r8", "r2", "none"), Duration: time.Minute})
		require.ErrorIs(t, err, signaling.ErrBattleNoRooms)
		_, _, err = n.Start(t.Context(), app, Create{Rooms: rooms("none", "r8"), Duration: time.Minute})
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		w.create("r9")
		n.begin(time.Minute, "r8", "r9")
	})
}

// Of battles that want the same rooms at once each room is in one, and in none for ever.
func TestStartsAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		nodes := []*node{w.node(true), w.node(false)}
		ids := []signaling.RoomID{"r1", "r2", "r3", "r4"}
		for range 10 {
			var wg sync.WaitGroup
			var mu sync.Mutex
			var begun []Battle
			for i := range 8 {
				wg.Go(func() {
					b, _, err := nodes[i%2].Start(t.Context(), app, Create{Rooms: rooms(ids[i%4], ids[(i+1)%4], ids[(i+3)%4]), Duration: time.Minute})
					if err == nil {
						mu.Lock()
						begun = append(begun, b)
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			in := map[signaling.RoomID]int{}
			for _, b := range begun {
				for _, r := range b.Rooms {
					in[r.RoomID]++
				}
			}
			for id, n := range in {
				require.Equal(t, 1, n, id)
			}
			time.Sleep(90 * time.Second)
			synctest.Wait()
			for _, id := range ids {
				_, err := nodes[0].OfRoom(t.Context(), app, id)
				require.ErrorIs(t, err, signaling.ErrBattleNotExist)
			}
		}
	})
}

// Wherever a node dies while it begins a battle: a little later the rooms are free, or in a battle that ends.
func TestDeathWhileBeginning(t *testing.T) {
	for left := range 7 {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				n := w.node(true)
				n.dieAt(left, false)
				_, _, err := n.Start(t.Context(), app, Create{Rooms: rooms("r1", "r2", "r3"), Duration: 20 * time.Second})
				if left >= 5 {
					require.NoError(t, err)
				} else {
					require.Error(t, err)
				}
				n.kill()
				other := w.node(false)
				time.Sleep(25 * time.Second)
				synctest.Wait()
				other.begin(time.Second, "r3", "r2", "r1")
				if left >= 5 {
					require.True(t, slices.Contains(w.told("r1"), "ended TimeOver 0 0 0"))
				}
			})
		})
	}
}

// A room that cannot be reached is told as soon as it can, of the end too; nobody else waits for it.
func TestDeafRoomIsToldLater(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		w.change("r2", func(r *home) { r.deaf = true })
		n.begin(10*time.Second, "r1", "r2")
		time.Sleep(5 * time.Second)
		require.Empty(t, w.told("r2"))
		w.change("r2", func(r *home) { r.deaf = false })
		time.Sleep(3 * time.Second)
		require.Equal(t, "started 0 0", w.told("r2")[0])
		w.change("r2", func(r *home) { r.deaf = true })
		time.Sleep(5 * time.Second)
		require.Contains(t, w.told("r1"), "ended TimeOver 0 0")
		w.change("r2", func(r *home) { r.deaf = false })
		time.Sleep(5 * time.Second)
		require.Contains(t, w.told("r2"), "ended TimeOver 0 0")
	})
}

// A room is in the next battle when it has been shown how the last one ended, and not before.
func TestLastBattleIsShownBeforeTheNext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(false)
		b := n.begin(time.Hour, "r1", "r2")
		settle()
		w.told("r1")
		w.change("r1", func(r *home) { r.deaf = true })
		n.must("r2", b.ID, Leave{"x", "r2"})
		synctest.Wait()
		require.Empty(t, w.told("r1"))
		_, _, err := n.Start(t.Context(), app, Create{Rooms: rooms("r1", "r3"), Duration: time.Minute})
		require.ErrorContains(t, err, "out of reach")
		w.change("r1", func(r *home) { r.deaf = false })
		n.begin(time.Minute, "r1", "r3")
		require.Equal(t, []string{"ended OtherExit 0 0!", "(ended)", "started 0 0", "(created)", "(started)"}, w.told("r1"))
	})
}
