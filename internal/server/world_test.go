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

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	app    signaling.AppID = 1400000001
	secret                 = "server test"

	otherApp signaling.AppID = 1400000002
)

// world is a server, or several on one store, on virtual time, and clients that speak the wire themselves: what a client
// of ours would never send has to be tried too.
type world struct {
	t       *testing.T
	net     *testnet.Network
	cluster *memstore.Cluster
	nodes   []*worldNode
	srv     *Server // the first
	config  func(*Config)
	links   uint64 // changes of connections so far
}

type worldNode struct {
	addr   string
	srv    *Server
	store  *memstore.Node
	web    *http.Server
	served chan struct{}
	gone   bool
}

func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	inWorldOf(t, 1, f)
}

func inWorldOf(t *testing.T, nodes int, f func(t *testing.T, w *world)) {
	t.Helper()
	inWorldWith(t, nodes, func(*Config) {}, f)
}

// inWorldTold is inWorldOf with something else than callbacks that wants to be told.
func inWorldTold(t *testing.T, nodes int, outbox home.Outbox, f func(t *testing.T, w *world)) {
	t.Helper()
	inWorldWith(t, nodes, func(c *Config) { c.outbox = outbox }, f)
}

func inWorldWith(t *testing.T, nodes int, config func(*Config), f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network, err := testnet.New(testnet.Config{})
		require.NoError(t, err)
		w := &world{t: t, net: network, cluster: memstore.New(), config: config}
		t.Cleanup(func() { // also of a test that fails: a bubble has to end empty
			for i := range w.nodes {
				w.stop(i)
			}
			require.NoError(t, network.Close())
		})
		for i := range nodes {
			w.nodes = append(w.nodes, w.start([]string{"server:80", "server1:80", "server2:80"}[i]))
		}
		w.srv = w.nodes[0].srv
		f(t, w)
	})
}

// start starts a node at an address, perhaps again.
func (w *world) start(addr string) *worldNode {
	w.t.Helper()
	host, ip, err := w.net.Host()
	require.NoError(w.t, err)
	udp, err := host.ListenPacket("udp4", ip+":7000")
	require.NoError(w.t, err)
	n := &worldNode{addr: addr, store: w.cluster.Node(), served: make(chan struct{})}
	cfg := Config{Apps: map[signaling.AppID]string{app: secret, otherApp: secret}, Store: n.store, UDP: udp, Net: host, URL: "ws://" + addr, AppAdmins: map[signaling.AppID][]signaling.UserID{app: {"root"}}}
	cfg.Callbacks.Dial = w.net.Dial
	w.config(&cfg)
	n.srv, err = New(w.t.Context(), cfg)
	require.NoError(w.t, err)
	l, err := w.net.Listen(addr)
	require.NoError(w.t, err)
	n.web = &http.Server{Handler: n.srv.Handler()}
	go func() { defer close(n.served); _ = n.web.Serve(l) }()
	return n
}

// stop stops a node cleanly.
func (w *world) stop(i int) {
	w.t.Helper()
	n := w.nodes[i]
	if n.gone {
		return
	}
	n.gone = true
	require.NoError(w.t, n.srv.Close(context.Background()))
	require.NoError(w.t, n.web.Close())
	<-n.served
	require.NoError(w.t, n.store.Close())
}

// raw is a client that sends bytes.
type raw struct {
	t      *testing.T
	ws     *websocket.Conn
	lastID int64
	heard  []signaling.Message // the notifications that came before answers
}

func (w *world) dial() *raw {
	w.t.Helper()
	return w.dialAt(0)
}

func (w *world) dialAt(node int) *raw {
	w.t.Helper()
	d := websocket.Dialer{NetDialContext: w.net.Dial, Subprotocols: []string{signaling.Subprotocol}}
	ws, resp, err := d.Dial("ws://"+w.nodes[node].addr+signaling.Path, nil)
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
		m := c.next()
		if m.Method == "" && m.ID == id {
			return m
		}
		c.heard = append(c.heard, m)
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
