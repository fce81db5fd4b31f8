//go:build unix

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
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

const sigApp = "1400000001:mysecret"

// legacySig is a UserSig of version 1 and the file with the key for it.
func legacySig(t *testing.T, user string) (token, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := time.Now().Unix()
	sum := sha256.Sum256(fmt.Appendf(nil, "TLS.appid_at_3rd:0\nTLS.account_type:0\nTLS.identifier:%s\nTLS.sdk_appid:1400000001\nTLS.time:%d\nTLS.expire_after:3600\n", user, now))
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	require.NoError(t, err)
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	fmt.Fprintf(w, `{"TLS.account_type":"0","TLS.identifier":"%s","TLS.appid_at_3rd":"0","TLS.sdk_appid":"1400000001","TLS.expire_after":"3600","TLS.version":"201610110000","TLS.time":"%d","TLS.sig":"%s"}`,
		user, now, base64.StdEncoding.EncodeToString(sig))
	require.NoError(t, w.Close())
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	keyFile = filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	return strings.NewReplacer("+", "*", "/", "-", "=", "_").Replace(base64.StdEncoding.EncodeToString(b.Bytes())), keyFile
}

func TestUserSigVerifySaysWhatIsWrong(t *testing.T) {
	now := time.Now()
	mint := func(secret string, expire time.Duration, at time.Time) string {
		sig, err := usersig.Mint(1400000001, secret, "guest", expire, at)
		require.NoError(t, err)
		return sig
	}
	sig := mint("mysecret", time.Hour, now)
	old, key := legacySig(t, "guest")
	escape, err := usersig.Mint(1400000001, "mysecret", "\x1b[31mred", time.Hour, now)
	require.NoError(t, err)
	good := []string{"--app", sigApp, "--user", "guest"}
	for name, c := range map[string]struct {
		args   []string
		status int
		name   string
		says   []string
	}{
		"valid":              {append(good, sig), 0, "valid", []string{"valid until 2", `"guest" of app 1400000001`, "issued ", " left", "HMAC-SHA256"}},
		"garbage":            {append(good, "eJx"), 3, "malformed", []string{"no UserSig"}},
		"half of it":         {append(good, sig[:len(sig)/2]), 3, "malformed", []string{"a part of one"}},
		"too large":          {append(good, strings.Repeat("A", 5000)), 3, "malformed", []string{"too large"}},
		"another app":        {[]string{"--app", "1400000002:mysecret", "--user", "guest", sig}, 4, "wrongApp", []string{"another app", "of app 1400000001"}},
		"another secret":     {[]string{"--app", "1400000001:other", "--user", "guest", sig}, 5, "wrongSignature", []string{"this app's secret", "nothing proves"}},
		"another user":       {[]string{"--app", sigApp, "--user", "other", sig}, 6, "wrongUser", []string{"another user", `"guest" of app`}},
		"from the future":    {append(good, mint("mysecret", time.Hour, now.Add(time.Hour))), 7, "notYet", []string{"clocks"}},
		"expired":            {append(good, mint("mysecret", time.Hour, now.Add(-3*time.Hour))), 8, "expired", []string{"has passed", "2h0m", " ago"}},
		"old, without a key": {append(good, old), 9, "legacy", []string{"version 1", "--public-key", "ECDSA-SHA256"}},
		"old, with its key":  {append(good, "--public-key", key, old), 0, "valid", []string{"valid until 2", "ECDSA-SHA256"}},
		"escape sequences":   {append(good, escape), 6, "wrongUser", []string{`"\x1b[31mred"`}},
		"nothing":            {good, 2, "", []string{"standard input"}},
		"two at once":        {append(good, "--file", "x", sig), 2, "", []string{"--file"}},
		"no such file":       {append(good, "--file", "none"), 1, "", []string{"--file"}},
		"no such key":        {append(good, "--public-key", "none", old), 1, "", []string{"--public-key"}},
		"no secret":          {[]string{"--app", "1400000001", "--user", "guest", sig}, 2, "", []string{"ID:SECRET"}},
		"no user":            {[]string{"--app", sigApp, sig}, 2, "", []string{"--user"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"usersig", "verify"}, c.args...)
			out, log, status := run(t, args...)
			require.Equal(t, c.status, status, "%s%s", out, log)
			said := log
			if status == 0 {
				said = out
			} else {
				require.NotContains(t, out, "valid until")
			}
			for _, want := range c.says {
				require.Contains(t, said, want)
			}
			assert.NotContains(t, strings.ReplaceAll(said, "example 1400000001:mysecret", ""), "mysecret")
			assert.NotContains(t, said, "\x1b")
			if c.name == "" {
				return
			}
			out, _, status = run(t, append(args, "--json")...)
			require.Equal(t, c.status, status)
			var r sigReport
			require.NoError(t, json.Unmarshal([]byte(out), &r), out)
			require.Equal(t, c.name, r.Verdict)
			require.Equal(t, status, r.Status)
			require.Equal(t, status == 0, r.Valid)
			require.Equal(t, status == 0 || status == 4 || status > 5 && status < 9, r.Genuine)
			require.Equal(t, status != 3, r.Claims != nil)
		})
	}
	help, _, status := run(t, "usersig", "verify", "--help")
	require.Zero(t, status)
	for _, v := range verdicts {
		require.Contains(t, help, strconv.Itoa(v.status)+"  "+v.name)
	}
}

