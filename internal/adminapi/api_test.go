package adminapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/internal/battle"
	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	app    signaling.AppID = 1400000001
	secret                 = "geheim and long"
)

// rooms is a server that answers what the test says. The real one is behind the tests of package server.
type rooms struct {
	err   error
	hangs bool
	done  []room.Command
}

func (r *rooms) answer(ctx context.Context) error {
	if r.hangs {
		<-ctx.Done()
		return &signaling.Error{Code: signaling.ErrServer.Code, Err: context.Cause(ctx)}
	}
	return r.err
}

func (r *rooms) Create(ctx context.Context, _ signaling.AppID, c room.Command) error {
	r.done = append(r.done, c)
	return r.answer(ctx)
}

func (r *rooms) Do(ctx context.Context, _ signaling.AppID, _ signaling.RoomID, c room.Command) error {
	r.done = append(r.done, c)
	return r.answer(ctx)
}

func (r *rooms) Look(ctx context.Context, _ signaling.AppID, id signaling.RoomID) (adminapi.Room, error) {
	return adminapi.Room{Info: signaling.RoomInfo{RoomID: id}}, r.answer(ctx)
}

func (r *rooms) Live(ctx context.Context, _ signaling.AppID, id signaling.RoomID, _ int64) (signaling.LiveRecord, error) {
	return signaling.LiveRecord{RoomID: id}, r.answer(ctx)
}

func (r *rooms) Members(ctx context.Context, _ signaling.AppID, _ signaling.RoomID, q adminapi.Query) (adminapi.Page, error) {
	if q.Limit < 1 {
		return adminapi.Page{}, errors.New("a page of nothing")
	}
	return adminapi.Page{}, r.answer(ctx)
}

func (r *rooms) Banned(context.Context, signaling.AppID, signaling.RoomID, int, int) ([]adminapi.Sanctioned, bool, error) {
	return nil, false, r.err
}

func (r *rooms) Muted(context.Context, signaling.AppID, signaling.RoomID) ([]adminapi.Sanctioned, error) {
	return nil, r.err
}

func (r *rooms) Audit(ctx context.Context, _ signaling.AppID, _ signaling.RoomID, q adminapi.AuditQuery) ([]signaling.Act, bool, error) {
	if q.Limit < 1 {
		return nil, false, errors.New("a page of nothing")
	}
	return nil, false, r.answer(ctx)
}

func (r *rooms) List(ctx context.Context, _ signaling.AppID) ([]signaling.RoomInfo, error) {
	return nil, r.answer(ctx)
}

func (r *rooms) Password(text string) (room.Password, error) {
	return room.Password{Hash: []byte(text)}, nil
}

func (r *rooms) Limits() (seats, members int) { return 20, 1000 }

// accounts are those of a new store, with ann and denny.
func accounts(t testing.TB) *account.Accounts {
	t.Helper()
	node := memstore.New().Node()
	t.Cleanup(func() { require.NoError(t, node.Close()) })
	a := account.New(account.Config{Values: node})
	for _, u := range []signaling.UserID{"ann", "denny"} {
		_, err := a.Import(t.Context(), app, u, nil, nil)
		require.NoError(t, err)
	}
	return a
}

// battles are none, of rooms that do not exist.
func battles(t testing.TB) *battle.Battles {
	t.Helper()
	node := memstore.New().Node()
	b, err := battle.New(battle.Config{Values: node, Apps: []signaling.AppID{app}, Rooms: noRooms{}})
	require.NoError(t, err)
	t.Cleanup(func() {
		b.Close()
		require.NoError(t, node.Close())
	})
	return b
}

func gifts(t testing.TB) *gift.Catalogues {
	t.Helper()
	node := memstore.New().Node()
	g, err := gift.New(gift.Config{Values: node})
	require.NoError(t, err)
	require.NoError(t, g.Set(t.Context(), app, gift.Default()))
	t.Cleanup(func() {
		g.Close()
		require.NoError(t, node.Close())
	})
	return g
}

type noRooms struct{}

func (noRooms) Host(context.Context, signaling.AppID, signaling.RoomID, signaling.UserID) (battle.Host, error) {
	return battle.Host{}, signaling.ErrRoomNotExist
}

