package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Everybody in the rooms sees a new name at once, wherever it is shown and on whichever node they are.
func TestSetSelfInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		second, err := host.Engine.Create(t.Context(), engine.RoomInfo{RoomID: "second"})
		require.NoError(t, err)
		require.Equal(t, "host", second.OwnerName)
		other, err := host.Engine.Enter(t.Context(), "second", nil)
		require.NoError(t, err)
		synctest.Wait()

		var told []engine.UserInfo
		var seats []engine.SeatInfo
		guest.Room().AddObserver(&engine.RoomObserver{
			OnSeatListChanged: func(now []engine.SeatInfo, _, _ []engine.UserInfo) { seats = now },
			OnUserInfoChanged: func(_ engine.RoomID, u engine.UserInfo) { told = append(told, u) },
		})
		ctx := t.Context()
		require.NoError(t, host.Engine.SetSelfInfo(ctx, "Denny", "https://example.org/d.png"))
		for _, self := range []engine.UserInfo{host.Engine.Self(), host.Room().Self(), other.Self()} {
			require.Equal(t, "Denny", self.UserName, "reads show it when the verb returns")
			require.Equal(t, "https://example.org/d.png", self.AvatarURL)
		}
		synctest.Wait()
		require.Equal(t, []engine.UserInfo{{UserID: "host", UserName: "Denny", AvatarURL: "https://example.org/d.png", Role: engine.RoomOwner}}, told)
		require.Equal(t, "Denny", seats[0].UserName, "what draws seats needs nothing else")
		require.Equal(t, "Denny", guest.RoomInfo().OwnerName)
		page, err := guest.Room().Members().Search(ctx, "denny", "")
		require.NoError(t, err)
		require.Len(t, page.Members, 1)

		go func() { _, _ = guest.TakeSeat(ctx, 1, time.Minute) }()
		synctest.Wait()
		require.NoError(t, guest.Engine.SetSelfInfo(ctx, "Vince", ""))
		synctest.Wait()
		require.Equal(t, "Vince", host.PendingRequests()[0].From.UserName)
		require.NoError(t, host.ResponseRemoteRequest(ctx, "guest", true))
		require.Equal(t, "Vince", host.Seats()[1].UserName)

		require.NoError(t, host.Engine.SetSelfInfo(ctx, "", ""))
		require.Empty(t, host.Room().Self().UserName, "an empty name is no name")
		for _, bad := range []string{"a\nb", strings.Repeat("n", 101)} {
			require.ErrorIs(t, host.Engine.SetSelfInfo(ctx, bad, ""), engine.ErrInvalidParameter)
		}
		require.ErrorIs(t, host.Engine.SetSelfInfo(ctx, "", strings.Repeat("n", 201)), engine.ErrInvalidParameter)
		require.Equal(t, engine.ErrInvalidParameter.Code, signaling.CodeOf(host.Engine.SetSelfInfo(ctx, "", "a\x00")))
	})
}

// Who comes back at another node logs in anew, with the new name.
func TestNewNameOutlivesTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		require.NoError(t, host.Engine.SetSelfInfo(t.Context(), "Denny", ""))
		back := make(chan struct{}, 1)
		host.Engine.AddObserver(&engine.Observer{OnReconnected: func() { back <- struct{}{} }})
		srv.KillNode(t, 0)
		<-back
		page, err := guest.Room().Members().Search(t.Context(), "denny", "")
		require.NoError(t, err)
		require.Len(t, page.Members, 1)
		require.Equal(t, "Denny", host.Room().Self().UserName)
		require.Equal(t, "Denny", guest.Seats()[0].UserName)
	})
}
