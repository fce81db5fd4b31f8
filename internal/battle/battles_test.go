package battle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/battle"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const app signaling.AppID = 1400000001

// world are rooms that note what they are shown, on a store that nodes share.
type world struct {
	t     *testing.T
	store *memstore.Cluster

	mu    sync.Mutex
	rooms map[signaling.RoomID]*shown
}

type shown struct {
	created int64
	deaf    bool
	seq     uint64
	told    []string // status and score of the inviter, with the time since the world's beginning
}

type node struct {
	*battle.Battles
	store *memstore.Node
	near  bool
	w     *world
	start time.Time
}

func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: memstore.New(), rooms: map[signaling.RoomID]*shown{}}
		for _, id := range []signaling.RoomID{"r1", "r2", "r3", "r4"} {
			w.rooms[id] = &shown{created: 1}
		}
		f(t, w)
	})
}

func (w *world) node(near bool) *node {
	w.t.Helper()
	n := &node{store: w.store.Node(), near: near, w: w, start: time.Now()}
	var err error
	n.Battles, err = battle.New(battle.Config{Values: n.store, Apps: []signaling.AppID{app}, Rooms: n})
	require.NoError(w.t, err)
	w.t.Cleanup(n.stop)
	return n
}

// stop ends the node as a kill does: nothing is handed over.
func (n *node) stop() {
	n.store.Kill()
	n.Close()
	require.NoError(n.w.t, n.store.Close())
}

func (n *node) Room(_ context.Context, _ signaling.AppID, id signaling.RoomID) (battle.Room, error) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	r := n.w.rooms[id]
	if r == nil {
		return battle.Room{}, signaling.ErrRoomNotExist
	}
	return battle.Room{RoomID: id, Owner: "owner", Created: r.created}, nil
}

func (n *node) Show(_ context.Context, _ signaling.AppID, in battle.Room, b battle.Battle) error {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	r := n.w.rooms[in.RoomID]
	switch {
	case r == nil || r.created != in.Created:
		return signaling.ErrRoomNotExist
	case r.deaf:
		return errors.New("out of reach")
	case b.Seq > r.seq:
		r.seq = b.Seq
		r.told = append(r.told, fmt.Sprintf("%d:%d", b.Status, b.Rooms[0].Score))
	}
	return nil
}

func (n *node) Near(signaling.AppID, signaling.RoomID) bool { return n.near }

func (w *world) told(id signaling.RoomID) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rooms[id] == nil {
		return nil
	}
	told := w.rooms[id].told
	w.rooms[id].told = nil
	w.rooms[id].seq = 0
	return told
}

func (w *world) change(id signaling.RoomID, f func(*shown)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.rooms[id])
}

func (w *world) dismiss(id signaling.RoomID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.rooms, id)
}

func (n *node) begin(length time.Duration, ids ...signaling.RoomID) battle.Battle {
	n.w.t.Helper()
	b, results, err := n.Start(n.w.t.Context(), app, battle.Create{Operator: "amy", Rooms: rooms(ids...), Duration: length})
	require.NoError(n.w.t, err)
	for _, r := range results {
		require.NoError(n.w.t, r.Err)
	}
	return b
}

func (n *node) status(id string) battle.Status {
	n.w.t.Helper()
	b, err := n.Get(n.w.t.Context(), app, id)
	if err != nil {
		require.ErrorIs(n.w.t, err, battle.ErrUnknown)
	}
	return b.Status
}

// A battle ends on time without anybody asking, its rooms are told and free for the next one, and it can be read for an
// hour.
func TestBattleEndsByTime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		b := n.begin(30*time.Second, "r1", "r2")
		require.Equal(t, []string{"2:0"}, w.told("r1"))
		got, err := n.OfRoom(t.Context(), app, "r2")
		require.NoError(t, err)
		require.Equal(t, b.ID, got.ID)
		_, _, err = n.Start(t.Context(), app, battle.Create{Rooms: rooms("r1", "r3"), Duration: time.Minute})
		require.ErrorIs(t, err, battle.ErrBattling)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		require.Contains(t, w.told("r2"), "3:0")
		require.Equal(t, battle.Ended, n.status(b.ID))
		_, err = n.OfRoom(t.Context(), app, "r2")
		require.ErrorIs(t, err, battle.ErrUnknown)
		n.begin(time.Second, "r2", "r1")
		time.Sleep(battle.Kept - time.Minute)
		require.Equal(t, battle.Ended, n.status(b.ID))
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
		_, err := first.SetScores(t.Context(), app, long.ID, battle.SetScores{Add: true, Scores: []battle.Score{{Room: "r1", Score: 5}}})
		require.NoError(t, err)
		first.stop()
		w.told("r1")
		w.told("r3")
		time.Sleep(30 * time.Second)

		second := w.node(false)
		synctest.Wait()
		require.Equal(t, []string{"3:0"}, w.told("r3"), "overdue")
		ended, err := second.Get(t.Context(), app, short.ID)
		require.NoError(t, err)
		require.Equal(t, short.End, ended.End, "when it was due")
		require.Equal(t, battle.Running, second.status(long.ID))
		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.Contains(t, w.told("r1"), "3:5")
	})
}

