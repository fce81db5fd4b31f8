package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/rest"
	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	appID  signaling.AppID = 1400000001
	secret                 = "appserver test"
	token                  = "a-long-token"
)

// world is a voice room server and an app's server, on virtual time.
type world struct {
	t       *testing.T
	network *testnet.Network
	app     *app
	http    *http.Client
}

func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network, err := testnet.New(testnet.Config{})
		require.NoError(t, err)
		defer func() { require.NoError(t, network.Close()) }()
		host, ip, err := network.Host()
		require.NoError(t, err)
		udp, err := host.ListenPacket("udp4", ip+":7000")
		require.NoError(t, err)
		node := memstore.New().Node()
		defer func() { require.NoError(t, node.Close()) }()
		srv, err := server.New(t.Context(), server.Config{
			Apps: map[signaling.AppID]string{appID: secret}, Store: node, UDP: udp, Net: host,
			Callbacks: server.Callbacks{Dial: network.Dial},
		})
		require.NoError(t, err)
		defer func() { require.NoError(t, srv.Close(context.Background())) }()
		transport := &http.Transport{DialContext: network.Dial}
		defer transport.CloseIdleConnections()
		w := &world{t: t, network: network, http: &http.Client{Transport: transport}}
		w.app = newApp(rest.Client{URL: "http://voice:80", App: appID, Secret: secret, HTTP: w.http}, map[string]string{"ann": "pass1", "bob": "pass2"}, token)
		defer w.serve("voice:80", srv.Handler())()
		defer w.serve("app:80", w.app.handler())()
		f(t, w)
		require.NoError(t, w.app.rest.Call(context.Background(), "live_config/delete_callback", struct{}{}, nil))
	})
}

// serve serves at an address, and returns what ends that.
func (w *world) serve(addr string, h http.Handler) (stop func()) {
	w.t.Helper()
	l, err := w.network.Listen(addr)
	require.NoError(w.t, err)
	web := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() { defer close(served); _ = web.Serve(l) }()
	return func() { require.NoError(w.t, web.Close()); <-served }
}

// ask asks the app's server in the name of a user, and returns the status and the answer.
func (w *world) ask(user, password, method, path, body string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, "http://app:80"+path, strings.NewReader(body))
	require.NoError(w.t, err)
	r.SetBasicAuth(user, password)
	resp, err := w.http.Do(r)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(resp.Body)
	require.NoError(w.t, err)
	return resp.StatusCode, strings.TrimSpace(b.String())
}

// must asks for what has to succeed.
func (w *world) must(user, password, method, path, body string, answer any) {
	w.t.Helper()
	status, text := w.ask(user, password, method, path, body)
	require.Equal(w.t, http.StatusOK, status, text)
	require.NoError(w.t, json.Unmarshal([]byte(text), answer), text)
}

// join lets a user into a room with the UserSig that the app's server gives.
func (w *world) join(user, password, room string) *signaling.Conn {
	w.t.Helper()
	var login struct {
		SDKAppID signaling.AppID `json:"sdkAppId"`
		UserID   signaling.UserID
		UserSig  string
	}
	w.must(user, password, "GET", "/usersig", "", &login)
	c, err := signaling.Dial(w.t.Context(), signaling.DialConfig{URL: "ws://voice:80", NetDial: w.network.Dial})
	require.NoError(w.t, err)
	require.NoError(w.t, c.Call(w.t.Context(), signaling.MethodLogin, signaling.LoginParams{SDKAppID: login.SDKAppID, UserID: login.UserID, UserSig: login.UserSig}, nil))
	require.NoError(w.t, c.Call(w.t.Context(), signaling.MethodJoinRoom, signaling.JoinParams{RoomID: signaling.RoomID(room)}, nil))
	return c
}

// told waits for the callbacks, and returns the rooms of which the app's server knows.
func (w *world) told() []shown {
	time.Sleep(5 * time.Second) // virtual
	return w.app.rooms.list()
}

// The whole way: a user opens a room, others come and go, and the app's server knows by callbacks alone.
func TestAppServer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		require.NoError(t, w.app.subscribe(t.Context(), "http://app:80/callback"))
		require.NoError(t, w.app.subscribe(t.Context(), "http://app:80/callback"), "again, as after a restart")
		time.Sleep(2 * time.Second) // until every home has heard of it
		var room struct{ RoomID string }
		w.must("ann", "pass1", "POST", "/rooms", `{"name":"Jazz","seats":4}`, &room)
		require.Equal(t, []shown{{room.RoomID, "ann", []string{}}}, w.told())

		ann, bob := w.join("ann", "pass1", room.RoomID), w.join("bob", "pass2", room.RoomID)
		require.Equal(t, []shown{{room.RoomID, "ann", []string{"ann", "bob"}}}, w.told())
		require.NoError(t, bob.Call(t.Context(), signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: signaling.RoomID(room.RoomID)}, nil))
		require.Equal(t, []shown{{room.RoomID, "ann", []string{"ann"}}}, w.told())

		status, text := w.ask("bob", "pass2", "DELETE", "/rooms/"+room.RoomID, "")
		require.Equal(t, http.StatusNotFound, status, text)
		w.must("ann", "pass1", "DELETE", "/rooms/"+room.RoomID, "", &room)
		require.Empty(t, w.told())

		// A room that the app's server has not opened.
		require.NoError(t, bob.Call(t.Context(), signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "bobs"}}, nil))
		require.Equal(t, []shown{{"bobs", "bob", []string{}}}, w.told())
		require.NoError(t, ann.Close())
		require.NoError(t, bob.Close())
		time.Sleep(time.Minute) // until the server has let go of both
	})
}

