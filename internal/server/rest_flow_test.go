package server

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// member is a client in the room r that remembers what it was told.
func (w *world) member(node int, user signaling.UserID) *raw {
	w.t.Helper()
	c := w.dialAt(node)
	c.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: user, UserSig: w.sig(user), UserName: "Name of " + string(user)}, nil)
	c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
	c.told()
	return c
}

// told returns the events that have come since the last call, as their types with their data.
func (c *raw) told() (list []string) {
	c.t.Helper()
	c.must(signaling.MethodPing, struct{}{}, nil) // behind everything that was queued
	for _, m := range c.heard {
		if m.Method != signaling.NotifyRoomEvents {
			continue
		}
		var n struct {
			Events []struct {
				Type string
				Data json.RawMessage
			}
		}
		require.NoError(c.t, json.Unmarshal(m.Params, &n))
		for _, e := range n.Events {
			list = append(list, e.Type+" "+string(e.Data))
		}
	}
	c.heard = nil
	return list
}

// What an app's server does is seen by the members at once, as events that name who did it.
func TestRESTIsSeenByMembers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		restFlow(t, w, 0, 0)
	})
}

// The call arrives at a node that does not decide the room, and that has no member of it.
func TestRESTAtAnotherNodeThanTheRooms(t *testing.T) {
	inWorldOf(t, 3, func(t *testing.T, w *world) {
		restFlow(t, w, 1, 2)
	})
}