// The node that has begun a battle dies; another one, that has heard of it from the store alone, ends it.
func TestOtherNodesEndABattle(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		first, second := w.node(true), w.node(false)
		b := first.begin(20*time.Second, "r1", "r2")
		time.Sleep(5 * time.Second)
		first.stop()
		time.Sleep(16 * time.Second)
		synctest.Wait()
		require.Contains(t, w.told("r2"), "3:0")
		require.Equal(t, battle.Ended, second.status(b.ID))
		second.begin(time.Second, "r1", "r2")
	})
}

// A room that is dismissed is out; the last but one ends it. Another room of the same id has nothing to do with it.
func TestDismissedRoomsLeave(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		b := n.begin(time.Hour, "r1", "r2", "r3")
		w.change("r1", func(r *shown) { r.created = 2 }) // dismissed and created anew
		time.Sleep(3 * time.Second)
		require.Equal(t, battle.Running, n.status(b.ID))
		other := n.begin(time.Hour, "r1", "r4")
		w.dismiss("r3")
		time.Sleep(3 * time.Second)
		got, err := n.Get(t.Context(), app, b.ID)
		require.NoError(t, err)
		require.Equal(t, battle.Ended, got.Status)
		require.Equal(t, signaling.BattleOtherExit, got.Reason)
		require.Contains(t, w.told("r2"), "3:0")
		require.Equal(t, battle.Running, n.status(other.ID))
	})
}

// Rooms that cannot take part are left out, with the reason; without any there is no battle, and nobody is stuck.
func TestResultsOfStart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		n.begin(time.Minute, "r1", "r2")
		b, results, err := n.Start(t.Context(), app, battle.Create{Rooms: rooms("r3", "r2", "none", "r4"), Duration: time.Minute})
		require.NoError(t, err)
		require.ErrorIs(t, results[0].Err, battle.ErrBattling)
		require.ErrorIs(t, results[1].Err, signaling.ErrRoomNotExist)
		require.NoError(t, results[2].Err)
		require.Len(t, b.Rooms, 2)
		w.mu.Lock()
		w.rooms["r5"] = &shown{}
		w.mu.Unlock()
		_, _, err = n.Start(t.Context(), app, battle.Create{Rooms: rooms("r5", "r2", "none"), Duration: time.Minute})
		require.ErrorIs(t, err, battle.ErrNoRooms)
		_, _, err = n.Start(t.Context(), app, battle.Create{Rooms: rooms("none", "r5"), Duration: time.Minute})
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		w.mu.Lock()
		w.rooms["r6"] = &shown{}
		w.mu.Unlock()
		n.begin(time.Minute, "r5", "r6")
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
			var begun []battle.Battle
			for i := range 8 {
				wg.Go(func() {
					b, _, err := nodes[i%2].Start(t.Context(), app, battle.Create{Rooms: rooms(ids[i%4], ids[(i+1)%4], ids[(i+3)%4]), Duration: time.Minute})
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
				require.ErrorIs(t, err, battle.ErrUnknown)
			}
		}
	})
}

// dying is a store whose node dies after so many changes of values.
type dying struct {
	*memstore.Node
	mu   sync.Mutex
	left int
}

func (d *dying) Put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (uint64, error) {
	d.mu.Lock()
	d.left--
	dead := d.left < 0
	d.mu.Unlock()
	if dead {
		d.Kill()
		return 0, store.ErrClosed
	}
	return d.Node.Put(ctx, key, data, last)
}

// Wherever a node dies while it begins a battle: a little later the rooms are free, or in a battle that ends.
func TestDeathWhileBeginning(t *testing.T) {
	for left := range 7 {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				n := &node{store: w.store.Node(), near: true, w: w}
				var err error
				n.Battles, err = battle.New(battle.Config{Values: &dying{Node: n.store, left: left}, Apps: []signaling.AppID{app}, Rooms: n})
				require.NoError(t, err)
				_, _, err = n.Start(t.Context(), app, battle.Create{Rooms: rooms("r1", "r2", "r3"), Duration: 20 * time.Second})
				if left >= 5 {
					require.NoError(t, err)
				} else {
					require.Error(t, err)
				}
				n.stop()
				other := w.node(false)
				time.Sleep(25 * time.Second)
				synctest.Wait()
				other.begin(time.Second, "r3", "r2", "r1")
				if left >= 5 {
					require.True(t, slices.Contains(w.told("r1"), "3:0"))
				}
			})
		})
	}
}

// A room that cannot be reached is told as soon as it can, of the end too; nobody else waits for it.
func TestDeafRoomIsToldLater(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		w.change("r2", func(r *shown) { r.deaf = true })
		n.begin(10*time.Second, "r1", "r2")
		time.Sleep(5 * time.Second)
		require.Empty(t, w.told("r2"))
		w.change("r2", func(r *shown) { r.deaf = false })
		time.Sleep(3 * time.Second)
		require.Equal(t, "2:0", w.told("r2")[0])
		w.change("r2", func(r *shown) { r.deaf = true })
		time.Sleep(5 * time.Second)
		require.Contains(t, w.told("r1"), "3:0")
		w.change("r2", func(r *shown) { r.deaf = false })
		time.Sleep(5 * time.Second)
		require.Contains(t, w.told("r2"), "3:0")
	})
}
