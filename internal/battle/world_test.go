package battle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const app signaling.AppID = 1400000001

// world are rooms with the real rules, on a store that nodes share.
type world struct {
	t     require.TestingT
	store *memstore.Cluster
	nodes []*node

	mu        sync.Mutex
	rooms     map[signaling.RoomID]*home
	reports   map[string]string  // what the app's server is told of battles, as words
	known     map[string]bool    // battles that somebody has heard of; of the test's goroutine
	connected []signaling.RoomID // with each other, in one connection
}

// home is what the members of a room see, and what it tells the app's server.
type home struct {
	state  room.State
	events []room.Event // in order
	deaf   bool         // shows nothing now
}

// node is one node, which may die at a write.
type node struct {
	*Battles
	store *memstore.Node
	near  bool
	w     *world

	mu    sync.Mutex
	left  int  // writes until its death; less than 0: it lives on
	after bool // it dies after the write, without having heard of it
	dead  bool
}

func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		f(t, w)
	})
}

func newWorld(t require.TestingT) *world {
	w := &world{t: t, store: memstore.New(), rooms: map[signaling.RoomID]*home{}, reports: map[string]string{}, known: map[string]bool{}}
	for _, id := range []signaling.RoomID{"r1", "r2", "r3", "r4", "r5", "r6", "r7"} {
		w.create(id)
		w.connected = append(w.connected, id)
	}
	return w
}

func (w *world) create(id signaling.RoomID) {
	cmd := room.Create{Info: signaling.RoomInfo{RoomID: id, MaxSeatCount: 6}, SeatLimit: 50}
	s, _, err := room.Apply(room.State{}, room.Command{ID: "c", By: signaling.UserInfo{UserID: owner(id), UserName: "O"}, Action: cmd}, time.Now())
	require.NoError(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rooms[id] = &home{state: s}
}

func owner(id signaling.RoomID) signaling.UserID { return signaling.UserID("owner of " + id) }

// values are a node's store.
type values struct {
	*memstore.Node
	n *node
}

func (w *world) node(near bool) *node {
	n := &node{store: w.store.Node(), near: near, w: w, left: -1}
	var err error
	n.Battles, err = New(Config{Values: values{n.store, n}, Apps: []signaling.AppID{app}, Rooms: n})
	require.NoError(w.t, err)
	w.nodes = append(w.nodes, n)
	return n
}

func (w *world) end() {
	for _, n := range w.nodes {
		n.kill()
	}
}

// kill ends the node: nothing is handed over.
func (n *node) kill() {
	n.store.Kill()
	n.Battles.Close()
	_ = n.store.Close()
}

// dieAt has the node die at its n-th write from now on, or after it.
func (n *node) dieAt(left int, after bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.left, n.after = left, after
}

// write counts a write, and makes it unless the node has died.
func (n *node) write(do func() error) error {
	n.mu.Lock()
	dies := n.left == 0
	n.left--
	dead, after := n.dead, n.after
	n.dead = n.dead || dies
	n.mu.Unlock()
	switch {
	case dead:
		return store.ErrClosed
	case !dies:
		return do()
	case after:
		_ = do()
	}
	n.store.Kill()
	return store.ErrClosed
}

func (v values) Put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (rev uint64, err error) {
	err = v.n.write(func() error { rev, err = v.Node.Put(ctx, key, data, last); return err })
	return rev, err
}

func (v values) Delete(ctx context.Context, key store.ValueKey, last uint64) error {
	return v.n.write(func() error { return v.Node.Delete(ctx, key, last) })
}

func (n *node) Host(_ context.Context, _ signaling.AppID, id signaling.RoomID, by signaling.UserID) (Host, error) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.mu.Lock()
	dead := n.dead
	n.mu.Unlock()
	r := n.w.rooms[id]
	switch {
	case dead:
		return Host{}, store.ErrClosed
	case r == nil || !r.state.Exists():
		return Host{}, signaling.ErrRoomNotExist
	case by != "" && by != r.state.Info.OwnerID:
		return Host{}, signaling.ErrNeedOwner
	}
	i := r.state.Info
	h := Host{Room: Room{RoomID: id, Created: i.CreateTime, Owner: i.OwnerID, OwnerName: i.OwnerName}}
	if b := r.state.Battle; b != nil {
		h.Turn = b.Turn
	}
	return h, nil
}

