package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// restAs calls a command, named with its service, as an administrator of the first app.
func (w *world) restAs(user signaling.UserID, node int, command, body string) string {
	w.t.Helper()
	q := w.restQuery()
	q.Set("identifier", string(user))
	q.Set("usersig", w.sig(user))
	return w.restAt(node, command, q, body)
}

func (w *world) admin(command, body string) string {
	w.t.Helper()
	return w.restAs("administrator", 0, command, body)
}

// beside is a good answer whose result stands beside the code.
func besideCode(json string) string {
	return `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID",` + json + `}`
}

// profileOK and profileFail are answers of service profile, which have one word more.
const profileOK = `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID","ErrorDisplay":""}`

func profiles(json string) string {
	return besideCode(`"ErrorDisplay":"",` + json)
}

func profileFail(code int, text string) string {
	return fmt.Sprintf(`{"ActionStatus":"FAIL","ErrorInfo":"%s|,"ErrorCode":%d,"RequestId":"ID","ErrorDisplay":""}`, text, code)
}

// accountStage is an app with the accounts ann, who is named, and bob, with two custom fields, and amy, who administers
// it.
func (w *world) accountStage() {
	w.t.Helper()
	for _, c := range [][2]string{
		{"im_open_login_svc/account_import", `{"UserID":"ann","Nick":"Ann","FaceUrl":"a.png"}`},
		{"im_open_login_svc/account_import", `{"UserID":"bob"}`},
		{"im_open_login_svc/account_import", `{"UserID":"amy"}`},
		{"voiceroom_console/declare_profile_field", `{"Keyword":"Test","Type":"String"}`},
		{"voiceroom_console/declare_profile_field", `{"Keyword":"raw","Type":"Bytes"}`},
		{"voiceroom_console/set_app_admin", `{"UserID":"amy"}`},
	} {
		answers(w.t, restOK, w.admin(c[0], c[1]))
	}
}

