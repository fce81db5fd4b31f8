package main

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// send sends a message over a connection of its own, or over the one given, and returns the answer.
func (p *process) send(c *websocket.Conn, message string) (*websocket.Conn, string) {
	p.t.Helper()
	if c == nil {
		d := websocket.Dialer{Subprotocols: []string{signaling.Subprotocol}}
		var err error
		c, _, err = d.Dial(p.ready["websocket"], nil)
		require.NoError(p.t, err)
		p.t.Cleanup(func() { c.Close() })
	}
	require.NoError(p.t, c.WriteMessage(websocket.TextMessage, []byte(message)))
	require.NoError(p.t, c.SetReadDeadline(time.Now().Add(patience)))
	for {
		_, b, err := c.ReadMessage()
		if err != nil {
			return c, err.Error()
		}
		if !strings.Contains(string(b), `"method"`) {
			return c, string(b)
		}
	}
}

func callOf(method string, params any) string {
	b, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	return string(b)
}

// TestSecretsAreInNoLog logs in, well and badly in every way, at a server that logs all that it can, and looks for what
// would let a reader of the log in.
func TestSecretsAreInNoLog(t *testing.T) {
	const appID, secret = 1400000077, "geheimnis-4711"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	p := start(t, "--log-level=debug", fmt.Sprintf("--app=%d:%s", appID, secret), fmt.Sprintf("--app-public-key=%d:%s", appID, file))

	now := time.Now()
	hidden := map[string]string{"the secret": secret, "another app's secret": `:secret`, "a wrong secret": "another-secret"}
	hide := func(what, token string, err error) string {
		t.Helper()
		require.NoError(t, err)
		hidden[what] = token
		hidden["the middle of "+what] = token[len(token)/2 : len(token)/2+12]
		if sig := signatureOf(t, token); sig != "" {
			hidden["the signature of "+what] = sig
		}
		return token
	}
	mint := func(what, secret string, user signaling.UserID, at time.Time) string {
		sig, err := usersig.Mint(appID, secret, user, time.Hour, at)
		return hide(what, sig, err)
	}
	login := func(sig string) string {
		return callOf(signaling.MethodLogin, signaling.LoginParams{SDKAppID: appID, UserID: "alice", UserSig: sig})
	}
	good := mint("a good UserSig", secret, "alice", now)
	c, answer := p.send(nil, login(good))
	require.Contains(t, answer, "sessionId")
	_, answer = p.send(c, callOf(signaling.MethodRenew, signaling.RenewParams{UserSig: mint("a renewal", secret, "alice", now.Add(time.Second))}))
	require.Contains(t, answer, "expiresAt")
	_, answer = p.send(c, callOf(signaling.MethodRenew, signaling.RenewParams{UserSig: mint("a bad renewal", "another-secret", "alice", now)}))
	require.Contains(t, answer, "70003")
	_, answer = p.send(nil, login(hide("a UserSig of version 1", oldToken(t, key, appID, "alice", now), nil)))
	require.Contains(t, answer, "sessionId")

	buf, err := usersig.MintPrivateMapKey(appID, secret, "alice", time.Hour, now, 7, usersig.PrivilegeAll)
	for message, want := range map[string]string{
		login(mint("a UserSig of another secret", "another-secret", "alice", now)):    "70003",
		login(mint("an expired UserSig", secret, "alice", now.Add(-2*time.Hour))):     "70001",
		login(mint("another user's UserSig", secret, "bob", now)):                     "70013",
		login(mint("a UserSig from the future", secret, "alice", now.Add(time.Hour))): "70003",
		login(hide("a PrivateMapKey", buf, err)):                                      "70003",
		login(good[:len(good)-9]):                                                     "70003",
		login(good + strings.Repeat("A", 5000)):                                       "70003",
		login(good)[:60+len(good)]:                                                    "60003", // no JSON any more
		strings.Replace(login(good), `"sdkAppId":`, `"sdkAppId":"x`, 1):               "60003",
		strings.Replace(login(good), `"alice"`, `["alice"]`, 1):                       "error",
		callOf("session."+good, signaling.Empty{}):                                    "error",
		callOf(signaling.MethodJoinRoom, map[string]any{"roomId": good}):              "-1002",
		login(good) + strings.Repeat(" ", 65<<10):                                     "close 1009",
	} {
		_, answer := p.send(nil, message)
		require.Contains(t, answer, want, "%.80s", message)
	}
	resp, err := http.Get(strings.Replace(p.ready["websocket"], "ws:", "http:", 1) + "?usersig=" + good)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())

	require.Zero(t, p.signal(syscall.SIGTERM))
	var log strings.Builder
	for line := range p.log {
		log.WriteString(line + "\n")
	}
	require.Contains(t, log.String(), `"logged in"`, "it is logged who came")
	require.Contains(t, log.String(), `"DEBUG"`, "and everything else")
	for what, text := range hidden {
		assert.False(t, strings.Contains(log.String(), text), "%s is in the log", what)
	}
	assert.False(t, strings.Contains(log.String(), "TLS."), "the inside of a UserSig is in the log")
}

// signatureOf returns what a token's signature is, in its base64.
func signatureOf(t *testing.T, token string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(strings.NewReplacer("*", "+", "-", "/", "_", "=").Replace(token))
	require.NoError(t, err)
	r, err := zlib.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.NewDecoder(r).Decode(&fields))
	return fields["TLS.sig"].(string)
}

func oldToken(t *testing.T, key *ecdsa.PrivateKey, app signaling.AppID, user string, now time.Time) string {
	t.Helper()
	sum := sha256.Sum256(fmt.Appendf(nil, "TLS.appid_at_3rd:0\nTLS.account_type:0\nTLS.identifier:%s\nTLS.sdk_appid:%d\nTLS.time:%d\nTLS.expire_after:3600\n", user, app, now.Unix()))
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	require.NoError(t, err)
	text := fmt.Sprintf(`{"TLS.account_type":"0","TLS.identifier":"%s","TLS.appid_at_3rd":"0","TLS.sdk_appid":"%d","TLS.expire_after":"3600","TLS.version":"201610110000","TLS.time":"%d","TLS.sig":"%s"}`,
		user, app, now.Unix(), base64.StdEncoding.EncodeToString(sig))
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return strings.NewReplacer("+", "*", "/", "-", "=", "_").Replace(base64.StdEncoding.EncodeToString(b.Bytes()))
}
