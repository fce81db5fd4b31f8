package usersig_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// signText makes a token of version 2.0 whose signature is right for the fields given as text.
func signText(user, issued, expire, buf string) string {
	lines := "TLS.identifier:" + user + "\nTLS.sdkappid:1400000001\nTLS.time:" + issued + "\nTLS.expire:" + expire + "\n"
	text := `{"TLS.ver":"2.0","TLS.identifier":"` + user + `","TLS.sdkappid":1400000001,"TLS.time":` + issued + `,"TLS.expire":` + expire
	if buf != "" {
		lines += "TLS.userbuf:" + buf + "\n"
		text += `,"TLS.userbuf":"` + buf + `"`
	}
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(lines))
	return pack(text + `,"TLS.sig":"` + base64.StdEncoding.EncodeToString(h.Sum(nil)) + `"}`)
}

// Even who has the secret cannot make a token whose numbers or texts are read in another way than they were meant.
func TestSignedAndStillRefused(t *testing.T) {
	_, err := usersig.Verify(signText("alice", "1700000000", "3600", "cm9vbQ=="), app, secret, "alice", now)
	require.NoError(t, err, "the parts are good")
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"no UTF-8":                     {signText("alice\xff", "1700000000", "3600", ""), usersig.ErrMalformed},
		"half a rune":                  {signText("ali\xc3", "1700000000", "3600", ""), usersig.ErrMalformed},
		"a surrogate as UTF-8":         {signText("\xed\xa0\x80", "1700000000", "3600", ""), usersig.ErrMalformed},
		"half a surrogate pair":        {signText(`\ud800`, "1700000000", "3600", ""), usersig.ErrMalformed},
		"the pair's halves exchanged":  {signText(`\udc00\ud800`, "1700000000", "3600", ""), usersig.ErrMalformed},
		"a control character as is":    {signText("ali\x01ce", "1700000000", "3600", ""), usersig.ErrMalformed},
		"issued in the future":         {signText("alice", "1700000301", "3600", ""), usersig.ErrFuture},
		"issued far in the future":     {signText("alice", "281474976710656", "3600", ""), usersig.ErrFuture},
		"issued beyond what is read":   {signText("alice", "281474976710657", "3600", ""), usersig.ErrMalformed},
		"issued before 1970":           {signText("alice", "-1", "3600", ""), usersig.ErrMalformed},
		"a sum that overflows":         {signText("alice", "9223372036854775807", "9223372036854775807", ""), usersig.ErrMalformed},
		"an expiry that overflows":     {signText("alice", "1700000000", "9223372036854775807", ""), usersig.ErrMalformed},
		"an expiry beyond 64 bits":     {signText("alice", "1700000000", "18446744073709551617", ""), usersig.ErrMalformed},
		"a negative expiry":            {signText("alice", "1700000000", "-1", ""), usersig.ErrMalformed},
		"a fraction":                   {signText("alice", "1700000000", "3600.5", ""), usersig.ErrMalformed},
		"an exponent":                  {signText("alice", "1700000000", "36e2", ""), usersig.ErrMalformed},
		"a plus sign":                  {signText("alice", "1700000000", `"+3600"`, ""), usersig.ErrMalformed},
		"a space":                      {signText("alice", "1700000000", `" 3600"`, ""), usersig.ErrMalformed},
		"minus zero":                   {signText("alice", "1700000000", `"-0"`, ""), usersig.ErrMalformed},
		"null":                         {signText("alice", "null", "3600", ""), usersig.ErrMalformed},
		"a user buffer that is none":   {signText("alice", "1700000000", "3600", "cm9vbQ"), usersig.ErrMalformed},
		"a user buffer with filling":   {signText("alice", "1700000000", "3600", "cm9vbR=="), usersig.ErrMalformed},
		"a user buffer with line ends": {signText("alice", "1700000000", "3600", `cm9v\nbQ==`), usersig.ErrMalformed},
		"good for no second at all":    {signText("alice", "1699999999", "0", ""), usersig.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := usersig.Verify(c.token, app, secret, "alice", now)
			require.ErrorIs(t, err, c.want)
		})
	}
	c, err := usersig.Verify(signText("alice", "1700000000", "281474976710656", ""), app, secret, "alice", now)
	require.NoError(t, err)
	assert.Equal(t, int64(281474976710656+1700000000), c.Expires.Unix(), "the longest there is")
}

