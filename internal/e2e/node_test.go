package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// leftovers are folders that tests share.
var leftovers []string

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, dir := range leftovers {
			_ = os.RemoveAll(dir) // a temporary folder
		}
		os.Exit(code)
	}))
}

const (
	app    signaling.AppID = 1400000001
	secret                 = "e2e"
)

// openStores opens the store of a first node with an embedded NATS server, and that of a second one, its client.
func openStores(t testing.TB) (first, second *natsstore.Store) {
	t.Helper()
	first, err := natsstore.Open(t.Context(), natsstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, first.Close()) })
	second, err = natsstore.Open(t.Context(), natsstore.Config{URL: first.ClientURL()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, second.Close()) })
	return first, second
}

// startNode serves on loopback and returns where.
func startNode(t testing.TB, st store.Store) (url string) {
	t.Helper()
	return startNodeWith(t, st, func(*server.Config) {})
}

func startNodeWith(t testing.TB, st store.Store, change func(*server.Config)) (url string) {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url = "ws://" + l.Addr().String()
	cfg := server.Config{Apps: map[signaling.AppID]string{app: secret}, Store: st, UDP: udp, URL: url}
	change(&cfg)
	srv, err := server.New(t.Context(), cfg)
	require.NoError(t, err)
	web := &http.Server{Handler: srv.Handler()}
	served := make(chan struct{})
	go func() { defer close(served); _ = web.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, srv.Close(ctx))
		require.NoError(t, web.Close())
		<-served
	})
	return url
}

func config(t testing.TB, url string, user engine.UserID) engine.Config {
	t.Helper()
	sig, err := usersig.Mint(app, secret, user, time.Hour, time.Now())
	require.NoError(t, err)
	return engine.Config{URL: url, SDKAppID: app, UserID: user, UserSig: sig, UserName: string(user)}
}

// login logs a user in without media.
func login(t *testing.T, url string, user engine.UserID) *engine.Engine {
	t.Helper()
	eng, err := engine.Login(t.Context(), config(t, url, user))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = eng.Logout(ctx) // its node may be dead by now
	})
	return eng
}
