// Package testnet is a network inside the process: a virtual UDP network for media (pion's vnet) and pipes for
// WebSockets. Whole calls run on it, also on virtual time in a testing/synctest bubble, where real sockets cannot.
package testnet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/vnet"

	"github.com/openvoiceroom/openvoiceroom/internal/pionlog"
)

// Network connects servers and clients. Hosts get an address each; WebSockets cross it without delay or loss.
type Network struct {
	router *vnet.Router
	lossy  atomic.Int64   // lost packets of a million
	wg     sync.WaitGroup // of silent connections

	mu        sync.Mutex // protects what follows
	rng       *rand.Rand
	next      int
	listeners map[string]*listener
}

// Config of a network. The zero value is a perfect one.
type Config struct {
	Loss  float64       // share of the UDP packets that are lost, 0 to 1
	Delay time.Duration // one way
	Seed  uint64        // of the losses
}

// New starts a network. Close ends it, after everything on it has been closed.
func New(cfg Config) (*Network, error) {
	// vnet's own jitter sleeps with a lock held, which would stop virtual time.
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "10.0.0.0/8", MinDelay: cfg.Delay, LoggerFactory: pionlog.Factory(nil),
	})
	if err != nil {
		return nil, err
	}
	n := &Network{router: router, rng: rand.New(rand.NewPCG(cfg.Seed, 1)), listeners: map[string]*listener{}}
	n.SetLoss(cfg.Loss)
	router.AddChunkFilter(func(vnet.Chunk) bool {
		lossy := n.lossy.Load()
		if lossy == 0 {
			return true
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.rng.Int64N(1_000_000) >= lossy
	})
	return n, router.Start()
}

// SetLoss changes the share of packets that are lost; 1 cuts the network.
func (n *Network) SetLoss(share float64) { n.lossy.Store(int64(share * 1_000_000)) }

// Close ends the network.
func (n *Network) Close() error {
	n.wg.Wait()
	return n.router.Stop()
}

// Host adds a host and returns its network and address.
func (n *Network) Host() (transport.Net, string, error) {
	n.mu.Lock()
	n.next++
	ip := fmt.Sprintf("10.%d.%d.%d", n.next>>16&255, n.next>>8&255, n.next&255)
	n.mu.Unlock()
	host, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
	if err != nil {
		return nil, "", err
	}
	return host, ip, n.router.AddNet(host)
}

// Listen returns a listener that Dial reaches under addr.
func (n *Network) Listen(addr string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[addr] != nil {
		return nil, fmt.Errorf("testnet: %s is in use", addr)
	}
	l := &listener{net: n, addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}

// Dial connects to a listener. The connection is a *[Conn].
func (n *Network) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("testnet: nobody listens on %s", addr)
	}
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return &Conn{Conn: here, owner: n}, nil
	case <-l.done:
		return nil, errors.Join(fmt.Errorf("testnet: nobody listens on %s", addr), here.Close(), there.Close())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), here.Close(), there.Close())
	}
}

type listener struct {
	net   *Network
	addr  string
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.net.mu.Lock()
		delete(l.net.listeners, l.addr)
		l.net.mu.Unlock()
	})
	return nil
}

func (l *listener) Addr() net.Addr { return pipeAddr(l.addr) }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }
