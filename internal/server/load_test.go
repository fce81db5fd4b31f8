package server

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// load is a node with as many clients as one likes: each is a pipe into which the server writes, and costs neither a
// goroutine nor a buffer of its own. What is measured is the server.
type load struct {
	t      testing.TB
	srv    *Server
	web    *http.Server
	listen *loadListener
	served chan struct{}
}

func newLoad(t testing.TB, srv *Server) *load {
	l := &load{t: t, srv: srv, listen: &loadListener{conns: make(chan net.Conn), closed: make(chan struct{})}, served: make(chan struct{})}
	l.web = &http.Server{Handler: srv.Handler()}
	go func() { defer close(l.served); _ = l.web.Serve(l.listen) }()
	return l
}

// close closes the connections' server, after the node.
func (l *load) close() {
	require.NoError(l.t, l.web.Close())
	<-l.served
}

type loadListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *loadListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *loadListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *loadListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// loadClient is a client: the net.Conn is the server's end.
type loadClient struct {
	l    *load
	user signaling.UserID
	id   int64

	in     chan []byte   // for the server to read
	abort  chan struct{} // ends a Read: its deadline has passed
	unread []byte
	out    chan []byte // answers
	gone   chan struct{}
	once   sync.Once

	upgraded bool
	part     []byte // the beginning of a frame

	frames, bytes atomic.Int64       // of the notifications that it has got
	heard         func(frame []byte) // is told of each of them; set before the login
}

func (c *loadClient) Read(b []byte) (int, error) {
	if len(c.unread) == 0 {
		select {
		case c.unread = <-c.in:
		case <-c.abort:
			return 0, os.ErrDeadlineExceeded
		case <-c.gone:
			return 0, io.EOF
		}
	}
	n := copy(b, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// Write takes the handshake's answer, and then whole frames.
func (c *loadClient) Write(b []byte) (int, error) {
	n := len(b)
	if len(c.part) > 0 {
		b = append(c.part, b...)
		c.part = nil
	}
	if !c.upgraded {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			c.part = bytes.Clone(b)
			return n, nil
		}
		c.upgraded = true
		c.out <- bytes.Clone(b[:end])
		b = b[end+4:]
	}
	for len(b) > 0 {
		frame, rest, whole := serverFrame(b)
		if !whole {
			c.part = bytes.Clone(b)
			return n, nil
		}
		c.take(b[0]&0x0f, frame)
		b = rest
	}
	return n, nil
}

func (c *loadClient) take(opcode byte, frame []byte) {
	switch {
	case opcode == websocket.CloseMessage:
		c.close()
	case opcode != websocket.TextMessage: // a ping: nobody waits for the answer
	case bytes.HasPrefix(frame, []byte(`{"jsonrpc":"2.0","id":`)):
		c.out <- bytes.Clone(frame)
	default:
		c.frames.Add(1)
		c.bytes.Add(int64(len(frame)))
		if c.heard != nil {
			c.heard(frame)
		}
	}
}

// serverFrame cuts a frame off, as servers send them: without a mask.
func serverFrame(b []byte) (frame, rest []byte, whole bool) {
	if len(b) < 2 {
		return nil, b, false
	}
	head, size := 2, int(b[1]&0x7f)
	switch {
	case size == 126 && len(b) >= 4:
		head, size = 4, int(binary.BigEndian.Uint16(b[2:]))
	case size == 127 && len(b) >= 10:
		head, size = 10, int(binary.BigEndian.Uint64(b[2:]))
	case size >= 126:
		return nil, b, false
	}
	if len(b) < head+size {
		return nil, b, false
	}
	return b[head : head+size], b[head+size:], true
}

func (c *loadClient) close()                           { c.once.Do(func() { close(c.gone) }) }
func (c *loadClient) Close() error                     { c.close(); return nil }
func (c *loadClient) LocalAddr() net.Addr              { return c.l.listen.Addr() }
func (c *loadClient) RemoteAddr() net.Addr             { return c.l.listen.Addr() }
func (c *loadClient) SetDeadline(time.Time) error      { return nil }
func (c *loadClient) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline knows only deadlines that have passed: by one, net/http ends its own reading.
func (c *loadClient) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && t.Before(time.Now()) {
		c.abort <- struct{}{}
		return nil
	}
	select {
	case <-c.abort:
	default:
	}
	return nil
}

// login opens a connection and logs in.
func (l *load) login(user signaling.UserID, heard func([]byte)) (*loadClient, error) {
	c := &loadClient{l: l, user: user, in: make(chan []byte, 1), abort: make(chan struct{}, 1), out: make(chan []byte, 1), gone: make(chan struct{}), heard: heard}
	l.listen.conns <- c
	c.in <- []byte("GET " + signaling.Path + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: " + signaling.Subprotocol + "\r\n\r\n")
	if answer := <-c.out; !bytes.HasPrefix(answer, []byte("HTTP/1.1 101")) {
		return nil, errors.New(string(answer))
	}
	sig, err := usersig.Mint(app, secret, user, time.Hour, time.Now())
	if err != nil {
		return nil, err
	}
	return c, c.call(signaling.MethodLogin, signaling.LoginParams{
		SDKAppID: app, UserID: user, UserSig: sig, UserName: "Name of " + string(user), AvatarURL: "https://cdn.example.com/avatars/" + string(user) + "-128.png",
	}, nil)
}

// call sends a call and waits for its answer.
func (c *loadClient) call(method string, params, result any) error {
	c.id++
	b, err := signaling.EncodeCall(c.id, method, params)
	if err != nil {
		return err
	}
	frame := []byte{0x81, 0x80 | 126, 0, 0, 0, 0, 0, 0} // masked with zeroes
	binary.BigEndian.PutUint16(frame[2:], uint16(len(b)))
	select {
	case c.in <- append(frame, b...):
	case <-c.gone:
		return net.ErrClosed
	}
	var answer struct {
		Result json.RawMessage
		Error  *signaling.Error
	}
	select {
	case b = <-c.out:
	case <-c.gone:
		select {
		case b = <-c.out: // of a logout, before the end
		default:
			return net.ErrClosed
		}
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Result, result)
}
