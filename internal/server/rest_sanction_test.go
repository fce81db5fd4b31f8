package server

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// In restStage nobody is banned or muted, and a second has passed since midnight when a row is called.
func TestRESTSanctionCommands(t *testing.T) {
	var twentyOne []string
	for i := range 21 {
		twentyOne = append(twentyOne, fmt.Sprintf(`"u%d"`, i))
	}
	many := strings.Join(twentyOne, ",")
	const listed = "MemberList_Account is required: 1 to 20 accounts"
	runRows(t, []restRow{
		{"ban_member", `{"RoomId":"r","MemberList_Account":["ann","zoe"],"Reason":"spam","Duration":3600}`, restOK},
		{"ban_member", `{"RoomId":"r","MemberList_Account":["host"],"Duration":4294967295}`, restOK},
		{"ban_member", `{"RoomId":"r","MemberList_Account":["ann"]}`, fail(100002, "Duration is required")},
		{"ban_member", `{"RoomId":"r","MemberList_Account":["ann"],"Duration":0}`, fail(100002, "Duration is required: the seconds that the ban lasts, 1 to 4294967295")},
		{"ban_member", `{"RoomId":"r","MemberList_Account":["ann"],"Duration":4294967296}`, fail(100002, "Duration is required")},
		{"ban_member", `{"RoomId":"r","MemberList_Account":["ann"],"Duration":"1"}`, fail(100002, "Duration cannot be a JSON string")},
		{"ban_member", `{"RoomId":"r","MemberList_Account":["ann"],"Duration":1,"Reason":"` + strings.Repeat("x", 201) + `"}`, fail(100002, "the reason of a ban may have 200 bytes")},
		{"ban_member", `{"RoomId":"r","MemberList_Account":[` + many + `],"Duration":1}`, fail(100002, listed)},
		{"ban_member", `{"RoomId":"r","MemberList_Account":[],"Duration":1}`, fail(100002, listed)},
		{"ban_member", `{"RoomId":"r","MemberList_Account":[""],"Duration":1}`, fail(100002, "the user id")},
		{"ban_member", `{"RoomId":"r","MemberList_Account":[7],"Duration":1}`, fail(60015, "accounts are strings")},
		{"ban_member", `{"RoomId":"r","Duration":1}`, fail(100002, listed)},
		{"ban_member", `{"RoomId":"none","MemberList_Account":["ann"],"Duration":1}`, fail(100004, noRoom)},
		{"ban_member", `{"MemberList_Account":["ann"],"Duration":1}`, fail(100002, badID)},

		{"unban_member", `{"RoomId":"r","MemberList_Account":["ann","zoe"]}`, restOK},
		{"unban_member", `{"RoomId":"r","MemberList_Account":[` + many + `]}`, fail(100002, listed)},
		{"unban_member", `{"RoomId":"r","MemberList_Account":[]}`, fail(100002, listed)},
		{"unban_member", `{"RoomId":"r","MemberList_Account":[""]}`, fail(100002, "the user id")},
		{"unban_member", `{"RoomId":"none","MemberList_Account":["ann"]}`, fail(100004, noRoom)},
		{"unban_member", `{"MemberList_Account":["ann"]}`, fail(100002, badID)},

		{"get_banned_member_list", `{"RoomId":"r"}`, response(`{"BannedAccountList":[],"NextOffset":0}`)},
		{"get_banned_member_list", `{"RoomId":"r","Offset":7,"Limit":100}`, response(`{"BannedAccountList":[],"NextOffset":0}`)},
		{"get_banned_member_list", `{"RoomId":"r","Offset":-1}`, fail(100002, "Offset is -1")},
		{"get_banned_member_list", `{"RoomId":"r","Limit":101}`, fail(100002, "Limit is 101; it is 1 to 100")},
		{"get_banned_member_list", `{"RoomId":"r","Limit":0}`, fail(100002, "Limit is 0")},
		{"get_banned_member_list", `{"RoomId":"none"}`, fail(100004, noRoom)},
		{"get_banned_member_list", `{}`, fail(100002, badID)},

		{"mute_member", `{"RoomId":"r","MemberList_Account":["ann","zoe"],"MuteTime":3600}`, restOK},
		{"mute_member", `{"RoomId":"r","MemberList_Account":["ann"],"MuteTime":0}`, restOK},
		{"mute_member", `{"RoomId":"r","MemberList_Account":["host"],"MuteTime":4294967295}`, restOK},
		{"mute_member", `{"RoomId":"r","MemberList_Account":["ann"]}`, fail(100002, "MuteTime is required")},
		{"mute_member", `{"RoomId":"r","MemberList_Account":["ann"],"MuteTime":-1}`, fail(100002, "MuteTime is required: the seconds that the mute lasts, 1 to 4294967295, or 0 to end it")},
		{"mute_member", `{"RoomId":"r","MemberList_Account":["ann"],"MuteTime":4294967296}`, fail(100002, "MuteTime is required")},
		{"mute_member", `{"RoomId":"r","MemberList_Account":[` + many + `],"MuteTime":1}`, fail(100002, listed)},
		{"mute_member", `{"RoomId":"r","MemberList_Account":[7],"MuteTime":1}`, fail(60015, "accounts are strings")},
		{"mute_member", `{"RoomId":"none","MemberList_Account":["ann"],"MuteTime":1}`, fail(100004, noRoom)},
		{"mute_member", `{"MemberList_Account":["ann"],"MuteTime":1}`, fail(100002, badID)},

		{"get_muted_member_list", `{"RoomId":"r"}`, response(`{"MutedAccountList":[]}`)},
		{"get_muted_member_list", `{"RoomId":"none"}`, fail(100004, noRoom)},
		{"get_muted_member_list", `{}`, fail(100002, badID)},
	})
}

