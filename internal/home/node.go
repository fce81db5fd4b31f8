package home

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Config of a node. Store, ID and Members are required.
type Config struct {
	Store       store.Store
	ID          store.NodeID
	Info        []byte        // what other nodes may know of this one: its URL for clients
	Grace       time.Duration // how long a seat waits for a user whose node is gone; default 30 s
	SeatLimit   int           // most seats a room may have; default 20
	MemberLimit int           // most members a room may have; default 100,000
	History     int           // messages of the chat that a room remembers; default 50, less than 0 none
	Logger      *slog.Logger

	// Members returns whom this node has in a room: those included for whom Enter is about to be called, marked as
	// Entering until it has been answered, and those left out for whom Exit is. It is called from any goroutine and must not
	// call back.
	Members func(store.Key) []Member

	// Rules say when an app's rooms end by themselves; nil: when they have been empty for half an hour. It is asked in
	// rooms' turns, so it must not block. [Node.RulesChanged] tells of a change.
	Rules func(signaling.AppID) room.LifeRules

	Gifts  Gifts           // is told of gifts; nil: nobody is, and no app is asked before
	Outbox Outbox          // what apps' servers are told; nil: nothing
	Told   func(store.Key) // is called after a room's outbox has got an entry, and must not block; may be nil
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
	if c.History == 0 {
		c.History = maxBarrages
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

	freshUntil atomic.Int64  // Unix nanoseconds: until then the own heartbeat counts for everybody
	seq        atomic.Uint64 // orders what this node says about who is present
	sweep      chan struct{} // holds one token when rooms may be without a home
	stopped    chan struct{} // closed when Stop has waited for everything
	announcers chan struct{} // bounds how many rooms are announced at once
	counting   errand
	passwords  derived
	tallies    tallies

	mu        sync.Mutex // protects what follows; nothing is called while it is held
	leaving   bool       // Stop has been called
	stopping  bool       // nothing more begins
	homes     map[store.Key]*home
	moving    map[store.Key]chan struct{} // rooms that may be about to get their home here; closed when that is decided
	alive     map[store.NodeID]bool       // what Watch has told last of each node; only it may wake the dead
	urls      []string
	whereIs   map[store.Key]store.NodeID // a guess that spares reading the log
	followers map[store.Key]*follower
}

// startPatience is how long a start waits for the store to take the first heartbeat.
const startPatience = 15 * time.Second

// Start makes the node known to the others, and takes over the rooms whose home is gone. Stop ends it; the store stays
// open.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	n := &Node{
		cfg: cfg, store: cfg.Store, log: cfg.Logger,
		homes: map[store.Key]*home{}, moving: map[store.Key]chan struct{}{}, alive: map[store.NodeID]bool{},
		whereIs: map[store.Key]store.NodeID{}, followers: map[store.Key]*follower{},
		tallies: tallies{of: map[store.Key]*tally{}}, sweep: make(chan struct{}, 1), stopped: make(chan struct{}), announcers: make(chan struct{}, 16),
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.Stop(ctx))
	}
	return n, nil
}

func (n *Node) start(ctx context.Context) error {
	if err := n.firstBeat(ctx); err != nil {
		return err
	}
	cancel, err := n.store.Serve(store.Topic{Kind: store.KindCommand, Node: n.cfg.ID}, n.serve)
	if err != nil {
		return err
	}
	n.stops = append(n.stops, cancel)
	// The watch before the census: whoever dies after it was counted is told.
	cancel, err = n.store.Watch(n.watched)
	if err != nil {
		return err
	}
	n.stops = append(n.stops, cancel, n.store.OnReconnect(n.checkAll))
	if err := n.census(ctx); err != nil {
		return err
	}
	n.spawn(n.beatForever)
	n.spawn(n.sweepForever)
	again, err := n.adoptOrphans(ctx)
	if again {
		n.sweepSoon()
	}
	return err
}

// Stop hands the rooms over to the other nodes, if there are any, and waits for everything the node has started.
// It is idempotent.
func (n *Node) Stop(ctx context.Context) error {
	n.mu.Lock()
	first := !n.leaving
	n.leaving = true
	n.mu.Unlock()
	if !first {
		<-n.stopped
		return nil
	}
	n.flushLikes(ctx)
	n.mu.Lock()
	n.stopping = true
	n.mu.Unlock()
	defer close(n.stopped)
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

// beat renews the heartbeat. late says that it had not been fresh before.
func (n *Node) beat(ctx context.Context) (late bool, err error) {
	sent := time.Now() // the store counts from later on: this is the safe side
	if err := n.store.Beat(ctx, n.cfg.ID, n.cfg.Info); err != nil {
		return false, err
	}
	ttl := n.store.HeartbeatTTL()
	late = !n.fresh(time.Now())
	n.freshUntil.Store(sent.Add(ttl - ttl/4).UnixNano()) // a quarter for clocks that run differently
	return late, nil
}

// firstBeat waits for a store that is just coming up: a cluster that elects a leader cannot take it yet.
func (n *Node) firstBeat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		_, err := n.beat(ctx)
		if err == nil || errors.Is(err, store.ErrClosed) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(sweepRetry):
		}
	}
}

