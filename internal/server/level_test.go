package server

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The level is the profile's: rooms show it in members, chat and the audience, at once after a change, and nothing that the
// client sends has one.
func TestLevelIsTheProfiles(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		host.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}}, nil)
		host.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		w.login("ann")
		level := func(n string) {
			answers(t, profileOK, w.admin("profile/portrait_set", `{"From_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_Level","Value":`+n+`}]}`))
		}
		level("7")
		time.Sleep(time.Millisecond) // virtual: of two logins at one instant either may be the later one
		ann, _, err := w.loginAt(1, "ann", nil)
		require.NoError(t, err)
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		require.Equal(t, uint32(7), ann.selfIn("r").Level)

		level("66")
		_, u := host.renamed()
		require.Equal(t, signaling.UserInfo{UserID: "ann", Level: 66, Role: signaling.GeneralUser}, u)
		name := "Ann"
		ann.send(`{"jsonrpc":"2.0","id":100,"method":"session.setSelfInfo","params":{"userName":"` + name + `","level":99}}`)
		_, u = host.renamed()
		require.Equal(t, signaling.UserInfo{UserID: "ann", UserName: name, Level: 66, Role: signaling.GeneralUser}, u)
		time.Sleep(time.Second) // virtual
		ann.must(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "r", Text: "hello"}, nil)
		var said signaling.BarrageReceived
		require.NoError(t, json.Unmarshal(host.until(signaling.NotifyBarrage).Params, &said))
		require.Equal(t, uint32(66), said.Barrage.Sender.Level)
		var members signaling.ListResult
		host.must(signaling.MethodListMembers, signaling.ListParams{RoomID: "r", Keyword: "ann"}, &members)
		require.Equal(t, uint32(66), members.Members[0].Level)
		var audience signaling.AudienceList
		host.must(signaling.MethodListAudience, signaling.RoomParams{RoomID: "r"}, &audience)
		require.Equal(t, []signaling.UserInfo{{UserID: "ann", UserName: name, Level: 66, Role: signaling.GeneralUser}}, audience.Users)
		require.Equal(t, 1, audience.Total)
		require.Equal(t, 2, audience.Count)
		level("0")
		_, u = host.renamed()
		require.Zero(t, u.Level)
	})
}

// A search looks at every name of the room, so it has the rate of lists; pages do not.
func TestSearchesHaveTheRateOfLists(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		search := func() error {
			return errOf(host.call(signaling.MethodListMembers, signaling.ListParams{RoomID: "r", Keyword: "h"}))
		}
		for range listsBurst {
			require.NoError(t, search())
		}
		require.ErrorIs(t, search(), signaling.ErrFreqLimit)
		host.must(signaling.MethodListMembers, signaling.ListParams{RoomID: "r"}, nil)
	})
}
