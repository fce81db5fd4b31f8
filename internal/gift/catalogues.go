package gift

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// maxAge is how old what a node knows of a catalogue may be where the store's hint has been lost.
const maxAge = 10 * time.Second

// Config is what [New] needs.
type Config struct {
	Values  store.Values
	Default *Catalogue // of apps without one of their own; nil: [Default]
}

// Catalogues are the catalogues of all apps.
type Catalogues struct {
	values   store.Values
	standard *catalogue
	cancel   func()

	changes atomic.Uint64 // counts the store's hints: what was read before the last one is read again

	mu   sync.Mutex // protects apps; nothing is called while it is held
	apps map[signaling.AppID]*cached
}

// catalogue is a catalogue ready to be looked into. Nobody changes it.
type catalogue struct {
	Catalogue
	revision string
	gifts    map[string]*Gift
}

// cached is what this node knows of an app's catalogue. It is read by one caller at a time.
type cached struct {
	turn chan struct{} // holds a token while nobody reads
	now  atomic.Pointer[known]
}

type known struct {
	*catalogue
	own     bool
	read    time.Time
	changes uint64
}

// New begins to follow the store. Close ends it.
func New(cfg Config) (*Catalogues, error) {
	c := &Catalogues{values: cfg.Values, apps: map[signaling.AppID]*cached{}}
	standard := Default()
	if cfg.Default != nil {
		standard = cfg.Default.clone()
	}
	if err := standard.Check(); err != nil {
		return nil, err
	}
	c.standard = prepare(standard)
	var err error
	c.cancel, err = cfg.Values.WatchValues(store.BucketApp, func() { c.changes.Add(1) })
	return c, err
}

// Close ends following the store and waits for it.
func (c *Catalogues) Close() { c.cancel() }

func prepare(c Catalogue) *catalogue {
	p := &catalogue{Catalogue: c, revision: c.revision(), gifts: make(map[string]*Gift, len(c.Gifts))}
	for i := range p.Gifts {
		p.gifts[p.Gifts[i].GiftID] = &p.Gifts[i]
	}
	return p
}

func key(app signaling.AppID) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketApp, App: app, ID: "gifts"}
}

// stored is the value: a catalogue that may be empty, which is not the same as none.
type stored struct {
	Catalogue Catalogue `json:"catalogue"`
}

// look returns an app's catalogue as this node knows it: as it is stored now, but for what the store has not told yet.
func (c *Catalogues) look(ctx context.Context, app signaling.AppID) (*known, error) {
	c.mu.Lock()
	a := c.apps[app]
	if a == nil {
		a = &cached{turn: make(chan struct{}, 1)}
		a.turn <- struct{}{}
		c.apps[app] = a
	}
	c.mu.Unlock()
	if k := a.now.Load(); c.fresh(k) {
		return k, nil
	}
	select {
	case <-a.turn:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { a.turn <- struct{}{} }()
	if k := a.now.Load(); c.fresh(k) {
		return k, nil
	}
	k := &known{read: time.Now(), changes: c.changes.Load()} // before the reading: what changes meanwhile is read again
	doc, rev, err := record.Load[stored](ctx, c.values, key(app))
	if err != nil {
		return nil, err
	}
	if k.catalogue, k.own = c.standard, rev != 0; k.own {
		k.catalogue = prepare(doc.Catalogue)
	}
	a.now.Store(k)
	return k, nil
}

func (c *Catalogues) fresh(k *known) bool {
	return k != nil && k.changes == c.changes.Load() && time.Since(k.read) < maxAge
}

// Gift returns a gift that may be sent now, with its names in the catalogue's default language. The error is 102002 where
// there is none, or it is disabled.
func (c *Catalogues) Gift(ctx context.Context, app signaling.AppID, giftID string) (signaling.GiftInfo, error) {
	k, err := c.look(ctx, app)
	if err != nil {
		return signaling.GiftInfo{}, err
	}
	g := k.gifts[giftID]
	switch {
	case g == nil:
		return signaling.GiftInfo{}, signaling.Errorf(signaling.ErrGiftNotFound.Code, "the app has no gift %.40q; fetch the gift list again", giftID)
	case g.Disabled:
		return signaling.GiftInfo{}, signaling.Errorf(signaling.ErrGiftNotFound.Code, "the gift %.40q is disabled; fetch the gift list again", giftID)
	}
	return g.GiftInfo, nil
}

// Standard returns the catalogue of apps without one of their own.
func (c *Catalogues) Standard() Catalogue { return c.standard.clone() }

// Get returns an app's catalogue as it is stored now, and whether it is its own; else it is the server's.
func (c *Catalogues) Get(ctx context.Context, app signaling.AppID) (cat Catalogue, own bool, err error) {
	doc, rev, err := record.Load[stored](ctx, c.values, key(app))
	if err == nil && rev == 0 {
		return c.Standard(), false, nil
	}
	return doc.Catalogue, true, err
}

// Set replaces an app's catalogue.
func (c *Catalogues) Set(ctx context.Context, app signaling.AppID, cat Catalogue) error {
	return c.Change(ctx, app, func(now *Catalogue) error {
		*now = cat.clone()
		return nil
	})
}

// Change stores what f makes of an app's own catalogue, which is empty when it has none: f may be called several times.
// What f returns is the error, and nothing is stored then; [record.ErrKeep] is none.
func (c *Catalogues) Change(ctx context.Context, app signaling.AppID, f func(*Catalogue) error) error {
	_, err := record.Update(ctx, c.values, key(app), func(doc *stored, _ uint64) error {
		if err := f(&doc.Catalogue); err != nil {
			return err
		}
		return doc.Catalogue.Check()
	})
	c.changes.Add(1) // this node has it at once, also after an error: it may have been stored
	return err
}

// Delete takes an app's own catalogue away: it has the server's again. An app without one is no error.
func (c *Catalogues) Delete(ctx context.Context, app signaling.AppID) error {
	err := record.Delete(ctx, c.values, key(app), func(stored) error { return nil })
	c.changes.Add(1)
	return err
}
