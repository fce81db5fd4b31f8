package quality

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v5"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// irregular is a host's network that can hold back what the host sends, each packet for another time.
type irregular struct {
	transport.Net
	most atomic.Int64 // ns; 0: nothing is held back

	mu  sync.Mutex
	rng *rand.Rand
}

func newIrregular(n transport.Net, seed uint64) *irregular {
	return &irregular{Net: n, rng: rand.New(rand.NewPCG(seed, 7))}
}

func (n *irregular) ListenUDP(network string, a *net.UDPAddr) (transport.UDPConn, error) {
	c, err := n.Net.ListenUDP(network, a)
	return &irregularConn{c, n}, err
}

func (n *irregular) hold() time.Duration {
	most := n.most.Load()
	if most == 0 {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Duration(n.rng.Int64N(most))
}

type irregularConn struct {
	transport.UDPConn
	net *irregular
}

func (c *irregularConn) WriteTo(b []byte, to net.Addr) (int, error) {
	d := c.net.hold()
	if d == 0 {
		return c.UDPConn.WriteTo(b, to)
	}
	held := append([]byte(nil), b...)
	time.AfterFunc(d, func() { _, _ = c.UDPConn.WriteTo(held, to) })
	return len(b), nil
}

// slowSink is a speaker on a device that has no time.
type slowSink struct {
	audio.Sink
	slow atomic.Bool
}

func (s *slowSink) WriteFrame(ctx context.Context, f audio.Frame) error {
	if s.slow.Load() {
		<-time.After(25 * time.Millisecond)
	}
	return s.Sink.WriteFrame(ctx, f)
}
