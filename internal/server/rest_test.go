package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

var requestID = regexp.MustCompile(`"RequestId":"Id-[0-9a-f]{32}-O-Seq-[0-9]+"`)

// restQuery is what an administrator of the first app sends.
func (w *world) restQuery() url.Values {
	return url.Values{
		"sdkappid": {fmt.Sprint(app)}, "identifier": {"administrator"}, "usersig": {w.sig("administrator")},
		"random": {"4294967295"}, "contenttype": {"json"},
	}
}

// restAt posts a body to a node and returns the answer without what differs each time.
func (w *world) restAt(node int, command string, query url.Values, body string) string {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v4/"+command+"?"+query.Encode(), strings.NewReader(body))
	return w.restAnswer(node, r)
}

func (w *world) restAnswer(node int, r *http.Request) string {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.nodes[node].srv.Handler().ServeHTTP(rec, r.WithContext(w.t.Context()))
	require.Equal(w.t, http.StatusOK, rec.Code)
	require.Equal(w.t, "application/json; charset=utf-8", rec.Header().Get("Content-Type"))
	got := rec.Body.String()
	require.Len(w.t, requestID.FindAllString(got, -1), 1, got)
	return requestID.ReplaceAllString(got, `"RequestId":"ID"`)
}

// rest calls a command of either service by its name alone.
func (w *world) rest(command, body string) string {
	w.t.Helper()
	service := "live_engine_http_srv/"
	if strings.HasSuffix(command, "_seat") || command == "get_seat_list" {
		service = "room_engine_http_mic/"
	}
	return w.restAt(0, service+command, w.restQuery(), body)
}

const restOK = `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID"}`

func response(json string) string {
	return `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID","Response":` + json + `}`
}

// fail is an answer with this code; its text is compared by what it begins with.
func fail(code int, text string) string {
	return fmt.Sprintf(`{"ActionStatus":"FAIL","ErrorInfo":"%s|,"ErrorCode":%d,"RequestId":"ID"}`, text, code)
}

// answers asserts that got is want, of which a text may be a beginning.
func answers(t *testing.T, want, got string) {
	t.Helper()
	begin, end, isText := strings.Cut(want, "|")
	if !isText {
		assert.Equal(t, want, got)
		return
	}
	assert.True(t, strings.HasPrefix(got, begin) && strings.HasSuffix(got, `"`+end), "want %s\n got %s", want, got)
}

// stage is a room r of host with six seats, in which host sits on seat 0 and sam on seat 1, seat 4 is locked, ann and
// 王小明 (tom) listen and pat has applied; and a room bare without seats.
func (w *world) restStage() {
	w.t.Helper()
	host := w.login("host")
	host.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r", MaxSeatCount: 6}}, nil)
	answers(w.t, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID","RoomId":"bare"}`,
		w.rest("create_room", `{"RoomInfo":{"RoomId":"bare","RoomType":"Live"}}`))
	answers(w.t, restOK, w.rest("set_room_metadata", `{"RoomId":"bare","Metadata":[{"Key":"theme","Value":"jazz"},{"Key":"mood","Value":"blue <"}]}`))
	join := func(c *raw) { c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil) }
	join(host)
	host.must(signaling.MethodTakeSeat, map[string]any{"roomId": "r", "index": 0}, nil)
	host.must(signaling.MethodLockSeat, map[string]any{"roomId": "r", "index": 4, "lockSeat": true, "which": 1}, nil)
	host.must(signaling.MethodUpdateRoom, map[string]any{"roomId": "r", "seatMode": 1}, nil)
	sam := w.login("sam")
	join(sam)
	sam.must(signaling.MethodTakeSeat, map[string]any{"roomId": "r", "index": 1}, nil)
	host.must(signaling.MethodUpdateRoom, map[string]any{"roomId": "r", "seatMode": 2}, nil)
	host.must(signaling.MethodChangeRole, map[string]any{"roomId": "r", "userId": "amy", "userRole": 1}, nil)
	join(w.login("ann"))
	tom := w.dial()
	tom.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "tom", UserSig: w.sig("tom"), UserName: "王小明"}, nil)
	join(tom)
	pat := w.login("pat")
	join(pat)
	pat.must(signaling.MethodTakeSeat, map[string]any{"roomId": "r", "index": 3}, nil)
}

