package server

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// AutoDismiss says when rooms end by themselves.
type AutoDismiss = room.LifeRules

const (
	rulesRead   = 5 * time.Second  // how long reading and writing an app's rules may take
	rulesReread = 30 * time.Second // how soon a change is found whose hint was lost
)

// dismissRules are the apps' rules about when rooms end by themselves. Rooms' homes ask for them in every turn, so they
// are in memory, and followed.
type dismissRules struct {
	srv     *Server
	values  store.Values
	reread  chan struct{}
	changes sync.Mutex // held while the cache is changed

	cache atomic.Pointer[map[signaling.AppID]AutoDismiss] // copy on write
}

var _ adminapi.AutoDismiss = (*dismissRules)(nil)

// storedRules is what an app has set, in seconds; nil is the server's default.
type storedRules struct {
	Empty     *int64 `json:"empty,omitempty"`
	OwnerLeft *int64 `json:"ownerLeft,omitempty"`
	OwnerLost *int64 `json:"ownerLost,omitempty"`
}

func dismissKey(app signaling.AppID) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketApp, App: app, ID: "auto-dismiss"}
}

// newDismissRules reads the rules of all apps. Homes need them from their first decision on.
func (s *Server) newDismissRules(ctx context.Context) (*dismissRules, error) {
	d := &dismissRules{srv: s, values: s.cfg.Store, reread: make(chan struct{}, 1)}
	stop, err := s.cfg.Store.WatchValues(store.BucketApp, func() {
		select {
		case d.reread <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, stop)
	return d, d.readAll(ctx, func(signaling.AppID) {})
}

// follow keeps the rules as they are in the store until the server ends.
func (d *dismissRules) follow() {
	every := time.NewTicker(rulesReread)
	defer every.Stop()
	for {
		select {
		case <-d.srv.ctx.Done():
			return
		case <-d.reread:
		case <-every.C:
		}
		if err := d.readAll(d.srv.ctx, d.srv.node.RulesChanged); err != nil && d.srv.ctx.Err() == nil {
			d.srv.log.Warn("rules for the end of rooms not read; they stay as they were", "error", err)
		}
	}
}

func (d *dismissRules) readAll(ctx context.Context, changed func(signaling.AppID)) error {
	for app := range d.srv.cfg.Apps {
		if err := d.read(ctx, app, changed); err != nil {
			return err
		}
	}
	return nil
}

func (d *dismissRules) read(ctx context.Context, app signaling.AppID, changed func(signaling.AppID)) error {
	ctx, cancel := context.WithTimeout(ctx, rulesRead)
	defer cancel()
	d.changes.Lock() // while it is read: what is read later is newer
	defer d.changes.Unlock()
	set, _, err := record.Load[storedRules](ctx, d.values, dismissKey(app))
	if err != nil {
		return err
	}
	next := map[signaling.AppID]AutoDismiss{}
	if m := d.cache.Load(); m != nil {
		maps.Copy(next, *m)
	}
	rules := set.over(d.srv.cfg.AutoDismiss)
	if next[app] == rules {
		return nil
	}
	next[app] = rules
	d.cache.Store(&next)
	changed(app)
	return nil
}

// over returns the rules of an app that has set s.
func (s storedRules) over(rules AutoDismiss) AutoDismiss {
	give := func(to *time.Duration, from *int64) {
		if from != nil {
			*to = time.Duration(*from) * time.Second
		}
	}
	give(&rules.Empty, s.Empty)
	give(&rules.OwnerLeft, s.OwnerLeft)
	give(&rules.OwnerLost, s.OwnerLost)
	return rules
}

// of returns the rules of an app as this node knows them. It does not block.
func (d *dismissRules) of(app signaling.AppID) AutoDismiss {
	if m := d.cache.Load(); m != nil {
		if rules, known := (*m)[app]; known {
			return rules
		}
	}
	return d.srv.cfg.AutoDismiss
}

// Get implements [adminapi.AutoDismiss].
func (d *dismissRules) Get(ctx context.Context, app signaling.AppID) (AutoDismiss, error) {
	set, _, err := record.Load[storedRules](ctx, d.values, dismissKey(app))
	if err != nil {
		return AutoDismiss{}, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	return set.over(d.srv.cfg.AutoDismiss), nil
}

// Set implements [adminapi.AutoDismiss].
func (d *dismissRules) Set(ctx context.Context, app signaling.AppID, change adminapi.AutoDismissChange) error {
	set := func(to **int64, from *time.Duration) {
		if from != nil {
			seconds := int64(*from / time.Second)
			*to = &seconds
		}
	}
	_, err := record.Update(ctx, d.values, dismissKey(app), func(doc *storedRules, _ uint64) error {
		set(&doc.Empty, change.Empty)
		set(&doc.OwnerLeft, change.OwnerLeft)
		set(&doc.OwnerLost, change.OwnerLost)
		return doc.over(d.srv.cfg.AutoDismiss).Check()
	})
	if err == nil {
		err = d.read(ctx, app, d.srv.node.RulesChanged) // the other nodes hear of it by the store
	}
	return err
}

// Reset implements [adminapi.AutoDismiss].
func (d *dismissRules) Reset(ctx context.Context, app signaling.AppID) error {
	err := record.Delete(ctx, d.values, dismissKey(app), func(storedRules) error { return nil })
	if err == nil {
		err = d.read(ctx, app, d.srv.node.RulesChanged)
	}
	return err
}
