package webhook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestSettings(t *testing.T) {
	s, ctx := service(t, "10.0.0.0/8"), t.Context()
	code := func(err error) signaling.Code { return signaling.CodeOf(err) }
	_, err := s.Get(ctx, app)
	assert.Equal(t, codeNone, code(err))
	assert.Equal(t, codeNone, code(s.Update(ctx, app, "http://example.org", commands)))
	assert.NoError(t, s.Delete(ctx, app))
	require.NoError(t, s.SetToken(ctx, app, "geheim"))
	_, err = s.Get(ctx, app)
	assert.Equal(t, codeNone, code(err), "a token alone is no callback")
	assert.False(t, s.Wanted(app))
	require.NoError(t, s.Set(ctx, app, "http://example.org/?a=b", []string{seatChanged, memberChanged, seatChanged}))
	assert.True(t, s.Wanted(app), "at once")
	assert.Equal(t, codeExists, code(s.Set(ctx, app, "http://example.org", commands)))
	got, err := s.Get(ctx, app)
	require.NoError(t, err)
	assert.Equal(t, Settings{URL: "http://example.org/?a=b", Commands: []string{seatChanged, memberChanged}, Token: "geheim"}, got)
	require.NoError(t, s.Update(ctx, app, "https://10.0.0.1:8443", commands[:1]))
	got, err = s.Get(ctx, app)
	require.NoError(t, err)
	assert.Equal(t, Settings{URL: "https://10.0.0.1:8443", Commands: commands[:1], Token: "geheim"}, got)
	require.NoError(t, s.Delete(ctx, app))
	assert.False(t, s.Wanted(app))
	assert.Equal(t, "geheim", s.settings(app).Token, "it is set elsewhere, and stays")
	require.NoError(t, s.SetToken(ctx, app, ""))
	keys, err := s.cfg.Store.Keys(ctx, settingsKey(app).Bucket, app, "")
	require.NoError(t, err)
	assert.Empty(t, keys, "nothing set, nothing kept")
}

func TestBadSettings(t *testing.T) {
	s, ctx := service(t), t.Context()
	for url, why := range map[string]string{
		"":                                    "1 to 1024 bytes",
		"http://" + strings.Repeat("x", 1024): "1 to 1024 bytes",
		"example.org":                         "http://host or https://host",
		"ftp://example.org":                   "http://host or https://host",
		"file:///etc/passwd":                  "http://host or https://host",
		"http:///x":                           "http://host or https://host",
		"http://:80":                          "http://host or https://host",
		"http://a b":                          "cannot be read",
		"http://example.org/%zz":              "cannot be read",
		"http://example.org/?a=%zz":           "parameters cannot be read",
		"http://user@example.org":             "a user name or password",
		"http://user:pw@example.org":          "a user name or password",
		"http://example.org/#x":               "behind #",
		"http://example.org/?sign=1":          "the parameter sign is added",
		"http://example.org/?SdkAppid=1":      "the parameter SdkAppid is added",
		"http://127.0.0.1":                    "a loopback address",
		"http://[::1]:80":                     "a loopback address",
		"http://[fe80::1%25eth0]/":            "a link-local address",
		"http://169.254.169.254/latest":       "a link-local address",
		"http://[::ffff:10.0.0.1]":            "a private address",
	} {
		err := s.Set(ctx, app, url, commands)
		assert.Equal(t, codeParameter, signaling.CodeOf(err), url)
		assert.ErrorContains(t, err, why, url)
	}
	for _, list := range [][]string{nil, {"Live.CallbackAfterRain"}, {seatChanged, ""}, {"live.callbackaftercreateroom"}} {
		assert.Equal(t, codeParameter, signaling.CodeOf(s.Set(ctx, app, "http://example.org", list)), list)
	}
	for _, token := range []string{strings.Repeat("x", 129), "\x00", "\xff"} {
		assert.Equal(t, codeParameter, signaling.CodeOf(s.SetToken(ctx, app, token)))
	}
	assert.False(t, s.Wanted(app))
}