const (
	noRoom = "the room does not exist, or no longer"
	badID  = "the room id is not valid"
)

// Every command: what it answers to good and to bad calls, byte for byte. Each row starts from the same room.
func TestRESTCommands(t *testing.T) {
	const (
		none = `{"RoomId":"none"}`
		r    = `{"RoomId":"r"}`
	)
	long := strings.Repeat("x", 101)
	runRows(t, []restRow{
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","RoomName":"New","Owner_Account":"sam","MaxMemberCount":400,"CoverURL":"https://example.org/c.png","IsMessageDisabled":true,"Category":[1,2,3],"IsPublicVisible":false,"IsSeatEnabled":true,"TakeSeatMode":"FreeToTake","MaxSeatCount":8,"ActivityStatus":1,"IsUnlimitedRoomEnabled":true}}`, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID","RoomId":"new"}`},
		{"create_room", `{"RoomInfo":{"RoomId":"r","RoomType":"Live"}}`, fail(100003, "the room id is taken")},
		{"create_room", `{"RoomInfo":{"RoomId":"r","RoomType":"Live","Owner_Account":"host"}}`, fail(100010, "the room exists already")},
		{"create_room", `{}`, fail(100002, "RoomInfo is required")},
		{"create_room", `{"RoomInfo":{"RoomType":"Live"}}`, fail(100002, badID)},
		{"create_room", `{"RoomInfo":{"RoomId":"` + strings.Repeat("r", 49) + `","RoomType":"Live"}}`, fail(100002, badID)},
		{"create_room", `{"RoomInfo":{"RoomId":"new"}}`, fail(100015, `RoomType is \"\"; it is Live`)},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Meeting"}}`, fail(100015, "RoomType is")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","RoomName":"` + long + `"}}`, fail(100002, "the room name is not valid")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","Owner_Account":""}}`, fail(100002, "Owner_Account is not an account")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","Owner_Account":7}}`, fail(60015, "accounts are strings: Owner_Account")},
		{"create_room", `{"RoomInfo":{"RoomId":7,"RoomType":"Live"}}`, fail(100002, "RoomId cannot be a JSON number")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","Colour":"red"}}`, fail(100002, `this command has no field \"Colour\"`)},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","MaxSeatCount":8}}`, fail(100002, "MaxSeatCount and TakeSeatMode are of rooms with seats")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","IsSeatEnabled":true,"MaxSeatCount":21}}`, fail(100013, "MaxSeatCount is 21; this server allows 1 to 20")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","IsSeatEnabled":true,"MaxSeatCount":0}}`, fail(100002, "MaxSeatCount is 0")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","IsSeatEnabled":true,"TakeSeatMode":"Take"}}`, fail(100002, "TakeSeatMode is")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","MaxMemberCount":0}}`, fail(100002, "MaxMemberCount is 0")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","MaxMemberCount":100001}}`, fail(100013, "MaxMemberCount is 100001; this server allows 1 to 100000")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","CoverURL":"` + long + long + `"}}`, fail(100002, "coverUrl may have 200 bytes")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","Category":[1,2,3,4]}}`, fail(100009, "a room has at most 3 categories")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","Category":[4294967296]}}`, fail(100002, "categories are integers of 32 bits")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","Category":["music"]}}`, fail(100002, "Category cannot be a JSON string")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","ActivityStatus":4294967296}}`, fail(100002, "activityStatus is an integer of 32 bits")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","ActivityStatus":"on"}}`, fail(100002, "ActivityStatus cannot be a JSON string")},
		{"create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","CustomInfo":"x"}}`, fail(100002, `this command has no field \"CustomInfo\"`)},

		{"get_room_info", r, response(`{"RoomInfo":{"RoomId":"r","RoomName":"r","RoomType":"Live","Owner_Account":"host","CreateTime":946684800,"IsSeatEnabled":true,"TakeSeatMode":"ApplyToTake","MaxSeatCount":6,"MaxMemberCount":100000,"IsMessageDisabled":false,"CoverURL":"","Category":[],"ActivityStatus":0,"ViewCount":5,"IsPublicVisible":true,"CustomInfo":"","IsLikeEnabled":true,"HasPassword":false}}`)},
		{"get_room_info", `{"RoomId":"bare"}`, response(`{"RoomInfo":{"RoomId":"bare","RoomName":"bare","RoomType":"Live","Owner_Account":"administrator","CreateTime":946684800,"IsSeatEnabled":false,"TakeSeatMode":"ApplyToTake","MaxSeatCount":0,"MaxMemberCount":100000,"IsMessageDisabled":false,"CoverURL":"","Category":[],"ActivityStatus":0,"ViewCount":0,"IsPublicVisible":true,"CustomInfo":"","IsLikeEnabled":true,"HasPassword":false}}`)},
		{"get_room_info", none, fail(100004, noRoom)},
		{"get_room_info", `{}`, fail(100002, badID)},

		{"update_room_info", `{"RoomInfo":{"RoomId":"r","RoomName":"New","MaxMemberCount":5,"TakeSeatMode":"FreeToTake","CustomInfo":"custom123","CoverURL":"https://example.org/c.png","IsMessageDisabled":true,"Category":[3],"ActivityStatus":-1,"IsPublicVisible":false}}`, restOK},
		{"update_room_info", `{"RoomInfo":{"RoomId":"r"}}`, restOK},
		{"update_room_info", `{"RoomInfo":{"RoomId":"none","RoomName":"New"}}`, fail(100004, noRoom)},
		{"update_room_info", `{"RoomInfo":{"RoomName":"New"}}`, fail(100002, badID)},
		{"update_room_info", `{"RoomInfo":{"RoomId":"r","RoomName":""}}`, fail(100002, "the room name is not valid")},
		{"update_room_info", `{"RoomInfo":{"RoomId":"r","TakeSeatMode":""}}`, fail(100002, "TakeSeatMode is")},
		{"update_room_info", `{"RoomInfo":{"RoomId":"r","MaxMemberCount":-1}}`, fail(100002, "MaxMemberCount is -1")},
		{"update_room_info", `{"RoomInfo":{"RoomId":"r","CustomInfo":"` + strings.Repeat(long, 5) + `"}}`, fail(100002, "customInfo may have 500 bytes")},
		{"update_room_info", `{"RoomInfo":{"RoomId":"r","CoverURL":"a\u0000b"}}`, fail(100002, "coverUrl may have 200 bytes of UTF-8 without control characters")},
		{"update_room_info", `{"RoomInfo":{"RoomId":"r","Category":[1,2,3,4]}}`, fail(100009, "a room has at most 3 categories")},
		{"update_room_info", `{"RoomInfo":{"RoomId":"r","IsPublicVisible":"no"}}`, fail(100002, "IsPublicVisible cannot be a JSON string")},
		{"update_room_info", `{"RoomInfo":{"RoomId":"r","MaxSeatCount":3}}`, fail(100002, `this command has no field \"MaxSeatCount\"`)},
		{"update_room_info", `{"RoomId":"r"}`, fail(100002, `this command has no field \"RoomId\"`)},
		{"update_room_info", `{}`, fail(100002, "RoomInfo is required")},

		{"destroy_room", r, restOK},
		{"destroy_room", none, fail(100004, noRoom)},
		{"destroy_room", `{}`, fail(100002, badID)},

		{"get_room_list", `{"Next":"","Count":20}`, response(`{"Next":"","RoomList":[{"RoomName":"r","RoomId":"r","Owner_Account":"host","CoverURL":"","Category":[],"CreateTime":946684800,"ActivityStatus":0,"ViewCount":5},{"RoomName":"bare","RoomId":"bare","Owner_Account":"administrator","CoverURL":"","Category":[],"CreateTime":946684800,"ActivityStatus":0,"ViewCount":0}]}`)},
		{"get_room_list", `{"Next":"","Count":1}`, response(`{"Next":"5-946684800000-cg","RoomList":[{"RoomName":"r","RoomId":"r","Owner_Account":"host","CoverURL":"","Category":[],"CreateTime":946684800,"ActivityStatus":0,"ViewCount":5}]}`)},
		{"get_room_list", `{"Next":"5-946684800000-cg"}`, response(`{"Next":"","RoomList":[{"RoomName":"bare","RoomId":"bare","Owner_Account":"administrator","CoverURL":"","Category":[],"CreateTime":946684800,"ActivityStatus":0,"ViewCount":0}]}`)},
		{"get_room_list", `{"Next":"0-946684800000-fn5-"}`, response(`{"Next":"","RoomList":[]}`)},
		{"get_room_list", `{"Next":"","Count":21}`, fail(100002, "Count is 21; it is 1 to 20")},
		{"get_room_list", `{"Next":"","Count":0}`, fail(100002, "Count is 0")},
		{"get_room_list", `{}`, fail(100002, "Next is required")},
		{"get_room_list", `{"Next":"x"}`, fail(100002, "Next is not what")},
		{"get_room_list", `{"Next":"1-2-*"}`, fail(100002, "Next is not what")},

		{"get_admin_list", r, response(`{"Admin_Account":["amy"]}`)},
		{"get_admin_list", `{"RoomId":"bare"}`, response(`{"Admin_Account":[]}`)},
		{"get_admin_list", none, fail(100004, noRoom)},
		{"get_admin_list", `{}`, fail(100002, badID)},

		{"modify_admin", `{"RoomId":"r","Admin_Account":["tom","ann"],"OpType":"add"}`, restOK},
		{"modify_admin", `{"RoomId":"r","Admin_Account":["amy","who is none"],"OpType":"delete"}`, restOK},
		{"modify_admin", `{"RoomId":"r","Admin_Account":["a","b","c","d","e"],"OpType":"add"}`, fail(100020, "the room has 5 administrators already")},
		{"modify_admin", `{"RoomId":"r","Admin_Account":["a","b","c","d","e","f"],"OpType":"add"}`, fail(100002, "Admin_Account is required: 1 to 5 accounts")},
		{"modify_admin", `{"RoomId":"r","Admin_Account":[],"OpType":"add"}`, fail(100002, "Admin_Account is required")},
		{"modify_admin", `{"RoomId":"r","Admin_Account":[""],"OpType":"add"}`, fail(100002, "the user id")},
		{"modify_admin", `{"RoomId":"r","Admin_Account":[1],"OpType":"add"}`, fail(60015, "accounts are strings")},
		{"modify_admin", `{"RoomId":"r","Admin_Account":"a","OpType":"add"}`, fail(100002, "Admin_Account cannot be a JSON string")},
		{"modify_admin", `{"RoomId":"r","Admin_Account":["host"],"OpType":"delete"}`, fail(100006, "the owner cannot be demoted")},
		{"modify_admin", `{"RoomId":"r","Admin_Account":["tom"],"OpType":"set"}`, fail(100002, "OpType is")},
		{"modify_admin", `{"RoomId":"none","Admin_Account":["tom"],"OpType":"add"}`, fail(100004, noRoom)},

		{"get_member_list", `{"RoomId":"r","Next":""}`, response(`{"Next":"","MemberCount":5,"MemberList":[{"Member_Account":"ann"},{"Member_Account":"host"},{"Member_Account":"pat"},{"Member_Account":"sam"},{"Member_Account":"tom"}]}`)},
		{"get_member_list", `{"RoomId":"r","Next":"3-cGF0"}`, response(`{"Next":"","MemberCount":5,"MemberList":[{"Member_Account":"sam"},{"Member_Account":"tom"}]}`)},
		{"get_member_list", `{"RoomId":"bare","Next":""}`, response(`{"Next":"","MemberCount":0,"MemberList":[]}`)},
		{"get_member_list", `{"RoomId":"none","Next":""}`, fail(100004, noRoom)},
		{"get_member_list", `{"RoomId":"r"}`, fail(100002, "Next is required")},
		{"get_member_list", `{"RoomId":"r","Next":"1000-cGF0"}`, fail(100002, "Next is not what")},
		{"get_member_list", `{"RoomId":"r","Next":"pat"}`, fail(100002, "Next is not what")},
		{"get_member_list", `{"Next":""}`, fail(100002, badID)},

		{"search_room_member", `{"RoomId":"r","Keyword":"小","Next":""}`, response(`{"Next":"","MemberList":[{"Member_Account":"tom","NickName":"王小明"}]}`)},
		{"search_room_member", `{"RoomId":"r","Keyword":"ann","Next":""}`, response(`{"Next":"","MemberList":[{"Member_Account":"ann","NickName":""}]}`)},
		{"search_room_member", `{"RoomId":"r","Keyword":"an","Next":""}`, response(`{"Next":"","MemberList":[]}`)},
		{"search_room_member", `{"RoomId":"r","Next":""}`, fail(100002, "Keyword is required")},
		{"search_room_member", `{"RoomId":"r","Keyword":"` + long + `","Next":""}`, fail(100002, "Keyword is required")},
		{"search_room_member", `{"RoomId":"r","Keyword":"ann"}`, fail(100002, "Next is required")},
		{"search_room_member", `{"RoomId":"none","Keyword":"ann","Next":""}`, fail(100004, noRoom)},

		{"get_seat_list", r, response(`{"SeatList":[{"Index":0,"Member_Account":"host","IsTakenDisabled":false,"IsVideoDisabled":false,"IsAudioDisabled":false},{"Index":1,"Member_Account":"sam","IsTakenDisabled":false,"IsVideoDisabled":false,"IsAudioDisabled":false},{"Index":2,"IsTakenDisabled":false,"IsVideoDisabled":false,"IsAudioDisabled":false},{"Index":3,"IsTakenDisabled":false,"IsVideoDisabled":false,"IsAudioDisabled":false},{"Index":4,"IsTakenDisabled":true,"IsVideoDisabled":false,"IsAudioDisabled":false},{"Index":5,"IsTakenDisabled":false,"IsVideoDisabled":false,"IsAudioDisabled":false}]}`)},
		{"get_seat_list", `{"RoomId":"bare"}`, response(`{"SeatList":[]}`)},
		{"get_seat_list", none, fail(100004, noRoom)},
		{"get_seat_list", `{}`, fail(100002, badID)},

		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":"ann","Index":2}`, restOK},
		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":"ann","Index":-1}`, restOK},
		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":"zoe","Index":2}`, fail(100005, "the user is not in the room")},
		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":"ann","Index":4}`, fail(100200, "the seat is locked")},
		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":"pat","Index":2}`, fail(100202, "the user has already applied")},
		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":"sam","Index":2}`, fail(100203, "the user already has a seat")},
		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":"ann","Index":1}`, fail(100210, "somebody sits on this seat")},
		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":"ann","Index":6}`, fail(100002, "there is no seat 6")},
		{"pick_user_on_seat", `{"RoomId":"bare","Member_Account":"ann","Index":0}`, fail(100211, "the room has no seats")},
		{"pick_user_on_seat", `{"RoomId":"none","Member_Account":"ann","Index":0}`, fail(100004, noRoom)},
		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":"ann"}`, fail(100002, "Index is required")},
		{"pick_user_on_seat", `{"RoomId":"r","Index":1}`, fail(100002, "Member_Account is required")},
		{"pick_user_on_seat", `{"Member_Account":"ann","Index":1}`, fail(100002, badID)},
		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":12,"Index":1}`, fail(60015, "accounts are strings: Member_Account holds a JSON number")},
		{"pick_user_on_seat", `{"RoomId":"r","Member_Account":"ann","Index":1.5}`, fail(100002, "Index cannot be a JSON number")},

		{"kick_user_off_seat", `{"RoomId":"r","Member_Account":"sam","Data":"time over"}`, restOK},
		{"kick_user_off_seat", `{"RoomId":"r","Member_Account":"host","Data":""}`, restOK},
		{"kick_user_off_seat", `{"RoomId":"r","Member_Account":"ann","Data":""}`, fail(100206, "the user has no seat")},
		{"kick_user_off_seat", `{"RoomId":"r","Member_Account":"sam"}`, fail(100002, "Data is required")},
		{"kick_user_off_seat", `{"RoomId":"r","Member_Account":"sam","Data":"` + strings.Repeat("x", 2049) + `"}`, fail(100002, "data may have 2048 bytes")},
		{"kick_user_off_seat", `{"RoomId":"r","Data":""}`, fail(100002, "Member_Account is required")},
		{"kick_user_off_seat", `{"RoomId":"none","Member_Account":"sam","Data":""}`, fail(100004, noRoom)},

		{"lock_seat", `{"RoomId":"r","Index":1,"ForbidTaken":true,"ForbidVideo":true,"ForbidAudio":true}`, restOK},
		{"lock_seat", `{"RoomId":"r","Index":4,"ForbidTaken":false}`, restOK},
		{"lock_seat", `{"RoomId":"r","Index":0,"ForbidTaken":true}`, restOK},
		{"lock_seat", `{"RoomId":"r","Index":1}`, fail(100002, "nothing to change")},
		{"lock_seat", `{"RoomId":"r","ForbidTaken":true}`, fail(100002, "Index is required")},
		{"lock_seat", `{"RoomId":"r","Index":-1,"ForbidTaken":true}`, fail(100002, "there is no seat -1")},
		{"lock_seat", `{"RoomId":"bare","Index":0,"ForbidTaken":true}`, fail(100211, "the room has no seats")},
		{"lock_seat", `{"RoomId":"none","Index":0,"ForbidTaken":true}`, fail(100004, noRoom)},
	})
}

