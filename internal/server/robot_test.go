package server

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Robots come by REST at one node and are seen by members at another, by the app's server, and after all nodes have died.
func TestRobots_areSeenByEverybody(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		h := w.hook(t)
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		guest := w.member(1, "guest")
		answers(t, restOK, w.restAt(0, "im_open_login_svc/account_import", w.restQuery(), `{"UserID":"dj","Nick":"DJ","FaceUrl":"dj.png"}`))
		answers(t, restOK, w.restAt(1, "live_engine_http_srv/add_robot", w.restQuery(), `{"RoomId":"r","RobotList_Account":["dj","dj"]}`))
		answers(t, restOK, w.restAt(0, "room_engine_http_mic/pick_user_on_seat", w.restQuery(), `{"RoomId":"r","Member_Account":"dj","Index":3}`))
		settled()
		told := strings.Join(guest.told(), "\n")
		require.Contains(t, told, `usersEntered {"users":[{"userId":"dj","userName":"DJ","avatarUrl":"dj.png","userRole":2}],"count":3,"viewCount":3}`)
		require.Contains(t, told, `"userId":"dj"`)
		require.Equal(t, signaling.UserID("dj"), guest.snapshot().Seats[3].UserID)
		require.Contains(t, strings.Join(h.take(), "\n"), "MemberStateChanged r EnterOnline guest dj")

		// Another name is shown when the app says so.
		answers(t, profileOK, w.admin("profile/portrait_set", `{"From_Account":"dj","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"MC"}]}`))
		answers(t, restOK, w.rest("add_robot", `{"RoomId":"r","RobotList_Account":["dj"]}`))
		settled()
		require.Equal(t, "MC", guest.snapshot().Seats[3].UserName)

		w.kill(0)
		w.kill(1)
		w.nodes = []*worldNode{w.start("server:80")}
		time.Sleep(2 * time.Hour)
		late := w.member(0, "late")
		require.Equal(t, signaling.UserID("dj"), late.snapshot().Seats[3].UserID, "and nothing has ended the room")
		var page signaling.ListResult
		late.must(signaling.MethodListMembers, signaling.ListParams{RoomID: "r"}, &page)
		require.Len(t, page.Members, 2)
		require.ErrorIs(t, errOf(w.login("dj").call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"})), signaling.ErrNoPermission)
		answers(t, restOK, w.rest("del_robot", `{"RoomId":"r","RobotList_Account":["dj"]}`))
		settled()
		require.Empty(t, late.snapshot().Seats[3].UserID)
		require.Contains(t, strings.Join(late.told(), "\n"), `usersLeft {"users":[{"userId":"dj"`)
	})
}
