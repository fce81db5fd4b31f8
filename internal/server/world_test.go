package server

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	app    signaling.AppID = 1400000001
	secret                 = "server test"
)

// world is a server on virtual time, and clients that speak the wire themselves: what a client of ours would never send
// has to be tried too.
type world struct {
	t   *testing.T
	net *testnet.Network
	srv *Server
}

func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network, err := testnet.New(testnet.Config{})
		require.NoError(t, err)
		host, ip, err := network.Host()
		require.NoError(t, err)
		udp, err := host.ListenPacket("udp4", ip+":7000")
		require.NoError(t, err)
		st := memstore.New().Node()
		srv, err := New(t.Context(), Config{Apps: map[signaling.AppID]string{app: secret}, Store: st, UDP: udp, Net: host})
		require.NoError(t, err)
		l, err := network.Listen("server:80")
		require.NoError(t, err)
		web := &http.Server{Handler: srv.Handler()}
		served := make(chan struct{})
		go func() { defer close(served); _ = web.Serve(l) }()
		t.Cleanup(func() { // also of a test that fails: a bubble has to end empty
			require.NoError(t, srv.Close(context.Background()))
			require.NoError(t, web.Close())
			<-served
			require.NoError(t, st.Close())
			require.NoError(t, network.Close())
		})
		f(t, &world{t: t, net: network, srv: srv})
	})
}

// raw is a client that sends bytes.
type raw struct {
	t      *testing.T
	ws     *websocket.Conn
	lastID int64
}

func (w *world) dial() *raw {
	w.t.Helper()
	d := websocket.Dialer{NetDialContext: w.net.Dial, Subprotocols: []string{signaling.Subprotocol}}
	ws, resp, err := d.Dial("ws://server:80"+signaling.Path, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusSwitchingProtocols, resp.StatusCode)
	w.t.Cleanup(func() { ws.Close() })
	return &raw{t: w.t, ws: ws}
}

// login returns a client that is logged in as user.
func (w *world) login(user signaling.UserID) *raw {
	w.t.Helper()
	c := w.dial()
	var res signaling.LoginResult
	c.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: user, UserSig: w.sig(user)}, &res)
	require.NotEmpty(w.t, res.SessionID)
	return c
}

func (w *world) sig(user signaling.UserID) string {
	w.t.Helper()
	sig, err := usersig.Mint(app, secret, user, time.Hour, time.Now())
	require.NoError(w.t, err)
	return sig
}

func (c *raw) send(b string) {
	c.t.Helper()
	require.NoError(c.t, c.ws.WriteMessage(websocket.TextMessage, []byte(b)))
}

// next reads the next message.
func (c *raw) next() signaling.Message {
	c.t.Helper()
	_, b, err := c.ws.ReadMessage()
	require.NoError(c.t, err)
	var w struct {
		ID     int64
		Method string
		Params json.RawMessage
		Result json.RawMessage
		Error  *struct {
			Code    signaling.Code
			Message string
		}
	}
	require.NoError(c.t, json.Unmarshal(b, &w))
	m := signaling.Message{ID: w.ID, Method: w.Method, Params: w.Params, Result: w.Result}
	if w.Error != nil {
		m.Err = &signaling.Error{Code: w.Error.Code, Message: w.Error.Message}
	}
	return m
}

// answer reads until the answer to a call comes.
func (c *raw) answer(id int64) signaling.Message {
	c.t.Helper()
	for {
		if m := c.next(); m.Method == "" && m.ID == id {
			return m
		}
	}
}

// call sends a call and returns its answer.
func (c *raw) call(method string, params any) signaling.Message {
	c.t.Helper()
	c.lastID++
	b, err := signaling.EncodeCall(c.lastID, method, params)
	require.NoError(c.t, err)
	c.send(string(b))
	return c.answer(c.lastID)
}

func (c *raw) must(method string, params, result any) {
	c.t.Helper()
	m := c.call(method, params)
	require.NoError(c.t, errOf(m))
	if result != nil {
		require.NoError(c.t, json.Unmarshal(m.Result, result))
	}
}

func errOf(m signaling.Message) error {
	if m.Err == nil {
		return nil
	}
	return m.Err
}

// closed reads until the server closes, and returns the code.
func (c *raw) closed() int {
	c.t.Helper()
	for {
		if _, _, err := c.ws.ReadMessage(); err != nil {
			if e, ok := err.(*websocket.CloseError); ok {
				return e.Code
			}
			return websocket.CloseAbnormalClosure
		}
	}
}
