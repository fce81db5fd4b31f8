package sfu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v4"
	"github.com/stretchr/testify/require"
)

// pipes is a listener in memory.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
	fail  error // of the next Accept
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	if err := p.fail; err != nil {
		p.fail = nil
		return nil, err
	}
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// atGate runs f with a gate that expects anna, on virtual time.
func atGate(t *testing.T, f func(t *testing.T, g *gate, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		p.fail = errors.New("too many open files")
		g := &gate{inner: p, log: slog.New(slog.DiscardHandler), through: make(chan net.Conn), done: make(chan struct{}), expected: map[string]int{}}
		g.wg.Go(g.accept)
		g.expect("anna")
		f(t, g, p)
		require.NoError(t, g.Close())
		g.wg.Wait()
		_, err := g.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// check is a client's first frame.
func check(t testing.TB, user string) []byte {
	t.Helper()
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(user), stun.Fingerprint)
	require.NoError(t, err)
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(m.Raw))), m.Raw...)
}

// closedAfter returns how long it takes until the other side closes, while every second drip is written.
func closedAfter(c net.Conn, drip []byte) time.Duration {
	began := time.Now()
	closed := make(chan struct{})
	go func() { defer close(closed); _, _ = io.Copy(io.Discard, c) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-closed:
			return time.Since(began)
		case <-tick.C:
			if len(drip) > 0 {
				_, _ = c.Write(drip[:1])
				drip = drip[1:]
			}
		}
	}
}

func TestStrangersAreTurnedAway(t *testing.T) {
	other, err := stun.Build(stun.TransactionID, stun.BindingSuccess, stun.NewUsername("anna:x"))
	require.NoError(t, err)
	for name, first := range map[string][]byte{
		"nobody who is expected": check(t, "bert:x"),
		"no user":                check(t, ":x"),
		"no colon":               check(t, "anna"),
		"not STUN":               append([]byte{0, 20}, make([]byte, 20)...),
		"an answer":              append([]byte{0, byte(len(other.Raw))}, other.Raw...),
		"an empty frame":         {0, 0},
		"a long frame":           {2, 1},
		"HTTP":                   []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			atGate(t, func(t *testing.T, g *gate, p *pipes) {
				c := p.dial()
				go func() { _, _ = c.Write(first) }()
				require.Zero(t, closedAfter(c, nil))
				require.Empty(t, g.waiting)
			})
		})
	}
}

// Who sends nothing, or a byte now and then, has five seconds, whatever it does.
func TestSlowBeginnings(t *testing.T) {
	for name, drip := range map[string][]byte{"silence": nil, "drops": check(t, "anna:x")} {
		t.Run(name, func(t *testing.T) {
			atGate(t, func(t *testing.T, g *gate, p *pipes) {
				require.Equal(t, firstFrameWait, closedAfter(p.dial(), drip))
				require.Empty(t, g.waiting)
			})
		})
	}
}

// Many who only connect keep nobody out: the oldest go.
func TestHalfOpenAreBounded(t *testing.T) {
	atGate(t, func(t *testing.T, g *gate, p *pipes) {
		first := p.dial()
		for range maxHalfOpen - 1 {
			p.dial()
		}
		synctest.Wait()
		require.Len(t, g.waiting, maxHalfOpen)
		honest := p.dial()
		synctest.Wait()
		require.Len(t, g.waiting, maxHalfOpen)
		began := time.Now()
		_, err := first.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "the oldest has gone")
		require.Zero(t, time.Since(began), "not because its time was up")
		go func() { _, _ = honest.Write(check(t, "anna:x")) }()
		in, err := g.Accept()
		require.NoError(t, err)
		require.NoError(t, in.Close())
	})
}

// A connection that was let through gives its first frame again, ends when it is silent, and is counted until then.
func TestLetThrough(t *testing.T) {
	atGate(t, func(t *testing.T, g *gate, p *pipes) {
		var ins, outs []net.Conn
		for range maxTCPPerPeer {
			c := p.dial()
			go func() { _, _ = c.Write(append(check(t, "anna:x"), 0, 1, 7)) }()
			in, err := g.Accept()
			require.NoError(t, err)
			ins, outs = append(ins, in), append(outs, c)
		}
		require.EqualValues(t, maxTCPPerPeer, g.open.Load())
		one := p.dial()
		go func() { _, _ = one.Write(check(t, "anna:x")) }()
		require.Zero(t, closedAfter(one, nil), "one more is too many")

		want := check(t, "anna:x")
		got := make([]byte, len(want)+3)
		_, err := io.ReadFull(ins[0], got)
		require.NoError(t, err)
		require.Equal(t, want[:4], got[:4])
		require.Equal(t, []byte{0, 1, 7}, got[len(want):])
		require.NoError(t, ins[0].SetReadDeadline(time.Time{}), "as pion does")
		began := time.Now()
		_, err = ins[0].Read(got)
		require.Equal(t, io.EOF, err, "silence is an end like any other")
		require.Equal(t, tcpIdle, time.Since(began))

		_, err = ins[1].Write(make([]byte, 100)) // nobody reads at the other end
		require.Error(t, err)
		require.Equal(t, tcpIdle+tcpWrite, time.Since(began))
		_, err = outs[1].Write([]byte{1})
		require.ErrorIs(t, err, io.ErrClosedPipe, "a frame that was cut cannot be followed by another")

		for _, in := range ins {
			_ = in.Close()
			_ = in.Close()
		}
		require.Zero(t, g.open.Load())
		require.Zero(t, g.expected["anna"])
		g.forget("anna")
		gone := p.dial()
		go func() { _, _ = gone.Write(check(t, "anna:x")) }()
		require.Zero(t, closedAfter(gone, nil), "the member has left")
	})
}

// A frame costs nothing on the way through the gate; what pion's mux allocates is its own.
func TestTCPConnAllocatesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer far.Close()
	near, err := l.Accept()
	require.NoError(t, err)
	c := &tcpConn{Conn: near, closed: func() {}}
	defer c.Close()
	b := make([]byte, 100)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = c.Write(b)
		_, _ = io.ReadFull(far, b)
		_, _ = far.Write(b)
		_, _ = io.ReadFull(c, b)
	}))
}

func FuzzFirstFrame(f *testing.F) {
	f.Add(check(f, "anna:x"))
	f.Add([]byte{0, 0})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		near, far := net.Pipe()
		go func() { _, _ = near.Write(b); _ = near.Close() }()
		frame, ufrag, err := readFirst(far)
		_ = far.Close()
		if err != nil {
			return
		}
		if len(frame) > 2+maxFirstFrame || !bytes.HasPrefix(b, frame) {
			t.Fatalf("%d bytes, not as they came", len(frame))
		}
		if ufrag == "" || !bytes.Contains(frame, []byte(ufrag+":")) {
			t.Fatalf("%q is not in the frame", ufrag)
		}
	})
}