// What encoding/json would not take, we do not either; and some of what it takes.
func TestJSONIsReadStrictly(t *testing.T) {
	const rest = `"TLS.identifier":"alice","TLS.sdkappid":1400000001,"TLS.time":1700000000,"TLS.expire":3600,"TLS.sig":"AAAA"`
	for text, good := range map[string]bool{
		`{"TLS.ver":"2.0",` + rest + `}`:                                               true,
		" {\n\"TLS.ver\"\t:\r\"2.0\" , " + rest + " } \n":                              true,
		`{"TLS\u002ever":"2\u002e0",` + rest + `}`:                                     true,
		`{"TLS.ver":"2.0","x":null,"y":-1.5e+3,"z":"\ud83d\ude00\"\\\/",` + rest + `}`: true,
		`{"TLS.ver":"2.0","":true,` + rest + `}`:                                       true,
		`{"TLS.ver":"2.0","x":{},` + rest + `}`:                                        false,
		`{"TLS.ver":"2.0","x":[],` + rest + `}`:                                        false,
		`{"TLS.ver":"2.0","x":1,"\u0078":1,` + rest + `}`:                              false,
		`{"TLS.ver":"2.0","x":01,` + rest + `}`:                                        false,
		`{"TLS.ver":"2.0","x":tru,` + rest + `}`:                                       false,
		`{"TLS.ver":"2.0","x":,` + rest + `}`:                                          false,
		`{"TLS.ver":"2.0","x",` + rest + `}`:                                           false,
		`{"TLS.ver":"2.0","x":"\x",` + rest + `}`:                                      false,
		`{"TLS.ver":"2.0","x":"\u12g4",` + rest + `}`:                                  false,
		`{"TLS.ver":"2.0","x":"\u+123",` + rest + `}`:                                  false,
		`{"TLS.ver":"2.0","x":"\ud83d\u0041",` + rest + `}`:                            false,
		`{"TLS.ver":"2.0",` + rest + `,}`:                                              false,
		`{"TLS.ver":"2.0",,` + rest + `}`:                                              false,
		`{,"TLS.ver":"2.0",` + rest + `}`:                                              false,
		`{"TLS.ver":"2.0" ` + rest + `}`:                                               false,
		`{"TLS.ver":"2.0",` + rest:                                                     false,
		`{"TLS.ver":"2.0",` + rest + `}}`:                                              false,
		`{'TLS.ver':"2.0",` + rest + `}`:                                               false,
		"\ufeff" + `{"TLS.ver":"2.0",` + rest + `}`:                                    false,
		`{"TLS.ver":"2.0",` + strings.TrimSuffix(rest, `"`):                            false,
		`{"TLS.ver":"2.0",` + rest + `,"x":"\`:                                         false,
		`{"TLS.ver":"2.0",` + rest + `,"x":"\u12`:                                      false,
	} {
		_, err := usersig.Inspect(pack(text))
		if good {
			require.NoError(t, err, text)
			require.True(t, json.Valid([]byte(text)), text)
		} else {
			require.ErrorIs(t, err, usersig.ErrMalformed, text)
		}
	}
}

// TestRefusingIsCheap measures what hostile tokens cost, each with nothing prepared: the pool of readers is empty, as
// after a collection of garbage.
func TestRefusingIsCheap(t *testing.T) {
	good, err := usersig.Mint(app, secret, "alice", time.Hour, now)
	require.NoError(t, err)
	long := strings.Repeat("A", 5000)
	for name, token := range map[string]string{
		"a good one":      good,
		"a megabyte":      strings.Repeat("A", 1<<20),
		"no base64":       strings.Repeat("=", 4096),
		"no zlib":         strings.Repeat("A", 4096),
		"spaces":          pack(strings.Repeat(" ", 2<<20)),
		"deep":            pack(`{"a":` + strings.Repeat("[", 8000)),
		"fields":          pack(manyFields(8000)),
		"escapes":         pack(`{"TLS.identifier":"` + strings.Repeat(`\u0416`, 1300) + `"}`),
		"many escapes":    pack(`{` + strings.Repeat(`"`+strings.Repeat(`\u0416`, 80)+`":1,`, 15) + `"a":1}`),
		"a number":        pack(`{"TLS.expire":` + strings.Repeat("9", 8000) + `}`),
		"a deep number":   pack(`{"a":` + strings.Repeat("9", 8000) + `}`),
		"a signature":     pack(`{"TLS.ver":"2.0","TLS.identifier":"alice","TLS.sdkappid":1400000001,"TLS.time":1700000000,"TLS.expire":3600,"TLS.sig":"` + strings.Repeat("A", 8000) + `"}`),
		"a user":          signText(long, "1700000000", "3600", ""),
		"an old user":     pack(oldText(long, "")),
		"a user buffer":   signText("alice", "1699999000", "1", strings.Repeat("A", 7900)),
		"user and buffer": signText(long, "1700000000", "3600", strings.Repeat("A", 2800)),
	} {
		if len(token) < 1<<20 {
			require.LessOrEqual(t, len(token), 4096, name)
		}
		v := usersig.Verifier{App: app, Secret: secret, PublicKey: &oldKey(t).PublicKey}
		var most uint64
		for range 5 {
			runtime.GC()
			runtime.GC() // a pool keeps what it has for one collection
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = v.Verify(token, "alice", now)
			runtime.ReadMemStats(&after)
			require.Equal(t, name == "a good one", err == nil, "%s: %v", name, err)
			most = max(most, after.TotalAlloc-before.TotalAlloc)
		}
		t.Logf("%s: %d bytes of token, at most %d bytes allocated: %v", name, len(token), most, err)
		assert.LessOrEqual(t, most, uint64(64<<10), name)
	}
}

func manyFields(size int) string {
	m := map[string]int{}
	for i := 0; len(m)*8 < size; i++ {
		m[fmt.Sprintf("%03x", i)] = 0
	}
	b, _ := json.Marshal(m)
	return string(b[:min(len(b), size)])
}

func FuzzVerify(f *testing.F) {
	good, err := usersig.MintWithUserBuf(app, secret, "alice", time.Hour, now, []byte("room 7"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte(nil))
	f.Add("", []byte(`{"TLS.ver":"2.0"}`))
	f.Add("eJw", []byte(`{"TLS.ver":"2.0","TLS.identifier":"alice","TLS.sdkappid":1400000001,"TLS.expire":3600,"TLS.time":1700000000,"TLS.sig":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`))
	f.Add("eJw", []byte(oldText("alice", "MEUCIQ==")))
	key := &oldKey(f).PublicKey
	// Nobody but Mint knows the secret, so whatever is accepted says what Mint was told.
	f.Fuzz(func(t *testing.T, token string, text []byte) {
		for _, tok := range []string{token, pack(string(text))} {
			c, err := usersig.Verifier{App: app, Secret: secret, PublicKey: key}.Verify(tok, "alice", now)
			if err == nil && (c.User != "alice" || c.App != app || !c.Expires.Equal(now.Add(time.Hour)) || string(c.UserBuf) != "room 7") {
				t.Fatalf("accepted %q: %+v", tok, c)
			}
			if err != nil && (c.User != "" || c.App != 0) {
				t.Fatal("claims beside an error")
			}
			if seen, broken := usersig.Inspect(tok); err == nil && (broken != nil || seen.User != "alice") {
				t.Fatalf("%q is good and cannot be read: %v", tok, broken)
			}
		}
	})
}

// Whatever we read, encoding/json reads as well, and finds the same in it.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`{"TLS.ver":"2.0","TLS.identifier":"al\u0131\ud83d\ude00ce\n\/","TLS.sdkappid":1400000001,"TLS.expire":"3600","TLS.time":1700000000,"TLS.sig":"AAAA"}`,
		oldText("alice", "MEUCIQ=="), `{"a":1.5e3,"b":null}`, `{}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		token := pack(string(bytes.Clone(text)))
		c, err := usersig.Inspect(token)
		if err != nil {
			return
		}
		var m map[string]any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&m); err != nil {
			t.Fatalf("%q: read, and is no JSON: %v", text, err)
		}
		app, expire := "TLS.sdkappid", "TLS.expire"
		if c.Legacy {
			app, expire = "TLS.sdk_appid", "TLS.expire_after"
		}
		if m["TLS.identifier"] != string(c.User) || fmt.Sprint(m[app]) != fmt.Sprint(c.App) ||
			fmt.Sprint(m["TLS.time"]) != fmt.Sprint(c.Issued.Unix()) || fmt.Sprint(m[expire]) != fmt.Sprint(c.Expires.Unix()-c.Issued.Unix()) {
			t.Fatalf("%q is read as %+v", text, c)
		}
	})
}
