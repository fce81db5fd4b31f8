package usersig_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

var anyKey = sync.OnceValues(func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })

func oldKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := anyKey()
	require.NoError(t, err)
	return key
}

// oldText is the JSON of version 1.
func oldText(user, sig string) string {
	return `{"TLS.account_type":"0","TLS.identifier":"` + user + `","TLS.appid_at_3rd":"0","TLS.sdk_appid":"1400000001",` +
		`"TLS.expire_after":"3600","TLS.version":"201610110000","TLS.time":"1700000000","TLS.sig":"` + sig + `"}`
}

func oldLines(user string) string {
	return "TLS.appid_at_3rd:0\nTLS.account_type:0\nTLS.identifier:" + user + "\nTLS.sdk_appid:1400000001\nTLS.time:1700000000\nTLS.expire_after:3600\n"
}

func oldSign(t testing.TB, lines string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(lines))
	sig, err := ecdsa.SignASN1(rand.Reader, oldKey(t), sum[:])
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(sig)
}

func oldToken(t testing.TB, user string) string {
	t.Helper()
	return pack(oldText(user, oldSign(t, oldLines(user))))
}

func TestLegacyIsVerifiedWithThePublicKeyOnly(t *testing.T) {
	token := oldToken(t, "alice")
	_, err := usersig.Verify(token, app, secret, "alice", now)
	require.ErrorIs(t, err, usersig.ErrLegacy)
	require.ErrorContains(t, err, "mint one of version 2.0")

	v := usersig.Verifier{App: app, Secret: secret, PublicKey: &oldKey(t).PublicKey}
	c, err := v.Verify(token, "alice", now)
	require.NoError(t, err)
	require.Equal(t, usersig.Claims{App: app, User: "alice", Issued: now, Expires: now.Add(time.Hour), Legacy: true}, c)
	seen, err := usersig.Inspect(token)
	require.NoError(t, err)
	require.Equal(t, c, seen)

	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		v    usersig.Verifier
		user signaling.UserID
		now  time.Time
		want error
	}{
		"another key":     {usersig.Verifier{App: app, Secret: secret, PublicKey: &other.PublicKey}, "alice", now, usersig.ErrSignature},
		"another app":     {usersig.Verifier{App: app + 1, Secret: secret, PublicKey: v.PublicKey}, "alice", now, usersig.ErrWrongApp},
		"another user":    {v, "bob", now, usersig.ErrMismatch},
		"too late":        {v, "alice", now.Add(time.Hour + 1), usersig.ErrExpired},
		"from the future": {v, "alice", now.Add(-time.Hour), usersig.ErrFuture},
	} {
		_, err := c.v.Verify(token, c.user, c.now)
		require.ErrorIs(t, err, c.want, name)
	}

	// The new kind goes on beside it; without the secret there is none.
	fresh, err := usersig.Mint(app, secret, "alice", time.Hour, now)
	require.NoError(t, err)
	_, err = v.Verify(fresh, "alice", now)
	require.NoError(t, err)
	_, err = usersig.Verifier{App: app, PublicKey: v.PublicKey}.Verify(fresh, "alice", now)
	require.ErrorIs(t, err, usersig.ErrSignature)
}

func TestLegacyWithUserBuf(t *testing.T) {
	const buf = "cm9vbSA3" // room 7
	sig := oldSign(t, oldLines("alice")+"TLS.userbuf:"+buf+"\n")
	text := strings.Replace(oldText("alice", sig), `"TLS.sig"`, `"TLS.userbuf":"`+buf+`","TLS.sig"`, 1)
	v := usersig.Verifier{App: app, PublicKey: &oldKey(t).PublicKey}
	c, err := v.Verify(pack(text), "alice", now)
	require.NoError(t, err)
	require.Equal(t, "room 7", string(c.UserBuf))

	_, err = v.Verify(pack(strings.Replace(text, buf, "cm9vbSA4", 1)), "alice", now)
	require.ErrorIs(t, err, usersig.ErrSignature)
	_, err = v.Verify(pack(oldText("alice", sig)), "alice", now)
	require.ErrorIs(t, err, usersig.ErrSignature, "a buffer left out")
}

