// Package certtest has a certificate authority for tests.
package certtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// CA signs certificates.
type CA struct {
	Cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial atomic.Int64
}

// New makes an authority that nobody trusts yet.
func New(t *testing.T) *CA {
	t.Helper()
	ca := &CA{}
	ca.Cert, ca.key = ca.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	return ca
}

// Below makes an authority that ca vouches for.
func (ca *CA) Below(t *testing.T) *CA {
	t.Helper()
	sub := &CA{}
	sub.Cert, sub.key = ca.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test intermediate"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, ca)
	return sub
}

func (ca *CA) sign(t *testing.T, c *x509.Certificate, by *CA) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c.SerialNumber = big.NewInt(time.Now().UnixNano() + ca.serial.Add(1))
	if c.NotBefore.IsZero() {
		c.NotBefore = time.Now().Add(-time.Hour)
	}
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(90 * 24 * time.Hour)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.Cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	made, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return made, key
}

// Issue makes a certificate for servers at 127.0.0.1 and voice.test, in PEM; c changes what it says, and may be nil.
func (ca *CA) Issue(t *testing.T, c *x509.Certificate) (cert, key []byte) {
	t.Helper()
	if c == nil {
		c = &x509.Certificate{}
	}
	if c.DNSNames == nil && c.IPAddresses == nil {
		c.DNSNames, c.IPAddresses = []string{"voice.test"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	if c.ExtKeyUsage == nil {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	made, private := ca.sign(t, c, ca)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return PEM(made), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// Files writes a certificate and its key to files of dir that replace earlier ones at once, and returns their names.
func (ca *CA) Files(t *testing.T, dir string, c *x509.Certificate) (certFile, keyFile string) {
	t.Helper()
	cert, key := ca.Issue(t, c)
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	Replace(t, keyFile, key)
	Replace(t, certFile, cert)
	return certFile, keyFile
}

// Replace writes a file as programs that renew certificates do.
func Replace(t *testing.T, name string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(name+".new", data, 0o600))
	require.NoError(t, os.Rename(name+".new", name))
}

// Pool trusts ca alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return pool
}

// PEM encodes certificates, one after another.
func PEM(list ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range list {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a Buffer takes everything
	}
	return b.Bytes()
}
