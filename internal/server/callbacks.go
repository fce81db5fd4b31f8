package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/webhook"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// hooksPatience is how long callbacks that are under way may take when the server stops.
const hooksPatience = 3 * time.Second

// startHooks makes what calls apps' servers back. The rooms' homes need it from their first decision on.
func (s *Server) startHooks(ctx context.Context) (err error) {
	cfg := webhook.Config{
		Store: s.cfg.Store, Node: s.id, Retry: s.cfg.Callbacks.Retry, Allow: s.cfg.Callbacks.Allow, Dial: s.cfg.Callbacks.Dial,
		MemberLimit: s.cfg.MemberLimit, RoomLimit: s.cfg.RoomLimit, Rooms: s.roomCounts.count,
		Logger: s.log, Observe: s.metrics.calledBack,
	}
	if cfg.MemberLimit <= 0 {
		cfg.MemberLimit = 100_000 // as homes have it then
	}
	for app := range s.cfg.Apps {
		cfg.Apps = append(cfg.Apps, app)
	}
	s.hooks, err = webhook.New(ctx, cfg)
	return err
}

// stopHooks ends the callbacks: another node goes on with them.
func (s *Server) stopHooks(ctx context.Context) error {
	if s.hooks == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hooksPatience)
	defer cancel()
	return s.hooks.Close(ctx)
}

// restCallbacks is what the REST API sees of the callbacks.
type restCallbacks struct{ *webhook.Service }

var _ adminapi.Callbacks = restCallbacks{}

func (r restCallbacks) Get(ctx context.Context, app signaling.AppID) (string, []string, error) {
	set, err := r.Service.Get(ctx, app)
	return set.URL, set.Commands, err
}

func (r restCallbacks) Moderation(ctx context.Context, app signaling.AppID) (string, bool, error) {
	m, err := r.Service.Moderation(ctx, app)
	if m == nil {
		return "", false, err
	}
	return m.URL, m.Refuse, err
}

func (r restCallbacks) SetModeration(ctx context.Context, app signaling.AppID, url string, refuse bool) error {
	if url == "" {
		return r.Service.SetModeration(ctx, app, nil)
	}
	return r.Service.SetModeration(ctx, app, &webhook.Moderation{URL: url, Refuse: refuse})
}

func (r restCallbacks) Deliveries(ctx context.Context, app signaling.AppID, q adminapi.DeliveryQuery) ([]adminapi.Delivery, string, error) {
	found, next, err := r.Service.Deliveries(ctx, app, webhook.List{Room: q.Room, State: webhook.State(q.State), After: q.After, Limit: q.Limit})
	list := make([]adminapi.Delivery, len(found))
	for i, d := range found {
		list[i] = shown(d)
	}
	return list, next, err
}

func (r restCallbacks) Delivery(ctx context.Context, app signaling.AppID, id string) (adminapi.Delivery, error) {
	d, err := r.Service.Delivery(ctx, app, id)
	return shown(d), err
}

func shown(d webhook.Delivery) adminapi.Delivery {
	return adminapi.Delivery{
		ID: d.ID, Room: d.Room, Command: d.Command, Recorded: d.Recorded, State: string(d.State),
		Attempts: d.Attempts, Error: d.Error, Tried: d.Tried, Body: d.Body,
	}
}

// create makes a room, if the app may have one more.
func (s *Server) create(ctx context.Context, key store.Key, c room.Command) (home.Entry, error) {
	undo, err := s.roomCounts.reserve(ctx, key, s.cfg.RoomLimit)
	if err != nil {
		return home.Entry{}, err
	}
	e, err := s.node.Create(ctx, key, c)
	if err != nil {
		undo()
	}
	return e, err
}

// countAge is how old a count of rooms may be. Nodes do not hear of each other's rooms sooner: an app that makes rooms at
// several nodes in one moment may come to a few more than its limit.
const countAge = time.Second

// roomCounts counts the rooms of apps. A room counts until its log is removed, half a minute after its end.
type roomCounts struct {
	store store.Store
	turn  chan struct{} // holds a token while nobody reads

	mu   sync.Mutex // protects what follows; nothing is called while it is held
	at   time.Time
	apps map[signaling.AppID]int
}

func newRoomCounts(st store.Store) *roomCounts {
	c := &roomCounts{store: st, turn: make(chan struct{}, 1), apps: map[signaling.AppID]int{}}
	c.turn <- struct{}{}
	return c
}

// count returns how many rooms an app has.
func (c *roomCounts) count(ctx context.Context, app signaling.AppID) (int, error) {
	select {
	case <-c.turn:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	defer func() { c.turn <- struct{}{} }()
	c.mu.Lock()
	fresh, n := time.Since(c.at) < countAge, c.apps[app]
	c.mu.Unlock()
	if fresh {
		return n, nil
	}
	keys, err := c.store.Rooms(ctx)
	if err != nil {
		return 0, err
	}
	apps := map[signaling.AppID]int{}
	for _, k := range keys {
		apps[k.App]++
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.apps = time.Now(), apps
	return apps[app], nil
}

// reserve counts a room that is about to be made. undo takes that back.
func (c *roomCounts) reserve(ctx context.Context, key store.Key, limit int) (undo func(), err error) {
	if limit <= 0 {
		return func() {}, nil
	}
	if _, err := c.count(ctx, key.App); err != nil { // which is then fresh
		return nil, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	add := func(d int) int {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.apps[key.App] += d
		return c.apps[key.App]
	}
	undo = func() { add(-1) }
	if add(1) <= limit {
		return undo, nil
	}
	// One that is there already is no further one; its home says what that means.
	undo()
	switch _, err := c.store.Last(ctx, key); {
	case err == nil:
		return func() {}, nil
	case !errors.Is(err, store.ErrNotFound):
		return nil, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	return nil, signaling.Errorf(signaling.ErrLimit.Code, "the app has as many rooms as this server allows, %d; end one first", limit)
}
