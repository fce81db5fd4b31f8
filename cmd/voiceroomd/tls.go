package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// encryption is TLS for all endpoints.
type encryption struct {
	config *tls.Config
	// One of the two.
	files *certificate
	acme  *autocert.Manager
}

// encrypted tells whether clients connect by TLS.
func (o options) encrypted() bool { return o.TLSCert != "" || o.TLSKey != "" || len(o.ACMEDomain) > 0 }

// checkTLS finds what is wrong with the flags of TLS.
func (o options) checkTLS(bad func(format string, args ...any)) {
	if (o.TLSCert == "") != (o.TLSKey == "") {
		bad("--tls-cert and --tls-key belong together")
	}
	if o.TLSCert != "" && len(o.ACMEDomain) > 0 {
		bad("--tls-cert and --acme-domain exclude each other: either you bring the certificate or it is fetched")
	}
	for _, name := range o.ACMEDomain {
		if !strings.Contains(strings.Trim(name, "."), ".") || strings.ContainsAny(name, "*:/ ") || net.ParseIP(name) != nil {
			bad("--acme-domain %q: a full name such as voice.example.org is wanted; no *, no address, no port", name)
		}
	}
	if u, err := url.Parse(o.ACMEURL); o.ACMEURL != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		bad("--acme-url %q: https://host/path is wanted", o.ACMEURL)
	}
	if len(o.ACMEDomain) == 0 {
		for flag, value := range map[string]string{"--acme-email": o.ACMEEmail, "--acme-cache": o.ACMECache, "--acme-url": o.ACMEURL, "--acme-http": o.ACMEHTTP} {
			if value != "" {
				bad("%s needs --acme-domain", flag)
			}
		}
	}
	if err := checkAddr(o.ACMEHTTP); o.ACMEHTTP != "" && err != nil {
		bad("--acme-http %q: %w", o.ACMEHTTP, err)
	}
	switch {
	case o.encrypted():
		if strings.HasPrefix(o.URL, "ws://") {
			bad("--url %q: this node speaks TLS, so clients need wss://", o.URL)
		}
	case checkAddr(o.Listen) == nil && !loopback(o.Listen) && !o.InsecureHTTP:
		bad("--listen %q without TLS: everybody on the way could read the UserSigs. Give --tls-cert and --tls-key, or "+
			"--acme-domain. Behind a reverse proxy that does TLS, or to try something out: --insecure-http", o.Listen)
	}
}

// encryption prepares TLS; nil if there is none.
func (o options) encryption(log *slog.Logger) (*encryption, error) {
	e := &encryption{config: &tls.Config{MinVersion: tls.VersionTLS12}}
	switch {
	case o.TLSCert != "":
		files, err := openCertificate(o.TLSCert, o.TLSKey, log)
		if err != nil {
			return nil, err
		}
		e.files, e.config.GetCertificate = files, files.GetCertificate
	case len(o.ACMEDomain) > 0:
		dir := o.ACMECache
		if dir == "" {
			dir = filepath.Join(o.Data, "acme")
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("--acme-cache: %w", err)
		}
		e.acme = &autocert.Manager{
			Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(o.ACMEDomain...), Cache: autocert.DirCache(dir),
			Email: o.ACMEEmail, Client: &acme.Client{DirectoryURL: o.ACMEURL, UserAgent: "voiceroomd"},
		}
		if o.ACMEURL == "" {
			e.acme.Client.DirectoryURL = autocert.DefaultACMEDirectory
		}
		e.config.NextProtos = []string{acme.ALPNProto} // net/http adds its own
		e.config.GetCertificate = (&issued{manager: e.acme, domains: o.ACMEDomain, log: log, told: map[string]time.Time{}}).GetCertificate
		if _, port, _ := net.SplitHostPort(o.Listen); port != "443" && o.ACMEHTTP == "" {
			log.Warn("the authority will connect to port 443 (TLS-ALPN-01): make sure that it leads to --listen, or give --acme-http for port 80", "listen", o.Listen)
		}
	default:
		return nil, nil
	}
	return e, nil
}

// hangUp reads the certificate again when SIGHUP says so, until ctx ends.
func (e *encryption) hangUp(ctx context.Context, wg *sync.WaitGroup) {
	if e == nil || e.files == nil {
		return
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGHUP)
	wg.Go(func() {
		defer signal.Stop(asked)
		for {
			select {
			case <-asked:
				e.files.reload()
			case <-ctx.Done():
				return
			}
		}
	})
}

// warmUp has the certificates fetched now, so that the first client does not wait and a mistake is in the log at once. It
// connects to the server itself: unlike a call of autocert that ends with ctx.
func (e *encryption) warmUp(ctx context.Context, wg *sync.WaitGroup, at net.Addr, domains []string) {
	if e == nil || e.acme == nil {
		return
	}
	for _, name := range domains {
		wg.Go(func() {
			d := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}} // nothing is sent or believed
			if conn, err := d.DialContext(ctx, at.Network(), reachable(at)); err == nil {
				_ = conn.Close()
			}
		})
	}
}

// reachable is an address at which a listener is reached from here.
func reachable(at net.Addr) string {
	if a, ok := at.(*net.TCPAddr); ok && a.IP.IsUnspecified() {
		ip := net.IPv6loopback
		if a.IP.To4() != nil {
			ip = net.IPv4(127, 0, 0, 1)
		}
		return (&net.TCPAddr{IP: ip, Port: a.Port}).String()
	}
	return at.String()
}

// issued tells the log why there is no certificate: the client of a failed handshake learns nothing of it, and net/http
// would say it among the scanners of the Internet.
type issued struct {
	manager *autocert.Manager
	domains []string
	log     *slog.Logger

	mu   sync.Mutex
	told map[string]time.Time // by domain
}

const tellAgain = time.Minute

// GetCertificate is for a tls.Config.
func (i *issued) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, err := i.manager.GetCertificate(hello)
	name := strings.TrimSuffix(hello.ServerName, ".")
	asked := slices.IndexFunc(i.domains, func(d string) bool { return strings.EqualFold(d, name) })
	if err == nil || asked < 0 || slices.Contains(hello.SupportedProtos, acme.ALPNProto) {
		return cert, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if now := time.Now(); now.Sub(i.told[i.domains[asked]]) >= tellAgain {
		i.told[i.domains[asked]] = now
		i.log.Error("there is no certificate", "domain", i.domains[asked], "error", err)
	}
	return nil, err
}

// challenges answers the authority on port 80 (HTTP-01) and sends everybody else to https.
func (e *encryption) challenges() http.Handler {
	inner := e.acme.HTTPHandler(nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err == nil { // autocert knows names without ports only
			r.Host = host
		}
		inner.ServeHTTP(w, r)
	})
}