// Every command about accounts: what it answers to good and to bad calls, byte for byte. Each row starts anew.
func TestRESTAccountCommands(t *testing.T) {
	const (
		login, profile, console = "im_open_login_svc/", "profile/", "voiceroom_console/"

		noSuch = "there is no such account"
		noTag  = "there is no profile field"
	)
	many := func(n int, form string) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(form, i)
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	x501, u33 := strings.Repeat("x", 501), strings.Repeat("u", 33)
	set := func(tag, value string) string {
		return `{"From_Account":"ann","ProfileItem":[{"Tag":"` + tag + `","Value":` + value + `}]}`
	}
	for _, row := range []struct{ command, body, want string }{
		{login + "account_import", `{"UserID":"new","Nick":"New","FaceUrl":"n.png"}`, restOK},
		{login + "account_import", `{"UserID":"ann"}`, restOK},
		{login + "account_import", `{}`, fail(70402, "UserID is required")},
		{login + "account_import", `{"UserID":""}`, fail(70402, "UserID is not an account")},
		{login + "account_import", `{"UserID":"` + u33 + `"}`, fail(70402, "UserID is not an account")},
		{login + "account_import", `{"UserID":7}`, fail(60015, "accounts are strings: UserID holds a JSON number")},
		{login + "account_import", `{"UserID":"new","Nick":"` + x501 + `"}`, fail(40601, "Tag_Profile_IM_Nick has 501 bytes; it may have 500")},
		{login + "account_import", `{"UserID":"new","FaceUrl":"` + x501 + `"}`, fail(40601, "Tag_Profile_IM_Image has 501 bytes")},
		{login + "account_import", `{"UserID":"new","Nick":"a\n"}`, fail(70402, "Tag_Profile_IM_Nick may not have control characters")},
		{login + "account_import", `{"UserID":"new","Name":"x"}`, fail(70402, `this command has no field \"Name\"`)},
		{login + "account_import", `{"UserID":"new"`, fail(60003, "the body is no JSON")},

		{login + "multiaccount_import", `{"AccountList":[{"UserID":"new","Nick":"New","FaceUrl":"n.png"},{"UserID":"ann"}]}`, restOK},
		{login + "multiaccount_import", `{"AccountList":[{"UserID":"new"},{"UserID":""},{"UserID":"` + u33 + `"},{"UserID":"b","Nick":"` + x501 + `"},{"UserID":"new","Nick":"N"}]}`, besideCode(`"FailAccounts":["","` + u33 + `","b"]`)},
		{login + "multiaccount_import", `{"AccountList":` + many(100, `{"UserID":"u%d","Nick":"`+strings.Repeat("王", 166)+`","FaceUrl":"`+strings.Repeat("u", 500)+`"}`) + `}`, restOK},
		{login + "multiaccount_import", `{"AccountList":` + many(101, `{"UserID":"u%d"}`) + `}`, fail(70402, "AccountList has 101 accounts; it has 1 to 100")},
		{login + "multiaccount_import", `{"AccountList":[]}`, fail(70402, "AccountList has 0 accounts")},
		{login + "multiaccount_import", `{}`, fail(70402, "AccountList has 0 accounts")},
		{login + "multiaccount_import", `{"AccountList":[{"Nick":"x"}]}`, fail(70402, "account 0 of AccountList has no UserID")},
		{login + "multiaccount_import", `{"AccountList":[{"UserID":true}]}`, fail(60015, "accounts are strings")},

		{login + "account_check", `{"CheckItem":[{"UserID":"ann"},{"UserID":"zoe"},{"UserID":"administrator"},{"UserID":""}]}`, besideCode(`"ResultItem":[{"UserID":"ann","ResultCode":0,"ResultInfo":"","AccountStatus":"Imported"},{"UserID":"zoe","ResultCode":0,"ResultInfo":"","AccountStatus":"NotImported"},{"UserID":"administrator","ResultCode":0,"ResultInfo":"","AccountStatus":"Imported"},{"UserID":"","ResultCode":70402,"ResultInfo":"no account has such a name: 1 to 32 bytes of UTF-8 without control characters"}]`)},
		{login + "account_check", `{"CheckItem":` + many(101, `{"UserID":"u%d"}`) + `}`, fail(70402, "CheckItem has 101 accounts")},
		{login + "account_check", `{"CheckItem":[]}`, fail(70402, "CheckItem has 0 accounts")},
		{login + "account_check", `{"CheckItem":[{}]}`, fail(70402, "account 0 of CheckItem has no UserID")},
		{login + "account_check", `{"CheckItem":[{"UserID":1}]}`, fail(60015, "accounts are strings")},

		{profile + "portrait_set", `{"From_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Anna"},{"Tag":"Tag_Profile_IM_Level","Value":3},{"Tag":"Tag_Profile_Custom_Test","Value":"x"}]}`, profileOK},
		{profile + "portrait_set", `{"From_Account":"administrator","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Admin"}]}`, profileOK},
		{profile + "portrait_set", `{"From_Account":"zoe","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Zoe"}]}`, profileFail(40003, noSuch)},
		{profile + "portrait_set", `{"From_Account":"","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Zoe"}]}`, profileFail(40003, noSuch)},
		{profile + "portrait_set", `{"ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Zoe"}]}`, profileFail(40001, "From_Account is required")},
		{profile + "portrait_set", `{"From_Account":5,"ProfileItem":[]}`, profileFail(60015, "accounts are strings: From_Account")},
		{profile + "portrait_set", `{"From_Account":"ann","ProfileItem":[]}`, profileFail(40001, "ProfileItem has 0 fields")},
		{profile + "portrait_set", `{"From_Account":"ann"}`, profileFail(40001, "ProfileItem has 0 fields")},
		{profile + "portrait_set", `{"From_Account":"ann","ProfileItem":` + many(101, `{"Tag":"Tag_Profile_IM_Level","Value":%d}`) + `}`, profileFail(40001, "ProfileItem has 101 fields")},
		{profile + "portrait_set", set("Tag_Profile_Custom_None", `"x"`), profileFail(40009, noTag)},
		{profile + "portrait_set", set("", `"x"`), profileFail(40009, noTag)},
		{profile + "portrait_set", set("Tag_Profile_IM_Nick", `"`+x501+`"`), profileFail(40601, "Tag_Profile_IM_Nick has 501 bytes")},
		{profile + "portrait_set", set("Tag_Profile_Custom_raw", `"`+x501+`"`), profileFail(40601, "Tag_Profile_Custom_raw has 501 bytes")},
		{profile + "portrait_set", set("Tag_Profile_IM_Gender", `"x"`), profileFail(40605, "Tag_Profile_IM_Gender is one of")},
		{profile + "portrait_set", set("Tag_Profile_IM_Level", `4294967296`), profileFail(40605, "Tag_Profile_IM_Level is a number from 0 to 4294967295")},
		{profile + "portrait_set", set("Tag_Profile_IM_Level", `"3"`), profileFail(40610, "Tag_Profile_IM_Level is a JSON number")},
		{profile + "portrait_set", set("Tag_Profile_IM_Nick", `3`), profileFail(40610, "Tag_Profile_IM_Nick is a JSON string")},
		{profile + "portrait_set", `{"From_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick"}]}`, profileFail(40001, "ProfileItem is required: each of its objects has Tag and Value")},
		{profile + "portrait_set", ``, profileFail(60003, "the body is empty")},

		{profile + "portrait_get", `{"To_Account":["ann"],"TagList":["Tag_Profile_IM_Nick"]}`, profiles(`"UserProfileItem":[{"To_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Ann"}],"ResultCode":0,"ResultInfo":""}]`)},
		{profile + "portrait_get", `{"To_Account":["ann","zoe","bob","ann"],"TagList":["Tag_Profile_IM_Image","Tag_Profile_IM_Nick","Tag_Profile_Custom_Test","Tag_Profile_IM_Nick"]}`, profiles(`"UserProfileItem":[{"To_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_Image","Value":"a.png"},{"Tag":"Tag_Profile_IM_Nick","Value":"Ann"}],"ResultCode":0,"ResultInfo":""},{"To_Account":"zoe","ResultCode":40003,"ResultInfo":"there is no such account: import it, or have the user log in once"},{"To_Account":"bob","ResultCode":0,"ResultInfo":""}],"Fail_Account":["zoe"]`)},
		{profile + "portrait_get", `{"To_Account":["zoe",""],"TagList":["Tag_Profile_IM_Nick"]}`, profileFail(40003, noSuch)},
		{profile + "portrait_get", `{"To_Account":[],"TagList":["Tag_Profile_IM_Nick"]}`, profileFail(40002, "To_Account is required")},
		{profile + "portrait_get", `{"TagList":["Tag_Profile_IM_Nick"]}`, profileFail(40002, "To_Account is required")},
		{profile + "portrait_get", `{"To_Account":` + many(101, `"u%d"`) + `,"TagList":["Tag_Profile_IM_Nick"]}`, profileFail(40001, "To_Account has 101 accounts")},
		{profile + "portrait_get", `{"To_Account":["ann"]}`, profileFail(40001, "TagList is required")},
		{profile + "portrait_get", `{"To_Account":["ann"],"TagList":["Tag_Profile_Custom_None"]}`, profileFail(40009, noTag)},
		{profile + "portrait_get", `{"To_Account":[1],"TagList":["Tag_Profile_IM_Nick"]}`, profileFail(60015, "accounts are strings")},
		{profile + "portrait_get", `{"To_Account":"ann","TagList":["Tag_Profile_IM_Nick"]}`, profileFail(40001, "To_Account cannot be a JSON string")},

		{console + "account_delete", `{"DeleteItem":[{"UserID":"bob"},{"UserID":"zoe"},{"UserID":"amy"},{"UserID":"root"},{"UserID":"administrator"},{"UserID":"bob"}]}`, besideCode(`"ResultItem":[{"UserID":"bob","ResultCode":0,"ResultInfo":""},{"UserID":"zoe","ResultCode":40003,"ResultInfo":"there is no such account: import it, or have the user log in once"},` +
			`{"UserID":"amy","ResultCode":100006,"ResultInfo":"the account is an administrator of the app; unset that first"},{"UserID":"root","ResultCode":100006,"ResultInfo":"the account is an administrator of the app; unset that first"},{"UserID":"administrator","ResultCode":100006,"ResultInfo":"the account is an administrator of the app; unset that first"}]`)},
		{console + "account_delete", `{"DeleteItem":[]}`, fail(100002, "DeleteItem has 0 accounts")},
		{console + "account_delete", `{"DeleteItem":` + many(101, `{"UserID":"u%d"}`) + `}`, fail(100002, "DeleteItem has 101 accounts")},

		{console + "account_export", `{"Next":"","Count":2}`, response(`{"Next":"YW5u","AccountList":[{"UserID":"amy","CreateTime":946684800,"IsAdmin":true,"ProfileItem":[]},{"UserID":"ann","CreateTime":946684800,"IsAdmin":false,"ProfileItem":[{"Tag":"Tag_Profile_IM_Image","Value":"a.png"},{"Tag":"Tag_Profile_IM_Nick","Value":"Ann"}]}]}`)},
		{console + "account_export", `{"Next":"YW5u"}`, response(`{"Next":"","AccountList":[{"UserID":"bob","CreateTime":946684800,"IsAdmin":false,"ProfileItem":[]}]}`)},
		{console + "account_export", `{}`, fail(100002, "Next is required")},
		{console + "account_export", `{"Next":"*"}`, fail(100002, "Next is not what")},
		{console + "account_export", `{"Next":"","Count":101}`, fail(100002, "Count is 101; it is 1 to 100")},
		{console + "account_export", `{"Next":"","Count":0}`, fail(100002, "Count is 0")},

		{console + "get_app_admins", `{}`, response(`{"AdminList":[{"UserID":"administrator","IsFixed":true},{"UserID":"root","IsFixed":true},{"UserID":"amy","IsFixed":false}]}`)},
		{console + "set_app_admin", `{"UserID":"ann"}`, restOK},
		{console + "set_app_admin", `{"UserID":"root"}`, restOK},
		{console + "set_app_admin", `{"UserID":"zoe"}`, fail(40003, noSuch)},
		{console + "set_app_admin", `{}`, fail(100002, "UserID is required")},
		{console + "unset_app_admin", `{"UserID":"amy"}`, restOK},
		{console + "unset_app_admin", `{"UserID":"ann"}`, restOK},
		{console + "unset_app_admin", `{"UserID":"administrator"}`, fail(100006, "administrator always is an administrator")},
		{console + "unset_app_admin", `{"UserID":"root"}`, fail(100006, "the server has been started with this administrator")},
		{console + "unset_app_admin", `{}`, fail(100002, "UserID is required")},

		{console + "declare_profile_field", `{"Keyword":"Colour","Type":"Bytes"}`, restOK},
		{console + "declare_profile_field", `{"Keyword":"Test","Type":"String"}`, restOK},
		{console + "declare_profile_field", `{"Keyword":"Test","Type":"Bytes"}`, fail(100002, "the field Test is there and is String")},
		{console + "declare_profile_field", `{"Keyword":"LongWords","Type":"String"}`, fail(100002, `Keyword is \"LongWords\"; it has 1 to 8 letters`)},
		{console + "declare_profile_field", `{"Keyword":"a_b","Type":"String"}`, fail(100002, "Keyword is")},
		{console + "declare_profile_field", `{"Keyword":"abc","Type":"Uint32"}`, fail(100002, `Type is \"Uint32\"; it is String or Bytes`)},
		{console + "delete_profile_field", `{"Keyword":"Test"}`, restOK},
		{console + "delete_profile_field", `{"Keyword":"None"}`, fail(40009, noTag)},
		{console + "get_profile_fields", `{}`, response(`{"FieldList":[{"Tag":"Tag_Profile_IM_AllowType","Type":"String"},{"Tag":"Tag_Profile_IM_BirthDay","Type":"Uint32"},{"Tag":"Tag_Profile_IM_Gender","Type":"String"},{"Tag":"Tag_Profile_IM_Image","Type":"String"},{"Tag":"Tag_Profile_IM_Language","Type":"Uint32"},{"Tag":"Tag_Profile_IM_Level","Type":"Uint32"},{"Tag":"Tag_Profile_IM_Location","Type":"String"},{"Tag":"Tag_Profile_IM_Nick","Type":"String"},{"Tag":"Tag_Profile_IM_Role","Type":"Uint32"},{"Tag":"Tag_Profile_IM_SelfSignature","Type":"String"},{"Tag":"Tag_Profile_Custom_Test","Type":"String"},{"Tag":"Tag_Profile_Custom_raw","Type":"Bytes"}]}`)},

		{"live_engine_http_srv/create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","Owner_Account":"ann"}}`, besideCode(`"RoomId":"new"`)},
		{"live_engine_http_srv/create_room", `{"RoomInfo":{"RoomId":"new","RoomType":"Live","Owner_Account":"zoe"}}`, fail(100002, "Owner_Account is no account of the app: import it with account_import")},
	} {
		t.Run(row.command+" "+row.body[:min(len(row.body), 80)], func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.accountStage()
				answers(t, row.want, w.admin(row.command, row.body))
			})
		})
	}
}

// What one node imports, all know; a name in a list that comes twice is one account; two calls at once import all.
func TestRESTImportsAtTwoNodesAtOnce(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		list := func(from, to int, nick string) string {
			var items []string
			for i := from; i < to; i++ {
				items = append(items, fmt.Sprintf(`{"UserID":"u%02d","Nick":"%s"}`, i, nick))
			}
			return `{"AccountList":[` + strings.Join(items, ",") + `]}`
		}
		var wg sync.WaitGroup
		for node, body := range []string{list(0, 60, "first"), list(30, 90, "second")} {
			wg.Go(func() {
				assert.Equal(t, restOK, w.restAs("administrator", node, "im_open_login_svc/multiaccount_import", body))
			})
		}
		wg.Wait()
		first := w.restAs("administrator", 1, "voiceroom_console/account_export", `{"Next":"","Count":100}`)
		require.Equal(t, 90, strings.Count(first, `"UserID":"u`))
		require.Equal(t, 90, strings.Count(first, `"Value":"first"`)+strings.Count(first, `"Value":"second"`))
		require.GreaterOrEqual(t, strings.Count(first, `"Value":"first"`), 30)
		require.GreaterOrEqual(t, strings.Count(first, `"Value":"second"`), 30)
	})
}

