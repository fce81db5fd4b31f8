package home_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

var key = store.Key{App: 1, Room: "r"}

const grace = 30 * time.Second

// cluster is what a test plays with: nodes over one store in memory, on virtual time.
type cluster struct {
	t       *testing.T
	store   *memstore.Cluster
	nodes   []*node
	unheard atomic.Pointer[store.NodeID] // the others hear at once that nobody answers for this one
	outbox  *ledger                      // what the app is told; nil: nothing

	rules atomic.Pointer[room.LifeRules] // nil: the documents' defaults
}

// node is a server without its clients: it remembers whom it has, and what its follower of the room was told.
type node struct {
	*home.Node
	c     *cluster
	store *memstore.Mortal
	deaf  atomic.Bool  // what the bus brings is lost
	disk  atomic.Int64 // nanoseconds that an append takes
	read  atomic.Int64 // so many of the next reads get their answers
	reads atomic.Int64 // so many of the next reads, behind those, get no answer
	full  atomic.Bool  // the outbox takes nothing and says nothing
	space atomic.Int64 // so many appends to the outbox, and then it is full; 0: any number
	talks atomic.Int64 // with the outbox
	stuck atomic.Bool  // the counts of gifts cannot be stored

	mu      sync.Mutex
	members map[string]home.Member // by session
	told    []home.Entry
	holes   int // entries delivered as incomplete, but for the first

	await func(context.Context, uint64) error
	stop  func()
	gone  atomic.Bool
}

// bubble runs f with n nodes. What is left at the end is stopped, which waits for every goroutine.
func bubble(t *testing.T, n int, f func(t *testing.T, c *cluster)) {
	t.Helper()
	bubbleWith(t, n, nil, f)
}

func bubbleWith(t *testing.T, n int, outbox *ledger, f func(t *testing.T, c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, store: memstore.New(), outbox: outbox}
		defer func() {
			for _, n := range c.nodes {
				n.end()
			}
		}()
		for range n {
			c.add()
		}
		f(t, c)
	})
}

func (c *cluster) add() *node {
	n := &node{c: c, store: c.store.Mortal(), members: map[string]home.Member{}}
	id := store.NodeID(fmt.Sprint("node", len(c.nodes)))
	var err error
	cfg := home.Config{
		Store: deafStore{n.store, n}, ID: id, Info: []byte("ws://" + id), Grace: grace, Members: n.list,
		Rules:  c.lifeRules,
		Logger: slog.New(slog.NewTextHandler(c.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if c.outbox != nil {
		cfg.Outbox, cfg.Told = c.outbox, func(store.Key) { c.outbox.nudges.Add(1) }
	}
	n.Node, err = home.Start(c.t.Context(), cfg)
	require.NoError(c.t, err)
	c.nodes = append(c.nodes, n)
	synctest.Wait()
	return n
}

func (c *cluster) lifeRules(signaling.AppID) room.LifeRules {
	if r := c.rules.Load(); r != nil {
		return *r
	}
	return room.LifeRules{Empty: room.DefaultEmpty}
}

func (n *node) list(store.Key) []home.Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	var l []home.Member
	for _, m := range n.members {
		l = append(l, m)
	}
	return l
}

func (n *node) heard() []home.Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.told)
}

// deafStore loses what is published while its node is deaf, and has a disk that can be slow or silent.
type deafStore struct {
	store.Store
	n *node
}

func (d deafStore) Subscribe(t store.Topic, fn func([]byte)) (func(), error) {
	return d.Store.Subscribe(t, func(b []byte) {
		if !d.n.deaf.Load() {
			fn(b)
		}
	})
}

// Append takes as long as the disk of its node, which is nothing unless a test says otherwise.
func (d deafStore) Append(ctx context.Context, key store.Key, data []byte, last uint64) (uint64, error) {
	if slow := time.Duration(d.n.disk.Load()); slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return d.Store.Append(ctx, key, data, last)
}

// Put takes as long as Append, and is carried out whether anybody still waits or not.
func (d deafStore) Put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (uint64, error) {
	if d.n.stuck.Load() && key.Bucket == store.BucketGift {
		return 0, errors.New("the disk is full")
	}
	if slow := time.Duration(d.n.disk.Load()); slow > 0 {
		<-time.After(slow)
	}
	return d.Store.Put(ctx, key, data, last)
}