// restFlow has the room r created at the first node, members at another, and REST calls at a third.
func restFlow(t *testing.T, w *world, members, rest int) {
	call := func(command, body string) {
		t.Helper()
		answers(t, restOK, w.restAt(rest, command, w.restQuery(), body))
		synctest.Wait() // the members' nodes have heard of it
	}
	call("im_open_login_svc/account_import", `{"UserID":"host"}`)
	answers(t, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID","RoomId":"r"}`, w.restAt(0, "live_engine_http_srv/create_room", w.restQuery(),
		`{"RoomInfo":{"RoomId":"r","RoomType":"Live","Owner_Account":"host","IsSeatEnabled":true,"MaxSeatCount":3,"MaxMemberCount":3}}`))
	host, ann := w.member(members, "host"), w.member(members, "ann")
	time.Sleep(time.Second)
	host.told()
	ann.told()
	const byAdmin = `"by":{"userId":"administrator","userRole":2}`
	annSits := `seatsChanged {"seats":[{"index":1,"userId":"ann","userName":"Name of ann"}],"seated":[{"userId":"ann","userName":"Name of ann","userRole":2}]}`

	call("room_engine_http_mic/pick_user_on_seat", `{"RoomId":"r","Member_Account":"ann","Index":1}`)
	require.Equal(t, []string{annSits}, host.told())
	require.Equal(t, []string{annSits}, ann.told())
	ann.must(signaling.MethodSetAudio, signaling.AudioParams{RoomID: "r", On: true}, nil)
	ann.told()
	host.told()

	call("room_engine_http_mic/kick_user_off_seat", `{"RoomId":"r","Member_Account":"ann","Data":"time over"}`)
	gone := []string{
		`audioChanged {"userId":"ann","hasAudio":false,"reason":1}`,
		`seatsChanged {"seats":[{"index":1}],"left":[{"userId":"ann","userName":"Name of ann","userRole":2}]}`,
	}
	require.Equal(t, gone, host.told())
	require.Equal(t, append(gone, `kickedOffSeat {"index":1,`+byAdmin+`,"data":"time over"}`), ann.told(), "Data travels with the notice")

	call("room_engine_http_mic/pick_user_on_seat", `{"RoomId":"r","Member_Account":"host","Index":2}`)
	host.told()
	ann.told()
	call("room_engine_http_mic/lock_seat", `{"RoomId":"r","Index":2,"ForbidTaken":true,"ForbidAudio":true}`)
	require.Equal(t, []string{
		`seatsChanged {"seats":[{"index":2}],"left":[{"userId":"host","userName":"Name of host","userRole":0}]}`,
		`kickedOffSeat {"index":2,` + byAdmin + `}`,
		`seatsChanged {"seats":[{"index":2,"isLocked":true,"isAudioLocked":true}]}`,
	}, host.told(), "the owner, too, is taken off first")
	ann.told()

	call("live_engine_http_srv/modify_admin", `{"RoomId":"r","Admin_Account":["ann","amy"],"OpType":"add"}`)
	require.Equal(t, []string{`roleChanged {"userId":"ann","userRole":1}`, `roleChanged {"userId":"amy","userRole":1}`}, host.told())
	answers(t, response(`{"Admin_Account":["ann","amy"]}`), w.restAt(rest, "live_engine_http_srv/get_admin_list", w.restQuery(), `{"RoomId":"r"}`))
	ann.told()

	call("live_engine_http_srv/update_room_info", `{"RoomInfo":{"RoomId":"r","RoomName":"New","TakeSeatMode":"FreeToTake","MaxMemberCount":2}}`)
	told := ann.told()
	require.Len(t, told, 1)
	require.Contains(t, told[0], `roomUpdated {"room":{"roomId":"r","name":"New","ownerId":"host","ownerName":"Name of host","seatMode":1,"maxSeatCount":3,`)
	require.Contains(t, told[0], byAdmin)

	cid := w.dialAt(members)
	cid.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "cid", UserSig: w.sig("cid")}, nil)
	require.ErrorIs(t, errOf(cid.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"})), signaling.ErrRoomFull, "MaxMemberCount")

	call("live_engine_http_srv/destroy_room", `{"RoomId":"r"}`)
	told = host.told()
	require.Equal(t, `roomDismissed {"reason":2}`, told[len(told)-1])
	answers(t, fail(100004, ""), w.restAt(rest, "live_engine_http_srv/get_member_list", w.restQuery(), `{"RoomId":"r","Next":""}`))
	answers(t, response(`{"Next":"","RoomList":[]}`), w.restAt(rest, "live_engine_http_srv/get_room_list", w.restQuery(), `{"Next":""}`))
}

// An id may be used again a second after its room was created, and not before.
func TestRESTCreatesAnIdOnceASecond(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		create := func() string { return w.rest("create_room", `{"RoomInfo":{"RoomId":"r","RoomType":"Live"}}`) }
		ok := `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID","RoomId":"r"}`
		answers(t, ok, create())
		answers(t, fail(100010, ""), create())
		answers(t, restOK, w.rest("destroy_room", `{"RoomId":"r"}`))
		answers(t, fail(100012, "a room with this id was created less than a second ago"), create())
		time.Sleep(time.Second)
		answers(t, ok, create())
	})
}

// A large room is listed in pages, of which each member is in one, and the first thousand are shown.
func TestRESTListsMembersInPages(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.rest("create_room", `{"RoomInfo":{"RoomId":"r","RoomType":"Live"}}`)
		const people = 1010
		for i := range people {
			id := "u" + strconv.Itoa(10000+i)
			_, err := w.srv.node.Enter(t.Context(), store.Key{App: app, Room: "r"}, home.Member{
				Session: id, User: signaling.UserInfo{UserID: signaling.UserID(id), UserName: "Name of " + id},
			})
			require.NoError(t, err)
		}
		pages := func(command, ask string) (members []string, calls int) {
			next := ""
			for {
				var ans struct {
					ErrorCode int
					Response  struct {
						Next        string
						MemberCount int
						MemberList  []struct {
							ID string `json:"Member_Account"`
						}
					}
				}
				require.NoError(t, json.Unmarshal([]byte(w.rest(command, strings.Replace(ask, "NEXT", next, 1))), &ans))
				require.Zero(t, ans.ErrorCode)
				if command == "get_member_list" {
					require.Equal(t, people, ans.Response.MemberCount)
				}
				calls++
				for _, m := range ans.Response.MemberList {
					members = append(members, m.ID)
				}
				if next = ans.Response.Next; next == "" {
					return members, calls
				}
				time.Sleep(time.Second)
			}
		}
		list, calls := pages("get_member_list", `{"RoomId":"r","Next":"NEXT"}`)
		require.Len(t, list, 1000)
		require.Equal(t, 10, calls)
		for i, m := range list {
			require.Equal(t, "u"+strconv.Itoa(10000+i), m)
		}
		list, calls = pages("search_room_member", `{"RoomId":"r","Keyword":"NAME OF U1","Next":"NEXT"}`)
		require.Len(t, list, people)
		require.Equal(t, 11, calls)
	})
}

