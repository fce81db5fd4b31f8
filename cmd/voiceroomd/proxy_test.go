package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
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

// Behind a reverse proxy that is trusted, callbacks and the log have the addresses of clients and of the REST API's
// callers; behind one that is not, the proxy's.
func TestTrustedProxy(t *testing.T) {
	for name, row := range map[string]struct {
		flags []string
		want  string
	}{
		"trusted":     {[]string{"--trusted-proxy=127.0.0.1"}, "203.0.113.9"},
		"not trusted": {nil, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			came := make(chan url.Values, 10)
			app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				came <- r.URL.Query()
				_, _ = w.Write([]byte(`{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`))
			}))
			t.Cleanup(app.Close)
			p := start(t, append(row.flags, "--webhook-allow=127.0.0.0/8", "--log-level=debug")...)
			p.rest("live_config/set_callback", map[string]any{"Url": app.URL, "CallbackCommandList": []string{"Live.CallbackAfterCreateRoom"}})

			// It adds whom it is called by, 127.0.0.1, behind what its own caller has forwarded.
			proxy := httptest.NewServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: p.at()}))
			t.Cleanup(proxy.Close)
			header := http.Header{"X-Forwarded-For": {"198.51.100.66, 203.0.113.9"}}
			clientIP := func() string {
				select {
				case q := <-came:
					return q.Get("ClientIP")
				case <-time.After(patience):
					t.Fatal("no callback")
					return ""
				}
			}

			d := websocket.Dialer{Subprotocols: []string{signaling.Subprotocol}}
			ws, _, err := d.Dial(strings.Replace(proxy.URL, "http:", "ws:", 1)+signaling.Path, header)
			require.NoError(t, err)
			t.Cleanup(func() { ws.Close() })
			sig, err := usersig.Mint(1400000001, "secret", "ann", time.Hour, time.Now())
			require.NoError(t, err)
			_, answer := p.send(ws, callOf(signaling.MethodLogin, signaling.LoginParams{SDKAppID: 1400000001, UserID: "ann", UserSig: sig}))
			require.Contains(t, answer, "sessionId")
			_, answer = p.send(ws, `{"jsonrpc":"2.0","id":2,"method":"room.create","params":{"room":{"roomId":"a"}}}`)
			require.Contains(t, answer, `"result"`)
			assert.Equal(t, row.want, clientIP(), "of a client")

			admin, err := usersig.Mint(1400000001, "secret", "administrator", time.Hour, time.Now())
			require.NoError(t, err)
			query := url.Values{"sdkappid": {"1400000001"}, "identifier": {"administrator"}, "usersig": {admin}, "random": {"1"}, "contenttype": {"json"}}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, proxy.URL+"/v4/live_engine_http_srv/create_room?"+query.Encode(),
				strings.NewReader(`{"RoomInfo":{"RoomId":"b","RoomType":"Live"}}`))
			require.NoError(t, err)
			req.Header = header
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, row.want, clientIP(), "of a caller of the REST API")

			require.Zero(t, p.signal(syscall.SIGTERM))
			var log strings.Builder
			for line := range p.log {
				log.WriteString(line + "\n")
			}
			assert.Equal(t, row.want == "203.0.113.9", strings.Contains(log.String(), `"remote":"203.0.113.9"`))
			assert.NotContains(t, log.String(), "198.51.100.66", "which the client may have written itself")
		})
	}
}
