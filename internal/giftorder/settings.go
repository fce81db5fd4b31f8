package giftorder

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// DefaultCombo is how long a combo waits for the next gift where an app has said nothing.
const DefaultCombo = 3 * time.Second

// settingsAge is how old what is known of an app's settings may be: a change counts on other nodes after this at the latest.
const settingsAge = time.Second

// Settings are what an app has set about gifts.
type Settings struct {
	BillingURL  string        // is asked before a gift is shown; empty: nobody is
	ComboWindow time.Duration // how long a combo waits for the next gift; 0: there are none
	CoinsScore  bool          // a gift in a battle adds its coins to the score of its room
}

// stored is the value. What has never been set has its default.
type stored struct {
	BillingURL string `json:"billingUrl,omitempty"`
	ComboMS    *int64 `json:"comboMs,omitempty"`
	CoinsScore bool   `json:"coinsScore,omitempty"`
}

func (d stored) settings() Settings {
	set := Settings{BillingURL: d.BillingURL, ComboWindow: DefaultCombo, CoinsScore: d.CoinsScore}
	if d.ComboMS != nil {
		set.ComboWindow = time.Duration(*d.ComboMS) * time.Millisecond
	}
	return set
}

type settingsAt struct {
	set Settings
	at  time.Time
}

func settingsKey(app signaling.AppID) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketApp, App: app, ID: "gift-settings"}
}

// Settings returns what an app has set. It may be a second behind other nodes.
func (s *Orders) Settings(ctx context.Context, app signaling.AppID) (Settings, error) {
	s.mu.Lock()
	known := s.settings[app]
	s.mu.Unlock()
	now := time.Now()
	if known != nil && now.Sub(known.at) < settingsAge {
		return known.set, nil
	}
	doc, _, err := record.Load[stored](ctx, s.cfg.Values, settingsKey(app))
	if err != nil {
		return Settings{}, err
	}
	known = &settingsAt{doc.settings(), now}
	s.mu.Lock()
	s.settings[app] = known
	s.mu.Unlock()
	return known.set, nil
}

// Change is what to change of an app's settings; nil leaves it.
type Change struct {
	BillingURL  *string
	ComboWindow *time.Duration
	CoinsScore  *bool
}

// Set changes an app's settings. Whoever calls it has checked the URL.
func (s *Orders) Set(ctx context.Context, app signaling.AppID, c Change) error {
	if w := c.ComboWindow; w != nil && (*w < 0 || *w > room.MaxCombo) {
		return signaling.Errorf(signaling.ErrBadRequest.Code, "ComboWindow is in milliseconds, 0 (no combos) to %d", room.MaxCombo.Milliseconds())
	}
	_, err := record.Update(ctx, s.cfg.Values, settingsKey(app), func(doc *stored, _ uint64) error {
		if c.BillingURL != nil {
			doc.BillingURL = *c.BillingURL
		}
		if c.ComboWindow != nil {
			doc.ComboMS = new(c.ComboWindow.Milliseconds())
		}
		if c.CoinsScore != nil {
			doc.CoinsScore = *c.CoinsScore
		}
		return nil
	})
	s.mu.Lock()
	delete(s.settings, app) // also after an error: it may have been stored
	s.mu.Unlock()
	return err
}

func sortReturns(list []Order) {
	slices.SortFunc(list, func(a, b Order) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) })
}
