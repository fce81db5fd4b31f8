package webhook

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestGuard(t *testing.T) {
	for addr, open := range map[string]bool{
		// The internet.
		"1.1.1.1": true, "8.8.8.8": true, "9.255.255.255": true, "11.0.0.0": true, "100.63.255.255": true, "100.128.0.0": true,
		"126.255.255.255": true, "128.0.0.0": true, "172.15.255.255": true, "172.32.0.0": true, "192.167.255.255": true,
		"192.169.0.0": true, "169.253.255.255": true, "169.255.0.0": true, "223.255.255.255": true, "198.17.255.255": true, "198.20.0.0": true,
		"2606:4700:4700::1111": true, "2a00:1450:4001:80b::200e": true, "2001:4860:4860::8888": true, "::ffff:8.8.8.8": true,
		"64:ff9b::8.8.8.8": true, "2002:808:808::1": true,

		// Unspecified and loopback, in every dress.
		"0.0.0.0": false, "0.1.2.3": false, "127.0.0.1": false, "127.255.255.254": false, "::": false, "::1": false,
		"::ffff:0.0.0.0": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false, "64:ff9b::127.0.0.1": false, "2002:7f00:1::": false,

		// Private.
		"10.0.0.0": false, "10.255.255.255": false, "172.16.0.0": false, "172.31.255.255": false, "192.168.0.0": false,
		"192.168.255.255": false, "::ffff:10.0.0.1": false, "::ffff:192.168.1.1": false, "::10.0.0.1": false, "64:ff9b::10.0.0.1": false,
		"64:ff9b::192.168.1.1": false, "2002:a00:1::": false, "2002:c0a8:101::1": false, "2002:ac10:1::1": false,
		"fc00::1": false, "fd12:3456:789a::1": false, "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": false, "fec0::1": false,

		// Link-local: what clouds tell their machines.
		"169.254.169.254": false, "169.254.0.0": false, "::ffff:169.254.169.254": false, "64:ff9b::a9fe:a9fe": false, "2002:a9fe:a9fe::": false,
		"fe80::1": false, "fe80::1%eth0": false, "febf::1": false,

		// Carriers' own, and reserved.
		"100.64.0.0": false, "100.127.255.255": false, "::ffff:100.64.0.1": false, "64:ff9b::100.64.0.1": false, "2002:6440:1::": false,
		"192.0.0.8": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "192.88.99.1": false,
		"240.0.0.1": false, "255.255.255.255": false, "2001:db8::1": false, "100::1": false, "3fff::1": false,
		"2001::4136:e378:8000:63bf:3fff:fdd2": false, "64:ff9b:1::8.8.8.8": false,

		// Many at once.
		"224.0.0.1": false, "239.255.255.255": false, "::ffff:224.0.0.1": false, "64:ff9b::224.0.0.1": false, "ff02::1": false, "ff05::2": false,
	} {
		why := guard{}.refuses(netip.MustParseAddr(addr))
		assert.Equal(t, open, why == "", "%s: %s", addr, why)
	}
}

func TestGuard_allows(t *testing.T) {
	g := guard{[]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("::1/128")}}
	for addr, open := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.0": false, "fd00::1": true, "fc00::1": false, "::1": true,
		"127.0.0.1": false, "64:ff9b::10.1.2.3": false, "2002:a01:203::": false, "8.8.8.8": true,
	} {
		assert.Equal(t, open, g.refuses(netip.MustParseAddr(addr)) == "", addr)
	}
}

// service is one that is not serving, on the system's network.
func service(t *testing.T, allow ...string) *Service {
	t.Helper()
	n := memstore.New().Node()
	cfg := Config{Store: n, Node: "n", Apps: []signaling.AppID{app}, MemberLimit: 1000}
	for _, p := range allow {
		cfg.Allow = append(cfg.Allow, netip.MustParsePrefix(p))
	}
	s, err := New(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close(context.Background()))
		require.NoError(t, n.Close())
	})
	return s
}

// The address counts that is connected to: a name is no way around.
func TestGuard_looksWhereItConnects(t *testing.T) {
	called := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		called++
		_, _ = w.Write([]byte(good))
	}))
	defer web.Close()
	_, port, err := net.SplitHostPort(web.Listener.Addr().String())
	require.NoError(t, err)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		set := Settings{URL: "http://" + host + ":" + port}
		err := service(t).post(t.Context(), app, set, delivery{})
		require.ErrorContains(t, err, "which only a server with --webhook-allow calls", host)
		assert.NotContains(t, err.Error(), "SdkAppid")
	}
	require.Zero(t, called)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		require.NoError(t, service(t, "127.0.0.0/8", "::1/128").post(t.Context(), app, Settings{URL: "http://" + host + ":" + port}, delivery{}), host)
	}
	require.Equal(t, 3, called)
}

// What went wrong is told without what is secret.
func TestErrors_holdNoSignature(t *testing.T) {
	s := service(t, "127.0.0.0/8")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	for _, target := range []string{"http://" + addr, "http://nobody.invalid", "http://" + addr + "/%zz"} {
		err = s.post(t.Context(), app, Settings{URL: target, Token: "geheim"}, delivery{})
		require.Error(t, err)
		at := time.Now().Unix()
		for _, secret := range []string{"geheim", "Sign", sign("geheim", time.Unix(at, 0).Format("0"))} {
			assert.NotContains(t, err.Error(), secret)
		}
	}
}