// Two portrait_sets of one account at two nodes at once lose nothing.
func TestRESTProfilesLoseNothing(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		w.accountStage()
		time.Sleep(time.Second) // virtual: the other node knows the custom fields
		var wg sync.WaitGroup
		tags := []string{"Tag_Profile_IM_Nick", "Tag_Profile_IM_Location", "Tag_Profile_Custom_Test", "Tag_Profile_Custom_raw", "Tag_Profile_IM_SelfSignature"}
		for i, tag := range tags {
			wg.Go(func() {
				assert.Equal(t, profileOK, w.restAs("administrator", i%2, "profile/portrait_set", `{"From_Account":"ann","ProfileItem":[{"Tag":"`+tag+`","Value":"`+tag+`"}]}`))
			})
		}
		wg.Wait()
		got := w.admin("profile/portrait_get", `{"To_Account":["ann"],"TagList":["`+strings.Join(tags, `","`)+`"]}`)
		for _, tag := range tags {
			require.Contains(t, got, `{"Tag":"`+tag+`","Value":"`+tag+`"}`)
		}
	})
}

// Administrators may call from the moment they are set, at other nodes a second later at the latest, also after a
// restart of everything; and no longer once they are unset.
func TestRESTAdminsOfAnApp(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		const check = `{"CheckItem":[{"UserID":"ann"}]}`
		try := func(node int, want string) {
			t.Helper()
			answers(t, want, w.restAs("ann", node, "voiceroom_console/get_app_admins", `{}`))
		}
		const yes = `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID","Response":{"AdminList":[{"UserID":"administrator","IsFixed":true},{"UserID":"root","IsFixed":true},{"UserID":"ann","IsFixed":false}]}}`
		no := fail(60010, "the identifier is no administrator of the app")
		w.accountStage()
		answers(t, restOK, w.admin("voiceroom_console/unset_app_admin", `{"UserID":"amy"}`))
		try(0, no)
		try(1, no)
		answers(t, restOK, w.admin("voiceroom_console/set_app_admin", `{"UserID":"ann"}`))
		try(0, yes)
		time.Sleep(time.Second)
		try(1, yes)
		w.stop(0)
		w.stop(1)
		w.nodes = append(w.nodes, w.start("server2:80"))
		try(2, yes)
		answers(t, restOK, w.restAs("root", 2, "voiceroom_console/unset_app_admin", `{"UserID":"ann"}`))
		try(2, no)
		require.Contains(t, w.restAs("root", 2, "im_open_login_svc/account_check", check), `"AccountStatus":"Imported"`)
	})
}
