package natsstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// flushTimeout bounds a round trip to the server.
const flushTimeout = 5 * time.Second

// Publish implements [store.Bus]. It fails while the connection is away.
func (s *Store) Publish(t store.Topic, data []byte) error {
	if len(data) > store.MaxPayload {
		return store.ErrTooLarge
	}
	return s.wrap("publish", s.nc.Publish(s.sub.message(t), data))
}

// Subscribe implements [store.Bus]. On another server of a cluster the subscription counts a moment later.
func (s *Store) Subscribe(t store.Topic, fn func(data []byte)) (cancel func(), err error) {
	return s.subscribe(s.sub.message(t), "", func(m *nats.Msg) { fn(m.Data) })
}

// Request implements [store.Bus].
func (s *Store) Request(ctx context.Context, t store.Topic, data []byte) ([]byte, error) {
	if len(data) > store.MaxPayload {
		return nil, store.ErrTooLarge
	}
	if s.closing.Load() {
		return nil, store.ErrClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)() // Close ends it
	m, err := s.nc.RequestWithContext(ctx, s.sub.request(t), data)
	if errors.Is(err, nats.ErrNoResponders) {
		return nil, store.ErrNoResponder
	}
	if err != nil {
		return nil, s.wrap("request", err)
	}
	return m.Data, nil
}

// Serve implements [store.Bus].
func (s *Store) Serve(t store.Topic, fn func(data []byte, reply func([]byte))) (cancel func(), err error) {
	return s.subscribe(s.sub.request(t), "serve", func(m *nats.Msg) {
		var done atomic.Bool
		fn(m.Data, func(data []byte) {
			if done.Swap(true) {
				return
			}
			err := store.ErrTooLarge
			if len(data) <= store.MaxPayload {
				err = m.Respond(data)
			}
			if err != nil && !s.closing.Load() {
				s.log.Warn("nats: reply", "err", err) // the asker hears nothing and runs into its deadline
			}
		})
	})
}

// subscribe has the server know of the subscription before it returns. The client copies each message, so fn may
// keep it.
func (s *Store) subscribe(subject, queue string, fn nats.MsgHandler) (cancel func(), err error) {
	sub, err := s.nc.QueueSubscribe(subject, queue, fn) // without a queue's name it is a plain subscription
	if err != nil {
		return nil, s.wrap("subscribe", err)
	}
	done := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(done) }) // runs after the last call of fn
	cancel = sync.OnceFunc(func() {
		_ = sub.Unsubscribe()
		if s.nc.IsConnected() && !s.closing.Load() {
			// Until the server has heard of it, a request still goes to nobody, and whoever asks waits.
			_ = s.nc.FlushTimeout(flushTimeout)
		}
		<-done
		s.mu.Lock()
		delete(s.subs, sub)
		s.mu.Unlock()
	})
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.subs[sub] = cancel
	}
	s.mu.Unlock()
	if closed {
		cancel()
		return nil, store.ErrClosed
	}
	if err := s.nc.FlushTimeout(flushTimeout); err != nil {
		cancel()
		return nil, s.wrap("subscribe", err)
	}
	return cancel, nil
}

// OnReconnect implements [store.Bus].
func (s *Store) OnReconnect(fn func()) (cancel func()) {
	ch := make(chan struct{}, 1)
	ctx, stop := context.WithCancel(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		stop()
		return func() {}
	}
	s.lost[ch] = struct{}{}
	done := make(chan struct{})
	s.wg.Go(func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-ch:
			}
			if ctx.Err() != nil {
				return
			}
			fn()
		}
	})
	return func() {
		stop()
		<-done
		s.mu.Lock()
		delete(s.lost, ch)
		s.mu.Unlock()
	}
}

// tellLost wakes the observers of OnReconnect. The channels hold one token, so the sends never wait.
func (s *Store) tellLost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ch := range s.lost {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
