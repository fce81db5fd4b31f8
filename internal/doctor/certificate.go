package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// ending is from when on a certificate that ends is worth a word: what renews by itself has done so by then.
const ending = 7 * 24 * time.Hour

// encrypt makes the TLS handshake and looks at the certificate.
func (e *exam) encrypt(ctx context.Context, u *url.URL) Result {
	raw, err := e.dial(ctx, "tcp", hostPort(u))
	if err != nil {
		return bad("There is no connection: "+err.Error()+".", "")
	}
	defer raw.Close()
	cfg := &tls.Config{}
	if e.cfg.TLS != nil {
		cfg = e.cfg.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = u.Hostname()
	}
	conn := tls.Client(raw, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		return bad(tlsWords(u.Hostname(), err, time.Now()))
	}
	state := conn.ConnectionState()
	until := state.PeerCertificates[0].NotAfter
	if left := time.Until(until); left < ending {
		return warn(fmt.Sprintf("The certificate ends on %s.", until.Format(time.DateOnly)), "Have it renewed before that.")
	}
	return fine("%s, certificate until %s.", tls.VersionName(state.Version), until.Format(time.DateOnly))
}

// tlsWords says why a handshake has failed.
func tlsWords(host string, err error, now time.Time) (says, do string) {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "There is a server, and it does not speak TLS.", "Use ws:// rather than wss://, or give the server a certificate (--tls-cert, --acme-domain) or a reverse proxy with TLS."
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok || strings.HasPrefix(err.Error(), "remote error: ") {
		const internalError, protocolVersion, unrecognizedName = 80, 70, 112 // RFC 8446, section 6
		switch {
		case alert == internalError || alert == unrecognizedName || strings.Contains(err.Error(), "internal error") || strings.Contains(err.Error(), "unrecognized name"):
			return "The server has no certificate for " + host + ".", "Is that the name in its --acme-domain? If it is, fetching the certificate has failed: the server's log says why."
		case alert == protocolVersion || strings.Contains(err.Error(), "protocol version"):
			return "The server wants another version of TLS than this program speaks.", "Something old in between may take TLS apart: TLS 1.2 or later is needed."
		}
	}
	var chain []*x509.Certificate
	if v, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		chain = v.UnverifiedCertificates
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		says = "The certificate is for another name than " + host
		if names := namesOf(chain); names != "" {
			says += ": for " + names
		}
		return says + ".", "Use a name that it is for, or get one for this name."
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		leaf := e.Cert
		switch {
		case e.Reason == x509.Expired && leaf != nil && now.Before(leaf.NotBefore):
			return "The certificate is good only from " + leaf.NotBefore.Format(time.DateTime+" MST") + ".", "Is this machine's clock wrong? Or wait, or have it made anew."
		case e.Reason == x509.Expired && leaf != nil:
			return "The certificate has ended on " + leaf.NotAfter.Format(time.DateOnly) + ".", "Renew it on the server, which takes it without a restart; or is this machine's clock wrong?"
		case e.Reason == x509.IncompatibleUsage:
			return "The certificate is not one for servers.", "Have the authority make one for that (extended key usage: server authentication)."
		}
		return "The certificate is not acceptable: " + e.Error() + ".", "Have the authority make another."
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		switch leaf := first(chain); {
		case leaf != nil && bytes.Equal(leaf.RawIssuer, leaf.RawSubject):
			return "The certificate is signed by itself, and this machine does not trust it.", "Get one from a public authority (Let's Encrypt: --acme-domain), or trust this one: --ca FILE."
		case leaf != nil && len(chain) == 1:
			return "The server sends its certificate alone, signed by " + leaf.Issuer.String() + ", which this machine does not know.",
				"If that is a public authority, the intermediate certificates are missing from the server's --tls-cert: use the file with the full chain. If it is your own, trust it: --ca FILE."
		}
		return "The certificate is signed by nobody whom this machine trusts.", "Get one from a public authority (Let's Encrypt: --acme-domain), or trust yours: --ca FILE."
	}
	if errors.Is(err, io.EOF) {
		return "The other side ends the connection instead of shaking hands.", "Is that the port for TLS? A firewall that looks into connections does this, too."
	}
	return "The TLS handshake fails: " + err.Error() + ".", "Check the server's certificate, or the reverse proxy in front of it."
}

func first(chain []*x509.Certificate) *x509.Certificate {
	if len(chain) == 0 {
		return nil
	}
	return chain[0]
}

// namesOf lists what a certificate is for, the first few.
func namesOf(chain []*x509.Certificate) string {
	leaf := first(chain)
	if leaf == nil {
		return ""
	}
	list := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		list = append(list, ip.String())
	}
	if len(list) > 5 {
		list = append(list[:5], "...")
	}
	return strings.Join(list, ", ")
}
