package natsstore

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// lookEvery is how often Watch looks by itself. It asks the stream's leader each time instead of following its
// messages: an expiry is no message, and a look cannot miss what happened while the connection was away.
const lookEvery = 500 * time.Millisecond

// Beat implements [store.Nodes].
func (s *Store) Beat(ctx context.Context, id store.NodeID, info []byte) error {
	if s.closing.Load() {
		return store.ErrClosed
	}
	if !s.nc.IsConnected() {
		return s.wrap("beat", nats.ErrDisconnected)
	}
	err := s.beat(ctx, id, info)
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		// The stream is in memory: a single server that was started anew has forgotten it.
		if _, err := s.ensure(ctx, s.beatsConfig()); err != nil {
			return s.wrap("beat", err)
		}
		err = s.beat(ctx, id, info)
	}
	if err != nil {
		return s.wrap("beat", err)
	}
	s.mu.Lock()
	first := !s.beaten[id]
	s.beaten[id] = true
	s.mu.Unlock()
	if first {
		_ = s.nc.Publish(s.sub.beatChanged(), nil) // only a hint
	}
	return nil
}

func (s *Store) beat(ctx context.Context, id store.NodeID, info []byte) error {
	_, err := s.js.Publish(ctx, s.sub.beat(id), info,
		jetstream.WithExpectStream(s.sub.beatsStream()), jetstream.WithRetryAttempts(0))
	return err
}

// Gone implements [store.Nodes].
func (s *Store) Gone(ctx context.Context, id store.NodeID) error {
	if s.closing.Load() {
		return store.ErrClosed
	}
	st, err := s.js.Stream(ctx, s.sub.beatsStream())
	if err == nil {
		err = st.Purge(ctx, jetstream.WithPurgeSubject(s.sub.beat(id)))
	}
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return s.wrap("gone", err)
	}
	s.mu.Lock()
	delete(s.beaten, id)
	s.mu.Unlock()
	_ = s.nc.Publish(s.sub.beatChanged(), nil) // only a hint
	return nil
}

// Alive implements [store.Nodes].
func (s *Store) Alive(ctx context.Context) (map[store.NodeID][]byte, error) {
	if s.closing.Load() {
		return nil, store.ErrClosed
	}
	alive, _, err := s.look(ctx)
	return alive, s.wrap("alive", err)
}

// look asks who is alive, by the clock of the server that has stored the beats (its removal of old ones may be late).
// born is when the stream of beats was made.
func (s *Store) look(ctx context.Context) (alive map[store.NodeID][]byte, born time.Time, err error) {
	st, err := s.js.Stream(ctx, s.sub.beatsStream())
	if err != nil {
		return nil, born, err
	}
	info, err := st.Info(ctx, jetstream.WithSubjectFilter(s.sub.beats()))
	if err != nil {
		return nil, born, err
	}
	alive = make(map[store.NodeID][]byte, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		m, err := st.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, born, err
		}
		id, ok := s.sub.parseBeat(subject)
		if ok && info.TimeStamp.Sub(m.Time) < store.HeartbeatTTL {
			alive[id] = m.Data
		}
	}
	return alive, info.Created, nil
}

// Watch implements [store.Nodes]. While nobody can be asked it tells nothing.
func (s *Store) Watch(fn func(id store.NodeID, alive bool)) (cancel func(), err error) {
	hint := make(chan struct{}, 1)
	cancelHint, err := s.subscribe(s.sub.beatChanged(), "", func(*nats.Msg) {
		select {
		case hint <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(s.ctx)
	done := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		stop()
		return nil, store.ErrClosed
	}
	s.wg.Go(func() {
		defer close(done)
		s.watch(ctx, hint, fn)
	})
	return func() {
		cancelHint()
		stop()
		<-done
	}, nil
}

func (s *Store) watch(ctx context.Context, hint <-chan struct{}, fn func(id store.NodeID, alive bool)) {
	known := make(map[store.NodeID]bool)
	var born, patience time.Time
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		alive, made, err := s.look(ctx)
		if err == nil {
			if !made.Equal(born) {
				// A new stream is empty although everybody lives: give them the time to beat.
				if !born.IsZero() {
					patience = time.Now().Add(store.HeartbeatTTL)
				}
				born = made
			}
			tell(ctx, known, alive, time.Now().Before(patience), fn)
		}
		select {
		case <-ctx.Done():
			return
		case <-hint:
		case <-tick.C:
		}
	}
}

// tell calls fn for what has changed since known, and updates it. patient spares those that are missing.
func tell(ctx context.Context, known map[store.NodeID]bool, alive map[store.NodeID][]byte, patient bool, fn func(store.NodeID, bool)) {
	for id := range alive {
		if !known[id] && ctx.Err() == nil {
			known[id] = true
			fn(id, true)
		}
	}
	for id := range maps.Clone(known) {
		if _, ok := alive[id]; !ok && !patient && ctx.Err() == nil {
			delete(known, id)
			fn(id, false)
		}
	}
}
