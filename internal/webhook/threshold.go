package webhook

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// crossed is the creation that brought an app to its threshold: a value in the store for as long as the app stays there.
type crossed struct {
	Room  signaling.RoomID `json:"room"`
	Rev   uint64           `json:"rev"` // of its log entry
	Rooms int              `json:"rooms"`
}

func crossedKey(app signaling.AppID) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketApp, App: app, ID: "threshold"}
}

// Threshold is the number of rooms of which an app is warned: 70 % of its limit, rounded up.
func Threshold(limit int) int { return (limit*7 + 9) / 10 }

// crossing reports whether the creation in a log entry brought the app to its threshold, and how many rooms it had then.
func (s *Service) crossing(ctx context.Context, key store.Key, rev uint64) (rooms int, crosses bool, err error) {
	v, err := s.get(ctx, crossedKey(key.App))
	if err != nil {
		return 0, false, err
	}
	if v.Rev != 0 {
		var c crossed
		err = json.Unmarshal(v.Data, &c)
		return c.Rooms, c.Room == key.Room && c.Rev == rev, err
	}
	rooms, err = s.cfg.Rooms(ctx, key.App)
	if err != nil || rooms < Threshold(s.cfg.RoomLimit) {
		return 0, false, err
	}
	data, err := json.Marshal(crossed{key.Room, rev, rooms})
	if err != nil {
		return 0, false, err
	}
	_, err = s.put(ctx, crossedKey(key.App), data, 0)
	if errors.Is(err, store.ErrConflict) {
		return 0, false, nil // another creation at the same moment
	}
	return rooms, err == nil, err
}

// resetThreshold notes that an app has fewer rooms again, so that the next crossing is told.
func (s *Service) resetThreshold(ctx context.Context, app signaling.AppID) error {
	if s.cfg.RoomLimit == 0 {
		return nil
	}
	v, err := s.get(ctx, crossedKey(app))
	if err != nil || v.Rev == 0 {
		return err
	}
	rooms, err := s.cfg.Rooms(ctx, app)
	if err != nil || rooms >= Threshold(s.cfg.RoomLimit) {
		return err
	}
	return s.remove(ctx, crossedKey(app), v.Rev)
}
