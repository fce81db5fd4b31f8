package engine_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// From the first question on the list is kept fresh: who came last comes first, and the owner is not in it.
func TestAudienceList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, ann := srv.NewUser(t, "host"), srv.NewUser(t, "ann")
		host.Start(t, "room")
		ann.Join(t, "room")
		room := ann.Room()
		require.Empty(t, room.AudienceList(), "nobody has asked")
		require.Equal(t, 1, room.AudienceCount(), "the owner does not count")
		var told []string
		remove := room.AddObserver(&engine.RoomObserver{OnAudienceListChanged: func(_ engine.RoomID, list []engine.UserInfo, count int) {
			told = append(told, fmt.Sprint(names(list), " of ", count))
		}})
		defer remove()
		list, err := room.FetchAudienceList(t.Context())
		require.NoError(t, err)
		require.Equal(t, "ann", names(list))
		bob := srv.NewUser(t, "bob")
		bob.Join(t, "room")
		require.NoError(t, host.Room().Members().ChangeUserRole(t.Context(), "bob", engine.Administrator))
		require.NoError(t, bob.Engine.SetSelfInfo(t.Context(), "Bobby", ""))
		time.Sleep(time.Second)
		require.Equal(t, []engine.UserInfo{{UserID: "bob", UserName: "Bobby", Role: engine.Administrator}}, room.AudienceList()[:1])
		require.NoError(t, host.Room().Members().ChangeUserRole(t.Context(), "bob", engine.RoomOwner))
		time.Sleep(5 * time.Second)
		require.Equal(t, "ann,host", names(room.AudienceList()), "the former owner listens now, and came first")
		require.Equal(t, 2, room.AudienceCount())
		require.NoError(t, host.Room().Leave(t.Context()))
		time.Sleep(time.Second)
		require.Equal(t, "ann", names(room.AudienceList()))
		_, err = bob.Room().Dismiss(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Empty(t, room.AudienceList(), "the room is over")
		require.Equal(t, "ann of 1", told[0])
		require.Contains(t, told, "bob,ann of 2")
		require.Equal(t, "ann of 1", told[len(told)-1])
	})
}

// In a large room not everybody is named, and the list is right all the same, after a while. So it is after a connection
// that was away.
func TestAudienceListOfALargeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		crowd := make([]*engine.Room, 260)
		for i := range crowd {
			cfg := srv.EngineConfig(t, 0, engine.UserID(fmt.Sprintf("u%03d", i)))
			cfg.Codec = nil
			eng, err := engine.Login(t.Context(), cfg)
			require.NoError(t, err)
			logout(t, eng)
			crowd[i], err = eng.Enter(t.Context(), "room", nil)
			require.NoError(t, err)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		first := crowd[0]
		_, err := first.FetchAudienceList(t.Context())
		require.NoError(t, err)
		entered := 0
		remove := first.AddObserver(&engine.RoomObserver{OnRemoteUserEnterRoom: func(engine.RoomID, engine.UserInfo) { entered++ }})
		defer remove()
		require.Equal(t, 260, first.AudienceCount())
		for i := 259; i >= 200; i-- {
			require.NoError(t, crowd[i].Leave(t.Context()))
		}
		time.Sleep(time.Second + 200*time.Millisecond)
		require.Equal(t, 200, first.AudienceCount(), "the number is right at once")
		time.Sleep(5 * time.Second)
		list := first.AudienceList()
		require.Len(t, list, signaling.AudienceLimit)
		require.Equal(t, engine.UserID("u199"), list[0].UserID)
		require.Equal(t, engine.UserID("u100"), list[99].UserID)
		require.Zero(t, entered)
		for i := 200; i < 240; i++ {
			var err error
			crowd[i], err = crowd[i].Engine().Enter(t.Context(), "room", nil)
			require.NoError(t, err)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second + 200*time.Millisecond)
		synctest.Wait()
		require.Equal(t, 240, first.AudienceCount())
		require.Equal(t, 20, entered, "who is named")
		time.Sleep(5 * time.Second)
		list = first.AudienceList()
		require.Equal(t, engine.UserID("u239"), list[0].UserID)
		require.Equal(t, engine.UserID("u140"), list[99].UserID)
	})
}

func names(list []engine.UserInfo) (s string) {
	for i, u := range list {
		if i > 0 {
			s += ","
		}
		s += string(u.UserID)
	}
	return s
}
