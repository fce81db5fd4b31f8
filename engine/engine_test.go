package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func logout(t *testing.T, eng *engine.Engine) {
	t.Helper()
	t.Cleanup(func() { _ = eng.Logout(context.Background()) })
}

func TestLaterLoginEndsTheEarlierOne(t *testing.T) {
	for name, node := range map[string]int{"on the same node": 0, "on another node": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
				first := srv.NewUser(t, "denny")
				first.Start(t, "room")
				kicked := make(chan string, 1)
				first.Engine.AddObserver(&engine.Observer{
					OnKickedOffLine: func(message string) { kicked <- message },
					OnDisconnected:  func(error) { t.Error("one reason is enough") },
				})
				second, err := engine.Login(t.Context(), srv.EngineConfig(t, node, "denny"))
				require.NoError(t, err)
				logout(t, second)
				require.Contains(t, <-kicked, "elsewhere")
				<-first.Engine.Done()
				require.ErrorIs(t, first.Engine.Err(), engine.ErrKickedOffLine)
				_, err = first.JoinVoiceRoom(t.Context(), "room")
				require.Error(t, err)
				room, err := second.Enter(t.Context(), "room", nil)
				require.NoError(t, err, "the room has outlived its owner's first login")
				require.Equal(t, engine.RoomOwner, room.Self().Role)
			})
		})
	}
}

func TestServerThatStopsEndsTheLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reason := make(chan engine.KickedOutReason, 1)
		gone := make(chan error, 1)
		srv := voiceroomtest.NewServer(t)
		user := srv.NewUser(t, "denny")
		user.Start(t, "room")
		user.Room().AddObserver(&engine.RoomObserver{OnKickedOutOfRoom: func(_ engine.RoomID, r engine.KickedOutReason, _ string) { reason <- r }})
		user.Engine.AddObserver(&engine.Observer{OnDisconnected: func(err error) { gone <- err }})
		srv.StopNode(t, 0)
		require.Equal(t, engine.KickedForNetworkDisconnected, <-reason)
		require.ErrorIs(t, <-gone, engine.ErrDisconnected)
		<-user.Engine.Done()
		require.ErrorIs(t, user.LeaveSeat(t.Context()), engine.ErrNotInRoom)
	})
}

func TestConfigIsCheckedBeforeAnythingIsDialled(t *testing.T) {
	good := engine.Config{URL: "ws://127.0.0.1:1", SDKAppID: 1, UserID: "u", UserSig: "s"}
	cases := []struct {
		name   string
		change func(*engine.Config)
		says   string
	}{
		{"no app", func(c *engine.Config) { c.SDKAppID = 0 }, "SDKAppID"},
		{"no user", func(c *engine.Config) { c.UserID = "" }, "user id"},
		{"no signature", func(c *engine.Config) { c.UserSig = "" }, "usersig"},
		{"http address", func(c *engine.Config) { c.URL = "http://127.0.0.1" }, "ws://"},
		{"devices without a codec", func(c *engine.Config) { c.Speaker = audio.NewRecorder(1) }, "opus.Codec"},
		{"a microphone of eight channels", func(c *engine.Config) {
			c.Codec, c.Microphone = audio.MuLaw, eightChannels{audio.NewSilenceSource()}
		}, "8 channels"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			cfg := good
			tc.change(&cfg)
			_, err := engine.Login(t.Context(), cfg)
			require.ErrorContains(t, err, tc.says)
			require.Equal(t, engine.ErrInvalidParameter.Code, signaling.CodeOf(err))
		})
	}
}

type eightChannels struct{ audio.Source }

func (eightChannels) Channels() int { return 8 }

func TestLoginToNobodySaysSo(t *testing.T) {
	_, err := engine.Login(t.Context(), engine.Config{URL: "ws://127.0.0.1:1", SDKAppID: 1, UserID: "u", UserSig: "s"})
	require.ErrorIs(t, err, engine.ErrDisconnected)
	require.ErrorContains(t, err, "127.0.0.1:1")
}

// A moderator's bot needs no codec: it sees everything and hears nothing.
func TestEnterWithoutMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		cfg := srv.EngineConfig(t, 0, "bot")
		cfg.Codec = nil
		eng, err := engine.Login(t.Context(), cfg)
		require.NoError(t, err)
		logout(t, eng)
		entered := make(chan engine.UserInfo, 1)
		room, err := eng.Enter(t.Context(), "room", &engine.RoomObserver{
			OnRemoteUserEnterRoom: func(_ engine.RoomID, u engine.UserInfo) { entered <- u },
		})
		require.NoError(t, err)
		require.Equal(t, 2, room.Info().MemberCount)
		require.Nil(t, room.Microphone())
		require.Error(t, room.Connected(t.Context()))
		guest := srv.NewUser(t, "guest")
		guest.Join(t, "room")
		require.Equal(t, engine.UserID("guest"), (<-entered).UserID)
		require.NoError(t, room.Leave(t.Context()))
		require.NoError(t, room.Err())
		require.ErrorIs(t, room.Leave(t.Context()), engine.ErrNotInRoom)
	})
}

// Callbacks may call everything, the end of the login included.
func TestCallbackMayLogOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		out := make(chan error, 1)
		guest.Room().AddObserver(&engine.RoomObserver{OnUserAudioStateChanged: func(engine.UserInfo, bool, engine.ChangeReason) {
			out <- guest.Engine.Logout(context.Background())
		}})
		require.NoError(t, host.MuteMicrophone(t.Context()))
		require.NoError(t, <-out)
		<-guest.Engine.Done()
	})
}

// Users of two nodes hear each other; the room's home is on one of them.
func TestTwoNodesOnVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
		host.AnswerRequests(true)
		host.Start(t, "room")
		guest.Join(t, "room")
		_, err := guest.TakeSeat(t.Context(), 4, time.Minute)
		require.NoError(t, err)
		require.NoError(t, guest.StartMicrophone(t.Context()))
		host.Hears(t, guest)
		guest.Hears(t, host)
		require.Equal(t, host.Seats(), guest.Seats())
		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		host.HearsNothing(t)
	})
}

// The home's node dies: the room goes on at the other, and the seat of the one who died with it becomes free after the
// grace period.
func TestRoomSurvivesItsHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2, Grace: 20 * time.Second}.NewServer(t)
		host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
		host.AnswerRequests(true)
		host.Start(t, "room")
		guest.Join(t, "room")
		_, err := guest.TakeSeat(t.Context(), 1, time.Minute)
		require.NoError(t, err)
		left := make(chan engine.UserID, 1)
		guest.Room().AddObserver(&engine.RoomObserver{OnSeatListChanged: func(_ []engine.SeatInfo, _, gone []engine.UserInfo) {
			for _, u := range gone {
				left <- u.UserID
			}
		}})
		host.SetOffline(true)
		srv.KillNode(t, 0)
		killed := time.Now()
		require.NoError(t, guest.StartMicrophone(t.Context()), "a command finds the next home")
		require.Less(t, time.Since(killed), 5*time.Second)
		require.Equal(t, engine.UserID("host"), <-left)
		require.Greater(t, time.Since(killed), 19*time.Second, "the seat waits for the grace period")
		require.Less(t, time.Since(killed), 30*time.Second)
		require.Equal(t, engine.UserID("guest"), guest.Seats()[1].UserID)
	})
}
