package home

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// Config of a node. Store, ID and Members are required.
type Config struct {
	Store       store.Store
	ID          store.NodeID
	Info        []byte        // what other nodes may know of this one: its URL for clients
	Grace       time.Duration // how long a seat waits for a user whose node is gone; default 30 s
	SeatLimit   int           // most seats a room may have; default 20
	MemberLimit int           // most members a room may have; default 100,000
	Logger      *slog.Logger

	// Members returns whom this node has in a room, those who are just entering included. It is called from any
	// goroutine and must not call back.
	Members func(store.Key) []Member
}

func (c Config) withDefaults() Config {
	if c.Grace <= 0 {
		c.Grace = 30 * time.Second
	}
	if c.SeatLimit <= 0 {
		c.SeatLimit = 20
	}
	if c.MemberLimit <= 0 {
		c.MemberLimit = 100_000
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Node is this server's part in deciding rooms: the homes it has, and its way to those of others.
type Node struct {
	cfg   Config
	store store.Store
	log   *slog.Logger

	ctx    context.Context // ends when the node stops
	cancel context.CancelFunc
	wg     sync.WaitGroup
	stops  []func() // subscriptions

	freshUntil atomic.Int64 // Unix nanoseconds: until then the own heartbeat counts for everybody

	mu        sync.Mutex // protects what follows; nothing is called while it is held
	stopping  bool
	homes     map[store.Key]*home
	alive     map[store.NodeID]bool
	urls      []string
	whereIs   map[store.Key]store.NodeID // a guess that spares reading the log
	followers map[store.Key]*follower
}

// Start makes the node known to the others, and takes over the rooms whose home is gone. Stop ends it; the store stays
// open.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	n := &Node{
		cfg: cfg, store: cfg.Store, log: cfg.Logger,
		homes: map[store.Key]*home{}, alive: map[store.NodeID]bool{},
		whereIs: map[store.Key]store.NodeID{}, followers: map[store.Key]*follower{},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.Stop(ctx))
	}
	return n, nil
}

func (n *Node) start(ctx context.Context) error {
	if err := n.beat(ctx); err != nil {
		return err
	}
	if err := n.census(ctx); err != nil {
		return err
	}
	cancel, err := n.store.Serve(store.Topic{Kind: store.KindCommand, Node: n.cfg.ID}, n.serve)
	if err != nil {
		return err
	}
	n.stops = append(n.stops, cancel)
	cancel, err = n.store.Watch(n.watched)
	if err != nil {
		return err
	}
	n.stops = append(n.stops, cancel, n.store.OnReconnect(n.checkAll))
	n.wg.Go(n.beatForever)
	return n.adoptOrphans(ctx, "")
}

// Stop hands the rooms over to the other nodes, if there are any, and waits for everything the node has started.
// It is idempotent.
func (n *Node) Stop(ctx context.Context) error {
	n.mu.Lock()
	first := !n.stopping
	n.stopping = true
	n.mu.Unlock()
	if !first {
		return nil
	}
	n.cancel() // every home ends its turn and its goroutine
	for _, stop := range n.stops {
		stop()
	}
	n.wg.Wait()
	// Only now: nobody may take a room over while its home here still decides.
	return n.store.Gone(ctx, n.cfg.ID)
}

// spawn runs f on a goroutine that Stop waits for, unless the node is stopping.
func (n *Node) spawn(f func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping {
		return false
	}
	n.wg.Go(f)
	return true
}

// fresh reports whether no other node can take this one for dead yet.
func (n *Node) fresh(now time.Time) bool { return now.UnixNano() < n.freshUntil.Load() }

func (n *Node) beat(ctx context.Context) error {
	sent := time.Now() // the store counts from later on: this is the safe side
	if err := n.store.Beat(ctx, n.cfg.ID, n.cfg.Info); err != nil {
		return err
	}
	ttl := n.store.HeartbeatTTL()
	n.freshUntil.Store(sent.Add(ttl - ttl/4).UnixNano()) // a quarter for clocks that run differently
	return nil
}

func (n *Node) beatForever() {
	every := time.NewTicker(n.store.HeartbeatTTL() / 4)
	defer every.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-every.C:
		}
		late := !n.fresh(time.Now())
		ctx, cancel := context.WithTimeout(n.ctx, n.store.HeartbeatTTL()/2)
		err := n.beat(ctx)
		cancel()
		switch {
		case err != nil && n.ctx.Err() == nil:
			n.log.Warn("heartbeat failed", "error", err)
		case err == nil && late:
			// Paused or cut off: rooms may be elsewhere now, and this node's members unknown to their new homes.
			n.log.Warn("heartbeat was late; checking all rooms")
			n.checkAll()
		}
	}
}