// What a token says about itself never has it checked with the other kind's key. The public key is public: it must not
// do as the secret of an HMAC.
func TestAlgorithmsAreNotConfused(t *testing.T) {
	pub := publicPEM(t, &oldKey(t).PublicKey)
	block, _ := pem.Decode(pub)
	point, err := oldKey(t).PublicKey.Bytes()
	require.NoError(t, err)
	v := usersig.Verifier{App: app, PublicKey: &oldKey(t).PublicKey}
	both := usersig.Verifier{App: app, Secret: secret, PublicKey: v.PublicKey}
	for name, key := range map[string][]byte{"PEM": pub, "PEM without its end": []byte(strings.TrimSpace(string(pub))), "DER": block.Bytes, "point": point} {
		token, err := usersig.Mint(app, string(key), "alice", time.Hour, now)
		require.NoError(t, err)
		for _, v := range []usersig.Verifier{v, both} {
			_, err = v.Verify(token, "alice", now)
			require.ErrorIs(t, err, usersig.ErrSignature, "an HMAC by the public key as %s", name)
		}
		h := hmac.New(sha256.New, key)
		fmt.Fprint(h, oldLines("alice"))
		for _, v := range []usersig.Verifier{v, both} {
			_, err = v.Verify(pack(oldText("alice", base64.StdEncoding.EncodeToString(h.Sum(nil)))), "alice", now)
			require.ErrorIs(t, err, usersig.ErrSignature, "the same in the old form, by %s", name)
		}
	}
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprint(h, oldLines("alice"))
	_, err = both.Verify(pack(oldText("alice", base64.StdEncoding.EncodeToString(h.Sum(nil)))), "alice", now)
	require.ErrorIs(t, err, usersig.ErrSignature, "an HMAC by the secret in the old form")

	sig := oldSign(t, "TLS.identifier:alice\nTLS.sdkappid:1400000001\nTLS.time:1700000000\nTLS.expire:3600\n")
	_, err = both.Verify(pack(`{"TLS.ver":"2.0","TLS.identifier":"alice","TLS.sdkappid":1400000001,"TLS.time":1700000000,"TLS.expire":3600,"TLS.sig":"`+sig+`"}`), "alice", now)
	require.ErrorIs(t, err, usersig.ErrMalformed, "ECDSA in the new form")

	good := oldText("alice", oldSign(t, oldLines("alice")))
	for _, more := range []string{`"TLS.sdkappid":1400000001`, `"TLS.expire":3600`, `"TLS.ver":"2.0"`, `"TLS.alg":"none"`, `"alg":"HS256"`} {
		_, err = both.Verify(pack(strings.Replace(good, "{", "{"+more+",", 1)), "alice", now)
		if strings.Contains(more, "alg") { // fields that nobody reads choose nothing
			require.NoError(t, err, more)
			continue
		}
		require.Error(t, err, "%s beside the old form", more)
		require.NotErrorIs(t, err, usersig.ErrSignature, "it is refused for its form")
	}
}

// Each bit of a token of the old kind counts.
func TestEveryFlipOfLegacyIsRefused(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	v := usersig.Verifier{App: app, PublicKey: &oldKey(t).PublicKey}
	text := oldText("alice", oldSign(t, oldLines("alice")))
	version := strings.Index(text, "TLS.version") // is not signed, nor read
	for i := range text {
		if i >= version && i < version+len(`TLS.version":"201610110000`) {
			continue
		}
		for bit := range 8 {
			flipped := []byte(text)
			flipped[i] ^= 1 << bit
			_, err := v.Verify(pack(string(flipped)), "alice", now)
			require.Error(t, err, "byte %d: %q", i, flipped)
		}
	}
}

func publicPEM(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func TestParsePublicKey(t *testing.T) {
	text := publicPEM(t, &oldKey(t).PublicKey)
	key, err := usersig.ParsePublicKey(text)
	require.NoError(t, err)
	assert.True(t, key.Equal(&oldKey(t).PublicKey))

	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(oldKey(t))
	require.NoError(t, err)
	// On secp256k1, of which Go knows nothing: the curve's own base point.
	const k1 = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEeb5mfvncu6xVoGKVzocLBwKb/NstzijZWfKBWxb4F5hIOtp3JqPEZV2k+/wOEQio/Re0SKaFVBmcR9CP+xDUuA=="
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"nothing":      {nil, "BEGIN PUBLIC KEY"},
		"a secret":     {[]byte("a-secret"), "BEGIN PUBLIC KEY"},
		"private":      {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "nobody needs the private one"},
		"P-384":        {publicPEM(t, &p384.PublicKey), "P-256"},
		"RSA":          {publicPEM(t, &rsaKey.PublicKey), "P-256"},
		"garbage":      {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}), "cannot be read"},
		"secp256k1":    {[]byte("-----BEGIN PUBLIC KEY-----\n" + k1 + "\n-----END PUBLIC KEY-----\n"), "P-256"},
		"cut in front": {text[1:], "BEGIN PUBLIC KEY"},
	} {
		_, err := usersig.ParsePublicKey(c.text)
		require.ErrorContains(t, err, c.want, name)
	}
}
