package engine_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// lives is what a login's and its room's observers are told of beginnings and ends.
type lives struct {
	mu   sync.Mutex
	told []string
}

func follow(u *voiceroomtest.User) *lives {
	l := &lives{}
	add := func(what string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.told = append(l.told, what)
	}
	u.Engine.AddObserver(&engine.Observer{
		OnReconnecting:  func(error) { add("reconnecting") },
		OnReconnected:   func() { add("reconnected") },
		OnDisconnected:  func(error) { add("disconnected") },
		OnKickedOffLine: func(string) { add("kicked off line") },
	})
	u.Room().AddObserver(&engine.RoomObserver{
		OnRoomDismissed:   func(engine.RoomID, engine.DismissedReason) { add("dismissed") },
		OnKickedOutOfRoom: func(engine.RoomID, engine.KickedOutReason, string) { add("kicked out") },
	})
	return l
}

func (l *lives) read() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.told...)
}

// paths are the two ways in which a user comes back.
var paths = map[string]func(t *testing.T, srv *voiceroomtest.Server, u *voiceroomtest.User){
	"to the same node": func(_ *testing.T, _ *voiceroomtest.Server, u *voiceroomtest.User) { u.SetOffline(false) },
	"to another node": func(t *testing.T, srv *voiceroomtest.Server, u *voiceroomtest.User) {
		srv.KillNode(t, 0)
		u.SetOffline(false)
	},
}

// returning runs a test for each of the paths.
func returning(t *testing.T, f func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User, comeBack func())) {
	t.Helper()
	for name, path := range paths {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, host, guest := sitting(t)
				f(t, srv, host, guest, func() { path(t, srv, guest) })
			})
		})
	}
}

func TestRoomDismissedWhileAway(t *testing.T) {
	returning(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User, comeBack func()) {
		told := follow(guest)
		guest.SetOffline(true)
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		comeBack()
		time.Sleep(30 * time.Second) // virtual
		require.Equal(t, []string{"reconnecting", "dismissed", "reconnected"}, told.read())
		require.ErrorIs(t, guest.LeaveSeat(t.Context()), engine.ErrNotInRoom)
	})
}

func TestKickedOutWhileAway(t *testing.T) {
	returning(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User, comeBack func()) {
		told := follow(guest)
		guest.SetOffline(true)
		require.NoError(t, host.Room().Members().KickRemoteUserOutOfRoom(t.Context(), "guest"))
		comeBack()
		time.Sleep(30 * time.Second) // virtual
		require.Equal(t, []string{"reconnecting", "kicked out", "reconnected"}, told.read())
		require.Equal(t, 1, host.RoomInfo().MemberCount, "the return does not bring it back in")
		guest.Join(t, "room")
	})
}

// An application that ends while its sender is away ends TakeSeat with what has happened, and nothing else.
func TestApplicationEndsWhileAway(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, host *voiceroomtest.User)
		want seatgrid.RequestResultType
		by   engine.UserID
	}{
		"accepted": {func(t *testing.T, host *voiceroomtest.User) {
			require.NoError(t, host.ResponseRemoteRequest(t.Context(), "sender", true))
		}, seatgrid.Accepted, "host"},
		"rejected": {func(t *testing.T, host *voiceroomtest.User) {
			require.NoError(t, host.ResponseRemoteRequest(t.Context(), "sender", false))
		}, seatgrid.Rejected, "host"},
		"timed out": {func(*testing.T, *voiceroomtest.User) { time.Sleep(20 * time.Second) }, seatgrid.Timeout, "sender"},
	} {
		for path, comeBack := range paths {
			t.Run(name+", return "+path, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
					host, sender := srv.NewUserOn(t, 1, "host"), srv.NewUserOn(t, 0, "sender")
					host.Start(t, "room")
					sender.Join(t, "room")
					ended := make(chan seatgrid.RequestResult, 1)
					go func() {
						res, err := sender.TakeSeat(context.Background(), 4, 10*time.Second)
						assert.NoError(t, err)
						ended <- res
					}()
					synctest.Wait()
					sender.SetOffline(true)
					c.end(t, host)
					synctest.Wait()
					require.Empty(t, ended)
					comeBack(t, srv, sender)
					res := <-ended
					require.Equal(t, c.want, res.Type)
					require.Equal(t, c.by, res.User.UserID)
					require.Equal(t, c.want == seatgrid.Accepted, sender.Seats()[4].UserID == "sender")
				})
			})
		}
	}
}

