package giftorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var key = store.Key{App: 1400000001, Room: "r"}

// till is the app's server. It knows what it has been paid for.
type till struct {
	mu     sync.Mutex
	asked  map[string]int // how often about an order
	paid   map[string]int64
	answer func(o Order, again bool) (pays bool, err error) // err nil: it says whether it pays
}

func (a *till) ask(ctx context.Context, _ signaling.AppID, _ string, o Order) error {
	a.mu.Lock()
	a.asked[o.ID]++
	pays, err := true, error(nil)
	if a.answer != nil {
		pays, err = a.answer(o, a.asked[o.ID] > 1)
	}
	if pays {
		a.paid[o.ID] = o.Coins()
	}
	a.mu.Unlock()
	if errors.Is(err, errLate) || errors.Is(err, errLateNo) {
		<-time.After(time.Second)
	}
	if errors.Is(err, errLate) {
		return nil
	}
	if errors.Is(err, errHangs) {
		<-ctx.Done()
		return fmt.Errorf("%w: no answer within 2s", ErrNoAnswer)
	}
	return err
}

var (
	errHangs = errors.New("it never answers")
	errLate  = errors.New("it says yes after a second")
	errNo    = errors.New("not enough coins (code 1)")

	errLateNo = fmt.Errorf("%w, after a second", errNo)
)

// world is nodes on one store, on virtual time, and an app's server.
type world struct {
	t     *testing.T
	store *memstore.Cluster
	till  *till

	mu    sync.Mutex
	nodes []*node
	score map[string]int64 // of battles, by what Score was told
}

// node is a server: a home.Node, its orders, and who is in the room by it.
type node struct {
	*Orders
	home  *home.Node
	store *memstore.Mortal
	w     *world

	id store.NodeID

	following chan struct{} // holds a token while somebody follows: a mutex would stop virtual time

	mu      sync.Mutex
	members map[signaling.UserID]home.Member
	stop    func() // guarded by following
	gone    bool
	stands  time.Duration // before each command to a room
}

// slow are rooms to which commands take their time.
type slow struct {
	*home.Node
	n *node
}

func (s slow) Do(ctx context.Context, k store.Key, cmd room.Command) (home.Outcome, error) {
	s.n.mu.Lock()
	d := s.n.stands
	s.n.mu.Unlock()
	if d > 0 { // as a process that is stopped: nothing else of it goes on, but for the caller's patience
		time.Sleep(d)
		ctx = context.WithoutCancel(ctx)
	}
	return s.Node.Do(ctx, k, cmd)
}

func (n *node) doomed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.store.Doomed() || n.gone
}

func inWorld(t *testing.T, nodes int, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: memstore.New(), till: &till{asked: map[string]int{}, paid: map[string]int64{}}, score: map[string]int64{}}
		defer func() {
			for _, n := range w.nodes {
				n.end()
			}
		}()
		for range nodes {
			w.add()
		}
		require.NoError(t, w.nodes[0].Set(t.Context(), key.App, Change{BillingURL: new("http://app.example.org")}))
		f(t, w)
	})
}

func (w *world) add() *node {
	n := &node{w: w, store: w.store.Mortal(), members: map[signaling.UserID]home.Member{}, following: make(chan struct{}, 1)}
	log := slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	n.Orders = New(Config{
		Values: n.store, Apps: []signaling.AppID{key.App}, Ask: w.till.ask, Logger: log,
		Gift: func(_ context.Context, _ signaling.AppID, id string) (signaling.GiftInfo, error) {
			if id != "rose" {
				return signaling.GiftInfo{}, signaling.ErrGiftNotFound
			}
			return signaling.GiftInfo{GiftID: "rose", Coins: 5}, nil
		},
		Score: func(context.Context, store.Key, []home.ShownGift) error { return nil },
	})
	w.mu.Lock()
	n.id = store.NodeID(fmt.Sprint("node", len(w.nodes)))
	w.nodes = append(w.nodes, n)
	w.mu.Unlock()
	var err error
	n.home, err = home.Start(w.t.Context(), home.Config{
		Store: n.store, ID: n.id, Gifts: n.Orders, Logger: log,
		Members: func(store.Key) (list []home.Member) {
			n.mu.Lock()
			defer n.mu.Unlock()
			for _, m := range n.members {
				list = append(list, m)
			}
			return list
		},
	})
	require.NoError(w.t, err)
	n.Serve(slow{n.home, n})
	return n
}

func (n *node) end() {
	n.mu.Lock()
	gone := n.gone
	n.gone = true
	n.mu.Unlock()
	if gone {
		return
	}
	n.following <- struct{}{}
	if n.stop != nil {
		n.stop()
	}
	n.stop = func() {} // nobody follows any more
	<-n.following
	n.Close()
	_ = n.home.Stop(context.Background()) // an error after a kill
	require.NoError(n.w.t, n.store.Close())
}

// kill ends a node as kill -9 would.
func (n *node) kill() {
	n.store.Kill()
	n.end()
}

func (n *node) create(id signaling.RoomID) {
	n.w.t.Helper()
	_, err := n.home.Create(n.w.t.Context(), key, room.Command{ID: "create " + string(id), By: signaling.UserInfo{UserID: "owner"}, Action: room.Create{Info: signaling.RoomInfo{RoomID: key.Room}}})
	require.NoError(n.w.t, err)
}

func (n *node) dismiss() {
	n.w.t.Helper()
	_, err := n.home.Do(n.w.t.Context(), key, room.Command{ID: "over", Action: room.Dismiss{}})
	require.NoError(n.w.t, err)
}

func (n *node) follow() error {
	n.following <- struct{}{}
	defer func() { <-n.following }()
	if n.stop != nil {
		return nil
	}
	_, stop, err := n.home.Follow(n.w.t.Context(), key, func(home.Entry, bool) {})
	n.stop = stop
	return err
}

func (n *node) enter(u signaling.UserID) error {
	if err := n.follow(); err != nil {
		return err
	}
	m := home.Member{User: signaling.UserInfo{UserID: u}, Session: fmt.Sprint(u, "@", n.id, time.Now().UnixNano())}
	n.mu.Lock()
	n.members[u] = m
	n.mu.Unlock()
	_, err := n.home.Enter(n.w.t.Context(), key, m)
	return err
}

// send sends a rose to the owner, as a client's call does.
func (n *node) send(u signaling.UserID, id string) (uint64, error) {
	ctx, cancel := context.WithTimeout(n.w.t.Context(), 10*time.Second)
	defer cancel()
	return n.Send(ctx, Wish{Room: key, Sender: signaling.UserInfo{UserID: u}, Key: id, GiftID: "rose", Count: 2})
}

// shown is what the room's log has shown, by the orders' names, and how often each.
func (w *world) shown() map[string]int {
	n := w.store.Node()
	defer n.Close()
	list, err := n.Since(w.t.Context(), key, time.Time{})
	require.NoError(w.t, err)
	seen := map[string]int{}
	for _, raw := range list {
		var e home.Entry
		require.NoError(w.t, json.Unmarshal(raw.Data, &e))
		for _, ev := range e.Events {
			if g, ok := ev.Event.(signaling.GiftReceived); ok {
				seen[string(g.Sender.UserID)+" "+g.GiftKey]++
			}
		}
	}
	return seen
}

// left is how many orders there are in a bucket.
func (w *world) left(b store.Bucket) int {
	n := w.store.Node()
	defer n.Close()
	keys, err := n.Keys(w.t.Context(), b, key.App, "")
	require.NoError(w.t, err)
	return len(keys)
}