func (d deafStore) Last(ctx context.Context, key store.Key) (store.Entry, error) {
	if err := d.n.lost(ctx); err != nil {
		return store.Entry{}, err
	}
	return d.Store.Last(ctx, key)
}

func (d deafStore) Since(ctx context.Context, key store.Key, t time.Time) ([]store.Entry, error) {
	if err := d.n.lost(ctx); err != nil {
		return nil, err
	}
	return d.Store.Since(ctx, key, t)
}

func (d deafStore) Rooms(ctx context.Context) ([]store.Key, error) {
	if err := d.n.lost(ctx); err != nil {
		return nil, err
	}
	return d.Store.Rooms(ctx)
}

// lost waits as long as ctx where a read gets no answer.
func (n *node) lost(ctx context.Context) error {
	if n.read.Add(-1) >= 0 || n.reads.Add(-1) < 0 {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (d deafStore) Request(ctx context.Context, t store.Topic, data []byte) ([]byte, error) {
	if id := d.n.c.unheard.Load(); id != nil && *id == t.Node {
		return nil, store.ErrNoResponder
	}
	return d.Store.Request(ctx, t, data)
}

// end stops a node in good order; again it does nothing.
func (n *node) end() {
	if n.gone.Swap(true) {
		return
	}
	if n.stop != nil {
		n.stop()
	}
	_ = n.Stop(n.c.t.Context()) // an error after Kill
	require.NoError(n.c.t, n.store.Close())
}

// kill ends a node as kill -9 would.
func (n *node) kill() {
	n.store.Kill()
	n.end()
}

// follow watches the room as a server does for its members.
func (n *node) follow() {
	if n.stop != nil {
		return
	}
	var err error
	n.await, n.stop, err = n.Follow(n.c.t.Context(), key, func(e home.Entry, complete bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if !complete && len(n.told) > 0 {
			n.holes++
		}
		n.told = append(n.told, e)
	})
	require.NoError(n.c.t, err)
}

func member(u signaling.UserID, session string) home.Member {
	return home.Member{User: signaling.UserInfo{UserID: u, UserName: "name of " + string(u)}, Session: session}
}

func (n *node) enter(u signaling.UserID) home.Entry {
	n.c.t.Helper()
	e, err := n.tryEnter(u, string(u)+"@1")
	require.NoError(n.c.t, err)
	return e
}

func (n *node) tryEnter(u signaling.UserID, session string) (home.Entry, error) {
	n.follow()
	m := member(u, session)
	n.mu.Lock()
	n.members[session] = m
	n.mu.Unlock()
	return n.Enter(n.c.t.Context(), key, m)
}

func (n *node) exit(u signaling.UserID, session string) {
	n.c.t.Helper()
	n.mu.Lock()
	delete(n.members, session)
	n.mu.Unlock()
	require.NoError(n.c.t, n.Exit(n.c.t.Context(), key, member(u, session)))
}

func (n *node) create(mode signaling.SeatMode) {
	n.c.t.Helper()
	create := command("create", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r", SeatMode: mode}})
	create.By.UserName = "name of owner"
	_, err := n.Create(n.c.t.Context(), key, create)
	require.NoError(n.c.t, err)
}

func command(id string, by signaling.UserID, a room.Action) room.Command {
	return room.Command{ID: id, By: signaling.UserInfo{UserID: by}, Action: a}
}

func (n *node) try(id string, by signaling.UserID, a room.Action) (home.Outcome, error) {
	ctx, cancel := context.WithTimeout(n.c.t.Context(), 10*time.Second)
	defer cancel()
	return n.Do(ctx, key, command(id, by, a))
}

func (n *node) do(id string, by signaling.UserID, a room.Action) home.Outcome {
	n.c.t.Helper()
	out, err := n.try(id, by, a)
	require.NoError(n.c.t, err)
	if n.await != nil {
		require.NoError(n.c.t, n.await(n.c.t.Context(), out.Version))
	}
	return out
}

// log returns the room's whole log, as a node that was never part of it reads it.
func (c *cluster) log() (list []home.Entry) {
	n := c.store.Node()
	defer n.Close()
	raw, err := n.Since(c.t.Context(), key, time.Time{})
	require.NoError(c.t, err)
	for _, r := range raw {
		var e home.Entry
		require.NoError(c.t, json.Unmarshal(r.Data, &e))
		list = append(list, e)
	}
	return list
}

func (c *cluster) newest() home.Entry {
	list := c.log()
	require.NotEmpty(c.t, list)
	return list[len(list)-1]
}

func (c *cluster) seatOf(u signaling.UserID) int {
	i, _ := c.newest().State.SeatOf(u)
	return int(i)
}

// events lists what the log's entries told, one line an entry.
func describe(list []home.Entry) (lines []string) {
	for _, e := range list {
		var line strings.Builder
		for _, ev := range e.Events {
			h := ev.Heartbeat
			if n := ev.Counted; n != nil {
				line.WriteString(fmt.Sprintf("likes:%d messages:%d ", n.Likes, n.Messages))
				continue
			}
			switch ev := ev.Event.(type) {
			case signaling.UsersEntered:
				line.WriteString(fmt.Sprintf("+%s(%d) ", names(ev.Users), ev.Count))
			case signaling.UsersLeft:
				line.WriteString(fmt.Sprintf("-%s(%d) ", names(ev.Users), ev.Count))
			case nil: // ~ann is away, *ann is back
				line.WriteString(map[bool]string{false: "~", true: "*"}[h.Recovered])
				for i, u := range slices.Sorted(slices.Values(h.Users)) {
					line.WriteString(strings.Repeat(",", min(i, 1)) + string(u))
				}
				line.WriteString(" ")
			default:
				line.WriteString(signaling.EventType(ev) + " ")
			}
		}
		lines = append(lines, line.String())
	}
	return lines
}

func names(l []signaling.UserInfo) (s string) {
	for i, u := range l {
		if i > 0 {
			s += ","
		}
		s += string(u.UserID)
	}
	return s
}

// consistent checks what must hold of a log and of everybody who followed it.
func (c *cluster) consistent() {
	c.t.Helper()
	synctest.Wait()
	list := c.log()
	done := map[string]bool{}
	var entered int64 // as the members were told
	digest := false   // then those who came and went at once were not told
	for i, e := range list {
		if i == 0 || e.State.Info.CreateTime != list[i-1].State.Info.CreateTime {
			entered, digest = 0, false
		}
		for _, ev := range e.Events {
			if ev.For == room.ForApp {
				continue
			}
			digest = digest || ev.For == room.ForMembers
			if ev, ok := ev.Event.(signaling.UsersEntered); ok {
				entered += int64(len(ev.Users) + ev.More)
				require.LessOrEqual(c.t, ev.ViewCount, e.State.Info.ViewCount)
			}
		}
		if i == 0 { // the log may have been trimmed
			entered = e.State.Info.ViewCount
		}
		if digest {
			require.LessOrEqual(c.t, entered, e.State.Info.ViewCount)
		} else {
			require.Equal(c.t, entered, e.State.Info.ViewCount, "the room counts who has entered")
		}
		if i > 0 {
			require.Equal(c.t, list[i-1].Version+1, e.Version, "versions have no gap")
			require.GreaterOrEqual(c.t, e.Epoch, list[i-1].Epoch)
			if e.Epoch == list[i-1].Epoch {
				require.Equal(c.t, list[i-1].Home, e.Home, "one home an epoch")
			}
		}
		for _, d := range e.Done {
			require.False(c.t, done[d.ID], "%q was carried out twice", d.ID)
			done[d.ID] = true
		}
	}
	for _, n := range c.nodes {
		told := n.heard()
		if n.gone.Load() || len(told) == 0 {
			continue
		}
		require.Zero(c.t, n.holes)
		for i, e := range told[1:] {
			require.Equal(c.t, told[i].Version+1, e.Version, "a follower hears every entry once and in order")
		}
		last := told[len(told)-1]
		require.Equal(c.t, list[len(list)-1].Version, last.Version)
		want, err := json.Marshal(list[len(list)-1].State)
		require.NoError(c.t, err)
		got, err := json.Marshal(last.State)
		require.NoError(c.t, err)
		require.Equal(c.t, string(want), string(got))
	}
}