// Over a connection, as an app's server calls: the answers of several calls on one connection, one of them refused.
func TestRESTOverHTTP(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		transport := &http.Transport{DialContext: w.net.Dial}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		post := func(command, body string) string {
			resp, err := client.Post("http://"+w.nodes[0].addr+"/v4/"+command+"?"+w.restQuery().Encode(), "application/json", strings.NewReader(body))
			require.NoError(t, err)
			defer resp.Body.Close()
			require.Equal(t, http.StatusOK, resp.StatusCode)
			b, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			return requestID.ReplaceAllString(string(b), `"RequestId":"ID"`)
		}
		answers(t, fail(60003, "the body is empty"), post("live_engine_http_srv/create_room", ""))
		answers(t, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID","RoomId":"r"}`, post("live_engine_http_srv/create_room", `{"RoomInfo":{"RoomId":"r","RoomType":"Live"}}`))
		time.Sleep(10 * time.Second) // the deadline of the body before is not this call's
		answers(t, restOK, post("live_engine_http_srv/destroy_room", `{"RoomId":"r"}`))
		answers(t, fail(60008, "the body may have 64 KiB"), post("live_engine_http_srv/destroy_room", strings.Repeat(" ", 1<<20)))

		r, write := io.Pipe() // a body that does not come
		defer write.Close()
		resp, err := client.Post("http://"+w.nodes[0].addr+"/v4/live_engine_http_srv/destroy_room?"+w.restQuery().Encode(), "application/json", r)
		require.NoError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Contains(t, string(b), `"ErrorInfo":"the body did not arrive within 3s","ErrorCode":60008`)
	})
}

func TestRESTIsCounted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.rest("get_room_info", `{"RoomId":"r"}`)
		w.restAt(0, "live_engine_http_srv/no_such_command", w.restQuery(), `{}`)
		rec := httptest.NewRecorder()
		w.srv.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		text := rec.Body.String()
		require.Contains(t, text, `voiceroom_rest_calls_total{code="100004",command="live_engine_http_srv/get_room_info"} 1`)
		require.Contains(t, text, `voiceroom_rest_calls_total{code="60009",command="unknown"} 1`)
		require.Contains(t, text, `voiceroom_rest_call_seconds_count{command="live_engine_http_srv/get_room_info"} 1`)
		require.NotContains(t, text, "no_such_command")
	})
}

// Who may not call, and does not send what it has announced, is answered and hung up on: it holds nothing for longer than
// others do.
func TestRESTWaitsForNobody(t *testing.T) {
	for _, path := range []string{"/v4/live_engine_http_srv/get_room_info?sdkappid=1", "/v4/live_engine_http_srv/get_room_info", "/v4/nothing"} {
		t.Run(path, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				c, err := w.net.Dial(t.Context(), "tcp", "server:80")
				require.NoError(t, err)
				defer c.Close()
				begin := time.Now()
				_, err = io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: server\r\nContent-Length: 10\r\n\r\n{")
				require.NoError(t, err)
				r := bufio.NewReader(c)
				resp, err := http.ReadResponse(r, nil)
				require.NoError(t, err)
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.Contains(t, string(got), `"ActionStatus":"FAIL"`)
				_, err = r.ReadByte()
				require.ErrorIs(t, err, io.EOF)
				require.LessOrEqual(t, time.Since(begin), 4*time.Second)
			})
		})
	}
}
