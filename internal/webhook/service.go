package webhook

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Limits of deliveries. The documents give none.
const (
	DefaultRetry = 24 * time.Hour

	answerLimit = 5 * time.Second // for one callback, from looking up its host to the end of the answer
	answerBytes = 64 << 10
	inFlight    = 64 // callbacks of one app that are under way at once, each of another room

	firstPause = time.Second // before the second attempt; doubled with each further one
	maxPause   = 5 * time.Minute

	lookEvery   = 10 * time.Second // how soon an app counts as below its threshold again
	sweepEvery  = time.Minute      // how soon work is found whose nudge was lost
	rereadEvery = 30 * time.Second // likewise changed settings
)

// Outcomes of attempts, for metrics.
const (
	Delivered = "delivered"
	Retried   = "retried"  // it failed, and is tried again
	Failed    = "failed"   // it failed, and was given up
	Unwanted  = "unwanted" // the app wants it no more
	Replayed  = "replayed" // an operator had it delivered again
)

// Outcomes of questions about chat messages and gifts, for metrics.
const (
	Allowed    = "allowed"
	Replaced   = "replaced" // with another text, extension or data
	Vetoed     = "vetoed"
	Unanswered = "unanswered" // in time, or not as documented
)

// Config of a service. Store, Node and Apps are required.
type Config struct {
	Store store.Store
	Node  store.NodeID // this node, under the name by which it beats
	Apps  []signaling.AppID

	Retry time.Duration  // how long a callback is tried; default 24 h, at most [store.OutboxAge]
	Allow []netip.Prefix // private networks that may be called all the same

	MemberLimit int                                                         // most members of a room whose creator has said nothing
	RoomLimit   int                                                         // most rooms of an app; 0: as many as they like
	Rooms       func(ctx context.Context, app signaling.AppID) (int, error) // how many an app has; needed for RoomLimit

	Logger  *slog.Logger
	Observe func(command, outcome string, took time.Duration) // is told of every attempt

	// Dial connects to receivers; nil: the system's network, within the bounds of Allow. It is for tests.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Service records callbacks and delivers those of the apps that fall to this node. Serve begins the delivery; Close ends it.
type Service struct {
	cfg    Config
	log    *slog.Logger
	guard  guard
	client *http.Client

	ctx    context.Context // ends when requests under way are given up
	cancel context.CancelFunc
	wg     sync.WaitGroup
	reread chan struct{}
	reads  chan struct{} // bounds how many outboxes are read at once

	delivering sync.WaitGroup // the dispatchers

	cache atomic.Pointer[map[signaling.AppID]Settings] // copy on write, by mu

	mu          sync.Mutex // protects what follows; nothing is called while it is held
	closed      bool
	alive       map[store.NodeID]bool
	stops       []func()
	dispatchers map[signaling.AppID]*dispatcher
	asking      map[store.Key]*asking // rooms with messages that are with the app
}

var _ home.Outbox = (*Service)(nil)

// New reads what the apps have set and follows it. ctx bounds the reading.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Retry <= 0 {
		cfg.Retry = DefaultRetry
	}
	if cfg.Retry > store.OutboxAge {
		return nil, errors.New("webhook: callbacks cannot be tried for longer than the store keeps them, " + store.OutboxAge.String())
	}
	if cfg.RoomLimit > 0 && cfg.Rooms == nil {
		return nil, errors.New("webhook: a limit of rooms without a way to count them")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, string, time.Duration) {}
	}
	s := &Service{
		cfg: cfg, log: cfg.Logger, guard: guard{cfg.Allow}, reread: make(chan struct{}, 1), reads: make(chan struct{}, 4),
		alive: map[store.NodeID]bool{}, dispatchers: map[signaling.AppID]*dispatcher{}, asking: map[store.Key]*asking{},
	}
	s.client = s.newClient()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	stop, err := cfg.Store.WatchValues(store.BucketApp, func() { signal(s.reread) })
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, stop)
	if err := s.readAll(ctx); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	s.wg.Go(s.rereadForever)
	return s, nil
}

// signal leaves a token in a channel of one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// settings returns what an app has set, as this node knows it.
func (s *Service) settings(app signaling.AppID) Settings {
	if m := s.cache.Load(); m != nil {
		return (*m)[app]
	}
	return Settings{}
}

