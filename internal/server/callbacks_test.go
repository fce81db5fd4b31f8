package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// console calls a command of the services about callbacks.
func (w *world) console(command, body string) string {
	w.t.Helper()
	service := "voiceroom_console/"
	if strings.HasSuffix(command, "_callback") {
		service = "live_config/"
	}
	return w.restAt(0, service+command, w.restQuery(), body)
}

func TestCallbackCommands(t *testing.T) {
	const set = `{"Url":"https://example.org/hook","CallbackCommandList":["Live.CallbackAfterCreateRoom","Mic.CallbackAfterSeatInfoChanged"]}`
	for _, row := range []struct{ before, command, body, want string }{
		{"", "get_callback", `{}`, fail(100301, "the app has no callback")},
		{set, "get_callback", `{}`, response(set)},
		{set, "get_callback", `{"App":1}`, fail(100002, `this command has no field \"App\"`)},

		{"", "set_callback", set, restOK},
		{set, "set_callback", set, fail(100300, "the app has a callback already; change it with update_callback")},
		{"", "set_callback", `{}`, fail(100002, "Url is required")},
		{"", "set_callback", `{"Url":"ftp://example.org","CallbackCommandList":["Live.CallbackAfterCreateRoom"]}`, fail(100002, "Url: http://host or https://host is wanted")},
		{"", "set_callback", `{"Url":"http://127.0.0.1","CallbackCommandList":["Live.CallbackAfterCreateRoom"]}`, fail(100002, "Url: 127.0.0.1 is a loopback address")},
		{"", "set_callback", `{"Url":"http://example.org"}`, fail(100002, "CallbackCommandList is required")},
		{"", "set_callback", `{"Url":"http://example.org","CallbackCommandList":["Live.CallbackAfterRain"]}`, fail(100002, `CallbackCommandList: there is no callback \"Live.CallbackAfterRain\"`)},
		{"", "set_callback", `{"Url":7}`, fail(100002, "Url cannot be a JSON number")},

		{set, "update_callback", strings.Replace(set, "hook", "new", 1), restOK},
		{"", "update_callback", set, fail(100301, "the app has no callback")},
		{set, "update_callback", `{"Url":"http://example.org"}`, fail(100002, "CallbackCommandList is required")},

		{set, "delete_callback", `{}`, restOK},
		{"", "delete_callback", `{}`, restOK},

		{"", "set_callback_token", `{"Token":"geheim"}`, restOK},
		{"", "set_callback_token", `{"Token":""}`, restOK},
		{"", "set_callback_token", `{}`, fail(100002, "Token is required")},
		{"", "set_callback_token", `{"Token":"` + strings.Repeat("x", 129) + `"}`, fail(100002, "the token has up to 128 bytes")},

		{"", "list_deliveries", `{"Next":""}`, response(`{"Next":"","DeliveryList":[]}`)},
		{"", "list_deliveries", `{"Next":"","RoomId":"r","State":"failed","Count":100}`, response(`{"Next":"","DeliveryList":[]}`)},
		{"", "list_deliveries", `{}`, fail(100002, "Next is required")},
		{"", "list_deliveries", `{"Next":"x"}`, fail(100002, "Next is not what an answer")},
		{"", "list_deliveries", `{"Next":"","State":"lost"}`, fail(100002, `State is \"lost\"`)},
		{"", "list_deliveries", `{"Next":"","Count":101}`, fail(100002, "Count is 101; it is 1 to 100")},
		{"", "list_deliveries", `{"Next":"","RoomId":""}`, fail(100002, "the room id is not valid")},

		{"", "get_delivery", `{}`, fail(100002, "DeliveryId is required")},
		{"", "get_delivery", `{"DeliveryId":"x"}`, fail(100002, "DeliveryId is not one of this app")},
		{"", "get_delivery", `{"DeliveryId":"1400000002.cg.1.0"}`, fail(100002, "DeliveryId is not one of this app")},
		{"", "get_delivery", `{"DeliveryId":"1400000001.cg.1.0"}`, fail(100002, "there is no such callback: they are kept for 7 days")},

		{"", "replay_deliveries", `{}`, fail(100002, "DeliveryId is required")},
		{"", "replay_deliveries", `{"DeliveryId":"1400000001.cg.1.0"}`, fail(100002, "no callback there that was delivered or given up")},
		{"", "replay_deliveries", `{"DeliveryId":"1400000001.cg.2.0","ToDeliveryId":"1400000001.cg.1.0"}`, fail(100002, "the range ends before it begins")},
		{"", "replay_deliveries", `{"DeliveryId":"1400000001.cg.1.0","ToDeliveryId":"1400000001.cw.1.0"}`, fail(100002, "the two deliveries are of different rooms")},
		{"", "replay_deliveries", `{"DeliveryId":"1400000002.cg.1.0"}`, fail(100002, "DeliveryId is not one of this app")},
	} {
		t.Run(row.command, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				if row.before != "" {
					require.Equal(t, restOK, w.console("set_callback", row.before))
				}
				answers(t, row.want, w.console(row.command, row.body))
				assert.NotContains(t, w.console("get_callback", `{}`), "geheim")
			})
		})
	}
}

