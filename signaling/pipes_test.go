package signaling_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// pipes is a listener without a network: its connections are pipes, so that a bubble's clock governs them.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// upgraded is an HTTP handler that hands each WebSocket to serve and closes it afterwards.
func upgraded(serve func(*websocket.Conn)) http.Handler {
	u := websocket.Upgrader{Subprotocols: []string{signaling.Subprotocol}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := u.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		serve(ws)
	})
}

// serve starts a server in a bubble and returns how to reach it.
func serve(t *testing.T, h http.Handler) signaling.DialConfig {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(p) })
	t.Cleanup(func() {
		srv.Close()
		wg.Wait()
	})
	return signaling.DialConfig{URL: "ws://room.test", NetDial: p.dial}
}

func dial(t *testing.T, cfg signaling.DialConfig) *signaling.Conn {
	t.Helper()
	c, err := signaling.Dial(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// loggedIn dials and logs in, with a server that accepts every login.
func loggedIn(t *testing.T, cfg signaling.DialConfig) *signaling.Conn {
	t.Helper()
	c := dial(t, cfg)
	require.NoError(t, c.Call(t.Context(), signaling.MethodLogin, signaling.LoginParams{}, nil))
	return c
}

// next reads a client's next message; ok is false when it is gone.
func next(ws *websocket.Conn) (m signaling.Message, ok bool) {
	_, b, err := ws.ReadMessage()
	if err != nil {
		return m, false
	}
	m, err = signaling.DecodeMessage(b)
	return m, err == nil
}

func send(ws *websocket.Conn, b []byte, err error) {
	if err == nil {
		err = ws.WriteMessage(websocket.TextMessage, b)
	}
	if err != nil {
		ws.Close() // the client's test sees that
	}
}

func reply(ws *websocket.Conn, id int64, result any) {
	b, err := signaling.EncodeResult(id, result)
	send(ws, b, err)
}

func notify(ws *websocket.Conn, method string, params any) {
	b, err := signaling.EncodeNotification(method, params)
	send(ws, b, err)
}

// accepting answers logins and logouts, and leaves every other call to f.
func accepting(f func(*websocket.Conn, signaling.Message)) http.Handler {
	return upgraded(func(ws *websocket.Conn) {
		for {
			m, ok := next(ws)
			switch {
			case !ok:
				return
			case m.Method == signaling.MethodLogin, m.Method == signaling.MethodLogout:
				reply(ws, m.ID, signaling.Empty{})
			default:
				f(ws, m)
			}
		}
	})
}
