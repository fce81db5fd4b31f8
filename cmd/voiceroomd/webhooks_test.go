package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// receiver is an app's server.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	fails bool
	calls []hook
	came  chan struct{} // holds a token after a call
}

type hook struct {
	command, room, id, replay string
	ok                        bool
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{fails: true, came: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var b struct {
			RoomID   string `json:"RoomId"`
			RoomInfo struct {
				RoomID string `json:"RoomId"`
			}
		}
		if err != nil || json.Unmarshal(body, &b) != nil {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls = append(r.calls, hook{
			req.URL.Query().Get("CallbackCommand"), b.RoomID + b.RoomInfo.RoomID,
			req.Header.Get("Voiceroom-Delivery"), req.Header.Get("Voiceroom-Replay"), !r.fails,
		})
		if r.fails {
			w.WriteHeader(http.StatusServiceUnavailable)
		} else {
			fmt.Fprint(w, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`)
		}
		select {
		case r.came <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// wait returns when so many calls have come that failed, or were answered.
func (r *receiver) wait(t *testing.T, n int, ok bool) []hook {
	t.Helper()
	limit := time.After(patience)
	for {
		var list []hook
		r.mu.Lock()
		for _, c := range r.calls {
			if c.ok == ok {
				list = append(list, c)
			}
		}
		r.mu.Unlock()
		if len(list) >= n {
			return list
		}
		select {
		case <-r.came:
		case <-limit:
			t.Fatalf("%d of %d calls came", len(list), n)
		}
	}
}

// rest calls the REST API as the app's server does, and returns the answer of a call that succeeds.
func (p *process) rest(command string, params any) map[string]any {
	p.t.Helper()
	sig, err := usersig.Mint(1400000001, "secret", "administrator", time.Hour, time.Now())
	require.NoError(p.t, err)
	body, err := json.Marshal(params)
	require.NoError(p.t, err)
	query := url.Values{"sdkappid": {"1400000001"}, "identifier": {"administrator"}, "usersig": {sig}, "random": {"1"}, "contenttype": {"json"}}
	resp, err := http.Post("http://"+p.at()+"/v4/"+command+"?"+query.Encode(), "application/json", bytes.NewReader(body))
	require.NoError(p.t, err)
	defer resp.Body.Close()
	answer := map[string]any{}
	b, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	require.NoError(p.t, json.Unmarshal(b, &answer), "%s", b)
	require.Equal(p.t, "OK", answer["ActionStatus"], "%s", b)
	return answer
}

// A server is killed after rooms have changed and before their app could be told, and started again with the same data:
// everything is told, in order, under the ids of the first attempts. And operators see it, and have it repeated.
func TestCallbacksSurviveAKill(t *testing.T) {
	r := newReceiver(t)
	data := "--data=" + t.TempDir()
	p := start(t, data, "--webhook-allow=127.0.0.0/8")
	p.rest("live_config/set_callback", map[string]any{"Url": r.URL, "CallbackCommandList": []string{"Live.CallbackAfterCreateRoom", "Live.CallbackAfterDestroyRoom"}})
	const rooms = 3
	for i := range rooms {
		p.rest("live_engine_http_srv/create_room", map[string]any{"RoomInfo": map[string]any{"RoomId": fmt.Sprint("room", i), "RoomType": "Live"}})
	}
	first := r.wait(t, rooms, false)
	for i := range rooms {
		p.rest("live_engine_http_srv/destroy_room", map[string]any{"RoomId": fmt.Sprint("room", i)})
	}
	p.signal(syscall.SIGKILL)

	r.mu.Lock()
	r.fails = false
	r.mu.Unlock()
	p = start(t, data, "--webhook-allow=127.0.0.0/8")
	told := map[string][]hook{}
	for _, c := range r.wait(t, 2*rooms, true) {
		told[c.room] = append(told[c.room], c)
	}
	for i := range rooms {
		got := told[fmt.Sprint("room", i)]
		require.Len(t, got, 2)
		assert.Equal(t, "Live.CallbackAfterCreateRoom", got[0].command)
		assert.Equal(t, "Live.CallbackAfterDestroyRoom", got[1].command)
		for _, f := range first {
			if f.room == got[0].room {
				assert.Equal(t, f.id, got[0].id, "the same callback, the same id")
			}
		}
	}

	ask := func(args ...string) (string, int) {
		args = append([]string{"webhooks"}, args...)
		return runOnce(t, append(args, "--url="+"http://"+p.at(), "--app=1400000001:secret")...)
	}
	var out string
	var status int
	require.Eventually(t, func() bool { // a delivery is written down a moment after the app has answered
		out, status = ask("list", "--room=room1", "--state=delivered")
		return status != 0 || strings.Count(out, "\n") == 3
	}, patience, 50*time.Millisecond)
	require.Zero(t, status, out)
	ids := []string{told["room1"][0].id, told["room1"][1].id}
	assert.Contains(t, out, ids[0]+`  "room1"  Live.CallbackAfterCreateRoom   delivered  -`)
	out, status = ask("show", ids[1])
	require.Zero(t, status, out)
	assert.Contains(t, out, `"EventType": "DestroyByUser"`)
	out, status = ask("replay", ids[0], "--to="+ids[1])
	require.Zero(t, status, out)
	assert.Contains(t, out, "2 callbacks are delivered again")
	again := r.wait(t, 2*rooms+2, true)[2*rooms:]
	assert.Equal(t, []hook{
		{"Live.CallbackAfterCreateRoom", "room1", ids[0], "true", true},
		{"Live.CallbackAfterDestroyRoom", "room1", ids[1], "true", true},
	}, again)

	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"show", "x"}, 1, "DeliveryId is not one of this app"},
		{[]string{"list", "--state=lost"}, 2, "--state must be one of"},
		{[]string{"list", "--limit=0"}, 1, "--limit: 1 or more"},
		{[]string{"list", "--url=ftp://x"}, 2, "--url: http://host:port"},
		{[]string{}, 2, "expected one of"},
	} {
		out, status = runOnce(t, append(append([]string{"webhooks"}, c.args...), "--app=1400000001:geheim")...)
		if c.args != nil && c.status == 1 && c.args[0] == "show" {
			out, status = ask(c.args...)
		}
		assert.Equal(t, c.status, status, out)
		assert.Contains(t, out, c.want)
		assert.NotContains(t, out, "geheim")
	}
	_, metrics := p.get("/metrics")
	assert.Contains(t, metrics, `voiceroom_webhook_attempts_total{command="Live.CallbackAfterDestroyRoom",outcome="delivered"} 3`)
	assert.Contains(t, metrics, `voiceroom_webhook_attempts_total{command="Live.CallbackAfterDestroyRoom",outcome="replayed"} 1`)
	assert.Contains(t, metrics, "voiceroom_webhook_rooms_pending 0")
	require.Zero(t, p.signal(syscall.SIGTERM))
}