// hook is an app's server.
type hook struct {
	mu    sync.Mutex
	calls []string
	ids   []string
	fails bool

	bodies []string
}

func (h *hook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fails {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	var b struct {
		RoomID, EventType, EventCause string
		Operator                      string `json:"Operator_Account"`
		RoomInfo                      struct{ RoomID, RoomName string }
		RoomCount, RoomLimit          int
		MemberList                    []map[string]string
		SeatList                      []struct {
			Member string `json:"Member_Account"`
			Locked bool   `json:"IsTakenDisabled"`
		}
	}
	if json.Unmarshal(body, &b) != nil {
		return
	}
	q := r.URL.Query()
	_, command, _ := strings.Cut(q.Get("CallbackCommand"), "CallbackAfter")
	var text strings.Builder
	text.WriteString(command + " " + b.RoomID + b.RoomInfo.RoomID + " " + b.EventCause + b.EventType)
	for _, m := range b.MemberList {
		text.WriteString(" " + m["Member_Account"])
	}
	for _, s := range b.SeatList {
		if s.Locked {
			text.WriteString("#")
		}
		text.WriteString(s.Member + ",")
	}
	if b.RoomLimit > 0 {
		fmt.Fprintf(&text, " %d/%d", b.RoomCount, b.RoomLimit)
	}
	if b.Operator != "" {
		text.WriteString(" by " + b.Operator)
	}
	if q.Has("OptPlatform") {
		text.WriteString(" " + q.Get("OptPlatform"))
	}
	h.calls = append(h.calls, text.String())
	h.bodies = append(h.bodies, string(body))
	h.ids = append(h.ids, r.Header.Get("Voiceroom-Delivery")+" "+r.Header.Get("Voiceroom-Replay"))
	io.WriteString(rw, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`)
}

func (h *hook) set(fails bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fails = fails
}

// take returns what has come since the last time.
func (h *hook) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.calls
	h.calls = nil
	return list
}

// hook starts an app's server that is told everything.
func (w *world) hook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	l, err := w.net.Listen("app:80")
	require.NoError(t, err)
	web, served := &http.Server{Handler: h}, make(chan struct{})
	go func() { defer close(served); _ = web.Serve(l) }()
	t.Cleanup(func() { require.NoError(t, web.Close()); <-served })
	require.Equal(t, restOK, w.console("set_callback", `{"Url":"http://app/hook","CallbackCommandList":["Live.CallbackAfterCreateRoom","Live.CallbackAfterDestroyRoom",`+
		`"Live.CallbackAfterUpdateRoomInfo","Live.CallbackAfterCreateRoomReachingThreshold","Live.CallbackAfterMemberStateChanged","Mic.CallbackAfterSeatInfoChanged",`+
		`"Live.CallbackAfterCreateBattle","Live.CallbackAfterStartBattle","Live.CallbackAfterEndBattle"]}`))
	synctest.Wait()
	return h
}

// A room's life as the app's server hears of it, from the client's call to the receiver.
func TestCallbacksOfARoom(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		h := w.hook(t)
		w.restStage()
		time.Sleep(time.Second)
		var r []string
		for _, c := range h.take() {
			if !strings.Contains(c, " bare ") {
				r = append(r, c)
			}
		}
		assert.Equal(t, []string{
			"CreateRoom r  by host Unknown",
			"MemberStateChanged r EnterOnline host",
			"SeatInfoChanged r host,,,,,, Unknown",
			"SeatInfoChanged r host,,,,#,, Unknown",
			"UpdateRoomInfo r  by host Unknown",
			"MemberStateChanged r EnterOnline sam",
			"SeatInfoChanged r host,sam,,,#,, Unknown",
			"UpdateRoomInfo r  by host Unknown",
			"MemberStateChanged r EnterOnline ann tom pat",
		}, r)

		require.Equal(t, restOK, w.rest("lock_seat", `{"RoomId":"r","Index":1,"ForbidTaken":true}`))
		require.Equal(t, restOK, w.rest("destroy_room", `{"RoomId":"r"}`))
		synctest.Wait()
		assert.Equal(t, []string{"SeatInfoChanged r host,#,,,#,, RESTAPI", "DestroyRoom r DestroyByUser by administrator RESTAPI"}, h.take())

		// What operators see of it, and have repeated.
		var page struct {
			Response struct {
				Next         string
				DeliveryList []struct {
					DeliveryID, CallbackCommand, State string
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(w.console("list_deliveries", `{"RoomId":"r","Next":""}`)), &page))
		list := page.Response.DeliveryList
		require.Len(t, list, 11)
		assert.Equal(t, "delivered", list[10].State)
		assert.Contains(t, w.console("get_delivery", `{"DeliveryId":"`+list[10].DeliveryID+`"}`),
			`"State":"delivered","Body":{"CallbackCommand":"Live.CallbackAfterDestroyRoom","Operator_Account":"administrator","RoomId":"r","EventType":"DestroyByUser"`)
		require.Equal(t, response(`{"DeliveryCount":2}`), w.console("replay_deliveries", `{"DeliveryId":"`+list[9].DeliveryID+`","ToDeliveryId":"`+list[10].DeliveryID+`"}`))
		synctest.Wait()
		assert.Len(t, h.take(), 2)
		h.mu.Lock()
		assert.Equal(t, []string{list[9].DeliveryID + " true", list[10].DeliveryID + " true"}, h.ids[len(h.ids)-2:])
		h.mu.Unlock()

		next, pages, all := "", 0, 0
		for {
			time.Sleep(time.Second) // twice a second at most
			page.Response.DeliveryList = nil
			ans := w.console("list_deliveries", `{"Count":5,"Next":"`+next+`"}`)
			require.Contains(t, ans, `"ErrorCode":0`)
			require.NoError(t, json.Unmarshal([]byte(ans), &page))
			pages++
			all += len(page.Response.DeliveryList)
			if next = page.Response.Next; next == "" {
				break
			}
		}
		assert.Equal(t, 12, all, "and one of the other room")
		assert.Equal(t, 3, pages)
	})
}

// The app's server hears of a connection that is lost, of one that comes back, and of who does not come back in time.
func TestCallbacks_ofLostConnections(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		h := w.hook(t)
		require.Equal(t, created("r"), w.rest("create_room", `{"RoomInfo":{"RoomId":"r","RoomType":"Live"}}`))
		ann, login, err := w.loginAt(0, "ann", nil)
		require.NoError(t, err)
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		bob := w.member(0, "bob")
		settled()
		h.take()
		ann.drop()
		bob.pass(time.Second)
		ann = w.resumed("ann", login.SessionID, 1)
		ann.pass(time.Second)
		bob.drop()
		ann.pass(29 * time.Second)
		require.Equal(t, []string{
			"MemberStateChanged r HeartbeatInterruptOffline ann", "MemberStateChanged r HeartbeatRecoverOnline ann",
			"MemberStateChanged r HeartbeatInterruptOffline bob",
		}, h.take())
		ann.pass(2 * time.Second)
		require.Equal(t, []string{"MemberStateChanged r LeaveOffline bob"}, h.take())
	})
}

// What the app has set of a room at its creation it is told again, at any node, after a change of the room's home.
func TestCallbacks_tellWhatTheAppHasSet(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		h := w.hook(t)
		for id, unlimited := range map[string]string{"large": `,"IsUnlimitedRoomEnabled":true`, "small": ""} {
			require.Equal(t, created(id), w.restAt(1, "live_engine_http_srv/create_room", w.restQuery(), `{"RoomInfo":{"RoomId":"`+id+`","RoomType":"Live"`+unlimited+`}}`))
		}
		synctest.Wait()
		w.kill(1)
		time.Sleep(10 * time.Second)
		for _, id := range []string{"large", "small"} {
			require.Equal(t, restOK, w.rest("destroy_room", `{"RoomId":"`+id+`"}`))
			synctest.Wait()
			h.mu.Lock()
			last := h.bodies[len(h.bodies)-1]
			h.mu.Unlock()
			assert.Contains(t, last, fmt.Sprintf(`"IsUnlimitedRoomEnabled":%t`, id == "large"))
		}
	})
}

// A server that is killed between the change and the delivery loses nothing: the other node goes on.
func TestCallbacksOutliveTheirNode(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		h := w.hook(t)
		h.set(true)
		for i := range 5 {
			w.restAt(0, "live_engine_http_srv/create_room", w.restQuery(), fmt.Sprintf(`{"RoomInfo":{"RoomId":"r%d","RoomType":"Live"}}`, i))
			w.restAt(0, "live_engine_http_srv/destroy_room", w.restQuery(), fmt.Sprintf(`{"RoomId":"r%d"}`, i))
		}
		w.nodes[0].store.Kill()
		w.nodes[0].gone = true
		synctest.Wait()
		h.set(false)
		require.NoError(t, w.nodes[0].web.Close())
		<-w.nodes[0].served
		_ = w.nodes[0].srv.Close(t.Context()) // its store is gone
		require.NoError(t, w.nodes[0].store.Close())
		time.Sleep(time.Minute)
		got := h.take()
		for i := range 5 {
			mine := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !strings.Contains(s, fmt.Sprintf(" r%d ", i)) })
			assert.Equal(t, []string{fmt.Sprintf("CreateRoom r%d  by administrator RESTAPI", i), fmt.Sprintf("DestroyRoom r%d DestroyByUser by administrator RESTAPI", i)}, mine)
		}
	})
}

// An app has so many rooms and no more, and is warned before.
func TestRoomLimit(t *testing.T) {
	inWorldWith(t, 2, func(c *Config) { c.RoomLimit = 10 }, func(t *testing.T, w *world) {
		h := w.hook(t)
		create := func(node, i int) string {
			return w.restAt(node, "live_engine_http_srv/create_room", w.restQuery(), fmt.Sprintf(`{"RoomInfo":{"RoomId":"r%d","RoomType":"Live"}}`, i))
		}
		ok := func(i int) string {
			return fmt.Sprintf(`{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID","RoomId":"r%d"}`, i)
		}
		warnings := func() (list []string) {
			synctest.Wait()
			for _, c := range h.take() {
				if strings.HasPrefix(c, "CreateRoomReachingThreshold") {
					list = append(list, c)
				}
			}
			return list
		}
		for i := range 6 {
			require.Equal(t, ok(i), create(0, i))
		}
		assert.Empty(t, warnings())
		require.Equal(t, ok(6), create(0, 6))
		assert.Equal(t, []string{"CreateRoomReachingThreshold r6  7/10 RESTAPI"}, warnings())
		for i := 7; i < 10; i++ {
			require.Equal(t, ok(i), create(0, i))
		}
		assert.Empty(t, warnings(), "once")
		full := fail(100013, "the app has as many rooms as this server allows, 10; end one first")
		answers(t, full, create(0, 10))
		time.Sleep(2 * countAge) // by then the other node knows
		answers(t, full, create(1, 10))
		c := w.login("sam")
		assert.Equal(t, signaling.ErrLimit.Code, signaling.CodeOf(errOf(c.call(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r10"}}))))
		answers(t, fail(100010, "the room exists already"), create(1, 9))
		for i := range 4 {
			require.Equal(t, restOK, w.rest("destroy_room", fmt.Sprintf(`{"RoomId":"r%d"}`, i)))
		}
		time.Sleep(time.Minute)
		require.Equal(t, ok(10), create(0, 10))
		assert.Len(t, warnings(), 1, "it has crossed the line again")
	})
}

// A battle is told once, whose it is, though both rooms see it.
func TestCallbacksOfABattle(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		h := w.hook(t)
		w.restAt(0, "live_engine_http_srv/create_room", w.restQuery(), `{"RoomInfo":{"RoomId":"from","RoomType":"Live"}}`)
		w.restAt(1, "live_engine_http_srv/create_room", w.restQuery(), `{"RoomInfo":{"RoomId":"to","RoomType":"Live"}}`)
		synctest.Wait()
		require.Len(t, h.take(), 2)
		require.Contains(t, w.restAt(1, "live_engine_http_pk/create_battle", w.restQuery(), `{"FromRoomId":"from","ToRoomIdList":["to"],"Duration":60000}`), `"ErrorCode":0`)
		time.Sleep(59 * time.Second)
		assert.Equal(t, []string{"CreateBattle   by administrator RESTAPI", "StartBattle   RESTAPI"}, h.take())
		time.Sleep(10 * time.Second)
		assert.Equal(t, []string{"EndBattle   Unknown"}, h.take())
	})
}

// The token is shown nowhere.
func TestCallbackToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.hook(t)
		require.Equal(t, restOK, w.console("set_callback_token", `{"Token":"geheim"}`))
		for _, command := range []string{"get_callback", "list_deliveries"} {
			assert.NotContains(t, w.console(command, `{"Next":""}`), "geheim")
			assert.NotContains(t, w.console(command, `{}`), "geheim")
		}
	})
}
