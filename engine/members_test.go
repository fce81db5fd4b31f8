package engine_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMembersInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host := srv.NewUser(t, "host")
		_, err := host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room"})
		require.NoError(t, err)
		const audience = 120
		for i := range audience {
			cfg := srv.EngineConfig(t, i%2, engine.UserID(fmt.Sprintf("guest%03d", i)))
			cfg.Codec, cfg.UserName = nil, fmt.Sprintf("Guest Number %d", i)
			eng, err := engine.Login(t.Context(), cfg)
			require.NoError(t, err)
			logout(t, eng)
			_, err = eng.Enter(t.Context(), "room", nil)
			require.NoError(t, err)
		}
		members := host.Room().Members()
		page, err := members.List(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, page.Members, 50)
		require.Equal(t, audience+1, page.Total)
		require.Equal(t, engine.UserID("guest049"), page.Next)
		n, last := 0, engine.UserID("")
		for u, err := range members.All(t.Context()) {
			require.NoError(t, err)
			require.Greater(t, u.UserID, last)
			last, n = u.UserID, n+1
			require.Equal(t, u.UserID == "host", u.Role == engine.RoomOwner)
		}
		require.Equal(t, audience+1, n)
		page, err = members.Search(t.Context(), "number 11", "")
		require.NoError(t, err)
		require.Len(t, page.Members, 11, "11, and 110 to 119")
		require.Empty(t, page.Next)
		page, err = members.Search(t.Context(), "guest007", "")
		require.NoError(t, err)
		require.Equal(t, "Guest Number 7", page.Members[0].UserName)
	})
}