func (n *node) Show(_ context.Context, _ signaling.AppID, b Battle, i int) (version uint64, err error) {
	err = n.write(func() error {
		n.w.mu.Lock()
		defer n.w.mu.Unlock()
		r := n.w.rooms[b.Rooms[i].RoomID]
		switch {
		case r == nil:
			return signaling.ErrRoomNotExist
		case r.deaf:
			return errors.New("out of reach")
		}
		events, err := r.do(room.Command{By: signaling.UserInfo{UserID: "administrator"}, App: true, Action: shown(b, i)})
		for _, e := range events {
			if e.Battle != nil {
				n.w.reports[b.ID] += words(e)
			}
		}
		return err
	})
	return 1, err
}

// shown makes a room's command of what it is to show, as package server does.
func shown(b Battle, i int) room.ShowBattle {
	v, _ := b.View(i)
	a := room.ShowBattle{
		Battle: v.Info, Turn: b.Rooms[i].Turn, Seq: b.Seq, Phase: room.BattlePhase(v.Phase), Reason: v.Reason, Room: b.Rooms[i].Created,
		Accepted: v.Accepted, Ended: b.With, Result: b.Result, Created: b.Asked, Deadline: b.Asked + b.Timeout,
	}
	if v.Tells {
		a.Report = &room.ReportBattle{Created: b.Created, Timeout: b.Timeout, Told: room.BattleStep(b.Reported), Ended: b.HasEnded(), Only: len(b.Rooms) == 2}
	}
	return a
}

func (h *home) do(c room.Command) ([]room.Event, error) {
	next, events, err := room.Apply(h.state, c, time.Now())
	h.state = next
	h.events = append(h.events, events...)
	return events, err
}

func (n *node) Near(signaling.AppID, signaling.RoomID) bool { return n.near }

func (n *node) Connected(_ context.Context, _ signaling.AppID, id signaling.RoomID) (string, []signaling.RoomID, error) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	if !slices.Contains(n.w.connected, id) {
		return "", nil, nil
	}
	return "c", slices.Clone(n.w.connected), nil
}

func (w *world) disconnect(id signaling.RoomID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connected = slices.DeleteFunc(slices.Clone(w.connected), func(x signaling.RoomID) bool { return x == id })
}

func (w *world) change(id signaling.RoomID, f func(*home)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h := w.rooms[id]; h != nil {
		f(h)
	}
}

func (w *world) dismiss(id signaling.RoomID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.rooms, id)
}

func rooms(ids ...signaling.RoomID) (list []Room) {
	for _, id := range ids {
		list = append(list, Room{RoomID: id, Owner: "owner of " + signaling.UserID(id)})
	}
	return list
}

// begin has the app begin a battle.
func (n *node) begin(length time.Duration, ids ...signaling.RoomID) Battle {
	b, results, err := n.Start(context.Background(), app, Create{Operator: "amy", Rooms: rooms(ids...), Duration: length})
	require.NoError(n.w.t, err)
	for _, r := range results {
		require.NoError(n.w.t, r.Err)
	}
	return b
}

const (
	length     = 150 * time.Second
	punishment = time.Minute
)

// ask is a request of a room's owner, for a battle of 150 s with a punishment of a minute. Without a timeout it begins at
// once.
func (n *node) ask(command string, timeout time.Duration, ids ...signaling.RoomID) (Battle, []Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	by := owner(ids[0])
	c := Create{Command: command, Operator: by, Rooms: rooms(ids...), Duration: length, Punishment: punishment, NeedResponse: timeout > 0, Timeout: timeout}
	b, results, _, err := n.Ask(ctx, app, by, c)
	return b, results, err
}

// asks must succeed for all rooms.
func (n *node) asks(command string, timeout time.Duration, ids ...signaling.RoomID) string {
	b, results, err := n.ask(command, timeout, ids...)
	require.NoError(n.w.t, err)
	for _, r := range results {
		require.NoError(n.w.t, r.Err)
	}
	return b.ID
}

// do is an Answer, a Cancel or a Leave of a room's owner.
func (n *node) do(id signaling.RoomID, battle string, cmd Command) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := n.Change(ctx, app, id, owner(id), battle, cmd)
	return err
}

func (n *node) must(id signaling.RoomID, battle string, cmd Command) {
	require.NoError(n.w.t, n.do(id, battle, cmd))
}

func (n *node) status(id string) Status {
	b, err := n.Get(context.Background(), app, id)
	if err != nil {
		require.ErrorIs(n.w.t, err, signaling.ErrBattleNotExist)
	}
	return b.Status
}

