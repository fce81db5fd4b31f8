package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/certtest"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// trusting is an HTTPS client with a connection for every call, unless it is of HTTP/2.
func trusting(pool *x509.CertPool, version uint16) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: version, MaxVersion: version}, ForceAttemptHTTP2: true,
	}}
}

// at is where a process listens.
func (p *process) at() string {
	u, err := url.Parse(p.ready["websocket"])
	require.NoError(p.t, err)
	return u.Host
}

// shown returns the certificate that a process shows.
func (p *process) shown(pool *x509.CertPool) (*x509.Certificate, error) {
	conn, err := tls.Dial("tcp", p.at(), &tls.Config{RootCAs: pool})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

func TestHTTPSAndWSS(t *testing.T) {
	ca := certtest.New(t)
	cert, key := ca.Files(t, t.TempDir(), nil)
	p := start(t, "--data="+t.TempDir(), "--tls-cert="+cert, "--tls-key="+key)
	require.True(t, strings.HasPrefix(p.ready["websocket"], "wss://"), p.ready["websocket"])

	client := trusting(ca.Pool(), tls.VersionTLS12)
	for range 2 {
		for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
			resp, err := client.Get("https://" + p.at() + path)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, want, string(body))
			assert.Equal(t, 2, resp.ProtoMajor, "REST has HTTP/2")
			assert.GreaterOrEqual(t, resp.TLS.Version, uint16(tls.VersionTLS12))
		}
		client = trusting(ca.Pool(), tls.VersionTLS13)
	}

	now := time.Now()
	admin, err := usersig.Mint(1400000001, "secret", "administrator", time.Hour, now)
	require.NoError(t, err)
	query := "?sdkappid=1400000001&identifier=administrator&usersig=" + url.QueryEscape(admin) + "&random=1&contenttype=json"
	body := []byte(`{"RoomInfo":{"RoomId":"tls","Owner_Account":"administrator","RoomType":"Live","IsSeatEnabled":true,"MaxSeatCount":2}}`)
	resp, err := client.Post("https://"+p.at()+"/v4/live_engine_http_srv/create_room"+query, "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	answer := map[string]any{}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "OK", answer["ActionStatus"], "%v", answer)

	guest, err := usersig.Mint(1400000001, "secret", "guest", time.Hour, now)
	require.NoError(t, err)
	login := engine.Config{URL: "wss://" + p.at(), SDKAppID: 1400000001, UserID: "guest", UserSig: guest, TLS: &tls.Config{RootCAs: ca.Pool()}}
	eng, err := engine.Login(t.Context(), login)
	require.NoError(t, err)
	info, err := eng.FetchRoomInfo(t.Context(), "tls")
	require.NoError(t, err, "the room made over HTTPS is seen over WSS")
	require.Equal(t, engine.UserID("administrator"), info.OwnerID)
	require.NoError(t, eng.Logout(t.Context()))

	login.TLS = nil
	_, err = engine.Login(t.Context(), login)
	require.ErrorContains(t, err, "unknown authority")

	_, err = tls.Dial("tcp", p.at(), &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.ErrorContains(t, err, "protocol version")
	resp, err = http.Get("http://" + p.at() + "/healthz")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, "in clear there is nothing")
	require.Zero(t, p.signal(syscall.SIGTERM))
}

// A renewed certificate is shown in the next handshake; one that does not work is logged once, and the old one stays.
func TestCertificateIsRenewed(t *testing.T) {
	ca, dir := certtest.New(t), t.TempDir()
	cert, key := ca.Files(t, dir, nil)
	p := start(t, "--data="+t.TempDir(), "--tls-cert="+cert, "--tls-key="+key, "--log-level=info")
	logged := func(want string) {
		t.Helper()
		select {
		case line, ok := <-p.log:
			for ok && !strings.Contains(line, "certificate") {
				line, ok = <-p.log
			}
			require.Contains(t, line, want)
		case <-time.After(patience):
			t.Fatal("nothing is logged")
		}
	}
	first, err := p.shown(ca.Pool())
	require.NoError(t, err)

	ca.Files(t, dir, nil)
	second, err := p.shown(ca.Pool())
	require.NoError(t, err)
	require.NotEqual(t, first.SerialNumber, second.SerialNumber)
	logged("new certificate")

	certtest.Replace(t, cert, []byte("not a certificate"))
	for range 3 {
		still, err := p.shown(ca.Pool())
		require.NoError(t, err)
		require.Equal(t, second.SerialNumber, still.SerialNumber)
	}
	logged("the old one stays")
	require.NoError(t, os.Remove(key))
	_, err = p.shown(ca.Pool())
	require.NoError(t, err)
	logged("the old one stays") // another reason
	ca.Files(t, dir, nil)
	third, err := p.shown(ca.Pool())
	require.NoError(t, err)
	require.NotEqual(t, second.SerialNumber, third.SerialNumber)
	logged("new certificate") // and nothing between: what does not work is logged once for each change

	if runtime.GOOS != "windows" {
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
		logged("new certificate")
	}
	require.Zero(t, p.signal(syscall.SIGTERM))
	for line := range p.log {
		require.NotContains(t, line, "PRIVATE", fmt.Sprint(line))
	}
}