func (noRooms) Connected(context.Context, signaling.AppID, signaling.RoomID) (string, []signaling.RoomID, error) {
	return "", nil, nil
}
func (noRooms) Show(context.Context, signaling.AppID, battle.Battle, int) (uint64, error) {
	return 0, nil
}
func (noRooms) Near(signaling.AppID, signaling.RoomID) bool { return true }

// nobody is logged in.
type nobody struct{}

func (nobody) Changed(signaling.AppID, signaling.UserID, account.Change) {}
func (nobody) LogOut(signaling.AppID, signaling.UserID)                  {}

func sig(t testing.TB, user signaling.UserID) string {
	t.Helper()
	s, err := usersig.Mint(app, secret, user, time.Hour, time.Now())
	require.NoError(t, err)
	return s
}

func query(t testing.TB) string {
	t.Helper()
	return url.Values{
		"sdkappid": {fmt.Sprint(app)}, "identifier": {"administrator"}, "usersig": {sig(t, "administrator")}, "random": {"1"}, "contenttype": {"json"},
	}.Encode()
}

type answer struct {
	ActionStatus, ErrorInfo string
	ErrorCode               signaling.Code
	RequestID               string `json:"RequestId"`
	RoomID                  string `json:"RoomId"`
	Response                json.RawMessage

	// Beside the code in the services about accounts.
	ErrorDisplay                              *string
	FailAccounts, ResultItem, UserProfileItem json.RawMessage
	FailAccount                               json.RawMessage `json:"Fail_Account"`

	// And of those about gifts.
	GiftInfo, GiftCategoryInfo, CategoryInfo, Relation json.RawMessage
	InvalidGiftIDList                                  []string `json:"InvalidGiftIdList"`
}

// call posts a body and checks what holds for every answer.
func call(t testing.TB, api http.Handler, path, query, body string) answer {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v4/x", strings.NewReader(body))
	r.URL.Path, r.URL.RawQuery = path, query
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, r)
	require.Equal(t, http.StatusOK, rec.Code)
	var a answer
	d := json.NewDecoder(rec.Body)
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&a))
	require.NotEmpty(t, a.RequestID)
	require.Equal(t, a.ErrorCode == 0, a.ActionStatus == "OK")
	require.Equal(t, a.ErrorCode == 0, a.ErrorInfo == "")
	require.Equal(t, a.ErrorCode != 0, a.ActionStatus == "FAIL")
	require.GreaterOrEqual(t, a.ErrorCode, signaling.Code(0), "callers know no codes of clients")
	return a
}

func TestErrorsOfTheServer(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code signaling.Code
		text string
	}{
		"a server's code":            {signaling.ErrSeatLocked, 100200, signaling.ErrSeatLocked.Code.String()},
		"a message":                  {signaling.Errorf(100020, "five already"), 100020, "five already"},
		"a client's code":            {signaling.ErrSeatNotExist, 100002, signaling.ErrSeatNotExist.Code.String()},
		"an owner is wanted":         {signaling.ErrNeedOwner, 100006, signaling.ErrNeedOwner.Code.String()},
		"too many seats":             {signaling.ErrTooManySeats, 100013, signaling.ErrTooManySeats.Code.String()},
		"the other word":             {signaling.ErrSeatOccupiedAlias, 100210, signaling.ErrSeatOccupiedAlias.Code.String()},
		"a client's, without a word": {signaling.ErrMicOccupied, 100001, signaling.ErrServer.Code.String()},
		"without a code":             {errors.New("disk full at /data"), 100001, signaling.ErrServer.Code.String()},
		"a cause":                    {&signaling.Error{Code: 100001, Err: errors.New("disk full at /data")}, 100001, signaling.ErrServer.Code.String()},
		"wrapped":                    {fmt.Errorf("room: %w", signaling.Errorf(100004, "gone")), 100004, "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			api := adminapi.New(adminapi.Config{Apps: map[signaling.AppID]string{app: secret}, Rooms: &rooms{err: c.err}})
			a := call(t, api, "/v4/live_engine_http_srv/destroy_room", query(t), `{"RoomId":"r"}`)
			assert.Equal(t, c.code, a.ErrorCode)
			assert.Equal(t, c.text, a.ErrorInfo)
			assert.Nil(t, a.Response)
		})
	}
}

// A room that nobody can decide costs the caller 3 s, not more.
func TestCallsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := adminapi.New(adminapi.Config{Apps: map[signaling.AppID]string{app: secret}, Rooms: &rooms{hangs: true}})
		start := time.Now()
		a := call(t, api, "/v4/room_engine_http_mic/get_seat_list", query(t), `{"RoomId":"r"}`)
		require.Equal(t, signaling.Code(60008), a.ErrorCode)
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