// adopt takes note of an app's settings.
func (s *Service) adopt(app signaling.AppID, set Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[signaling.AppID]Settings{}
	if m := s.cache.Load(); m != nil {
		maps.Copy(next, *m)
	}
	next[app] = set
	s.cache.Store(&next)
}

func (s *Service) readAll(ctx context.Context) error {
	for _, app := range s.cfg.Apps {
		set, err := s.read(ctx, app)
		if err != nil {
			return err
		}
		s.adopt(app, set)
	}
	return nil
}

// rereadForever follows the settings.
func (s *Service) rereadForever() {
	every := time.NewTicker(rereadEvery)
	defer every.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.reread:
		case <-every.C:
			s.forgetAsked()
		}
		ctx, cancel := context.WithTimeout(s.ctx, answerLimit)
		if err := s.readAll(ctx); err != nil && s.ctx.Err() == nil {
			s.log.Warn("callback settings not read; they stay as they were", "error", err)
		}
		cancel()
	}
}

// Serve begins to deliver. The node beats by now.
func (s *Service) Serve() error {
	stop, err := s.cfg.Store.Watch(s.watched)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.stops = append(s.stops, stop)
	s.mu.Unlock()
	s.divide()
	return nil
}

func (s *Service) watched(id store.NodeID, alive bool) {
	s.mu.Lock()
	if alive {
		s.alive[id] = true
	} else {
		delete(s.alive, id)
		for _, d := range s.dispatchers { // it may have died before it could tell of work
			signal(d.sweeps)
		}
	}
	s.mu.Unlock()
	s.divide()
}

// divide starts the dispatchers of the apps that fall to this node, and stops those that do no more. For a moment two
// nodes may have an app: they give the same callbacks the same ids.
func (s *Service) divide() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	for _, app := range s.cfg.Apps {
		d, mine := s.dispatchers[app], s.owner(app) == s.cfg.Node
		switch {
		case mine && d == nil:
			d = newDispatcher(s, app)
			s.dispatchers[app] = d
			s.delivering.Go(d.run)
		case !mine && d != nil:
			delete(s.dispatchers, app)
			close(d.stop)
		}
	}
}

// owner picks the node that delivers an app's callbacks (rendezvous hashing); s.mu is held. This node counts in any
// case: Watch may not have told of it yet.
func (s *Service) owner(app signaling.AppID) store.NodeID {
	return store.Pick("callbacks\x00"+strconv.FormatUint(uint64(app), 10), func(yield func(store.NodeID) bool) {
		if !yield(s.cfg.Node) {
			return
		}
		for id := range s.alive {
			if !yield(id) {
				return
			}
		}
	})
}

// topic is where an app's dispatcher hears of work.
func topic(app signaling.AppID) store.Topic {
	return store.Topic{Kind: store.KindOutbox, App: app}
}

// Told says that a room's outbox has got an entry, for [home.Config]. It does not block.
func (s *Service) Told(key store.Key) { s.wake(key, false) }

// wake tells the dispatcher of a room's app, wherever it is, that there is something to deliver.
func (s *Service) wake(key store.Key, replays bool) {
	s.mu.Lock()
	d := s.dispatchers[key.App]
	s.mu.Unlock()
	if d != nil {
		d.nudge(key.Room, replays)
		return
	}
	if err := s.cfg.Store.Publish(topic(key.App), nudgeOf(key.Room, replays)); err != nil {
		s.log.Debug("no nudge; the sweep will find it", "app", key.App, "room", key.Room, "error", err)
	}
}

// Pending returns how many rooms have callbacks that this node has to deliver.
func (s *Service) Pending() (rooms int) {
	s.mu.Lock()
	list := make([]*dispatcher, 0, len(s.dispatchers))
	for _, d := range s.dispatchers {
		list = append(list, d)
	}
	s.mu.Unlock()
	for _, d := range list {
		rooms += d.pending()
	}
	return rooms
}

// Close ends everything. Callbacks that are under way have until ctx ends; the others wait for the next node.
// It is idempotent.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	stops := s.stops
	s.stops = nil
	if !s.closed {
		s.closed = true
		for _, d := range s.dispatchers {
			close(d.stop)
		}
	}
	s.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	patience := context.AfterFunc(ctx, s.cancel)
	s.delivering.Wait()
	patience()
	s.cancel()
	s.wg.Wait()
	s.client.CloseIdleConnections()
	return nil
}