// A ban, seen by everybody: the members, the banned one, another node, a node after kills of all the others.
func TestRESTBans(t *testing.T) {
	inWorldWith(t, 3, func(c *Config) { c.AutoDismiss.Empty = 2 * time.Hour }, func(t *testing.T, w *world) {
		const live = "live_engine_http_srv/"
		call := func(node int, command, body, want string) {
			t.Helper()
			answers(t, want, w.restAt(node, live+command, w.restQuery(), body))
			synctest.Wait()
		}
		answers(t, restOK, w.restAt(0, "im_open_login_svc/account_import", w.restQuery(), `{"UserID":"host"}`))
		call(0, "create_room", `{"RoomInfo":{"RoomId":"r","RoomType":"Live","Owner_Account":"host","IsSeatEnabled":true,"TakeSeatMode":"FreeToTake"}}`, created("r"))
		host, ann := w.member(1, "host"), w.member(1, "ann")
		ann.must(signaling.MethodTakeSeat, map[string]any{"roomId": "r", "index": 2}, nil)
		time.Sleep(time.Second)
		host.told()
		ann.told()

		call(2, "ban_member", `{"RoomId":"r","MemberList_Account":["zoe","ann"],"Reason":"spam","Duration":3600}`, restOK)
		require.Contains(t, ann.told(), `kickedOutOfRoom {"reason":0,"message":"banned from the room: spam"}`)
		require.ErrorIs(t, errOf(ann.call(signaling.MethodTakeSeat, map[string]any{"roomId": "r", "index": 2})), signaling.ErrNotInRoom)
		require.ErrorIs(t, errOf(ann.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"})), signaling.ErrMemberBanned)
		time.Sleep(time.Second)
		told := host.told()
		require.Equal(t, `seatsChanged {"seats":[{"index":2}],"left":[{"userId":"ann","userName":"Name of ann","userRole":2}]}`, told[0])
		require.Contains(t, told[len(told)-1], `usersLeft {"users":[{"userId":"ann"`)
		call(0, "get_banned_member_list", `{"RoomId":"r","Limit":1}`, response(`{"BannedAccountList":[{"Member_Account":"ann","BannedUntil":946688401}],"NextOffset":1}`))
		call(0, "get_banned_member_list", `{"RoomId":"r","Offset":1,"Limit":1}`, response(`{"BannedAccountList":[{"Member_Account":"zoe","BannedUntil":946688401}],"NextOffset":0}`))

		w.kill(0)
		w.kill(1)
		w.kill(2)
		w.nodes = append(w.nodes, w.start("server3:80"))
		zoe := w.dialAt(3)
		zoe.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "zoe", UserSig: w.sig("zoe")}, nil)
		join := func() error { return errOf(zoe.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"})) }
		require.ErrorIs(t, join(), signaling.ErrMemberBanned)
		call(3, "unban_member", `{"RoomId":"r","MemberList_Account":["zoe"]}`, restOK)
		require.NoError(t, join())
		call(3, "get_banned_member_list", `{"RoomId":"r"}`, response(`{"BannedAccountList":[{"Member_Account":"ann","BannedUntil":946688401}],"NextOffset":0}`))
		time.Sleep(time.Hour)
		call(3, "get_banned_member_list", `{"RoomId":"r"}`, response(`{"BannedAccountList":[],"NextOffset":0}`))
	})
}

// Mutes are told to those whom they concern and to the managers, and to nobody else.
func TestRESTMutes(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		const live = "live_engine_http_srv/"
		call := func(command, body, want string) {
			t.Helper()
			answers(t, want, w.restAt(1, live+command, w.restQuery(), body))
			synctest.Wait()
		}
		answers(t, restOK, w.restAt(0, "im_open_login_svc/account_import", w.restQuery(), `{"UserID":"host"}`))
		call("create_room", `{"RoomInfo":{"RoomId":"r","RoomType":"Live","Owner_Account":"host"}}`, created("r"))
		host, ann, bob := w.member(0, "host"), w.member(0, "ann"), w.member(0, "bob")
		time.Sleep(time.Second)
		for _, c := range []*raw{host, ann, bob} {
			c.told()
		}
		muted := func(who, until string) []string {
			return []string{`sendMessageDisabledChanged {"users":["` + who + `"],"isDisabled":` + until + `}`}
		}
		call("mute_member", `{"RoomId":"r","MemberList_Account":["ann"],"MuteTime":9}`, restOK)
		require.Equal(t, muted("ann", `true,"until":946684810000`), host.told())
		require.Equal(t, muted("ann", `true,"until":946684810000`), ann.told())
		require.Empty(t, bob.told())
		call("get_muted_member_list", `{"RoomId":"r"}`, response(`{"MutedAccountList":[{"Member_Account":"ann","MutedUntil":946684810}]}`))

		ann.must(signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"}, nil)
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		time.Sleep(time.Second)
		require.Contains(t, ann.told(), muted("ann", `true,"until":946684810000`)[0], "who comes back is told that it lasts")
		host.told()
		bob.told()
		time.Sleep(9 * time.Second)
		require.Equal(t, muted("ann", "false"), ann.told(), "it has run out")
		require.Equal(t, muted("ann", "false"), host.told())
		require.Empty(t, bob.told())
		call("get_muted_member_list", `{"RoomId":"r"}`, response(`{"MutedAccountList":[]}`))
	})
}