// Commands go out in the name of whoever called, as the app's.
func TestCommandsAreTheApps(t *testing.T) {
	r := &rooms{}
	api := adminapi.New(adminapi.Config{Apps: map[signaling.AppID]string{app: secret}, Rooms: r, Accounts: accounts(t), Users: nobody{}, Battles: battles(t), Gifts: gifts(t), Callbacks: callbacks{}})
	require.Zero(t, call(t, api, "/v4/live_engine_http_srv/destroy_room", query(t), `{"RoomId":"r"}`).ErrorCode)
	require.Zero(t, call(t, api, "/v4/live_engine_http_srv/create_room", query(t), `{"RoomInfo":{"RoomId":"r","RoomType":"Live","Owner_Account":"ann"}}`).ErrorCode)
	require.Len(t, r.done, 2)
	require.Equal(t, signaling.UserID("administrator"), r.done[0].By.UserID)
	require.Equal(t, signaling.UserID("ann"), r.done[1].By.UserID, "a room is its owner's")
	for _, c := range r.done {
		require.True(t, c.App)
		require.NotEmpty(t, c.ID)
	}
	require.NotEqual(t, r.done[0].ID, r.done[1].ID)
}

// What is secret is in no line of the log and in no answer, whatever fails; a failure of ours is in the log under its
// RequestId.
func TestNoSecretIsTold(t *testing.T) {
	var log bytes.Buffer
	api := adminapi.New(adminapi.Config{
		Apps: map[signaling.AppID]string{app: secret}, Rooms: &rooms{err: errors.New("disk full")},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	good, forged := sig(t, "administrator"), sig(t, "bob")
	for _, s := range []string{good, forged, good[1:], strings.Repeat("x", 5000)} {
		for _, body := range []string{`{"RoomId":"r"}`, "", "{", `{"usersig":"` + s + `"}`} {
			for _, path := range []string{"/v4/live_engine_http_srv/destroy_room", "/v4/x/y"} {
				a := call(t, api, path, strings.Replace(query(t), url.QueryEscape(good), url.QueryEscape(s), 1), body)
				assert.NotContains(t, a.ErrorInfo, s)
				assert.NotContains(t, a.ErrorInfo, secret)
				if a.ErrorCode == signaling.ErrServer.Code {
					assert.Contains(t, log.String(), a.RequestID)
				}
			}
		}
	}
	assert.Contains(t, log.String(), "disk full", "the cause")
	for _, s := range []string{good, forged, good[1:], secret, url.QueryEscape(good)} {
		assert.NotContains(t, log.String(), s)
	}
}

// A body that nobody could take is the caller's affair: operators look at errors.
func TestLargeBodiesAreNoErrorsOfTheServer(t *testing.T) {
	var log bytes.Buffer
	api := adminapi.New(adminapi.Config{
		Apps: map[signaling.AppID]string{app: secret}, Rooms: &rooms{}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	a := call(t, api, "/v4/live_engine_http_srv/destroy_room", query(t), strings.Repeat(" ", 1<<20))
	require.Equal(t, signaling.Code(60008), a.ErrorCode)
	require.Equal(t, "the body may have 64 KiB", a.ErrorInfo)
	require.Empty(t, log.String())
}

func TestRequestIDsDiffer(t *testing.T) {
	api := adminapi.New(adminapi.Config{Apps: map[signaling.AppID]string{app: secret}, Rooms: &rooms{}, Callbacks: callbacks{}})
	seen := map[string]bool{}
	for range 100 {
		id := call(t, api, "/v4/x/y", "", "").RequestID
		require.False(t, seen[id])
		seen[id] = true
	}
}

// bodies are good ones of commands about accounts and battles.
var bodies = map[string]string{
	"account_import":        `{"UserID":"bob","Nick":"Bob","FaceUrl":"b.png"}`,
	"multiaccount_import":   `{"AccountList":[{"UserID":"bob"},{"UserID":"","Nick":"Bob"}]}`,
	"account_check":         `{"CheckItem":[{"UserID":"bob"},{"UserID":""}]}`,
	"portrait_set":          `{"From_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_Level","Value":3},{"Tag":"Tag_Profile_Custom_x","Value":""}]}`,
	"portrait_get":          `{"To_Account":["ann","bob"],"TagList":["Tag_Profile_IM_Nick"]}`,
	"account_delete":        `{"DeleteItem":[{"UserID":"ann"},{"UserID":"administrator"}]}`,
	"account_export":        `{"Next":"","Count":3}`,
	"set_app_admin":         `{"UserID":"ann"}`,
	"create_battle":         `{"FromRoomId":"r","ToRoomIdList":["q"],"Duration":1000}`,
	"set_battle_score":      `{"BattleId":"b","OpType":1,"ScoreList":[{"RoomId":"r","Score":1}]}`,
	"get_battle_info":       `{"RoomId":"r"}`,
	"declare_profile_field": `{"Keyword":"Test","Type":"String"}`,

	"add_gift":                    `{"GiftId":"rose","IconUrl":"/a.png","ResourceUrl":"","Coins":1,"Level":1,"ExtensionInfo":"{\"k\":\"v\"}","DefaultName":"n","DefaultDesc":""}`,
	"edit_gift":                   `{"GiftId":"rose","Coins":2,"IsEnabled":false}`,
	"set_gift_language":           `{"GiftId":"rose","Language":"de","Name":"Rose"}`,
	"add_gift_category":           `{"CategoryId":"grand","DefaultName":"n","ExtensionInfo":""}`,
	"set_gift_category_language":  `{"CategoryId":"grand","Language":"de","CategoryName":"n"}`,
	"add_gift_category_relations": `{"CategoryId":"grand","GiftIdList":["rose","none"]}`,
	"set_gift_catalogue":          `{"Language":"en","GiftList":[{"GiftId":"a","Coins":1,"DefaultName":"n","LanguageList":[{"Language":"de","Name":"n"}]}],"CategoryList":[{"CategoryId":"k","DefaultName":"n","GiftIdList":["a"]}]}`,
}

// FuzzCall: whatever comes, there is one answer of the documents' form, and nothing is done for who has not shown a
// UserSig.
func FuzzCall(f *testing.F) {
	names := adminapi.Commands()
	for i := range names {
		f.Add(byte(i), "", `{"RoomId":"r","Member_Account":"a","Index":1,"Data":"","ForbidTaken":true,"Next":"","Keyword":"x","OpType":"add","Admin_Account":["a"]}`)
		f.Add(byte(i), "sdkappid=1400000001&identifier=administrator&usersig=x&random=1&contenttype=json", `{}`)
	}
	f.Add(byte(0), "", `{"RoomInfo":{"RoomId":"r","RoomType":"Live","IsSeatEnabled":true,"MaxSeatCount":3,"TakeSeatMode":"FreeToTake"}}`)
	f.Add(byte(0), "", `{"RoomInfo":null}`)
	f.Add(byte(4), "", `{"Next":"1-2-cg","Count":20}`)
	f.Add(byte(0), "sdkappid=1400000001&sdkappid=1", `[[[[`)
	for i, name := range names {
		f.Add(byte(i), "", bodies[name[strings.Index(name, "/")+1:]])
	}
	f.Fuzz(func(t *testing.T, command byte, raw, body string) {
		r := &rooms{}
		// An API of its own: rates would make the outcome depend on what came before.
		api := adminapi.New(adminapi.Config{Apps: map[signaling.AppID]string{app: secret}, Rooms: r, Accounts: accounts(t), Users: nobody{}, Battles: battles(t), Gifts: gifts(t), Callbacks: callbacks{}})
		letIn := raw == ""
		if letIn {
			raw = query(t)
		}
		a := call(t, api, "/v4/"+names[int(command)%len(names)], raw, body)
		if !letIn {
			require.NotZero(t, a.ErrorCode)
			require.Empty(t, r.done)
			return
		}
		require.Condition(t, func() bool { // what is wrong with a body is known, and is not ours
			switch a.ErrorCode {
			case 0, 40001, 40002, 40003, 40009, 40601, 40605, 40610, 60003, 60008, 60015, 70402, 100002, 100004, 100006, 100013, 100015, 100411, 102002:
				return true
			}
			return false
		}, "%+v", a)
		for _, c := range r.done {
			require.True(t, c.App)
			b, err := json.Marshal(c)
			require.NoError(t, err)
			var again room.Command
			require.NoError(t, json.Unmarshal(b, &again))
		}
	})
}
