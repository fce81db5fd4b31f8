package signaling

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// DialConfig says how to reach a server. Only URL is required.
type DialConfig struct {
	URL    string // ws:// or wss://, for example "ws://127.0.0.1:8080"; a missing path means /v1/signaling
	TLS    *tls.Config
	Logger *slog.Logger // nil: nothing is logged

	// NetDial replaces the system's dialer, for tests that run without a network.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// OnNotify gets the notifications, one after another and in the server's order, on the reading goroutine: it must
	// not block and must not call back into the Conn.
	OnNotify func(method string, params json.RawMessage)
}

// Path is where a server listens for clients.
const Path = "/v1/signaling"

const (
	writeWait = 5 * time.Second  // a peer that takes no byte for so long is gone
	dialWait  = 10 * time.Second // for the WebSocket's handshake
	// readWait is for how long the server may be silent before the login tells how often it pings. Then it is two and a
	// half of these intervals: a dead path.
	readWait = 35 * time.Second
)

// Conn is a client's connection to a server. Its methods may be called from any goroutine. After Done, every call
// fails with the error that Err returns.
type Conn struct {
	ws     *websocket.Conn
	log    *slog.Logger
	notify func(string, json.RawMessage)

	out  chan []byte
	done chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex // protects what follows
	state   ConnState
	lastID  int64
	waiting map[int64]chan Message
	silence time.Duration // that means a dead path
	err     error
	broken  bool // it was not closed by its user
}

// Dial opens the connection. It does not log in: the first Call has to be [MethodLogin].
func Dial(ctx context.Context, cfg DialConfig) (*Conn, error) {
	url, err := endpoint(cfg.URL)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		log: cfg.Logger, notify: cfg.OnNotify, state: Idle,
		out: make(chan []byte, MaxQueue), done: make(chan struct{}), waiting: map[int64]chan Message{}, silence: readWait,
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.step(inputDial)
	d := websocket.Dialer{
		NetDialContext: cfg.NetDial, TLSClientConfig: cfg.TLS, HandshakeTimeout: dialWait,
		Subprotocols: []string{Subprotocol}, Proxy: http.ProxyFromEnvironment,
	}
	ws, resp, err := d.DialContext(ctx, url, nil)
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w (HTTP %s)", err, resp.Status)
		}
		return nil, &Error{Code: ErrDisconnected.Code, Message: "cannot reach the server at " + url, Err: err}
	}
	if ws.Subprotocol() != Subprotocol {
		ws.Close()
		return nil, Errorf(ErrDisconnected.Code, "%s is no OpenVoiceRoom server: it does not speak %s", url, Subprotocol)
	}
	c.ws = ws
	c.step(inputOpen)
	ws.SetReadLimit(4 * MaxFrame) // the server's own messages: a room list or snapshot may be larger than a call
	c.alive()
	ws.SetPingHandler(func(data string) error {
		c.alive()
		return ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeWait))
	})
	c.wg.Go(c.read)
	c.wg.Go(c.write)
	return c, nil
}

// Call sends a call and waits for its answer, which is decoded into result (nil: ignored). A refusal by the server
// comes back as an *Error with the server's code.
func (c *Conn) Call(ctx context.Context, method string, params, result any) error {
	id, answer, err := c.register(method)
	if err != nil {
		return WithOp(method, err)
	}
	defer c.forget(id)
	b, err := EncodeCall(id, method, params)
	if err != nil {
		return WithOp(method, err)
	}
	if len(b) > MaxFrame {
		return WithOp(method, Errorf(ErrInvalidParameter.Code, "the message has %d bytes, the limit is %d", len(b), MaxFrame))
	}
	select {
	case c.out <- b:
	case <-c.done:
		return WithOp(method, c.Err())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case m := <-answer:
		return c.finish(method, m, result)
	case <-c.done:
		select {
		case m := <-answer: // it came before the end, as that of a logout does
			return c.finish(method, m, result)
		default:
			return WithOp(method, c.Err())
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Conn) finish(method string, m Message, result any) error {
	if m.Err != nil {
		return WithOp(method, m.Err)
	}
	switch method {
	case MethodLogin:
		c.step(inputLogin)
		var r LoginResult
		if json.Unmarshal(m.Result, &r) == nil && r.PingMS > 0 {
			c.mu.Lock()
			c.silence = time.Duration(r.PingMS) * time.Millisecond * 5 / 2
			c.mu.Unlock()
			c.alive()
		}
	case MethodLogout:
		c.step(inputLogout)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.Result, result); err != nil {
		return WithOp(method, &Error{Code: ErrFailed.Code, Message: "the server's answer cannot be read", Err: err})
	}
	return nil
}

// register reserves an id for a call that the connection's state allows.
func (c *Conn) register(method string) (int64, chan Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == Closed:
		return 0, nil, c.err
	case c.state != LoggedIn && method != MethodLogin:
		return 0, nil, &Error{Code: ErrNotLoggedIn.Code}
	}
	c.lastID++
	answer := make(chan Message, 1)
	c.waiting[c.lastID] = answer
	return c.lastID, answer, nil
}

func (c *Conn) forget(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

func (c *Conn) step(in connInput) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := next(c.state, in); ok {
		c.state = s
	}
}

// State returns where the connection is in its life.
func (c *Conn) State() ConnState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns why the connection ended, nil while it lives.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection and waits for its goroutines. It is idempotent.
func (c *Conn) Close() error {
	c.end(inputClose, &Error{Code: ErrDisconnected.Code, Message: "the connection was closed by this client"})
	c.wg.Wait()
	return nil
}

// end closes the connection once; the first cause stays.
func (c *Conn) end(in connInput, cause error) {
	c.mu.Lock()
	s, ok := next(c.state, in)
	if !ok {
		c.mu.Unlock()
		return
	}
	c.state, c.err, c.broken = s, cause, in == inputFail
	c.mu.Unlock()
	close(c.done)
}

// alive notes that the server has been heard.
func (c *Conn) alive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ws.SetReadDeadline(time.Now().Add(c.silence))
}

// failed reports whether the connection ended by itself.
func (c *Conn) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

func (c *Conn) read() {
	for {
		kind, b, err := c.ws.ReadMessage()
		if err != nil {
			c.end(inputFail, &Error{Code: ErrDisconnected.Code, Err: err})
			return
		}
		c.alive()
		if kind != websocket.TextMessage {
			continue
		}
		m, err := decode(b)
		if err != nil {
			c.log.Warn("server sent a message that cannot be read", "error", err)
			continue
		}
		if m.Method != "" {
			if c.notify != nil {
				c.notify(m.Method, m.Params)
			}
			continue
		}
		c.mu.Lock()
		answer := c.waiting[m.ID]
		delete(c.waiting, m.ID)
		c.mu.Unlock()
		if answer != nil {
			answer <- m // never blocks: capacity one, one answer per id
		}
	}
}

func (c *Conn) write() {
	defer c.ws.Close() // also wakes the reader
	for {
		select {
		case b := <-c.out:
			c.ws.SetWriteDeadline(time.Now().Add(writeWait))
			if err := c.ws.WriteMessage(websocket.TextMessage, b); err != nil {
				c.end(inputFail, &Error{Code: ErrDisconnected.Code, Err: err})
				return
			}
		case <-c.done:
			if c.failed() {
				return // nobody is there to read a good-bye, and it could wait for them
			}
			bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			// Best effort: the peer may be gone already.
			if err := c.ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(writeWait)); err != nil &&
				!errors.Is(err, websocket.ErrCloseSent) {
				c.log.Debug("close message not sent", "error", err)
			}
			return
		}
	}
}