type restRow struct{ command, body, want string }

func runRows(t *testing.T, rows []restRow) {
	for _, row := range rows {
		t.Run(row.command+" "+row.body[:min(len(row.body), 80)], func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.restStage()
				time.Sleep(time.Second) // so that the log has who has come in
				answers(t, row.want, w.rest(row.command, row.body))
			})
		})
	}
}

// Who is let in, and with which of the documents' common codes the others are refused.
func TestRESTLetsIn(t *testing.T) {
	const path = "live_engine_http_srv/get_room_info"
	mint := func(a signaling.AppID, s string, u signaling.UserID, ago time.Duration) string { // by the bubble's clock
		sig, err := usersig.Mint(a, s, u, time.Hour, time.Now().Add(-ago))
		require.NoError(t, err)
		return sig
	}
	for name, c := range map[string]struct {
		path   string // empty: as above
		method string // empty: POST
		change func(url.Values)
		raw    string // instead of the query
		body   string // empty: {"RoomId":"r"}
		want   string
	}{
		"as it should be":          {want: fail(100004, "the room does not exist")},
		"the smallest random":      {change: func(q url.Values) { q.Set("random", "0") }, want: fail(100004, "")},
		"a named administrator":    {change: func(q url.Values) { q.Set("identifier", "root"); q.Set("usersig", mint(app, secret, "root", 0)) }, want: fail(100004, "")},
		"a GET":                    {method: http.MethodGet, want: fail(60002, "the method is GET")},
		"no query":                 {raw: "?", want: fail(60012, "the URL needs sdkappid")},
		"a query that is none":     {raw: "?sdkappid=%zz", want: fail(60002, "the URL's parameters cannot be read")},
		"a parameter twice":        {change: func(q url.Values) { q.Add("random", "1") }, want: fail(60002, "the URL has random more than once")},
		"no app":                   {change: func(q url.Values) { q.Del("sdkappid") }, want: fail(60012, "the URL needs sdkappid")},
		"an app that is no number": {change: func(q url.Values) { q.Set("sdkappid", "x") }, want: fail(60006, "sdkappid is a number")},
		"app 0":                    {change: func(q url.Values) { q.Set("sdkappid", "0") }, want: fail(60006, "sdkappid is a number")},
		"an unknown app":           {change: func(q url.Values) { q.Set("sdkappid", "7") }, want: fail(60006, "this server does not know SDKAppID 7")},
		"no identifier":            {change: func(q url.Values) { q.Del("identifier") }, want: fail(60004, "the URL needs identifier")},
		"another's usersig":        {change: func(q url.Values) { q.Set("identifier", "root") }, want: fail(60004, "the usersig belongs to another account")},
		"no usersig":               {change: func(q url.Values) { q.Del("usersig") }, want: fail(60005, "the URL needs usersig")},
		"a usersig that is none":   {change: func(q url.Values) { q.Set("usersig", "x") }, want: fail(60005, "the usersig is not valid")},
		"an expired usersig":       {change: func(q url.Values) { q.Set("usersig", mint(app, secret, "administrator", 2*time.Hour)) }, want: fail(60005, "the usersig has expired")},
		"a usersig of the future":  {change: func(q url.Values) { q.Set("usersig", mint(app, secret, "administrator", -time.Hour)) }, want: fail(60005, "the usersig is not valid")},
		"another secret":           {change: func(q url.Values) { q.Set("usersig", mint(app, "guess", "administrator", 0)) }, want: fail(60005, "the usersig is not valid")},
		"another app's usersig":    {change: func(q url.Values) { q.Set("usersig", mint(otherApp, secret, "administrator", 0)) }, want: fail(60005, "the usersig is not valid")},
		"another app's administrator": {change: func(q url.Values) {
			q.Set("sdkappid", fmt.Sprint(otherApp))
			q.Set("identifier", "root")
			q.Set("usersig", mint(otherApp, secret, "root", 0))
		}, want: fail(60010, "the identifier is no administrator")},
		"not an administrator":  {change: func(q url.Values) { q.Set("identifier", "bob"); q.Set("usersig", mint(app, secret, "bob", 0)) }, want: fail(60010, "the identifier is no administrator")},
		"no random":             {change: func(q url.Values) { q.Del("random") }, want: fail(60002, "the URL needs random")},
		"a random too large":    {change: func(q url.Values) { q.Set("random", "4294967296") }, want: fail(60002, "the URL needs random")},
		"another content":       {change: func(q url.Values) { q.Set("contenttype", "xml") }, want: fail(60002, "the URL needs contenttype=json")},
		"an unknown service":    {path: "x/get_room_info", want: fail(60009, "there is no command")},
		"an unknown command":    {path: "live_engine_http_srv/x", want: fail(60009, "there is no command")},
		"no command":            {path: "live_engine_http_srv", want: fail(60009, "there is no command")},
		"nothing at all":        {path: " ", want: fail(60009, "there is no command")},
		"an empty body":         {body: " ", want: fail(60003, "the body is empty")},
		"a body that is none":   {body: "{", want: fail(60003, "the body is no JSON")},
		"two bodies":            {body: "{}{}", want: fail(60003, "the body is no JSON")},
		"no object":             {body: "[]", want: fail(60003, "the body is a JSON object")},
		"null":                  {body: "null", want: fail(60003, "the body is a JSON object")},
		"no UTF-8":              {body: "{\"RoomId\":\"\xff\"}", want: fail(60003, "the body is no UTF-8")},
		"a large body":          {body: `{"RoomId":"` + strings.Repeat("x", 64<<10) + `"}`, want: fail(60008, "the body may have 64 KiB")},
		"a bad call by anybody": {body: "{", change: func(q url.Values) { q.Set("identifier", "bob") }, want: fail(60004, "")},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				q := w.restQuery()
				if c.change != nil {
					c.change(q)
				}
				if c.raw == "" {
					c.raw = "?" + q.Encode()
				}
				if c.path == "" {
					c.path = path
				}
				if c.body == "" {
					c.body = `{"RoomId":"r"}`
				}
				r := httptest.NewRequest(http.MethodPost, "/v4/x", strings.NewReader(c.body))
				if c.method != "" {
					r.Method = c.method
				}
				r.URL.Path, r.URL.RawQuery = "/v4/"+strings.TrimSpace(c.path), c.raw[1:]
				answers(t, c.want, w.restAnswer(0, r))
			})
		})
	}
}