// A verb that is called while the login is away waits, and succeeds. So does leaving; others see it once.
func TestVerbsWaitWhileAway(t *testing.T) {
	returning(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User, comeBack func()) {
		told, seen := follow(guest), keepDiary(host)
		guest.SetOffline(true)
		time.Sleep(time.Second) // virtual
		var wg sync.WaitGroup
		wg.Go(func() {
			assert.NoError(t, guest.MoveToSeat(t.Context(), 5))
			assert.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		})
		time.Sleep(5 * time.Second)
		require.Equal(t, engine.UserID("guest"), host.Seats()[2].UserID)
		comeBack()
		wg.Wait()
		time.Sleep(20 * time.Second)
		require.Equal(t, []string{"reconnecting", "reconnected"}, told.read())
		require.Equal(t, []string{"guest sat down", "guest got up", "audio of guest: false, BySelf", "guest got up", "guest went"}, seen.read())
		require.Equal(t, 1, host.RoomInfo().MemberCount)
	})
}

// A seat whose audio is locked while its user is away is silent, and the user learns why.
func TestSilencedWhileAway(t *testing.T) {
	returning(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User, comeBack func()) {
		host.Hears(t, guest)
		told := keepDiary(guest)
		guest.SetOffline(true)
		require.NoError(t, host.LockSeat(t.Context(), 2, seatgrid.SeatLockParams{LockAudio: true}))
		host.HearsNot(t, guest)
		comeBack()
		time.Sleep(20 * time.Second) // virtual
		require.Equal(t, []string{"audio of guest: false, ByAdmin"}, told.read())
		require.Equal(t, engine.MicOffByAdmin, guest.Seats()[2].Mic)
		require.ErrorIs(t, guest.UnmuteMicrophone(t.Context()), engine.ErrSeatAudioLocked)
		require.NoError(t, host.LockSeat(t.Context(), 2, seatgrid.SeatLockParams{}))
		synctest.Wait()
		host.HearsNot(t, guest)
		require.NoError(t, guest.UnmuteMicrophone(t.Context()))
		host.Hears(t, guest)
	})
}

// After the return all of the media works: both directions, the statistics, the microphone's switch.
func TestMediaAfterTheReturn(t *testing.T) {
	returning(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User, comeBack func()) {
		guest.Hears(t, host)
		guest.SetOffline(true)
		time.Sleep(time.Second) // virtual
		comeBack()
		time.Sleep(20 * time.Second)
		guest.Hears(t, host)
		host.Hears(t, guest)
		before, heard := guest.Room().AudioStats("host")
		require.True(t, heard)
		time.Sleep(time.Second)
		after, heard := guest.Room().AudioStats("host")
		require.True(t, heard)
		require.NotEqual(t, before, after, "it counts what comes now")
		_, heard = guest.Room().AudioStats("nobody")
		require.False(t, heard)
		require.NoError(t, guest.MuteMicrophone(t.Context()))
		host.HearsNot(t, guest)
		require.NoError(t, guest.UnmuteMicrophone(t.Context()))
		host.Hears(t, guest)
	})
}

// The connection breaks while the speaker of a room that is being entered takes its time: the room works all the same.
func TestConnectionBreaksWhileARoomIsEntered(t *testing.T) {
	for name, comeBack := range paths {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
				host := srv.NewUserOn(t, 1, "host")
				host.Start(t, "room")
				guest := srv.NewUserOn(t, 0, "guest")
				guest.Speaker.SlowStart(10 * time.Second)
				entered := make(chan error, 1)
				go func() {
					_, err := guest.JoinVoiceRoom(context.Background(), "room")
					entered <- err
				}()
				time.Sleep(time.Second) // virtual
				require.Empty(t, entered)
				guest.SetOffline(true)
				require.NoError(t, host.MoveToSeat(t.Context(), 3))
				comeBack(t, srv, guest)
				require.NoError(t, <-entered)
				require.NoError(t, host.MoveToSeat(t.Context(), 6))
				time.Sleep(20 * time.Second)
				require.Equal(t, host.Seats(), guest.Seats())
				require.Equal(t, 2, host.RoomInfo().MemberCount)
				guest.Hears(t, host)
			})
		})
	}
}

// A room that is given up while it is being entered, and the connection is gone, is left after the return: a login must not
// be a member of a room that it knows nothing of.
func TestEnterIsGivenUpWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		guest.Speaker.SlowStart(10 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		go func() {
			time.Sleep(time.Second) // virtual: the server has let it in
			guest.SetOffline(true)
		}()
		_, err := guest.JoinVoiceRoom(ctx, "room")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		guest.SetOffline(false)
		time.Sleep(15 * time.Second)
		require.Equal(t, 1, host.RoomInfo().MemberCount)
		guest.Speaker.SlowStart(0)
		guest.Join(t, "room")
		guest.Hears(t, host)
	})
}

