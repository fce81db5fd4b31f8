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
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/vnet"

	"github.com/openvoiceroom/openvoiceroom/internal/pionlog"
)

// Network connects servers and clients. Hosts get an address each; WebSockets cross it without delay or loss.
type Network struct {
	router *vnet.Router
	seed   uint64
	wg     sync.WaitGroup // of silent connections

	mu        sync.Mutex // protects what follows
	loss      Loss       // of hosts' down-links that have none of their own
	hosts     map[string]*host
	next      int
	listeners map[string]*listener
}

// Config of a network. The zero value is a perfect one.
type Config struct {
	Loss  Loss          // of the UDP packets on their way to each host
	Delay time.Duration // one way, between any two hosts
	Seed  uint64        // of the losses: the same seed loses alike
}

// Traffic counts the UDP packets of one direction of a host, lost ones included.
type Traffic struct {
	Packets, Lost uint64
	Bytes         uint64 // without the headers of UDP and IP
}

// host is what the network knows of one.
type host struct {
	up, down       line
	ownDown        bool // not the network's loss
	sent, received Traffic
}

// line is one direction of a host. Media has dice of its own, for when a connection checks its path is not the same each
// time; and each direction has, so that what one host sends does not change what another loses.
type line struct{ media, rest loser }

// New starts a network. Close ends it, after everything on it has been closed.
func New(cfg Config) (*Network, error) {
	// vnet's own jitter sleeps with a lock held, which would stop virtual time.
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "10.0.0.0/8", MinDelay: cfg.Delay, LoggerFactory: pionlog.Factory(nil),
	})
	if err != nil {
		return nil, err
	}
	n := &Network{router: router, seed: cfg.Seed, loss: cfg.Loss, hosts: map[string]*host{}, listeners: map[string]*listener{}}
	router.AddChunkFilter(n.pass)
	return n, router.Start()
}

// pass counts a packet and reports whether it gets through.
func (n *Network) pass(c vnet.Chunk) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	size := uint64(len(c.UserData()))
	lost := false
	if from := n.hosts[ipOf(c.SourceAddr())]; from != nil {
		lost = from.up.lose(media(c))
		from.sent.count(size, lost)
	}
	if to := n.hosts[ipOf(c.DestinationAddr())]; to != nil && !lost {
		lost = to.down.lose(media(c))
		to.received.count(size, lost)
	}
	return !lost
}

func (t *Traffic) count(size uint64, lost bool) {
	t.Packets++
	t.Bytes += size
	if lost {
		t.Lost++
	}
}

// media reports whether a packet is RTP or RTCP (RFC 7983 section 7), and not of a connection's own.
func media(c vnet.Chunk) bool {
	b := c.UserData()
	return len(b) > 0 && b[0]>>6 == 2
}

func ipOf(a net.Addr) string {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.IP.String()
	}
	return ""
}

// SetLoss changes what is lost on the way to every host that has no loss of its own.
func (n *Network) SetLoss(loss Loss) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss = loss
	for _, h := range n.hosts {
		if !h.ownDown {
			h.down.media.loss, h.down.rest.loss = loss, loss
		}
	}
}

// SetHostLoss changes what is lost on the way from a host and to it.
func (n *Network) SetHostLoss(ip string, up, down Loss) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[ip]
	h.ownDown = true
	h.up.set(up)
	h.down.set(down)
}

func (l *line) set(loss Loss) {
	for _, l := range []*loser{&l.media, &l.rest} {
		l.loss, l.n, l.bad = loss, 0, false
	}
}

func (l *line) lose(media bool) bool {
	if media {
		return l.media.lose()
	}
	return l.rest.lose()
}

func newLine(seed, number uint64, loss Loss) (l line) {
	for i, d := range []*loser{&l.media, &l.rest} {
		d.loss, d.rng = loss, rand.New(rand.NewPCG(seed, 2*number+uint64(i)))
	}
	return l
}

// Traffic returns what a host has sent and what was sent to it.
func (n *Network) Traffic(ip string) (up, down Traffic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[ip]
	return h.sent, h.received
}

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
	n.hosts[ip] = &host{up: newLine(n.seed, uint64(2*n.next), Loss{}), down: newLine(n.seed, uint64(2*n.next+1), n.loss)}
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
