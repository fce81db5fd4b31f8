package adminapi_test

import (
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
)

func TestClientIP_isThePeers_whateverHeadersSay(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[::ffff:192.0.2.1]:1234": "192.0.2.1", "[fe80::1%eth0]:1": "fe80::1", "pipe": "", "": "",
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		assert.Equal(t, want, adminapi.Proxies(nil).ClientIP(r), "%q", remote)
	}
}

func TestClientIP_isWhatTrustedProxiesSay(t *testing.T) {
	proxies := adminapi.Proxies{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	long := strings.Repeat("10.0.0.9, ", 40)
	for name, row := range map[string]struct {
		remote  string
		headers []string
		want    string
	}{
		"one proxy":                         {"127.0.0.1:1", []string{"203.0.113.9"}, "203.0.113.9"},
		"with the caller's port":            {"127.0.0.1:1", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		"IPv6":                              {"[fd00::1]:1", []string{"2001:db8::7"}, "2001:db8::7"},
		"IPv6 with a port":                  {"[fd00::1]:1", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		"IPv6 in brackets":                  {"[fd00::1]:1", []string{"[2001:db8::7]"}, "2001:db8::7"},
		"IPv4 in IPv6":                      {"[::ffff:127.0.0.1]:1", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		"two proxies":                       {"127.0.0.1:1", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		"two proxies, a line each":          {"127.0.0.1:1", []string{"203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		"what the client wrote is behind":   {"127.0.0.1:1", []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9"},
		"also in a line of its own":         {"127.0.0.1:1", []string{"1.1.1.1", "203.0.113.9,10.0.0.2"}, "203.0.113.9"},
		"a proxy between that is not ours":  {"127.0.0.1:1", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		"callers in the proxies' network":   {"127.0.0.1:1", []string{"10.0.0.3"}, "10.0.0.3"},
		"a proxy that says nothing":         {"127.0.0.1:1", nil, "127.0.0.1"},
		"nothing in the header":             {"127.0.0.1:1", []string{""}, "127.0.0.1"},
		"a proxy that hides its caller":     {"127.0.0.1:1", []string{"203.0.113.9, unknown"}, "127.0.0.1"},
		"nonsense":                          {"127.0.0.1:1", []string{"203.0.113.9, 999.1.1.1"}, "127.0.0.1"},
		"an empty entry":                    {"127.0.0.1:1", []string{"203.0.113.9,"}, "127.0.0.1"},
		"with a zone":                       {"127.0.0.1:1", []string{"fe80::1%eth0"}, "fe80::1"},
		"more proxies than anybody has":     {"127.0.0.1:1", []string{"203.0.113.9, " + long + "10.0.0.9"}, "10.0.0.9"},
		"who is no proxy may write nothing": {"198.51.100.7:1", []string{"203.0.113.9"}, "198.51.100.7"},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = row.remote
		for _, h := range row.headers {
			r.Header.Add("X-Forwarded-For", h)
		}
		assert.Equal(t, row.want, proxies.ClientIP(r), name)
	}
}

// Whatever comes, the address is one that somebody has said, in the form that everybody writes.
func FuzzClientIP(f *testing.F) {
	for _, seed := range []string{"203.0.113.9", "1.1.1.1, 10.0.0.2", "[::1]:80, fd00::1", "unknown", ",,", "::ffff:10.0.0.1%x"} {
		f.Add("127.0.0.1:1", seed, "10.0.0.2")
	}
	proxies := adminapi.Proxies{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, remote, first, second string) {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = remote
		r.Header["X-Forwarded-For"] = []string{first, second}
		got := proxies.ClientIP(r)
		if got == "" {
			_, err := netip.ParseAddrPort(remote)
			assert.Error(t, err)
			return
		}
		ip, err := netip.ParseAddr(got)
		assert.NoError(t, err)
		assert.Equal(t, got, ip.Unmap().WithZone("").String())
		peer, err := netip.ParseAddrPort(remote)
		assert.NoError(t, err)
		if at := peer.Addr().Unmap().WithZone(""); !slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(at) }) {
			assert.Equal(t, at.String(), got, "nobody else is believed")
		}
	})
}
