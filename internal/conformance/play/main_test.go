package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// serve runs a node on loopback; change may alter its answers.
func serve(t *testing.T, change func(http.Handler) http.Handler) string {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	node := memstore.New().Node()
	t.Cleanup(func() { require.NoError(t, node.Close()) })
	srv, err := server.New(t.Context(), server.Config{Apps: map[signaling.AppID]string{7: "geheim"}, Store: node, UDP: udp})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close(context.Background())) })
	h := srv.Handler()
	if change != nil {
		h = change(h)
	}
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return web.URL
}

func TestRun(t *testing.T) {
	url := serve(t, nil)
	for _, c := range []struct {
		name string
		args []string
		code int
		out  string // what is on standard output, or error, as a regular expression
	}{
		{"all is well", []string{"-url", url + "/", "-app", "7:geheim", "-only", "modify_admin"}, 0, `[1-9]\d* cases played, 0 differ, 0 left out\n$`},
		{"what the documents say", []string{"-url", url, "-app", "7:geheim", "-only", "modify_admin", "-plain"}, 0, `[1-9]\d* cases played, 0 differ, 1 left out\n$`},
		{"with users of an SDK", []string{"-url", url, "-app", "7:geheim", "-only", "pick_user"}, 0, `[1-9]\d* cases played, 0 differ, 0 left out\n$`},
		{"another secret", []string{"-url", url, "-app", "7:guess", "-only", "modify_admin"}, 1, `want 100004, got 60005`},
		{"nothing to play", []string{"-url", url, "-app", "7:geheim", "-only", "nothing"}, 1, `^0 cases played, 0 differ, 0 left out\n$`},
		{"no server", []string{"-app", "7:geheim"}, 2, "give -url"},
		{"no secret", []string{"-url", url, "-app", "7"}, 2, "give -url"},
		{"another flag", []string{"-x"}, 2, "not defined"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			assert.Equal(t, c.code, run(t.Context(), c.args, &stdout, &stderr), "%s%s", &stdout, &stderr)
			assert.Regexp(t, c.out, stdout.String()+stderr.String())
		})
	}
}

// A server that answers otherwise is found out, in words that name the place.
func TestRun_findsDifferences(t *testing.T) {
	url := serve(t, func(ours http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			ours.ServeHTTP(rec, r)
			b := bytes.Replace(rec.Body.Bytes(), []byte(`"Admin_Account":`), []byte(`"Admins":`), 1)
			b = bytes.Replace(b, []byte(`100020`), []byte(`100021`), 1)
			w.Write(b)
		})
	})
	var stdout, stderr bytes.Buffer
	require.Equal(t, 1, run(t.Context(), []string{"-url", url, "-app", "7:geheim", "-only", "admin"}, &stdout, &stderr))
	for _, line := range []string{
		"live_engine_http_srv/get_admin_list: none, then two: step 2: answer.Response.Admin_Account: it is missing\n",
		"live_engine_http_srv/get_admin_list: none, then two: step 2: answer.Response.Admins: it is one too many: []\n",
		"live_engine_http_srv/modify_admin: more than five: step 3: answer.ErrorCode: want 100020, got 100021\n",
	} {
		assert.Contains(t, stdout.String(), line)
	}
	assert.NotContains(t, stdout.String(), "usersig")
}

// No UserSig is printed where a server does not answer at all.
func TestRun_tellsNoSecret(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, 1, run(t.Context(), []string{"-url", "http://127.0.0.1:1", "-app", "7:geheim", "-only", "destroy_room"}, &stdout, &stderr))
	assert.Contains(t, stdout.String(), "not played to its end")
	assert.NotContains(t, stdout.String()+stderr.String(), "usersig")
	assert.NotContains(t, stdout.String()+stderr.String(), "geheim")
}