// Logging out while away needs nobody's answer.
func TestLogoutWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, guest := sitting(t)
		told := follow(guest)
		guest.SetOffline(true)
		time.Sleep(3 * time.Second) // virtual
		began := time.Now()
		require.NoError(t, guest.Engine.Logout(t.Context()))
		require.Less(t, time.Since(began), 100*time.Millisecond)
		<-guest.Engine.Done()
		require.NoError(t, guest.Engine.Err())
		require.Equal(t, []string{"reconnecting"}, told.read(), "a wish is no news")
	})
}

// A later login elsewhere, while this one is away, ends this one when it asks to come back, and is itself left alone.
func TestLaterLoginWhileAway(t *testing.T) {
	for name, node := range map[string]int{"on the same node": 0, "on another node": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, host, guest := sitting(t)
				stopMicrophones(t, host, guest)
				told := follow(guest)
				guest.SetOffline(true)
				later, err := engine.Login(t.Context(), srv.EngineConfig(t, node, "guest"))
				require.NoError(t, err)
				logout(t, later)
				var disturbed []string
				later.AddObserver(&engine.Observer{
					OnReconnecting:  func(error) { disturbed = append(disturbed, "reconnecting") },
					OnKickedOffLine: func(string) { disturbed = append(disturbed, "kicked") },
				})
				time.Sleep(70 * time.Second) // virtual
				guest.SetOffline(false)
				<-guest.Engine.Done()
				require.ErrorIs(t, guest.Engine.Err(), engine.ErrKickedOffLine)
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Equal(t, []string{"reconnecting", "kicked off line"}, told.read())
				require.Empty(t, disturbed)
				_, err = later.Enter(t.Context(), "room", nil)
				require.NoError(t, err)
			})
		})
	}
}

// Each return is told as a pair, and the end once and last.
func TestReturnsAreToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, host, guest := sitting(t)
		stopMicrophones(t, host, guest)
		told := follow(guest)
		for range 3 {
			guest.ResetConnection()
			time.Sleep(5 * time.Second) // virtual
		}
		guest.SetOffline(true)
		<-guest.Engine.Done()
		synctest.Wait()
		require.Equal(t, []string{
			"reconnecting", "reconnected", "reconnecting", "reconnected", "reconnecting", "reconnected",
			"reconnecting", "kicked out", "disconnected",
		}, told.read())
		require.ErrorIs(t, guest.Engine.Err(), engine.ErrDisconnected)
	})
}

// Either path may die without the other: the media while the socket lives, then both, then the socket alone.
func TestPathsDieAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, host, guest := sitting(t)
		told := follow(guest)
		guest.Hears(t, host)
		srv.SetLoss(1)
		time.Sleep(time.Minute) // virtual
		guest.HearsNothing(t)
		require.NoError(t, guest.MoveToSeat(t.Context(), 4), "the socket lives")
		srv.SetLoss(0)
		time.Sleep(30 * time.Second)
		guest.Hears(t, host)
		host.Hears(t, guest)
		require.Empty(t, told.read())

		srv.SetLoss(1)
		guest.SilenceConnection()
		time.Sleep(10 * time.Second)
		srv.SetLoss(0)
		time.Sleep(time.Minute)
		guest.Hears(t, host)
		host.Hears(t, guest)
		require.Equal(t, []string{"reconnecting", "reconnected"}, told.read())

		guest.SilenceConnection()
		host.Hears(t, guest)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, guest.MoveToSeat(ctx, 5), "it waits for the return")
		synctest.Wait()
		require.Len(t, told.read(), 4)
		require.Equal(t, engine.UserID("guest"), host.Seats()[5].UserID)
		guest.Hears(t, host)
	})
}

// Who has been away for longer than the server remembers sees what has come of it.
func TestReturnToARoomThatHasMovedOn(t *testing.T) {
	returning(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User, comeBack func()) {
		stopMicrophones(t, host, guest)
		guest.SetOffline(true)
		for i := range 1200 { // more than a node remembers and a log keeps
			require.NoError(t, host.MoveToSeat(t.Context(), engine.SeatIndex(3+i%2)))
			time.Sleep(21 * time.Millisecond) // virtual: 50 a second
		}
		var last []engine.SeatInfo
		guest.Room().AddObserver(&engine.RoomObserver{OnSeatListChanged: func(seats []engine.SeatInfo, _, _ []engine.UserInfo) { last = seats }})
		comeBack()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Equal(t, host.Seats(), guest.Seats())
		require.Equal(t, host.Seats(), last)
		require.NoError(t, guest.LeaveSeat(t.Context()), "the seat has waited")
	})
}
