package connection

import (
	"context"
	"fmt"
	"slices"
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

const (
	app   signaling.AppID = 1400000001
	grace                 = 30 * time.Second
)

// world are rooms with the real rules, on a store that nodes share.
type world struct {
	t     require.TestingT
	store *memstore.Cluster
	nodes []*node

	mu    sync.Mutex
	rooms map[signaling.RoomID]*home
}

// home is what the members of a room see.
type home struct {
	state  room.State
	events []signaling.Event // in order
	deaf   bool              // out of reach
	full   bool              // cannot be shown anything now
	empty  bool              // without its owner
}

// node is one node, which may die at a write.
type node struct {
	*Connections
	*memstore.Mortal
	near bool
	w    *world
}

func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		f(t, w)
	})
}

func newWorld(t require.TestingT) *world {
	w := &world{t: t, store: memstore.New(), rooms: map[signaling.RoomID]*home{}}
	for _, id := range []signaling.RoomID{"r1", "r2", "r3", "r4", "r5"} {
		w.create(id, 6)
	}
	return w
}

func (w *world) create(id signaling.RoomID, seats int) {
	cmd := room.Create{Info: signaling.RoomInfo{RoomID: id, MaxSeatCount: seats}, SeatLimit: 50, NoSeats: seats == 0}
	s, _, err := room.Apply(room.State{}, room.Command{ID: "c", By: signaling.UserInfo{UserID: owner(id), UserName: "O"}, Action: cmd}, time.Now())
	require.NoError(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rooms[id] = &home{state: s}
}

func owner(id signaling.RoomID) signaling.UserID { return signaling.UserID("owner of " + id) }

func (w *world) node(near bool) *node {
	n := &node{Mortal: w.store.Mortal(), near: near, w: w}
	var err error
	n.Connections, err = New(Config{Values: n, Apps: []signaling.AppID{app}, Rooms: n, Grace: grace})
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
	n.Kill()
	n.Connections.Close()
	_ = n.Mortal.Close()
}

// Close is the connections' for Connections, and the store's for Values.
func (n *node) Close() error { return n.Mortal.Close() }

func (n *node) Host(_ context.Context, _ signaling.AppID, id signaling.RoomID, by signaling.UserID) (Host, error) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	r := n.w.rooms[id]
	switch {
	case n.Dead():
		return Host{}, store.ErrClosed
	case r == nil || !r.state.Exists():
		return Host{}, signaling.ErrRoomNotExist
	case r.deaf:
		return Host{}, fmt.Errorf("out of reach")
	case by != "" && by != r.state.Info.OwnerID:
		return Host{}, signaling.ErrNeedOwner
	}
	i := r.state.Info
	h := Host{Room: Room{RoomID: id, Created: i.CreateTime, Owner: i.OwnerID, OwnerName: i.OwnerName, Seats: i.MaxSeatCount}, Here: !r.empty}
	if c := r.state.Connection; c != nil {
		h.Turn = c.Turn
	}
	return h, nil
}

func (n *node) Show(_ context.Context, _ signaling.AppID, s Stay, c Connection) (version uint64, err error) {
	err = n.Write(func() error {
		n.w.mu.Lock()
		defer n.w.mu.Unlock()
		r := n.w.rooms[s.RoomID]
		if r == nil {
			return signaling.ErrRoomNotExist
		}
		if r.deaf || r.full {
			return fmt.Errorf("out of reach")
		}
		return r.do(room.Command{By: signaling.UserInfo{UserID: "administrator"}, App: true, Action: shown(s, c)})
	})
	return 1, err
}

// shown makes a room's command of what it is to show, as package server does.
func shown(s Stay, c Connection) room.ShowConnection {
	v := c.View(s)
	a := room.ShowConnection{Room: s.Created, ID: c.ID, Turn: s.Turn, Seq: c.Seq, Over: v.Over, Connected: v.Connected}
	ask := func(q ViewRequest) room.ConnectionAsk {
		return room.ConnectionAsk{ID: q.ID, From: q.From, To: q.To, With: q.With, Ext: q.Ext, Created: q.Created, Deadline: q.Deadline}
	}
	for _, u := range v.Users {
		a.Users = append(a.Users, room.ConnectedRoom(u))
	}
	for _, q := range v.Requests {
		a.Asks = append(a.Asks, ask(q))
	}
	for _, q := range v.Ended {
		a.Ended = append(a.Ended, room.ConnectionEnd{ConnectionAsk: ask(q), Result: q.Result, Seq: q.Seq})
	}
	return a
}

func (h *home) do(c room.Command) error {
	next, events, err := room.Apply(h.state, c, time.Now())
	h.state = next
	for _, e := range events {
		h.events = append(h.events, e.Event)
	}
	return err
}

