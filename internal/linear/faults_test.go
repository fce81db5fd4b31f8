package linear

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// gate holds whoever wants to pass while it is shut.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // closed while the gate is open; nil is open, too
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

func (g *gate) lift() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.open)
	g.open = nil
}

// pass waits until the gate is open, or end comes, and reports whether there was anything to wait for.
func (g *gate) pass(end <-chan struct{}) (held bool) {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open == nil {
		return false
	}
	select {
	case <-open:
	case <-end:
	}
	return true
}

// errLost is what a node hears when it hears nothing: it cannot know what became of its call.
var errLost = errors.New("linear: injected fault: no answer")

// losses are the calls that get lost, and how many did: one in so many of all nodes' calls, so that no run is without.
type losses struct {
	appends, requests atomic.Int64 // all calls

	acks, writes     atomic.Int64 // appends: carried out or not, and nobody said so
	replies, packets atomic.Int64 // requests: heard or not, and never answered
	fenced           atomic.Int64 // appends that came after another node's
}

// shaky is a node's store with what may go wrong between a node and its database.
type shaky struct {
	store.Store
	losses *losses
	stall  gate          // shut: what the node writes is on its way, and no acknowledgement comes
	dead   chan struct{} // closed: the process is gone
}

func (s *shaky) alive() error {
	select {
	case <-s.dead:
		return store.ErrClosed
	default:
		return nil
	}
}

func (s *shaky) Append(ctx context.Context, key store.Key, data []byte, last uint64) (uint64, error) {
	return s.append(ctx, s.Store, key, data, last)
}

func (s *shaky) Outbox() store.Log { return shakyOutbox{s.Store.Outbox(), s} }

// shakyOutbox goes the same way.
type shakyOutbox struct {
	store.Log
	s *shaky
}

func (o shakyOutbox) Append(ctx context.Context, key store.Key, data []byte, last uint64) (uint64, error) {
	return o.s.append(ctx, o.Log, key, data, last)
}

// append of a stalled node arrives in the end, however late.
func (s *shaky) append(ctx context.Context, log store.Log, key store.Key, data []byte, last uint64) (uint64, error) {
	late := s.stall.pass(s.dead)
	if err := s.alive(); err != nil {
		return 0, err
	}
	if late { // on its way already
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		rev, err := log.Append(ctx, key, data, last)
		if errors.Is(err, store.ErrConflict) {
			s.losses.fenced.Add(1)
		}
		return rev, err
	}
	n := s.losses.appends.Add(1)
	if n%31 == 17 {
		s.losses.writes.Add(1)
		return 0, errLost
	}
	rev, err := log.Append(ctx, key, data, last)
	if dead := s.alive(); dead != nil {
		return 0, dead
	}
	if err == nil && n%13 == 5 {
		s.losses.acks.Add(1)
		return 0, errLost
	}
	return rev, err
}

func (s *shaky) Request(ctx context.Context, t store.Topic, data []byte) ([]byte, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	n := s.losses.requests.Add(1)
	if n%37 == 23 {
		s.losses.packets.Add(1)
		return nil, errLost
	}
	reply, err := s.Store.Request(ctx, t, data)
	if err == nil && n%17 == 7 {
		s.losses.replies.Add(1)
		return nil, errLost
	}
	return reply, err
}

func (s *shaky) Beat(ctx context.Context, id store.NodeID, info []byte) error {
	s.stall.pass(s.dead)
	if err := s.alive(); err != nil {
		return err
	}
	return s.Store.Beat(ctx, id, info)
}

func (s *shaky) Gone(ctx context.Context, id store.NodeID) error {
	if err := s.alive(); err != nil {
		return err // who is killed does not say goodbye
	}
	return s.Store.Gone(ctx, id)
}

// wire is a node's way to the database: a relay of TCP connections that can be cut.
type wire struct {
	listener net.Listener
	to       string
	wg       sync.WaitGroup

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]struct{}
}

// newWire relays to an address until the test ends.
func newWire(t *testing.T, to string) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{listener: l, to: to, conns: map[net.Conn]struct{}{}}
	w.wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return // closed
			}
			w.wg.Go(func() { w.relay(near) })
		}
	})
	t.Cleanup(w.close)
	return w
}

func (w *wire) url() string { return "nats://" + w.listener.Addr().String() }

func (w *wire) relay(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer far.Close()
	if !w.add(near, far) {
		return
	}
	defer w.remove(near, far)
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(near, far)
		near.Close()
	})
	_, _ = io.Copy(far, near)
	far.Close()
	back.Wait()
}

func (w *wire) add(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return false
	}
	for _, c := range conns {
		w.conns[c] = struct{}{}
	}
	return true
}

func (w *wire) remove(conns ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		delete(w.conns, c)
	}
}

// cut breaks all connections, and new ones at once.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for c := range w.conns {
		c.Close()
	}
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}

func (w *wire) close() {
	w.cut()
	w.listener.Close()
	w.wg.Wait()
}