// sees returns what the owner of a room sees.
func (w *world) sees(id signaling.RoomID) signaling.Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rooms[id].state.View(signaling.UserInfo{UserID: owner(id)}, 1, 1)
}

// told returns the events that a room has had since, as words; what it has told the app's server is in brackets.
func (w *world) told(id signaling.RoomID) (list []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.rooms[id]
	if h == nil {
		return nil
	}
	for _, e := range h.events {
		list = append(list, words(e))
	}
	h.events = nil
	return list
}

func words(e room.Event) string {
	score := func(users []signaling.BattleUser) (s string) {
		for _, u := range users {
			s += fmt.Sprint(" ", u.Score)
			if u.Left {
				s += "!"
			}
		}
		return s
	}
	if e.Battle != nil {
		return map[room.BattleStep]string{room.BattleCreated: "(created)", room.BattleStarts: "(started)", room.BattleEnds: "(ended)"}[e.Battle.Step]
	}
	switch e := e.Event.(type) {
	case signaling.BattleRequestReceived:
		return fmt.Sprintf("%s asks", e.Request.Battle.Inviter.RoomID)
	case signaling.BattleRequestEnded:
		return fmt.Sprintf("%v of %v", e.Result, e.Invitees)
	case signaling.BattleStarted:
		return "started" + score(e.Battle.Users())
	case signaling.BattleScoreChanged:
		return "scores" + score(e.Users)
	case signaling.BattleUserLeft:
		return "without " + string(e.User.RoomID)
	case signaling.BattleEnded:
		return fmt.Sprintf("ended %v", e.Reason) + score(e.Battle.Users())
	case signaling.BattlePunishmentEnded:
		return "punished"
	}
	return fmt.Sprintf("%T", e.Event)
}

// looks is what all rooms show.
func (w *world) looks() string {
	var b strings.Builder
	w.mu.Lock()
	ids := slices.Sorted(maps.Keys(w.rooms))
	w.mu.Unlock()
	for _, id := range ids {
		s := w.sees(id)
		b.WriteString(string(id))
		for _, q := range s.BattleRequests {
			fmt.Fprintf(&b, " asked by %s, accepted %v", q.Battle.Inviter.RoomID, q.Accepted)
		}
		if x := s.Battle; x != nil {
			for _, u := range x.Users() {
				fmt.Fprintf(&b, " %s %d %v", u.RoomID, u.Score, u.Left)
			}
			fmt.Fprintf(&b, " punished %v", x.PunishEndTime != 0)
		}
		b.WriteString("; ")
	}
	return b.String()
}

// stored returns all that the store has: the battles, and which room is claimed by which.
func (w *world) stored() (docs map[string]Battle, claimed map[signaling.RoomID]claim) {
	n := w.store.Node()
	defer n.Close()
	docs, claimed = map[string]Battle{}, map[signaling.RoomID]claim{}
	keys, err := n.Keys(context.Background(), store.BucketBattle, app, "")
	require.NoError(w.t, err)
	for _, k := range keys {
		if k.ID == claims {
			claimed[signaling.RoomID(k.Sub)], _, err = record.Load[claim](context.Background(), n, k)
		} else {
			docs[k.ID], _, err = record.Load[Battle](context.Background(), n, k)
		}
		require.NoError(w.t, err)
	}
	return docs, claimed
}

// agree demands that each room is in one battle at most, and shows just that, and that nothing is left of the others.
func (w *world) agree() {
	docs, claimed := w.stored()
	in := map[signaling.RoomID]Battle{}
	for _, doc := range docs {
		require.Equal(w.t, doc.Over(), doc.Told, "not all rooms know: %+v", doc)
		for _, r := range doc.Rooms {
			if !doc.Holds(r.RoomID) {
				continue
			}
			require.NotContains(w.t, in, r.RoomID, "a room in two battles")
			require.Equal(w.t, doc.ID, claimed[r.RoomID].Battle)
			in[r.RoomID] = doc
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, h := range w.rooms {
		doc, held := in[id]
		b := h.state.Battle
		if !held {
			require.True(w.t, b == nil || b.Phase == room.BattleOver, "room %s shows %+v", id, b)
			continue
		}
		i, _ := doc.Find(id)
		v, _ := doc.View(i)
		require.NotNil(w.t, b, id)
		require.Equal(w.t, doc.ID, b.ID, id)
		require.Equal(w.t, int(v.Phase), int(b.Phase), id)
		require.Equal(w.t, v.Info, *b.Info, id)
	}
}
