package sfu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
)

// Media over TCP (RFC 6544) is for members whose network lets no UDP through. pion's mux reads the frames (RFC 4571); what
// strangers can do is bounded here, before it: a connection that does not begin with a check of a member who is expected is
// closed, and how many may wait with their first one is limited.
const (
	firstFrameWait = 5 * time.Second  // for a connection's first check
	maxFirstFrame  = 512              // bytes, as pion's own limit
	maxHalfOpen    = 256              // connections without a first check; of more the oldest is closed
	maxTCPPerPeer  = 16               // connections of one member: its interfaces times our addresses
	tcpIdle        = 30 * time.Second // without a byte; a client that uses a connection checks it every 2 s
	tcpWrite       = 5 * time.Second  // for one packet
	tcpQueue       = 64 << 10         // bytes: about a second of ten voices; what does not fit is dropped
	acceptPause    = 100 * time.Millisecond
)

// tcpMux is pion's mux, which knows the members, behind a gate that asks it.
type tcpMux struct {
	*ice.TCPMuxDefault
	gate *gate
}

func newTCPMux(lis net.Listener, log *slog.Logger, pion logging.LeveledLogger) *tcpMux {
	g := &gate{
		inner: lis, log: log, through: make(chan net.Conn), done: make(chan struct{}), expected: map[string]int{},
	}
	g.wg.Go(g.accept)
	return &tcpMux{gate: g, TCPMuxDefault: ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: g, Logger: pion, ReadBufferSize: 8, WriteBufferSize: tcpQueue,
		FirstStunBindTimeout: firstFrameWait, AliveDurationForConnFromStun: firstFrameWait,
	})}
}

// GetConnByUfrag is called when a member's connection is negotiated.
func (m *tcpMux) GetConnByUfrag(ufrag string, ipv6 bool, local net.IP) (net.PacketConn, error) {
	m.gate.expect(ufrag)
	return m.TCPMuxDefault.GetConnByUfrag(ufrag, ipv6, local)
}

// RemoveConnByUfrag is called at its end, and before a restart.
func (m *tcpMux) RemoveConnByUfrag(ufrag string) {
	m.gate.forget(ufrag)
	m.TCPMuxDefault.RemoveConnByUfrag(ufrag)
}

// Close ends all connections and waits for their goroutines.
func (m *tcpMux) Close() error {
	err := m.TCPMuxDefault.Close() // closes the gate, its listener
	m.gate.wg.Wait()
	return err
}

// gate is a listener that lets only those connections through that begin with a check of an expected member.
type gate struct {
	inner   net.Listener
	log     *slog.Logger
	through chan net.Conn
	done    chan struct{}
	once    sync.Once
	wg      sync.WaitGroup
	open    atomic.Int64 // connections that were let through and are not closed

	mu       sync.Mutex // protects what follows
	expected map[string]int
	waiting  []net.Conn // without a first check, oldest first
}

func (g *gate) expect(ufrag string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.expected[ufrag]; !ok {
		g.expected[ufrag] = 0
	}
}

func (g *gate) forget(ufrag string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.expected, ufrag)
}

// Addr is the listener's.
func (g *gate) Addr() net.Addr { return g.inner.Addr() }

// Accept returns the next connection that may come in.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case c := <-g.through:
		return c, nil
	case <-g.done:
		return nil, net.ErrClosed
	}
}

// Close ends the listener and the connections that wait.
func (g *gate) Close() error {
	var err error
	g.once.Do(func() {
		close(g.done)
		err = g.inner.Close()
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, c := range g.waiting {
			_ = c.Close()
		}
	})
	return err
}

// accept takes connections until the listener is closed. It goes on after other errors: too many open files is one that passes.
func (g *gate) accept() {
	for {
		c, err := g.inner.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			g.log.Warn("media over TCP: no new connection", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-g.done:
				return
			}
			continue
		}
		if !g.wait(c) { // here, so that the oldest is the one that came first
			_ = c.Close()
			return
		}
		g.wg.Go(func() { g.admit(c) })
	}
}