func TestRESTRates(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		count := func(command string, q url.Values, calls int) (ok, commandRate, appRate int) {
			for range calls {
				switch got := w.restAt(0, command, q, `{"RoomId":"r","Next":"","Keyword":"x"}`); {
				case strings.Contains(got, `"ErrorCode":60007`):
					commandRate++
				case strings.Contains(got, `"ErrorCode":60011`):
					appRate++
				default:
					ok++
				}
			}
			return
		}
		q := w.restQuery()
		ok, refused, _ := count("live_engine_http_srv/search_room_member", q, 5)
		require.Equal(t, []int{2, 3}, []int{ok, refused})
		ok, refused, _ = count("live_engine_http_srv/get_room_list", q, 15)
		require.Equal(t, []int{10, 5}, []int{ok, refused})
		ok, refused, _ = count("live_engine_http_srv/get_room_info", q, 250)
		require.Equal(t, []int{200, 50}, []int{ok, refused})
		stranger := w.restQuery()
		stranger.Set("usersig", "x")
		count("live_engine_http_srv/get_admin_list", stranger, 300) // cost the app nothing
		ok, refused, _ = count("live_engine_http_srv/get_admin_list", q, 200)
		require.Equal(t, []int{200, 0}, []int{ok, refused})
		ok, _, perApp := count("room_engine_http_mic/get_seat_list", q, 200)
		require.Equal(t, []int{500 - 2 - 10 - 200 - 200, 112}, []int{ok, perApp})

		other := w.restQuery()
		other.Set("sdkappid", fmt.Sprint(otherApp))
		sig, err := usersig.Mint(otherApp, secret, "administrator", time.Hour, time.Now())
		require.NoError(t, err)
		other.Set("usersig", sig)
		ok, _, _ = count("room_engine_http_mic/get_seat_list", other, 200)
		require.Equal(t, 200, ok, "another app has its own")

		time.Sleep(time.Second)
		ok, _, _ = count("live_engine_http_srv/search_room_member", q, 5)
		require.Equal(t, 2, ok, "a second later")
	})
}

