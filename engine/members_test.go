package engine_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
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

// The three policies, from the manager's call to what everybody sees and hears.
func TestMoveUserToSeatByAdmin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, ann, bob := srv.NewUser(t, "host"), srv.NewUser(t, "ann"), srv.NewUser(t, "bob")
		host.AnswerRequests(true)
		host.Start(t, "room")
		for i, u := range []*voiceroomtest.User{ann, bob} {
			u.Join(t, "room")
			_, err := u.TakeSeat(t.Context(), engine.SeatIndex(i+1), time.Minute)
			require.NoError(t, err)
			require.NoError(t, u.StartMicrophone(t.Context()))
		}
		synctest.Wait()
		changes := make(chan []engine.UserInfo, 2)
		remove := bob.Room().AddObserver(&engine.RoomObserver{OnSeatListChanged: func(_ []engine.SeatInfo, seated, left []engine.UserInfo) {
			changes <- seated
			changes <- left
		}})
		members := host.Room().Members()
		ctx := t.Context()
		require.ErrorIs(t, members.MoveUserToSeatByAdmin(ctx, "ann", 2, engine.AbortWhenOccupied), engine.ErrSeatOccupied)
		require.ErrorIs(t, ann.Room().Members().MoveUserToSeatByAdmin(ctx, "bob", 4, engine.ForceReplace), engine.ErrNeedManager)
		require.NoError(t, members.MoveUserToSeatByAdmin(ctx, "ann", 2, engine.SwapPosition))
		require.Equal(t, engine.UserID("ann"), host.Seats()[2].UserID)
		require.Equal(t, engine.UserID("bob"), host.Seats()[1].UserID)
		require.Len(t, <-changes, 2, "one event for both")
		require.Len(t, <-changes, 2)
		remove()
		host.Hears(t, ann)
		host.Hears(t, bob)

		kicked := make(chan engine.SeatIndex, 1)
		bob.Room().AddObserver(&engine.RoomObserver{OnKickedOffSeat: func(i engine.SeatIndex, by engine.UserInfo) {
			if by.UserID == "host" {
				kicked <- i
			}
		}})
		require.NoError(t, members.MoveUserToSeatByAdmin(ctx, "ann", 1, engine.ForceReplace))
		require.EqualValues(t, 1, <-kicked)
		host.HearsNot(t, bob)
		host.Hears(t, ann)
		_, err := bob.TakeSeat(ctx, 2, time.Minute)
		require.NoError(t, err, "it is no ban")

		require.NoError(t, host.LockSeat(ctx, 5, seatgrid.SeatLockParams{LockAudio: true, LockFlag: engine.LockFlagAudio}))
		require.NoError(t, members.MoveUserToSeatByAdmin(ctx, "ann", 5, engine.AbortWhenOccupied))
		require.Equal(t, engine.MicOffByAdmin, host.Seats()[5].Mic)
		host.HearsNot(t, ann)
		require.ErrorIs(t, ann.UnmuteMicrophone(ctx), engine.ErrSeatAudioLocked)
		require.NoError(t, ann.Room().Members().MoveUserToSeatByAdmin(ctx, "ann", 6, engine.ForceReplace), "oneself, as everybody may")
		require.NoError(t, ann.UnmuteMicrophone(ctx))
		host.Hears(t, ann)
	})
}

// The heir's name is the owner's from then on: for members, for those who come in, and for who only asks.
func TestHandingTheRoomOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, ann, bob := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "ann"), srv.NewUserOn(t, 1, "bob")
		host.Start(t, "room")
		ann.Join(t, "room")
		bob.Join(t, "room")
		ctx := t.Context()
		require.NoError(t, ann.Engine.SetSelfInfo(ctx, "Ann of Green Gables", ""))
		members := host.Room().Members()
		require.NoError(t, members.ChangeUserRole(ctx, "ann", engine.RoomOwner))
		synctest.Wait()
		late := srv.NewUser(t, "late")
		late.Join(t, "room")
		outside, err := srv.NewUser(t, "outsider").Engine.FetchRoomInfo(ctx, "room")
		require.NoError(t, err)
		for _, info := range []engine.RoomInfo{host.RoomInfo(), ann.RoomInfo(), bob.RoomInfo(), late.RoomInfo(), outside} {
			require.Equal(t, engine.UserID("ann"), info.OwnerID)
			require.Equal(t, "Ann of Green Gables", info.OwnerName)
		}
		require.NoError(t, ann.Engine.SetSelfInfo(ctx, "Ann", ""))
		synctest.Wait()
		require.Equal(t, "Ann", bob.RoomInfo().OwnerName)
		require.NoError(t, ann.Room().Members().ChangeUserRole(ctx, "host", engine.RoomOwner))
		require.Equal(t, "host", ann.RoomInfo().OwnerName)
	})
}

// Whoever tells of somebody says what they are in the room, whether that changed before one came in or after it.
func TestRolesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, ann, bob, late := srv.NewUser(t, "host"), srv.NewUser(t, "ann"), srv.NewUser(t, "bob"), srv.NewUser(t, "late")
		host.Start(t, "room")
		ann.Join(t, "room")
		bob.Join(t, "room")
		ctx := t.Context()
		roles := func(u *voiceroomtest.User) <-chan string {
			c := make(chan string, 16)
			u.AddObserver(&seatgrid.Observer{OnUserAudioStateChanged: func(user engine.UserInfo, _ bool, _ engine.ChangeReason) {
				c <- string(user.UserID) + " " + user.Role.String()
			}})
			return c
		}
		require.NoError(t, host.Room().Members().ChangeUserRole(ctx, "ann", engine.Administrator))
		late.Join(t, "room")
		toBob, toLate := roles(bob), roles(late)
		_, err := ann.TakeSeat(ctx, 1, 0)
		require.NoError(t, err)
		require.NoError(t, ann.StartMicrophone(ctx))
		require.Equal(t, "ann Administrator", <-toBob)
		require.Equal(t, "ann Administrator", <-toLate)
		require.NoError(t, host.Room().Members().ChangeUserRole(ctx, "ann", engine.RoomOwner))
		require.NoError(t, host.MuteMicrophone(ctx))
		require.NoError(t, ann.MuteMicrophone(ctx))
		for _, c := range []<-chan string{toBob, toLate} {
			require.Equal(t, "host GeneralUser", <-c)
			require.Equal(t, "ann RoomOwner", <-c)
		}
		require.Equal(t, engine.RoomOwner, bob.Room().RoleOf("ann"))
		require.Equal(t, engine.GeneralUser, bob.Room().RoleOf("nobody"))
	})
}
