package server

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

func legacyKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// legacySig is a UserSig of version 1 that is good for an hour.
func legacySig(t *testing.T, key *ecdsa.PrivateKey, user signaling.UserID) string {
	t.Helper()
	now := time.Now().Unix()
	sum := sha256.Sum256(fmt.Appendf(nil, "TLS.appid_at_3rd:0\nTLS.account_type:0\nTLS.identifier:%s\nTLS.sdk_appid:%d\nTLS.time:%d\nTLS.expire_after:3600\n", user, app, now))
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	require.NoError(t, err)
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	fmt.Fprintf(w, `{"TLS.account_type":"0","TLS.identifier":"%s","TLS.appid_at_3rd":"0","TLS.sdk_appid":"%d","TLS.expire_after":"3600","TLS.version":"201610110000","TLS.time":"%d","TLS.sig":"%s"}`,
		user, app, now, base64.StdEncoding.EncodeToString(sig))
	require.NoError(t, w.Close())
	return strings.NewReplacer("+", "*", "/", "-", "=", "_").Replace(base64.StdEncoding.EncodeToString(b.Bytes()))
}

// An app with a public key takes UserSigs of both versions; another app on the same server does not.
func TestUserSigsOfBothVersions(t *testing.T) {
	key := legacyKey(t)
	s := &Server{cfg: Config{
		Apps:       map[signaling.AppID]string{app: secret, otherApp: secret},
		PublicKeys: map[signaling.AppID]*ecdsa.PublicKey{app: &key.PublicKey},
	}}
	old := legacySig(t, key, "alice")
	expires, err := s.verify(signaling.LoginParams{SDKAppID: app, UserID: "alice", UserSig: old})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), expires, time.Minute)

	_, err = s.verify(signaling.LoginParams{SDKAppID: app, UserID: "bob", UserSig: old})
	require.ErrorIs(t, err, signaling.ErrUserSigWrongUser)
	_, err = s.verify(signaling.LoginParams{SDKAppID: otherApp, UserID: "alice", UserSig: old})
	require.ErrorContains(t, err, "version 1")
	_, err = s.verify(signaling.LoginParams{SDKAppID: app, UserID: "alice", UserSig: legacySig(t, legacyKey(t), "alice")})
	require.ErrorContains(t, err, "wrong signature")

	fresh, err := usersig.Mint(app, secret, "alice", time.Hour, time.Now())
	require.NoError(t, err)
	_, err = s.verify(signaling.LoginParams{SDKAppID: app, UserID: "alice", UserSig: fresh})
	require.NoError(t, err)

	// Bytes of the app's own in a UserSig restrict nothing.
	fresh, err = usersig.MintWithUserBuf(app, secret, "alice", time.Hour, time.Now(), []byte("vip"))
	require.NoError(t, err)
	_, err = s.verify(signaling.LoginParams{SDKAppID: app, UserID: "alice", UserSig: fresh})
	require.NoError(t, err)
}

func TestPublicKeyNeedsAnAppWithASecret(t *testing.T) {
	err := Config{
		Apps:       map[signaling.AppID]string{app: secret},
		PublicKeys: map[signaling.AppID]*ecdsa.PublicKey{otherApp: &legacyKey(t).PublicKey},
	}.validate()
	require.ErrorContains(t, err, "public key of app 1400000002")
}