// wait puts a connection among those without a first check.
func (g *gate) wait(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.done:
		return false
	default:
	}
	if len(g.waiting) >= maxHalfOpen {
		_ = g.waiting[0].Close() // an honest client has long sent its first check
		g.waiting = slices.Delete(g.waiting, 0, 1)
	}
	g.waiting = append(g.waiting, c)
	return true
}

// arrived ends the wait and counts the connection for its member.
func (g *gate) arrived(c net.Conn, ufrag string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, c); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	n, ok := g.expected[ufrag]
	switch {
	case ufrag == "":
		return nil
	case !ok:
		return errors.New("a check of nobody who is expected")
	case n >= maxTCPPerPeer:
		return fmt.Errorf("the member has %d connections already", n)
	}
	g.expected[ufrag]++
	return nil
}

// admit reads the first check and hands the connection on.
func (g *gate) admit(c net.Conn) {
	first, ufrag, err := readFirst(c)
	if arrived := g.arrived(c, ufrag); err == nil {
		err = arrived
	}
	if err != nil {
		g.log.Debug("media over TCP: a connection was turned away", "from", c.RemoteAddr(), "error", err)
		_ = c.Close()
		return
	}
	g.open.Add(1)
	in := &tcpConn{Conn: c, first: first, closed: func() { g.left(ufrag) }}
	select {
	case g.through <- in:
	case <-g.done:
		_ = in.Close()
	}
}

func (g *gate) left(ufrag string) {
	g.open.Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if n, ok := g.expected[ufrag]; ok && n > 0 {
		g.expected[ufrag] = n - 1
	}
}

// readFirst reads a connection's first frame, which has to come whole and soon, and says whose check it is.
func readFirst(c net.Conn) (frame []byte, ufrag string, err error) {
	if err := c.SetDeadline(time.Now().Add(firstFrameWait)); err != nil {
		return nil, "", err
	}
	frame = make([]byte, 2, 2+128)
	if _, err := io.ReadFull(c, frame); err != nil {
		return nil, "", err
	}
	n := int(binary.BigEndian.Uint16(frame))
	if n > maxFirstFrame {
		return nil, "", fmt.Errorf("a first frame of %d bytes", n)
	}
	frame = append(frame, make([]byte, n)...)
	if _, err := io.ReadFull(c, frame[2:]); err != nil {
		return nil, "", err
	}
	if ufrag, err = ufragOf(frame[2:]); err != nil {
		return nil, "", err
	}
	return frame, ufrag, c.SetDeadline(time.Time{})
}

// ufragOf reads from a check (RFC 8445 section 7.2.2) to whom it goes.
func ufragOf(check []byte) (string, error) {
	m := &stun.Message{Raw: slices.Clone(check)}
	if err := m.Decode(); err != nil {
		return "", err
	}
	if m.Type != stun.BindingRequest {
		return "", errors.New("no check")
	}
	name, err := m.Get(stun.AttrUsername)
	if err != nil {
		return "", err
	}
	ufrag, _, ok := strings.Cut(string(name), ":")
	if !ok || ufrag == "" {
		return "", errors.New("a check for nobody")
	}
	return ufrag, nil
}

// tcpConn is a connection that was let through. It gives its first frame once more.
type tcpConn struct {
	net.Conn
	first  []byte
	once   sync.Once
	closed func()
}

// Read ends a connection that is silent. Every end is io.EOF: any other error of one of a member's connections would have
// pion give up the others.
func (c *tcpConn) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	if err := c.Conn.SetReadDeadline(time.Now().Add(tcpIdle)); err != nil {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(b)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// Write ends a connection that takes nothing: after a part of a frame nothing that follows could be read.
func (c *tcpConn) Write(b []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(tcpWrite)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

// SetReadDeadline does nothing: Read sets its own, and the end of a connection is Close.
func (c *tcpConn) SetReadDeadline(time.Time) error { return nil }

// Close may be called more than once.
func (c *tcpConn) Close() (err error) {
	c.once.Do(func() {
		err = c.Conn.Close()
		c.closed()
	})
	return err
}
