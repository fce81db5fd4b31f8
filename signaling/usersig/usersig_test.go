package usersig_test

import (
	"bytes"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

const (
	app    = signaling.AppID(1400000001)
	secret = "a-secret"
)

var now = time.Unix(1700000000, 0)

func TestRoundTrip(t *testing.T) {
	for _, user := range []signaling.UserID{"a", "alice", "алиса", "a b", `"quoted"\`, "<&>", "32 bytes of a user's identifier."} {
		for _, buf := range [][]byte{nil, {}, []byte("room 7"), {0, 0xff, '\n'}} {
			token, err := usersig.MintWithUserBuf(app, secret, user, time.Hour, now, buf)
			require.NoError(t, err)
			assert.NotRegexp(t, `[^A-Za-z0-9*_-]`, token)
			c, err := usersig.Verify(token, app, secret, user, now)
			require.NoError(t, err)
			want := usersig.Claims{App: app, User: user, Issued: now, Expires: now.Add(time.Hour)}
			if len(buf) > 0 {
				want.UserBuf = buf
			}
			assert.Equal(t, want, c)
		}
	}
}

// TestGolden verifies tokens that another implementation of the format (Python: hmac, zlib, json) has made.
func TestGolden(t *testing.T) {
	const (
		plain = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkEnMyk1NhUsUp2YkFBZkpQAlDEwMIMITKpVYUZBalAmUszIBSUMGSzFyQkKE5VDFMvDgzHWS4YU55fo6zW2aUh1FxskmmsV*VvmWUb6FLYriXkVd5qX66T256jme5b7KBp61SLQD5hTHx"
		// With numbers in quotes and a user buffer.
		quoted = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkYkoNTIwNwGQSmLQAkSaGEHGYnuKU7MSCgswUkA5DEwMIMITJplYUZBalguQszICSMOGSzFywoKE5VANcprQ4tSipNA0kmZxrWZYU7GgMtykzHSTsUZGfFV7iGqGdWZgTamQWHmAZ5KmdnZKeVOnmF5ga7u-pHpmebBCR4eoaaKtUCwAgbEDe"
	)
	c, err := usersig.Verify(plain, app, secret, "alice", now)
	require.NoError(t, err)
	assert.Equal(t, usersig.Claims{App: app, User: "alice", Issued: now, Expires: now.Add(24 * time.Hour)}, c)
	c, err = usersig.Verify(quoted, app, secret, "алиса", now)
	require.NoError(t, err)
	assert.Equal(t, "room 7", string(c.UserBuf))
}

func TestOrderOfChecks(t *testing.T) {
	token, err := usersig.Mint(app, secret, "alice", time.Hour, now)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		app    signaling.AppID
		secret string
		user   signaling.UserID
		now    time.Time
		want   error
	}{
		"good":                             {app, secret, "alice", now, nil},
		"good in its last second":          {app, secret, "alice", now.Add(time.Hour), nil},
		"expired":                          {app, secret, "alice", now.Add(time.Hour + 1), usersig.ErrExpired},
		"a clock that is behind":           {app, secret, "alice", now.Add(-5 * time.Minute), nil},
		"from the future":                  {app, secret, "alice", now.Add(-5*time.Minute - 1), usersig.ErrFuture},
		"another user":                     {app, secret, "bob", now, usersig.ErrMismatch},
		"another user by case":             {app, secret, "Alice", now, usersig.ErrMismatch},
		"another user, expired":            {app, secret, "bob", now.Add(2 * time.Hour), usersig.ErrMismatch},
		"another secret":                   {app, "b-secret", "alice", now, usersig.ErrSignature},
		"another secret says nothing more": {app, "b-secret", "bob", now.Add(2 * time.Hour), usersig.ErrSignature},
		"no secret":                        {app, "", "alice", now, usersig.ErrSignature},
		"another app":                      {app + 1, secret, "alice", now, usersig.ErrWrongApp},
	} {
		t.Run(name, func(t *testing.T) {
			claims, err := usersig.Verify(token, c.app, c.secret, c.user, c.now)
			require.ErrorIs(t, err, c.want)
			if c.want != nil {
				assert.Zero(t, claims)
			}
		})
	}
}

// pack makes a token of any text.
func pack(text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return encode(b.Bytes())
}

func encode(b []byte) string {
	return strings.NewReplacer("+", "*", "/", "-", "=", "_").Replace(base64.StdEncoding.EncodeToString(b))
}

// unpack undoes pack.
func unpack(t *testing.T, token string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(strings.NewReplacer("*", "+", "-", "/", "_", "=").Replace(token))
	require.NoError(t, err)
	r, err := zlib.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = out.ReadFrom(r)
	require.NoError(t, err)
	return out.Bytes()
}

func sign(user, app, issued, expire string) string {
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(h, "TLS.identifier:%s\nTLS.sdkappid:%s\nTLS.time:%s\nTLS.expire:%s\n", user, app, issued, expire)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestBadTokens(t *testing.T) {
	good, err := usersig.Mint(app, secret, "alice", time.Hour, now)
	require.NoError(t, err)
	sig := sign("alice", "1400000001", "1700000000", "3600")
	with := func(fields string) string { return pack(`{` + fields + `}`) }
	const (
		ver    = `"TLS.ver":"2.0",`
		id     = `"TLS.identifier":"alice",`
		appID  = `"TLS.sdkappid":1400000001,`
		times  = `"TLS.time":1700000000,`
		expire = `"TLS.expire":3600,`
	)
	s := `"TLS.sig":"` + sig + `"`
	_, err = usersig.Verify(with(ver+id+appID+times+expire+s), app, secret, "alice", now)
	require.NoError(t, err, "the parts are good")
	_, err = usersig.Verify(with(ver+id+appID+times+expire+`"other":true,`+s), app, secret, "alice", now)
	require.NoError(t, err, "a field that we do not know")

	m, bad := usersig.ErrMalformed, usersig.ErrSignature
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"nothing":                  {"", m},
		"too long":                 {strings.Repeat("A", 4097), usersig.ErrTooLarge},
		"long":                     {strings.Repeat("A", 4096), m},
		"ordinary base64":          {"+" + good[1:], m},
		"a line end in it":         {good[:8] + "\n" + good[8:], m},
		"a line end behind":        {good + "\n", m},
		"no zlib":                  {encode([]byte("not zlib at all")), m},
		"truncated":                {encode(raw(t, good)[:60]), m},
		"without its checksum":     {encode(raw(t, good)[:len(raw(t, good))-4]), m},
		"bytes behind":             {encode(append(raw(t, good), 0)), m},
		"two streams":              {encode(append(raw(t, good), raw(t, good)...)), m},
		"no JSON":                  {pack("hello"), m},
		"empty text":               {pack(""), m},
		"an array":                 {pack("[]"), m},
		"null":                     {pack("null"), m},
		"an empty object":          {pack("{}"), m},
		"two objects":              {pack("{}{}"), m},
		"text behind":              {pack(string(unpack(t, good)) + "x"), m},
		"deep":                     {pack(strings.Repeat("[", 8000)), m},
		"deep inside":              {pack(`{"a":` + strings.Repeat("[", 8000)), m},
		"a bomb":                   {pack(strings.Repeat(" ", 2<<20)), usersig.ErrTooLarge},
		"just too much":            {pack(strings.Repeat(" ", 8193)), usersig.ErrTooLarge},
		"just not too much":        {pack(strings.Repeat(" ", 8192)), m},
		"no signature":             {with(ver + id + appID + times + `"TLS.expire":3600`), m},
		"a short signature":        {with(ver + id + appID + times + expire + `"TLS.sig":"AAAA"`), m},
		"no base64 as signature":   {with(ver + id + appID + times + expire + `"TLS.sig":"****"`), m},
		"a signature with a line":  {with(ver + id + appID + times + expire + `"TLS.sig":"` + sig[:4] + `\n` + sig[4:] + `"`), m},
		"zeros as signature":       {with(ver + id + appID + times + expire + `"TLS.sig":"` + base64.StdEncoding.EncodeToString(make([]byte, 32)) + `"`), bad},
		"a field twice":            {with(ver + id + id + appID + times + expire + s), m},
		"a field twice, by escape": {with(ver + id + `"TLS.\u0069dentifier":"bob",` + appID + times + expire + s), m},
		"no identifier":            {with(ver + appID + times + expire + s), m},
		"an empty identifier":      {with(ver + `"TLS.identifier":"",` + appID + times + expire + s), m},
		"an identifier of lines":   {with(ver + `"TLS.identifier":"alice\nTLS.sdkappid:1",` + appID + times + expire + s), m},
		"a number as identifier":   {with(ver + `"TLS.identifier":5,` + appID + times + expire + s), m},
		"an object as identifier":  {with(ver + `"TLS.identifier":{},` + appID + times + expire + s), m},
		"names in lower case":      {with(strings.ToLower(ver+id+appID+times+expire) + s), usersig.ErrLegacy},
		"no app":                   {with(ver + id + times + expire + s), m},
		"app beyond 32 bits":       {with(ver + id + `"TLS.sdkappid":5694967297,` + times + expire + s), m},
		"17 fields":                {with(ver + id + appID + times + expire + `"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,` + s), m},
		"negative app":             {with(ver + id + `"TLS.sdkappid":-1,` + times + expire + s), m},
		"app as exponent":          {with(ver + id + `"TLS.sdkappid":1.400000001e9,` + times + expire + s), m},
		"app with zeros":           {with(ver + id + `"TLS.sdkappid":"01400000001",` + times + expire + s), m},
		"a boolean as time":        {with(ver + id + appID + `"TLS.time":true,` + expire + s), m},
		"a huge expiry":            {with(ver + id + appID + times + `"TLS.expire":9223372036854775807,` + s), m},
		"an expiry of 400 digits":  {with(ver + id + appID + times + `"TLS.expire":` + strings.Repeat("9", 400) + `,` + s), m},
		"a negative expiry":        {with(ver + id + appID + times + `"TLS.expire":-3600,` + s), m},
		"a longer expiry":          {with(ver + id + appID + times + `"TLS.expire":36000,` + s), bad},
		"a later time":             {with(ver + id + appID + `"TLS.time":1700000001,` + expire + s), bad},
		"a user buffer slipped in": {with(ver + id + appID + times + expire + `"TLS.userbuf":"cm9vbQ==",` + s), bad},
		"another version":          {with(`"TLS.ver":"2.1",` + id + appID + times + expire + s), m},
		"version as a number":      {with(`"TLS.ver":2.0,` + id + appID + times + expire + s), m},
		"version 1.0":              {with(`"TLS.ver":"1.0",` + id + appID + times + expire + s), usersig.ErrLegacy},
		"legacy": {with(`"TLS.account_type":"0","TLS.identifier":"alice","TLS.appid_at_3rd":"0","TLS.sdk_appid":"1400000001",` +
			`"TLS.expire_after":"3600","TLS.version":"201512300000","TLS.time":1700000000,"TLS.sig":"MEUCIQ=="`), usersig.ErrLegacy},
	} {
		t.Run(name, func(t *testing.T) {
			claims, err := usersig.Verify(c.token, app, secret, "alice", now)
			require.ErrorIs(t, err, c.want)
			assert.Zero(t, claims)
			assert.NotContains(t, err.Error(), secret)
		})
	}
}

func raw(t *testing.T, token string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(strings.NewReplacer("*", "+", "-", "/", "_", "=").Replace(token))
	require.NoError(t, err)
	return b
}

// TestEveryFlipIsRefused changes each byte of the token to each other character, and each bit of its JSON. zlib has a few bits that mean nothing (the filling behind the last block): such a token is the same
// JSON in another spelling, and stays good.
func TestEveryFlipIsRefused(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-_+/= \n\x00\xff"
	token, err := usersig.MintWithUserBuf(app, secret, "alice", time.Hour, now, []byte("room 7"))
	require.NoError(t, err)
	text := unpack(t, token)
	tried, respelled := 0, 0
	for i := range len(token) {
		for _, c := range []byte(alphabet) {
			if c == token[i] {
				continue
			}
			tried++
			flipped := token[:i] + string([]byte{c}) + token[i+1:]
			if _, err := usersig.Verify(flipped, app, secret, "alice", now); err == nil {
				require.Equal(t, text, unpack(t, flipped))
				respelled++
			}
		}
	}
	assert.LessOrEqual(t, respelled, 64)
	t.Logf("%d flips of the token, %d of them the same JSON", tried, respelled)
	for i := range text {
		for bit := range 8 {
			flipped := bytes.Clone(text)
			flipped[i] ^= 1 << bit
			_, err := usersig.Verify(pack(string(flipped)), app, secret, "alice", now)
			require.Error(t, err, "byte %d: %q", i, flipped)
		}
	}
}

func TestMintRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		secret string
		user   signaling.UserID
		expire time.Duration
		buf    []byte
		want   error
	}{
		"no secret":        {"", "a", time.Hour, nil, usersig.ErrInvalid},
		"no user":          {secret, "", time.Hour, nil, usersig.ErrInvalid},
		"a user of lines":  {secret, "a\nb", time.Hour, nil, usersig.ErrInvalid},
		"no UTF-8":         {secret, "a\xff", time.Hour, nil, usersig.ErrInvalid},
		"no time":          {secret, "a", 0, nil, usersig.ErrInvalid},
		"half a second":    {secret, "a", time.Second / 2, nil, usersig.ErrInvalid},
		"negative":         {secret, "a", -time.Hour, nil, usersig.ErrInvalid},
		"too much to tell": {secret, "a", time.Hour, make([]byte, 8<<10), usersig.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := usersig.MintWithUserBuf(app, c.secret, c.user, c.expire, now, c.buf)
			require.ErrorIs(t, err, c.want)
			assert.Empty(t, token)
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	token, err := usersig.Mint(app, secret, "alice", time.Hour, now)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := usersig.Verify(token, app, secret, "alice", now); err != nil {
			b.Fatal(err)
		}
	}
}

func TestInspectReadsWithoutTheSecret(t *testing.T) {
	token, err := usersig.MintWithUserBuf(app, secret, "alice", time.Hour, now, []byte("room 7"))
	require.NoError(t, err)
	want, err := usersig.Verify(token, app, secret, "alice", now)
	require.NoError(t, err)
	got, err := usersig.Inspect(token)
	require.NoError(t, err)
	require.Equal(t, want, got, "also when it has expired, or is somebody else's")
	for token, want := range map[string]error{
		"":                             usersig.ErrMalformed,
		token[:len(token)-8]:           usersig.ErrMalformed,
		strings.Repeat("a", 5000):      usersig.ErrTooLarge,
		pack(`{"TLS.ver":"1.0"}`):      usersig.ErrLegacy,
		pack(strings.Repeat(" ", 9e3)): usersig.ErrTooLarge,
	} {
		c, err := usersig.Inspect(token)
		require.ErrorIs(t, err, want, "%.20q", token)
		require.Zero(t, c)
	}
}
