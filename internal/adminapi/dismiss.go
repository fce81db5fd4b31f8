package adminapi

import (
	"context"
	"math"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// When rooms end by themselves, which the documents have their support set.

// AutoDismiss is what the API needs of what knows when an app's rooms end by themselves.
type AutoDismiss interface {
	Get(ctx context.Context, app signaling.AppID) (room.LifeRules, error)
	Set(ctx context.Context, app signaling.AppID, change AutoDismissChange) error

	// Reset forgets what an app has set; there need not be anything.
	Reset(ctx context.Context, app signaling.AppID) error
}

// AutoDismissChange changes an app's rules; nil leaves one.
type AutoDismissChange struct{ Empty, OwnerLeft, OwnerLost *time.Duration }

type autoDismiss struct {
	EmptyRoomTimeout int64 // seconds
	OwnerLeftTimeout int64 // likewise; 0 is never
	OwnerLostTimeout int64 // likewise
}

func (a *API) getAutoDismiss(ctx context.Context, who caller, _ noParams) (any, error) {
	rules, err := a.cfg.AutoDismiss.Get(ctx, who.app)
	if err != nil {
		return nil, err
	}
	return autoDismiss{int64(rules.Empty / time.Second), int64(rules.OwnerLeft / time.Second), int64(rules.OwnerLost / time.Second)}, nil
}

type autoDismissParams struct{ EmptyRoomTimeout, OwnerLeftTimeout, OwnerLostTimeout *int64 }

func (a *API) setAutoDismiss(ctx context.Context, who caller, p autoDismissParams) (any, error) {
	if p == (autoDismissParams{}) {
		return nil, missing("EmptyRoomTimeout", "or OwnerLeftTimeout, or OwnerLostTimeout, in seconds")
	}
	var change AutoDismissChange
	for _, x := range []struct {
		name string
		from *int64
		to   **time.Duration
	}{
		{"EmptyRoomTimeout", p.EmptyRoomTimeout, &change.Empty},
		{"OwnerLeftTimeout", p.OwnerLeftTimeout, &change.OwnerLeft},
		{"OwnerLostTimeout", p.OwnerLostTimeout, &change.OwnerLost},
	} {
		if x.from == nil {
			continue
		}
		if *x.from < 0 || *x.from > math.MaxInt32 {
			return nil, refuse(codeParameter, "%s is %d: seconds are wanted, at most 86400", x.name, *x.from)
		}
		d := time.Duration(*x.from) * time.Second
		*x.to = &d
	}
	return nil, a.cfg.AutoDismiss.Set(ctx, who.app, change)
}

func (a *API) deleteAutoDismiss(ctx context.Context, who caller, _ noParams) (any, error) {
	return nil, a.cfg.AutoDismiss.Reset(ctx, who.app)
}