func (n *node) Near(signaling.AppID, signaling.RoomID) bool { return n.near }

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

// ask is a request of a room's owner.
func (n *node) ask(command string, from signaling.RoomID, timeout time.Duration, to ...signaling.RoomID) ([]error, error) {
	a := Ask{Command: command, From: Room{RoomID: from}, Timeout: timeout, Ext: "ext"}
	for _, id := range to {
		a.To = append(a.To, Room{RoomID: id})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	done, err := n.Ask(ctx, app, owner(from), a)
	return done.Results, err
}

// do is an Answer, a Cancel or a Leave of a room's owner.
func (n *node) do(id signaling.RoomID, cmd Command) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := n.Change(ctx, app, id, owner(id), cmd)
	return err
}

func (n *node) must(id signaling.RoomID, cmd Command) {
	require.NoError(n.w.t, n.do(id, cmd))
}

// asks must succeed for all rooms.
func (n *node) asks(command string, from signaling.RoomID, timeout time.Duration, to ...signaling.RoomID) {
	results, err := n.ask(command, from, timeout, to...)
	require.NoError(n.w.t, err)
	for _, err := range results {
		require.NoError(n.w.t, err)
	}
}

// sees returns what the owner of a room sees.
func (w *world) sees(id signaling.RoomID) signaling.Connection {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.rooms[id].state.View(signaling.UserInfo{UserID: owner(id)}, 1, 1).Connection
	if v == nil {
		return signaling.Connection{}
	}
	return *v
}

// with returns the rooms that a room shows as connected.
func (w *world) with(id signaling.RoomID) (list []signaling.RoomID) {
	for _, u := range w.sees(id).Connected {
		list = append(list, u.RoomID)
	}
	return list
}

// told returns the events that a room has had since, as words.
func (w *world) told(id signaling.RoomID) (list []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.rooms[id]
	ids := func(sign string, users []signaling.ConnectionUser) (s string) {
		for _, u := range users {
			s += sign + string(u.RoomID)
		}
		return s
	}
	for _, e := range h.events {
		switch e := e.(type) {
		case signaling.ConnectionRequestReceived:
			list = append(list, fmt.Sprintf("%s asks %s", e.Request.Inviter.RoomID, e.Request.Invitee.RoomID))
		case signaling.ConnectionRequestEnded:
			list = append(list, fmt.Sprintf("%s>%s %v", e.Request.Inviter.RoomID, e.Request.Invitee.RoomID, e.Result))
		case signaling.ConnectionUserListChanged:
			if len(e.Joined)+len(e.Left) > 0 {
				list = append(list, ids("+", e.Joined)+ids("-", e.Left))
			}
		}
	}
	h.events = nil
	return list
}

// stored returns all that the store has: the connections, and which room is claimed by which.
func (w *world) stored() (docs map[string]Connection, claimed map[signaling.RoomID]claim) {
	n := w.store.Node()
	defer n.Close()
	docs, claimed = map[string]Connection{}, map[signaling.RoomID]claim{}
	keys, err := n.Keys(context.Background(), store.BucketConnection, app, "")
	require.NoError(w.t, err)
	for _, k := range keys {
		if k.ID == claims {
			claimed[signaling.RoomID(k.Sub)], _, err = record.Load[claim](context.Background(), n, k)
		} else {
			docs[k.ID], _, err = record.Load[Connection](context.Background(), n, k)
		}
		require.NoError(w.t, err)
	}
	return docs, claimed
}

// agree demands that each room is in one connection at most, and shows just that.
func (w *world) agree() {
	docs, claimed := w.stored()
	in := map[signaling.RoomID]Connection{}
	for _, doc := range docs {
		require.Equal(w.t, doc.Seq, doc.Told, "not all rooms have been shown it")
		for _, s := range doc.Stays {
			if s.Live() {
				require.NotContains(w.t, in, s.RoomID, "a room in two connections")
				require.Equal(w.t, doc.ID, claimed[s.RoomID].Connection)
				in[s.RoomID] = doc
			}
		}
	}
	w.mu.Lock()
	ids := make([]signaling.RoomID, 0, len(w.rooms))
	for id := range w.rooms {
		ids = append(ids, id)
	}
	w.mu.Unlock()
	for _, id := range ids {
		doc := in[id]
		var connected []signaling.RoomID
		for _, s := range doc.Connected() {
			connected = append(connected, s.RoomID)
		}
		if !slices.Contains(connected, id) {
			connected = nil
		}
		seen := w.sees(id)
		require.Equal(w.t, connected, w.with(id), "room %s", id)
		asks := 0
		for _, s := range doc.Stays {
			if s.Pending() && (s.RoomID == id || s.Request.From == id) {
				asks++
			}
		}
		require.Len(w.t, seen.Requests, asks, "room %s", id)
	}
}
