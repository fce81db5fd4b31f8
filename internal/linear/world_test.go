package linear

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// world is one JetStream, the nodes on it, and rooms with their users.
type world struct {
	t      *testing.T
	rng    *rand.Rand // of the test's own goroutine
	start  time.Time
	losses losses
	server *natsstore.Store // holds the data, and is nobody's node
	news   chan struct{}    // holds a token after something was told
	rooms  []*scene

	mu    sync.Mutex
	nodes []*node // all that ever were
}

func newWorld(t *testing.T, seed uint64, nodes, rooms, users int) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 0)), start: time.Now(), news: make(chan struct{}, 1)}
	var err error
	w.server, err = natsstore.Open(t.Context(), natsstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.server.Close()) })
	for range nodes {
		w.add()
	}
	for i := range rooms {
		r := &scene{w: w, key: store.Key{App: 1, Room: signaling.RoomID(fmt.Sprint("room", i))}, grown: make(chan struct{})}
		for j := range users {
			name := fmt.Sprint("user", j)
			if j == 0 {
				name = owner
			}
			r.users = append(r.users, &user{
				name: name, number: j, room: r, rng: rand.New(rand.NewPCG(seed, uint64(1+i*users+j))),
			})
		}
		w.rooms = append(w.rooms, r)
		_, err := w.nodes[i%nodes].Create(t.Context(), r.key, room.Command{
			ID: "create", By: signaling.UserInfo{UserID: owner},
			Action: room.Create{Info: signaling.RoomInfo{RoomID: r.key.Room, SeatMode: signaling.FreeToTake, MaxSeatCount: seatCount}},
		})
		require.NoError(t, err)
		for _, n := range w.nodes {
			n.follow(r)
		}
	}
	return w
}

// now is the time of the history.
func (w *world) now() int64 { return int64(time.Since(w.start)) }

// live lists the nodes that take users.
func (w *world) live() []*node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.nodes), func(n *node) bool { return n.gone.Load() })
}

func (w *world) node(id store.NodeID) *node {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.nodes, func(n *node) bool { return n.id == id })
	return w.nodes[i]
}

// node is a server without its clients, on a database that it reaches by a wire of its own.
type node struct {
	*home.Node
	w     *world
	id    store.NodeID
	nats  *natsstore.Store
	store *shaky
	wire  *wire

	gone atomic.Bool // it is going, or has gone
	dead atomic.Bool // it was killed: nobody hears what it says from here on
	once sync.Once

	mu      sync.Mutex
	members map[store.Key]map[string]home.Member // by session
	follows []func()
}

// add starts a node, which follows the rooms that there are.
func (w *world) add() *node {
	t := w.t
	u, err := url.Parse(w.server.ClientURL())
	require.NoError(t, err)
	n := &node{w: w, wire: newWire(t, u.Host), members: map[store.Key]map[string]home.Member{}}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	n.nats, err = natsstore.Open(t.Context(), natsstore.Config{URL: n.wire.url(), Logger: log})
	require.NoError(t, err)
	t.Cleanup(n.end)
	n.store = &shaky{Store: n.nats, losses: &w.losses, dead: make(chan struct{})}
	w.mu.Lock()
	n.id = store.NodeID(fmt.Sprint("node", len(w.nodes)))
	w.mu.Unlock()
	n.Node, err = home.Start(t.Context(), home.Config{
		Store: n.store, ID: n.id, Grace: 10 * time.Minute, Members: n.list, Logger: log, // nobody's seat runs out here
		Outbox: everything{}, Told: w.told,
	})
	require.NoError(t, err)
	for _, r := range w.rooms {
		n.follow(r)
	}
	w.mu.Lock()
	w.nodes = append(w.nodes, n)
	w.mu.Unlock()
	return n
}

func (n *node) follow(r *scene) {
	_, stop, err := n.Follow(n.w.t.Context(), r.key, func(e home.Entry, _ bool) { r.heard(e) })
	require.NoError(n.w.t, err)
	n.follows = append(n.follows, stop)
}

func (n *node) list(key store.Key) []home.Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	var list []home.Member
	for _, m := range n.members[key] {
		list = append(list, m)
	}
	return list
}

// has says whom the node has from now on, or has no longer.
func (n *node) has(key store.Key, m home.Member, here bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.members[key] == nil {
		n.members[key] = map[string]home.Member{}
	}
	if here {
		n.members[key][m.Session] = m
	} else {
		delete(n.members[key], m.Session)
	}
}

// end stops a node in good order; again it does nothing.
func (n *node) end() {
	n.once.Do(func() {
		n.gone.Store(true)
		for _, stop := range n.follows {
			stop()
		}
		if n.Node != nil {
			_ = n.Stop(context.Background()) // an error after a kill
		}
		require.NoError(n.w.t, n.nats.Close())
	})
}

// kill ends a node as kill -9 does: its connections break, and what it goes on doing nobody hears.
func (n *node) kill() {
	n.gone.Store(true)
	n.dead.Store(true)
	n.wire.cut()
	close(n.store.dead)
	n.end()
}

// scene is a room, as the test sees it.
type scene struct {
	w     *world
	key   store.Key
	users []*user

	mu      sync.Mutex
	newest  home.Entry
	begun   uint64        // the version of the newest epoch's first entry
	grown   chan struct{} // closed and replaced with each new entry
	history []porcupine.Operation
	open    []int // of the history: nobody said what came of it
	notes   []porcupine.Annotation
}

// heard takes what any node's follower delivers.
func (r *scene) heard(e home.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Version <= r.newest.Version {
		return
	}
	if e.Epoch > r.newest.Epoch {
		r.begun = e.Version
	}
	r.newest = e
	close(r.grown)
	r.grown = make(chan struct{})
}

// last is the newest entry that anybody has heard of.
func (r *scene) last() home.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newest
}

// await waits for an entry.
func (r *scene) await(ctx context.Context, what string, is func(home.Entry) bool) error {
	for {
		r.mu.Lock()
		e, grown := r.newest, r.grown
		r.mu.Unlock()
		if is(e) {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return fmt.Errorf("%s waits for %s; its newest entry has version %d, epoch %d: %w", r.key.Room, what, e.Version, e.Epoch, ctx.Err())
		}
	}
}

// record adds to the history what a node was asked.
func (r *scene) record(client int, at store.NodeID, o op, call int64, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.unknown {
		r.open = append(r.open, len(r.history))
	}
	r.history = append(r.history, porcupine.Operation{ClientId: client, Input: o, Call: call, Output: a, Return: r.w.now(), Metadata: at})
}

// note adds what the test did to the history's picture.
func (r *scene) note(what string, from int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, porcupine.Annotation{Tag: "faults", Start: from, End: r.w.now(), Description: what})
}