func TestAppServer_asksWhoIsThere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		require.NoError(t, w.app.subscribe(t.Context(), "http://app:80/callback"))
		for _, c := range []struct {
			user, password, method, path, body string
			status                             int
		}{
			{"ann", "pass2", "GET", "/usersig", "", http.StatusUnauthorized},
			{"zoe", "", "GET", "/usersig", "", http.StatusUnauthorized},
			{"", "", "GET", "/rooms", "", http.StatusUnauthorized},
			{"ann", "pass1", "POST", "/rooms", "{", http.StatusBadRequest},
			{"ann", "pass1", "POST", "/rooms", `{"seats":1000}`, http.StatusBadRequest},
			{"ann", "pass1", "DELETE", "/rooms/none", "", http.StatusNotFound},
		} {
			status, text := w.ask(c.user, c.password, c.method, c.path, c.body)
			assert.Equal(t, c.status, status, "%+v: %s", c, text)
			assert.NotContains(t, text, secret)
			assert.NotContains(t, text, "usersig")
		}
	})
}

func TestCallback_takesWhatIsSigned_once(t *testing.T) {
	a := newApp(rest.Client{App: appID}, nil, token)
	now := time.Now()
	post := func(at time.Time, app signaling.AppID, token, id, body string) int {
		when := strconv.FormatInt(at.Unix(), 10)
		sum := sha256.Sum256([]byte(token + when))
		q := url.Values{"SdkAppid": {fmt.Sprint(app)}, "Sign": {hex.EncodeToString(sum[:])}, "RequestTime": {when}}
		r := httptest.NewRequest("POST", "/callback?"+q.Encode(), strings.NewReader(body))
		r.Header.Set("Voiceroom-Delivery", id)
		rec := httptest.NewRecorder()
		a.handler().ServeHTTP(rec, r)
		if rec.Code == http.StatusOK {
			assert.JSONEq(t, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`, rec.Body.String())
		}
		return rec.Code
	}
	const enter = `{"CallbackCommand":"Live.CallbackAfterMemberStateChanged","RoomId":"r","EventCause":"Enter","MemberList":[{"Member_Account":"ann"}]}`
	const leave = `{"CallbackCommand":"Live.CallbackAfterMemberStateChanged","RoomId":"r","EventCause":"Leave","MemberList":[{"Member_Account":"ann"}]}`
	assert.Equal(t, 403, post(now, appID, "guess", "1", enter))
	assert.Equal(t, 403, post(now.Add(-2*time.Minute), appID, token, "1", enter), "somebody repeats it")
	assert.Equal(t, 403, post(now, appID+1, token, "1", enter))
	assert.Equal(t, 400, post(now, appID, token, "1", "{"))
	assert.Equal(t, 400, post(now, appID, token, "1", "{}"))
	assert.Empty(t, a.rooms.list())

	assert.Equal(t, 200, post(now, appID, token, "1", enter))
	assert.Equal(t, 200, post(now, appID, token, "2", leave))
	assert.Equal(t, 200, post(now, appID, token, "1", enter), "a duplicate is answered, and nothing else")
	assert.Equal(t, []shown{{"r", "", []string{}}}, a.rooms.list())

	for i := range remembered + 10 {
		assert.Equal(t, 200, post(now, appID, token, fmt.Sprint("x", i), leave))
	}
	assert.Len(t, a.rooms.seen, remembered, "old deliveries are forgotten")
}

func TestRun_saysWhatIsMissing(t *testing.T) {
	for want, args := range map[string][]string{
		"--app SDKAppID:SECRET is wanted": {},
		"NAME:PASSWORD is wanted":         {"--user", "ann"},
		"--token, and --user":             {"--app", "7:s"},
		"connection refused":              {"--app", "7:s", "--token", "t", "--user", "ann:x", "--listen", "127.0.0.1:0", "--server", "http://127.0.0.1:1"},
	} {
		require.ErrorContains(t, run(t.Context(), args), want)
	}
}
