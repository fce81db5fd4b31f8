package home

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// RecordAge is how long the statistics of a room that is over are kept.
const RecordAge = 30 * 24 * time.Hour

func recordKey(key store.Key, created int64) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketLive, App: key.App, ID: string(key.Room), Sub: strconv.FormatInt(created, 10)}
}

// keepRecord stores what is to be kept of a dismissed room, before its log is removed or goes on as another room's. The
// state does not change any more, so it does not matter who does it, nor how often.
func (n *Node) keepRecord(ctx context.Context, key store.Key, s room.State) error {
	if s.Dismissed == 0 || s.Ended == 0 { // the latter in a log of an older version
		return nil
	}
	data, err := json.Marshal(s.Record(time.Now()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, appendTry)
	defer cancel()
	if _, err = n.store.Put(ctx, recordKey(key, s.Info.CreateTime), data, 0); errors.Is(err, store.ErrConflict) {
		return nil // it is there
	}
	return err
}

// Live returns what has happened in a room since its creation, whether it goes on or is over: the one that was created then,
// with 0 the newest of this id. One that is not known (any more) is [signaling.ErrRoomNotExist].
func (n *Node) Live(ctx context.Context, key store.Key, created int64) (signaling.LiveRecord, error) {
	meant := func(r signaling.LiveRecord) bool { return created == 0 || r.CreateTime == created }
	r, _, err := n.ask(ctx, request{Key: key, Live: true})
	switch {
	case err == nil && r.Live == nil: // a home of an older version
		return signaling.LiveRecord{}, signaling.ErrServer
	case err == nil && meant(*r.Live):
		return *r.Live, nil
	case err != nil && !errors.Is(err, signaling.ErrRoomNotExist):
		return signaling.LiveRecord{}, err
	}
	last, err := n.store.Last(ctx, key) // its end may have been a moment ago
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return signaling.LiveRecord{}, serverError(err)
	}
	if err == nil {
		e, err := decodeEntry(last.Data)
		if err != nil {
			return signaling.LiveRecord{}, serverError(err)
		}
		if e.State.Dismissed != 0 && e.State.Ended != 0 && meant(e.State.Record(time.Now())) {
			return e.State.Record(time.Now()), nil
		}
	}
	return n.kept(ctx, key, created)
}

// kept reads what was stored of rooms that are over.
func (n *Node) kept(ctx context.Context, key store.Key, created int64) (newest signaling.LiveRecord, _ error) {
	if created != 0 {
		v, err := n.store.Get(ctx, recordKey(key, created))
		if errors.Is(err, store.ErrNotFound) {
			return newest, signaling.ErrRoomNotExist
		}
		if err == nil {
			err = json.Unmarshal(v.Data, &newest)
		}
		return newest, serverError(err)
	}
	keys, err := n.store.Keys(ctx, store.BucketLive, key.App, string(key.Room))
	if err != nil {
		return newest, serverError(err)
	}
	for _, k := range keys {
		if t, err := strconv.ParseInt(k.Sub, 10, 64); err == nil {
			created = max(created, t)
		}
	}
	if created == 0 {
		return newest, signaling.ErrRoomNotExist
	}
	return n.kept(ctx, key, created)
}

func serverError(err error) error {
	if err == nil {
		return nil
	}
	return &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
}

// ForgetLives removes the statistics of an app's rooms that have been over for [RecordAge]. Nodes may do it side by side.
func (n *Node) ForgetLives(ctx context.Context, app signaling.AppID) error {
	keys, err := n.store.Keys(ctx, store.BucketLive, app, "")
	if err != nil {
		return err
	}
	old := time.Now().Add(-RecordAge)
	for _, k := range keys {
		created, err := strconv.ParseInt(k.Sub, 10, 64)
		if err == nil && !time.UnixMilli(created).Before(old) {
			continue // without a read: its room was created later than that
		}
		v, err := n.store.Get(ctx, k)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return err
		case !v.Time.Before(old):
			continue
		}
		if err := n.store.Delete(ctx, k, v.Rev); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}
