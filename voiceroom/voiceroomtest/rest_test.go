package voiceroomtest_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// An app's server runs a room by REST calls at one node, while SDK users are in it by another.
func TestAppsServerRunsARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		client := srv.HTTPClient(t)
		sig, err := usersig.Mint(voiceroomtest.App, voiceroomtest.Secret, "administrator", time.Hour, time.Now())
		require.NoError(t, err)
		query := url.Values{
			"sdkappid": {fmt.Sprint(voiceroomtest.App)}, "identifier": {"administrator"}, "usersig": {sig}, "random": {"1"}, "contenttype": {"json"},
		}.Encode()
		call := func(command, body string) {
			t.Helper()
			resp, err := client.Post(srv.NodeURL(1)+"/v4/"+command+"?"+query, "application/json", strings.NewReader(body))
			require.NoError(t, err)
			defer resp.Body.Close()
			var answer struct {
				ErrorCode int
				ErrorInfo string
			}
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
			require.Zero(t, answer.ErrorCode, answer.ErrorInfo)
			synctest.Wait()
		}
		call("im_open_login_svc/account_import", `{"UserID":"host"}`)
		call("live_engine_http_srv/create_room", `{"RoomInfo":{"RoomId":"room","RoomType":"Live","Owner_Account":"host","IsSeatEnabled":true,"MaxSeatCount":4}}`)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Join(t, "room")
		guest.Join(t, "room")
		require.Equal(t, engine.RoomOwner, host.Room().RoleOf("host"))
		call("profile/portrait_set", `{"From_Account":"guest","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Vince"}]}`)
		require.Equal(t, "Vince", guest.Room().Self().UserName)
		require.Equal(t, "Vince", guest.Engine.Self().UserName, "the next room and the next login begin with it")
		kicked, dismissed := make(chan engine.UserInfo, 2), make(chan engine.RoomID, 1)
		guest.AddObserver(&seatgrid.Observer{
			OnKickedOffSeat: func(by engine.UserInfo) { kicked <- by },
			OnRoomDismissed: func(id engine.RoomID) { dismissed <- id },
		})

		call("room_engine_http_mic/pick_user_on_seat", `{"RoomId":"room","Member_Account":"guest","Index":2}`)
		require.Equal(t, engine.UserID("guest"), host.Seats()[2].UserID)
		require.NoError(t, guest.StartMicrophone(t.Context()))
		host.Hears(t, guest)

		call("room_engine_http_mic/kick_user_off_seat", `{"RoomId":"room","Member_Account":"guest","Data":"time over"}`)
		require.Equal(t, engine.UserID("administrator"), (<-kicked).UserID)
		require.Empty(t, host.Seats()[2].UserID)
		host.HearsNothing(t)

		call("room_engine_http_mic/pick_user_on_seat", `{"RoomId":"room","Member_Account":"guest","Index":2}`)
		call("room_engine_http_mic/lock_seat", `{"RoomId":"room","Index":2,"ForbidTaken":true}`)
		<-kicked
		require.Empty(t, guest.Seats()[2].UserID)
		require.True(t, guest.Seats()[2].Locked)

		call("live_engine_http_srv/modify_admin", `{"RoomId":"room","Admin_Account":["guest"],"OpType":"add"}`)
		require.Equal(t, engine.Administrator, guest.Room().RoleOf("guest"))
		call("live_engine_http_srv/update_room_info", `{"RoomInfo":{"RoomId":"room","RoomName":"New"}}`)
		require.Equal(t, "New", guest.RoomInfo().Name)
		call("live_engine_http_srv/destroy_room", `{"RoomId":"room"}`)
		require.Equal(t, engine.RoomID("room"), <-dismissed)

		call("live_engine_http_srv/create_room", `{"RoomInfo":{"RoomId":"talk","RoomType":"Live","MaxMemberCount":1}}`)
		guest.Join(t, "talk")
		require.Empty(t, guest.Seats())
		for _, index := range []engine.SeatIndex{0, -1} {
			_, err = guest.TakeSeat(t.Context(), index, 0)
			require.ErrorIs(t, err, signaling.ErrSeatsNotSupported)
		}
		_, err = host.JoinVoiceRoom(t.Context(), "talk")
		require.ErrorIs(t, err, signaling.ErrRoomFull)
	})
}