// Apps never meet: the same id is another room.
func TestRESTOfTwoApps(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.restStage()
		q := w.restQuery()
		q.Set("sdkappid", fmt.Sprint(otherApp))
		sig, err := usersig.Mint(otherApp, secret, "administrator", time.Hour, time.Now())
		require.NoError(t, err)
		q.Set("usersig", sig)
		answers(t, fail(100004, ""), w.restAt(0, "live_engine_http_srv/destroy_room", q, `{"RoomId":"r"}`))
		answers(t, response(`{"Next":"","RoomList":[]}`), w.restAt(0, "live_engine_http_srv/get_room_list", q, `{"Next":""}`))
	})
}

func TestAppAdminsAreChecked(t *testing.T) {
	eleven := make([]signaling.UserID, maxAppAdmins+1)
	for i := range eleven {
		eleven[i] = signaling.UserID(fmt.Sprint("a", i))
	}
	for want, admins := range map[string]map[signaling.AppID][]signaling.UserID{
		"app 7 has administrators and no secret": {7: {"root"}},
		"11 administrators: at most 10":          {app: eleven},
		`the administrator "" is no user id`:     {app: {""}},
	} {
		_, err := New(t.Context(), Config{Apps: map[signaling.AppID]string{app: secret}, AppAdmins: admins})
		require.ErrorContains(t, err, want)
	}
}

// One reads the list, and who asks meanwhile or within a second gets the same.
func TestRESTListIsReadOnceASecond(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const empty = `{"Next":"","RoomList":[]}`
		list := func() string { return w.rest("get_room_list", `{"Next":""}`) }
		answers(t, response(empty), list())
		w.rest("create_room", `{"RoomInfo":{"RoomId":"r","RoomType":"Live"}}`)
		answers(t, response(empty), list())
		time.Sleep(time.Second)
		assert.Contains(t, list(), `"RoomId":"r"`)
	})
}
