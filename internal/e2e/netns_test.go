//go:build linux

package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/stretchr/testify/require"
)

// namespace is a network of its own: interfaces, addresses and sockets that nothing else on the machine sees. It is that of
// one thread and has no name, so the kernel removes it with the last socket in it, however this process ends.
type namespace struct {
	path string // of the namespace, for tools
	work chan func()
}

// newNamespace makes one, or says why it cannot.
func newNamespace(t *testing.T) (*namespace, error) {
	n := &namespace{work: make(chan func())}
	made := make(chan error)
	var over sync.WaitGroup
	over.Go(func() {
		runtime.LockOSThread() // for ever: the thread ends with this goroutine
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			made <- err
			return
		}
		n.path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), syscall.Gettid())
		made <- nil
		for f := range n.work {
			f()
		}
	})
	t.Cleanup(func() {
		close(n.work)
		over.Wait()
	})
	return n, <-made
}

// do runs f in the namespace: what it opens stays there.
func (n *namespace) do(f func()) {
	done := make(chan struct{})
	n.work <- func() { defer close(done); f() }
	<-done
}

// ip runs iproute2's ip in the namespace.
func (n *namespace) ip(t *testing.T, args string) {
	t.Helper()
	var out []byte
	var err error
	n.do(func() { out, err = exec.Command("ip", strings.Fields(args)...).CombinedOutput() })
	require.NoError(t, err, "ip %s: %s", args, out)
}

// dial is for signaling.
func (n *namespace) dial(ctx context.Context, network, addr string) (c net.Conn, err error) {
	n.do(func() { c, err = new(net.Dialer).DialContext(ctx, network, addr) })
	return c, err
}

// host is the network for media.
func (n *namespace) host(t *testing.T) transport.Net {
	t.Helper()
	var std *stdnet.Net
	var err error
	n.do(func() { std, err = stdnet.NewNet() })
	require.NoError(t, err)
	return inside{std, n}
}

// inside opens sockets in a namespace.
type inside struct {
	*stdnet.Net
	n *namespace
}

func (i inside) ListenUDP(network string, a *net.UDPAddr) (c transport.UDPConn, err error) {
	i.n.do(func() { c, err = i.Net.ListenUDP(network, a) })
	return c, err
}

func (i inside) ListenPacket(network, addr string) (c net.PacketConn, err error) {
	i.n.do(func() { c, err = i.Net.ListenPacket(network, addr) })
	return c, err
}

func (i inside) DialUDP(network string, from, to *net.UDPAddr) (c transport.UDPConn, err error) {
	i.n.do(func() { c, err = i.Net.DialUDP(network, from, to) })
	return c, err
}

// lossyLink joins two namespaces through a third one, in which every frame of Ethernet is held back and some are lost. The
// kernel's own netem would do the same, where it is built in, which is not everywhere.
type lossyLink struct {
	loss  atomic.Uint64 // per mille of the frames of each direction
	delay time.Duration
	lost  [2]atomic.Uint64
	all   [2]atomic.Uint64
}

// newLossyLink gives a the address 10.77.0.1 and b 10.77.0.2, with a cable between them.
func newLossyLink(t *testing.T, a, b *namespace, delay time.Duration) *lossyLink {
	t.Helper()
	middle, err := newNamespace(t)
	require.NoError(t, err)
	l := &lossyLink{delay: delay}
	var ends [2]*os.File
	for i, n := range []*namespace{a, b} {
		middle.ip(t, fmt.Sprintf("link add middle%d type veth peer name end", i))
		middle.ip(t, "link set end netns "+n.path)
		// Frames as long as TCP likes to make them: nobody cuts them up on the way through a socket.
		middle.ip(t, fmt.Sprintf("link set middle%d mtu 65535 up", i))
		n.ip(t, fmt.Sprintf("address add 10.77.0.%d/24 dev end", i+1))
		n.ip(t, "link set end mtu 65535 up")
		n.ip(t, "link set lo up")
		middle.do(func() { ends[i], err = openFrames(fmt.Sprintf("middle%d", i)) })
		require.NoError(t, err)
	}
	var over sync.WaitGroup
	for i, from := range ends {
		queue := make(chan held, 1<<14)
		over.Go(func() { l.read(i, from, queue) })
		over.Go(func() { l.write(ends[1-i], queue) })
	}
	t.Cleanup(func() {
		for _, f := range ends {
			require.NoError(t, f.Close())
		}
		over.Wait()
	})
	return l
}

// openFrames opens a socket for all frames of an interface.
func openFrames(name string) (*os.File, error) {
	const all = syscall.ETH_P_ALL<<8 | syscall.ETH_P_ALL>>8 // in the network's order
	link, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, all)
	if err != nil {
		return nil, err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrLinklayer{Protocol: all, Ifindex: link.Index}); err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// held is a frame on its way.
type held struct {
	due   time.Time
	frame []byte
}

// read takes frames until the socket is closed. Each direction loses by dice of its own.
func (l *lossyLink) read(way int, from *os.File, queue chan<- held) {
	defer close(queue)
	dice := rand.New(rand.NewPCG(1, uint64(way)))
	buf := make([]byte, 1<<17)
	for {
		n, err := from.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			continue // the other end is not up yet
		}
		if loss := l.loss.Load(); loss > 0 {
			l.all[way].Add(1)
			if dice.Uint64N(1000) < loss {
				l.lost[way].Add(1)
				continue
			}
		}
		frame := append([]byte(nil), buf[:n]...)
		sum(frame)
		queue <- held{time.Now().Add(l.delay), frame}
	}
}

// write passes frames on when they are due.
func (l *lossyLink) write(to *os.File, queue <-chan held) {
	for h := range queue {
		if wait := time.Until(h.due); wait > 0 {
			<-time.After(wait)
		}
		_, _ = to.Write(h.frame) // fails at the end, and before the other end is up
	}
}

// sum fills in the checksum of UDP and TCP in a frame of IPv4, which the kernel leaves to the card of a frame that it makes.
func sum(frame []byte) {
	if len(frame) < 34 || binary.BigEndian.Uint16(frame[12:]) != syscall.ETH_P_IP {
		return
	}
	packet := frame[14:]
	head := int(packet[0]&15) * 4
	total := int(binary.BigEndian.Uint16(packet[2:]))
	if total > len(packet) || total < head {
		return
	}
	body := packet[head:total]
	at := map[byte]int{syscall.IPPROTO_UDP: 6, syscall.IPPROTO_TCP: 16}[packet[9]]
	if at == 0 || len(body) < at+2 {
		return
	}
	binary.BigEndian.PutUint16(body[at:], 0)
	s := uint32(packet[9]) + uint32(len(body))
	for _, part := range [][]byte{packet[12:20], body} { // the addresses stand for the rest of the pseudo-header
		for ; len(part) > 1; part = part[2:] {
			s += uint32(binary.BigEndian.Uint16(part))
		}
		if len(part) == 1 {
			s += uint32(part[0]) << 8
		}
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	binary.BigEndian.PutUint16(body[at:], ^uint16(s))
}
