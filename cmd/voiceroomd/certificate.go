package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a certificate with its key in two files. They are looked at in every handshake, which costs two calls of
// the system, so that a renewed one counts at once and nobody has to tell.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu   sync.Mutex
	pair *tls.Certificate
	seen [2]os.FileInfo // the files when they were last read; nil for one that was not there
}

// openCertificate reads the files.
func openCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	c.seen = c.look()
	pair, err := c.read()
	if err != nil {
		return nil, err
	}
	c.pair = pair
	return c, nil
}

// GetCertificate is for a tls.Config.
func (c *certificate) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.look(); !same(now, c.seen) {
		c.renew(now)
	}
	return c.pair, nil
}

// reload reads the files, whether they look changed or not.
func (c *certificate) reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renew(c.look())
}

// renew takes the new certificate, or keeps the old one and says why: once, until the files change again.
func (c *certificate) renew(now [2]os.FileInfo) {
	c.seen = now
	pair, err := c.read()
	if err != nil {
		c.log.Error("the new certificate does not work; the old one stays", "until", c.pair.Leaf.NotAfter, "error", err)
		return
	}
	c.pair = pair
	c.log.Info("new certificate", "until", pair.Leaf.NotAfter)
}

func (c *certificate) look() (list [2]os.FileInfo) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			list[i] = info
		}
	}
	return list
}

func same(a, b [2]os.FileInfo) bool {
	for i := range a {
		switch {
		case a[i] == nil && b[i] == nil:
		case a[i] == nil || b[i] == nil:
			return false
		case !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()):
			return false
		}
	}
	return true
}

func (c *certificate) read() (*tls.Certificate, error) {
	certPEM, err := os.ReadFile(c.certFile)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	keyPEM, err := os.ReadFile(c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("--tls-key: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s with --tls-key %s: %w", c.certFile, c.keyFile, err)
	}
	if pair.Leaf == nil {
		return nil, errors.New("--tls-cert: the certificate cannot be read")
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		c.log.Warn("the certificate is not valid at this time; clients will refuse it", "from", pair.Leaf.NotBefore, "until", pair.Leaf.NotAfter)
	}
	return &pair, nil
}
