package main

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/certtest"
)

// authority is Let's Encrypt's own test server (Pebble), which believes that every name is 127.0.0.1.
type authority struct {
	url   string         // of its directory
	trust string         // a file for those who talk to it
	roots *x509.CertPool // those who trust what it issues
}

// startAuthority has it ask its questions at two ports of this machine.
func startAuthority(t *testing.T, tlsPort, httpPort int) authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet, store := slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default"}})
	front := wfe.New(quiet, store, va.New(quiet, httpPort, tlsPort, false, startNames(t), store), issuer, []string{"pebble.test"}, false, false, 1, 1)
	own := certtest.New(t)
	cert, key := own.Issue(t, nil)
	pair, err := tls.X509KeyPair(cert, key)
	require.NoError(t, err)
	srv := httptest.NewUnstartedServer(front.Handler())
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	a := authority{url: srv.URL + wfe.DirectoryPath, trust: filepath.Join(t.TempDir(), "authority.pem"), roots: x509.NewCertPool()}
	require.NoError(t, os.WriteFile(a.trust, certtest.PEM(own.Cert), 0o600))
	a.roots.AddCert(issuer.GetRootCert(0).Cert)
	return a
}

// startNames serves DNS: every name is 127.0.0.1.
func startNames(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	up := make(chan struct{})
	names := &dns.Server{Listener: l, NotifyStartedFunc: func() { close(up) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		var m dns.Msg
		m.SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1),
			}}
		}
		_ = w.WriteMsg(&m)
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = names.ActivateAndServe() }()
	<-up
	t.Cleanup(func() { _ = names.Shutdown(); <-served })
	return l.Addr().String()
}

// freePort returns a port on which nobody listens now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// The certificate comes from a real ACME server, which really asks: by TLS-ALPN-01 at --listen, or by HTTP-01 at
// --acme-http where the port for TLS does not lead here.
func TestACME(t *testing.T) {
	for name, http01 := range map[string]bool{"TLS-ALPN-01": false, "HTTP-01": true} {
		t.Run(name, func(t *testing.T) {
			listen, port80 := freePort(t), freePort(t)
			asked := listen
			if http01 {
				asked = freePort(t) // nobody there
			}
			auth := startAuthority(t, asked, port80)
			t.Setenv("SSL_CERT_FILE", auth.trust)
			t.Setenv("SSL_CERT_DIR", t.TempDir())
			data := t.TempDir()
			args := []string{
				"--listen=127.0.0.1:" + strconv.Itoa(listen), "--data=" + data,
				"--acme-domain=Voice.example.org", "--acme-email=ops@example.org", "--acme-url=" + auth.url,
			}
			if http01 {
				args = append(args, "--acme-http=127.0.0.1:"+strconv.Itoa(port80))
			}
			p := start(t, args...)
			get := func() *x509.Certificate {
				t.Helper()
				client := &http.Client{Timeout: patience, Transport: &http.Transport{
					DisableKeepAlives: true,
					TLSClientConfig:   &tls.Config{RootCAs: auth.roots, ServerName: "voice.example.org"},
				}}
				resp, err := client.Get("https://" + p.at() + "/healthz")
				for tries := 0; err != nil && tries < 20; tries++ { // a handshake waits for 5 s, and may be the one that fetches
					t.Log(err)
					select {
					case line := <-p.log:
						t.Log(line)
					default:
					}
					resp, err = client.Get("https://" + p.at() + "/healthz")
				}
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				return resp.TLS.PeerCertificates[0]
			}
			cert := get()
			require.Equal(t, []string{"voice.example.org"}, cert.DNSNames)
			_, err := tls.Dial("tcp", p.at(), &tls.Config{RootCAs: auth.roots, ServerName: "other.example.org"})
			require.ErrorContains(t, err, "internal error", "nothing is fetched for other names")
			if http01 {
				redirect := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				resp, err := redirect.Get("http://127.0.0.1:" + strconv.Itoa(port80) + "/x")
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, http.StatusFound, resp.StatusCode)
				require.True(t, strings.HasPrefix(resp.Header.Get("Location"), "https://"), resp.Header)
			}
			require.Zero(t, p.signal(syscall.SIGTERM))
			info, err := os.Stat(filepath.Join(data, "acme"))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

			again := start(t, args...)
			p = again
			require.Equal(t, cert.SerialNumber, get().SerialNumber, "a restart uses what was fetched")
			require.Zero(t, p.signal(syscall.SIGTERM))
		})
	}
}

// A domain for which no certificate comes is an error in the log, for its operator sees nothing else.
func TestACMEFailureIsLogged(t *testing.T) {
	listen := freePort(t)
	auth := startAuthority(t, freePort(t), freePort(t)) // which asks where nobody is
	t.Setenv("SSL_CERT_FILE", auth.trust)
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	p := start(t, "--listen=127.0.0.1:"+strconv.Itoa(listen), "--data="+t.TempDir(), "--acme-domain=voice.example.org", "--acme-url="+auth.url)
	line := <-p.log // of the fetching at the start
	require.Contains(t, line, "there is no certificate")
	require.Contains(t, line, "voice.example.org")
	require.Zero(t, p.signal(syscall.SIGTERM))
}
