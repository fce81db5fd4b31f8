package natsstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// readers is how many values are read at once.
const readers = 16

// Get implements [store.Values]: the stream's leader answers.
func (s *Store) Get(ctx context.Context, key store.ValueKey) (store.Value, error) {
	if s.closing.Load() {
		return store.Value{}, store.ErrClosed
	}
	m, err := s.values.GetLastMsgForSubject(ctx, s.sub.value(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return store.Value{}, store.ErrNotFound
	}
	if err != nil {
		return store.Value{}, s.wrap("get", err)
	}
	return store.Value{Data: m.Data, Rev: m.Sequence, Time: m.Time}, nil
}

// Put implements [store.Values]. A ctx without a deadline waits 5 s for the acknowledgement.
func (s *Store) Put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (uint64, error) {
	if len(data) > store.MaxPayload {
		return 0, store.ErrTooLarge
	}
	if s.closing.Load() {
		return 0, store.ErrClosed
	}
	ack, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: s.sub.value(key), Data: data},
		jetstream.WithExpectStream(s.sub.valuesStream()),
		jetstream.WithExpectLastSequencePerSubject(last),
		jetstream.WithRetryAttempts(0)) // as for Append
	if isConflict(err) {
		return 0, store.ErrConflict
	}
	if err != nil {
		return 0, s.wrap("put", err)
	}
	_ = s.nc.Publish(s.sub.valuesChanged(key.Bucket), nil) // only a hint
	return ack.Sequence, nil
}

// Delete implements [store.Values]. The stream keeps one message of a subject, so to forget what is not newer than last
// is to compare and delete.
func (s *Store) Delete(ctx context.Context, key store.ValueKey, last uint64) error {
	if s.closing.Load() {
		return store.ErrClosed
	}
	if last == 0 { // to the server all would be meant
		if _, err := s.Get(ctx, key); errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		return store.ErrConflict
	}
	err := s.values.Purge(ctx, jetstream.WithPurgeSubject(s.sub.value(key)), jetstream.WithPurgeSequence(last+1))
	if err != nil {
		return s.wrap("delete", err)
	}
	_ = s.nc.Publish(s.sub.valuesChanged(key.Bucket), nil) // only a hint
	v, err := s.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case v.Rev > last:
		return store.ErrConflict
	}
	return fmt.Errorf("natsstore: delete: %v of app %d is still there", key.Bucket, key.App)
}

// Keys implements [store.Values].
func (s *Store) Keys(ctx context.Context, bucket store.Bucket, app signaling.AppID, id string) ([]store.ValueKey, error) {
	if s.closing.Load() {
		return nil, store.ErrClosed
	}
	info, err := s.values.Info(ctx, jetstream.WithSubjectFilter(s.sub.valuesOf(bucket, app, id)))
	if err != nil {
		return nil, s.wrap("keys", err)
	}
	keys := make([]store.ValueKey, 0, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		k, ok := s.sub.parseValue(subject)
		if !ok {
			return nil, fmt.Errorf("natsstore: keys: subject %q is not ours", subject)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Values implements [store.Values]. It asks the leader for each value: a consumer may live at a server that lags.
func (s *Store) Values(ctx context.Context, bucket store.Bucket, app signaling.AppID, id string) (map[store.ValueKey]store.Value, error) {
	keys, err := s.Keys(ctx, bucket, app, id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	out := make(map[store.ValueKey]store.Value, len(keys))
	next := make(chan store.ValueKey, len(keys))
	for _, k := range keys {
		next <- k
	}
	close(next)
	var wg sync.WaitGroup
	for range min(readers, len(keys)) {
		wg.Go(func() {
			for k := range next {
				v, err := s.Get(ctx, k)
				if errors.Is(err, store.ErrNotFound) {
					continue // deleted meanwhile
				}
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				out[k] = v
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return out, nil
}

// WatchValues implements [store.Values].
func (s *Store) WatchValues(bucket store.Bucket, fn func()) (cancel func(), err error) {
	hint := make(chan struct{}, 1)
	hint <- struct{}{}
	wake := func() {
		select {
		case hint <- struct{}{}:
		default:
		}
	}
	cancelHint, err := s.subscribe(s.sub.valuesChanged(bucket), "", func(*nats.Msg) { wake() })
	if err != nil {
		return nil, err
	}
	cancelLost := s.OnReconnect(wake)
	ctx, stop := context.WithCancel(s.ctx)
	done := make(chan struct{})
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.wg.Go(func() {
			defer close(done)
			for {
				select {
				case <-ctx.Done():
					return
				case <-hint:
					fn()
				}
			}
		})
	}
	s.mu.Unlock()
	if closed {
		stop()
		cancelHint()
		cancelLost()
		return nil, store.ErrClosed
	}
	return func() {
		cancelHint()
		cancelLost()
		stop()
		<-done
	}, nil
}
