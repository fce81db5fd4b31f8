package conformance

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	app    signaling.AppID = 1400000001
	secret                 = "conformance"
)

// serve runs a node on virtual time, and a player for it.
func serve(t *testing.T, f func(t *testing.T, p *Player)) {
	synctest.Test(t, func(t *testing.T) {
		network, err := testnet.New(testnet.Config{})
		require.NoError(t, err)
		defer func() { assert.NoError(t, network.Close()) }()
		host, ip, err := network.Host()
		require.NoError(t, err)
		udp, err := host.ListenPacket("udp4", ip+":7000")
		require.NoError(t, err)
		node := memstore.New().Node()
		defer func() { assert.NoError(t, node.Close()) }()
		srv, err := server.New(t.Context(), server.Config{
			Apps: map[signaling.AppID]string{app: secret}, Store: node, UDP: udp, Net: host, Callbacks: server.Callbacks{Dial: network.Dial},
		})
		require.NoError(t, err)
		defer func() { assert.NoError(t, srv.Close(context.Background())) }()
		listener, err := network.Listen("server:80")
		require.NoError(t, err)
		web := &http.Server{Handler: srv.Handler()}
		defer receive(t, network)()
		served := make(chan struct{})
		go func() { defer close(served); _ = web.Serve(listener) }()
		defer func() {
			time.Sleep(time.Second) // net/http lingers half a second over bodies that it does not read to the end
			assert.NoError(t, web.Close())
			<-served
		}()
		transport := &http.Transport{DialContext: network.Dial}
		defer transport.CloseIdleConnections()
		f(t, &Player{
			URL: "http://server:80", App: app, Secret: secret, Run: "t", HTTP: &http.Client{Transport: transport}, Own: true, NetDial: network.Dial,
		})
	})
}

// receive is an app's server at app.example, which takes every callback.
func receive(t *testing.T, network *testnet.Network) (stop func()) {
	t.Helper()
	listener, err := network.Listen("app.example:80")
	require.NoError(t, err)
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`))
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = web.Serve(listener) }()
	return func() { assert.NoError(t, web.Close()); <-served }
}

// Every case, against a server of ours, whose calls and answers are as docs/openapi.yaml describes them.
func TestConformance(t *testing.T) {
	d := described(t)
	commands, err := Commands()
	require.NoError(t, err)
	for _, command := range commands {
		for _, one := range command.Cases {
			t.Run(command.Name+"/"+one.Name, func(t *testing.T) {
				serve(t, func(t *testing.T, p *Player) {
					p.Seen = func(command string, request, answer []byte) { d.seen(t, command, request, answer) }
					diffs, err := p.Play(t.Context(), command.Name, one)
					require.NoError(t, err)
					for _, d := range diffs {
						t.Error(d)
					}
				})
			})
		}
	}
}