// census reads who is alive, and where clients reach them.
func (n *Node) census(ctx context.Context) error {
	alive, err := n.store.Alive(ctx)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.alive)
	n.urls = nil
	if len(n.cfg.Info) > 0 {
		n.urls = append(n.urls, string(n.cfg.Info))
	}
	for id, info := range alive {
		n.alive[id] = true
		if id != n.cfg.ID && len(info) > 0 {
			n.urls = append(n.urls, string(info))
		}
	}
	return nil
}

// watched learns of nodes that come and go.
func (n *Node) watched(id store.NodeID, alive bool) {
	n.mu.Lock()
	was := n.alive[id]
	if alive {
		n.alive[id] = true
	} else {
		delete(n.alive, id)
	}
	homes := make([]*home, 0, len(n.homes))
	for _, h := range n.homes {
		homes = append(homes, h)
	}
	n.mu.Unlock()
	if id == n.cfg.ID || alive == was {
		return
	}
	n.spawn(func() {
		if err := n.census(n.ctx); err != nil && n.ctx.Err() == nil {
			n.log.Warn("cannot list the nodes", "error", err)
		}
	})
	if alive {
		return
	}
	n.log.Info("node is gone", "node", id)
	for _, h := range homes {
		h.tell(call{nodeDown: id, answer: func(reply) {}})
	}
	n.spawn(func() {
		if err := n.adoptOrphans(n.ctx, id); err != nil && n.ctx.Err() == nil {
			n.log.Error("cannot take over rooms", "from", id, "error", err)
		}
	})
}

// checkAll makes homes prove themselves and followers catch up: something may have been missed.
func (n *Node) checkAll() {
	n.mu.Lock()
	homes := make([]*home, 0, len(n.homes))
	for _, h := range n.homes {
		homes = append(homes, h)
	}
	followers := make([]*follower, 0, len(n.followers))
	for _, f := range n.followers {
		followers = append(followers, f)
	}
	n.mu.Unlock()
	for _, h := range homes {
		h.tell(call{verify: true, answer: func(reply) {}})
	}
	n.spawn(func() {
		for _, f := range followers {
			f.catchUp(n.ctx)
			n.announce(f.key)
		}
	})
}

// publish tells everybody about an entry: this node's own follower at once, the others by the bus.
func (n *Node) publish(key store.Key, e Entry, data []byte) {
	n.mu.Lock()
	f := n.followers[key]
	n.mu.Unlock()
	if f != nil {
		f.push(e)
	}
	if err := n.store.Publish(store.Topic{Kind: store.KindRoom, App: key.App, Room: key.Room}, data); err != nil {
		n.log.Warn("entry not published; followers will find it in the log", "room", key.Room, "error", err)
	}
}

// serve answers other nodes' requests.
func (n *Node) serve(data []byte, answer func([]byte)) {
	var req request
	if err := json.Unmarshal(data, &req); err != nil {
		n.log.Error("unreadable request of another node", "error", err)
		return
	}
	send := func(r reply) {
		b, err := json.Marshal(r)
		if err != nil {
			n.log.Error("reply", "error", err)
			return
		}
		answer(b)
	}
	if req.Ping {
		send(reply{})
		return
	}
	if !n.hand(req, send) && !n.spawn(func() { n.adoptAndHand(n.ctx, req, send) }) {
		send(reply{Moved: true})
	}
}

// hand gives a request to the room's home if it is here.
func (n *Node) hand(req request, answer func(reply)) bool {
	n.mu.Lock()
	h := n.homes[req.Key]
	n.mu.Unlock()
	if h == nil {
		return false
	}
	h.tell(call{request: req, answer: answer})
	return true
}

// tell queues a call. A home that has ended, or has more to do than it can, sends the caller round again.
func (h *home) tell(c call) {
	select {
	case <-h.ended:
	default:
		select {
		case h.calls <- c:
			// The home may have ended just now, with its rest already refused.
			select {
			case <-h.ended:
				h.refuseQueued()
			default:
			}
			return
		default:
		}
	}
	c.answer(reply{Moved: true})
}

// Ready reports why this node cannot decide rooms now; nil when it can.
func (n *Node) Ready(ctx context.Context) error {
	if !n.fresh(time.Now()) {
		return errors.New("the heartbeat does not reach the store")
	}
	return ctx.Err()
}

// Rooms returns how many rooms this node decides.
func (n *Node) Rooms() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.homes)
}

// URLs returns where clients reach the live nodes, as far as the nodes say: this node's own comes first.
func (n *Node) URLs() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.urls
}

// Alone reports whether there is no other node.
func (n *Node) Alone() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.alive) == 0 || len(n.alive) == 1 && n.alive[n.cfg.ID]
}