func TestUserSigFromElsewhere(t *testing.T) {
	sig, log, status := run(t, "usersig", "mint", "--app", sigApp, "--user", "guest")
	require.Zero(t, status, log)
	file := filepath.Join(t.TempDir(), "sig")
	require.NoError(t, os.WriteFile(file, []byte(sig+"\n"), 0o600))
	out, log, status := run(t, "usersig", "verify", "--app", sigApp, "--user", "guest", "--file", file)
	require.Zero(t, status, log)
	require.Contains(t, out, "valid until")

	for text, want := range map[string]int{sig: 0, "": 3, strings.Repeat(sig, 10000): 3} {
		cmd := command(t, "usersig", "verify", "--app", sigApp, "--user", "guest", "-")
		cmd.Stdin = strings.NewReader(text)
		require.Equal(t, want, exit(t, cmd.Run()))
	}
}

func TestUserSigMintsAndReadsPrivateMapKeys(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"a room":      {[]string{"--private-map-room", "r 1", "--privileges", "10"}, []string{`PrivateMapKey for room "r 1" until 2`, "permits: enter room, receive audio\n", "refuses a login"}},
		"a number":    {[]string{"--private-map-number", "0"}, []string{"PrivateMapKey for room number 0 until 2", "permits: create room, enter room, send audio"}},
		"other bytes": {[]string{"--userbuf", "hello"}, []string{`5 bytes that are no PrivateMapKey: "hello"`}},
	} {
		sig, log, status := run(t, append([]string{"usersig", "mint", "--app", sigApp, "--user", "guest"}, c.args...)...)
		require.Zero(t, status, "%s: %s", name, log)
		out, log, status := run(t, "usersig", "verify", "--app", sigApp, "--user", "guest", strings.TrimSpace(sig))
		require.Zero(t, status, log)
		for _, want := range c.says {
			require.Contains(t, out, want, name)
		}
	}
	for name, args := range map[string][]string{
		"both":       {"--private-map-room", "r", "--private-map-number", "1"},
		"no room id": {"--private-map-room", "ä"},
		"no number":  {"--private-map-number", "4294967296"},
		"no secret":  {"--app", "1400000001"},
		"long user":  {"--user", strings.Repeat("u", 33)},
	} {
		_, _, status := run(t, append([]string{"usersig", "mint", "--app", sigApp, "--user", "guest"}, args...)...)
		require.NotZero(t, status, name)
	}
}