func (n *Node) beatForever() {
	every := time.NewTicker(n.store.HeartbeatTTL() / 4)
	defer every.Stop()
	failing := false
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-every.C:
		}
		ctx, cancel := context.WithTimeout(n.ctx, n.store.HeartbeatTTL()/2)
		late, err := n.beat(ctx)
		cancel()
		switch {
		case err != nil:
			if !failing && n.ctx.Err() == nil { // once per outage
				n.log.Warn("heartbeat failed; this node decides nothing until it succeeds", "error", err)
			}
			failing = true
			continue
		case late:
			// Paused or cut off: rooms may be elsewhere now, and this node's members unknown to their new homes.
			n.log.Warn("heartbeat was late; checking all rooms")
			n.checkAll()
			n.sweepSoon()
		}
		failing = false
	}
}

// census reads who is alive, and where clients reach them. It adds nodes that Watch has not told of yet, and leaves
// those alone of which it has: what it reads may be older.
func (n *Node) census(ctx context.Context) error {
	alive, err := reading(ctx, listTry, n.store.Alive)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var urls []string
	if len(n.cfg.Info) > 0 {
		urls = append(urls, string(n.cfg.Info))
	}
	for id, info := range alive {
		if _, told := n.alive[id]; !told {
			n.alive[id] = true
		}
		if id != n.cfg.ID && n.alive[id] && len(info) > 0 {
			urls = append(urls, string(info))
		}
	}
	n.urls = urls
	return nil
}

// watched learns of nodes that come and go.
func (n *Node) watched(id store.NodeID, alive bool) {
	n.mu.Lock()
	was := n.alive[id]
	n.alive[id] = alive
	homes := n.allHomes()
	n.mu.Unlock()
	if id == n.cfg.ID {
		return // it knows better
	}
	if was != alive && !alive {
		n.log.Info("node is gone", "node", id)
	}
	for _, h := range homes {
		h.tell(call{answer: func(reply) {}}) // wakes it: it looks which nodes live
	}
	n.counting.run(n, n.count)
	if !alive {
		n.sweepSoon()
	}
}

// count repeats the census until it succeeds.
func (n *Node) count() {
	for {
		err := n.census(n.ctx)
		if err == nil || n.ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			return
		}
		n.log.Warn("cannot list the nodes", "error", err)
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(sweepRetry):
		}
	}
}

// allHomes lists the homes here; n.mu is held.
func (n *Node) allHomes() []*home { return slices.Collect(maps.Values(n.homes)) }

// checkAll makes homes prove themselves and followers catch up: something may have been missed.
func (n *Node) checkAll() {
	n.mu.Lock()
	homes := n.allHomes()
	followers := slices.Collect(maps.Values(n.followers))
	n.mu.Unlock()
	for _, h := range homes {
		h.tell(call{verify: true, answer: func(reply) {}})
	}
	for _, f := range followers {
		f.chase()
		n.announce(f)
	}
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
	send := func(r reply) {
		b, err := json.Marshal(r)
		if err != nil {
			n.log.Error("reply", "error", err)
			return
		}
		answer(b)
	}
	var req request
	if err := json.Unmarshal(data, &req); err != nil {
		// A newer node may know commands that this one does not. Silence would make it ask for ever.
		n.log.Error("unreadable request of another node", "error", err)
		send(refusal(signaling.ErrBadRequest))
		return
	}
	if req.Ping { // a node without a fresh heartbeat is no home
		send(reply{Moved: !n.fresh(time.Now())})
		return
	}
	if req.Summary != nil {
		send(n.summaries(*req.Summary))
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
	switch {
	case req.Barrage != nil || req.Recent:
		answer(h.barrage(req))
		return true
	case req.Liked != nil:
		answer(h.liked(*req.Liked))
		return true
	}
	h.tell(call{request: req, answer: answer})
	return true
}

// readyLimit is how long the store may think about whether it can be counted on.
const readyLimit = 2 * time.Second

// Ready reports why this node cannot decide rooms now, or must not be counted on yet; nil when it can.
func (n *Node) Ready(ctx context.Context) error {
	if !n.fresh(time.Now()) {
		return errors.New("the heartbeat does not reach the store")
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	return errors.Join(ctx.Err(), n.store.Ready(ctx))
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
	return slices.Clone(n.urls)
}

// Alone reports whether there is no other node.
func (n *Node) Alone() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, alive := range n.alive {
		if alive && id != n.cfg.ID {
			return false
		}
	}
	return true
}
