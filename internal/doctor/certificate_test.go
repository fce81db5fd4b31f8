package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/certtest"
)

// What can be wrong with a certificate is said in words, with what to do.
func TestCertificates(t *testing.T) {
	ca := certtest.New(t)
	below := ca.Below(t)
	pair := func(by *certtest.CA, c *x509.Certificate, more ...*x509.Certificate) *tls.Certificate {
		cert, key := by.Issue(t, c)
		p, err := tls.X509KeyPair(append(cert, certtest.PEM(more...)...), key)
		require.NoError(t, err)
		return &p
	}
	for name, c := range map[string]struct {
		pair     *tls.Certificate
		stranger bool // the client does not know the authority
		status   Status
		says, do string
	}{
		"good":                 {pair(ca, nil), false, OK, "TLS 1.3, certificate until", ""},
		"good, by a chain":     {pair(below, nil, below.Cert), false, OK, "TLS 1.3", ""},
		"it ends soon":         {pair(ca, &x509.Certificate{NotAfter: time.Now().Add(time.Hour)}), false, Warning, "ends on", "renewed"},
		"it has ended":         {pair(ca, &x509.Certificate{NotAfter: time.Now().Add(-time.Minute)}), false, Failed, "has ended on", "Renew"},
		"it has not begun":     {pair(ca, &x509.Certificate{NotBefore: time.Now().Add(time.Hour)}), false, Failed, "good only from", "clock"},
		"another name":         {pair(ca, &x509.Certificate{DNSNames: []string{"a.test", "b.test"}}), false, Failed, "for another name than 127.0.0.1: for a.test, b.test.", "get one"},
		"no intermediate":      {pair(below, nil), false, Failed, "sends its certificate alone, signed by CN=Test intermediate", "full chain"},
		"an unknown authority": {pair(below, nil, below.Cert), true, Failed, "nobody whom this machine trusts", "--ca"},
		"not for servers":      {pair(ca, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}), false, Failed, "not one for servers", "authority"},
		"there is none for it": {nil, false, Failed, "has no certificate for 127.0.0.1", "--acme-domain"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.NotFoundHandler())
			srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
			srv.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				if c.pair == nil {
					return nil, errors.New("none")
				}
				return c.pair, nil
			}}
			srv.StartTLS()
			defer srv.Close()
			srv.TLS.Certificates = nil // its own
			pool := ca.Pool()
			if c.stranger {
				pool = x509.NewCertPool()
			}
			r := Run(t.Context(), Config{URL: strings.Replace(srv.URL, "https", "wss", 1), NoUser: "nobody", TLS: &tls.Config{RootCAs: pool}})
			got := find(t, r, nameTLS)
			require.Equal(t, c.status, got.Status, "%+v", got)
			require.Contains(t, got.Says, c.says)
			require.Contains(t, got.Do, c.do)
			if c.status != Failed {
				require.Equal(t, Warning, find(t, r, nameHealth).Status, "the same trust goes for HTTP: it answers 404")
			}
		})
	}
}
