package seatgrid_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// An evening with five people, told twice: on one node, and spread over two. Everybody sees the same seats at every
// step, and the requests end as the documents' flows say.
func TestAnEvening(t *testing.T) {
	for name, nodes := range map[string]int{"on one node": 1, "on two nodes": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { evening(t, nodes) })
		})
	}
}

func evening(t *testing.T, nodes int) {
	srv := voiceroomtest.Config{Nodes: nodes}.NewServer(t)
	host := srv.NewUserOn(t, 0, "host")
	admin := srv.NewUserOn(t, nodes-1, "admin")
	ann, bob, cleo := srv.NewUserOn(t, 0, "ann"), srv.NewUserOn(t, nodes-1, "bob"), srv.NewUserOn(t, nodes-1, "cleo")
	all := []*voiceroomtest.User{host, admin, ann, bob, cleo}
	host.Start(t, "room")
	for _, u := range all[1:] {
		u.Join(t, "room")
	}
	requests := watch(host)
	alsoAsked := watch(admin)
	toCleo := watch(cleo)
	sit := func(want ...engine.UserID) {
		t.Helper()
		synctest.Wait()
		for _, u := range all {
			var got []engine.UserID
			for _, s := range u.Seats()[:len(want)] {
				got = append(got, s.UserID)
			}
			require.Equal(t, want, got, "as %s sees it", u.Engine.Self().UserID)
		}
	}

	// The host makes an administrator, who sits down without asking.
	require.NoError(t, host.Room().Members().ChangeUserRole(t.Context(), "admin", engine.Administrator))
	res, err := admin.TakeSeat(t.Context(), 1, time.Minute)
	require.NoError(t, err)
	require.Equal(t, seatgrid.Accepted, res.Type)
	sit("host", "admin", "", "", "")

	// Ann applies. Both managers are asked, the administrator answers, and the host learns that it is done.
	ann1 := apply(t, ann, 2)
	require.Equal(t, "ApplyToTakeSeat from ann", <-requests)
	require.Equal(t, "ApplyToTakeSeat from ann", <-alsoAsked)
	require.NoError(t, admin.ResponseRemoteRequest(t.Context(), "ann", true))
	require.Equal(t, seatgrid.Accepted, (<-ann1).Type)
	require.Equal(t, "ApplyToTakeSeat from ann is over", <-requests)
	require.Error(t, host.ResponseRemoteRequest(t.Context(), "ann", false), "it has been answered")
	sit("host", "admin", "ann", "", "")

	// Bob applies for the same seat: free when he asks for it or not, what counts is the moment of the answer.
	bob1 := apply(t, bob, 3)
	require.Equal(t, "ApplyToTakeSeat from bob", <-requests)
	require.NoError(t, ann.MoveToSeat(t.Context(), 3))
	require.ErrorIs(t, host.ResponseRemoteRequest(t.Context(), "bob", true), engine.ErrSeatOccupied)
	require.NoError(t, ann.MoveToSeat(t.Context(), 2))
	require.NoError(t, host.ResponseRemoteRequest(t.Context(), "bob", true), "the request was kept")
	require.Equal(t, seatgrid.Accepted, (<-bob1).Type)
	sit("host", "admin", "ann", "bob", "")

	// Cleo is invited, says no, is invited again, hesitates until it is too late, and applies herself at last.
	invited := invite(t, host, "cleo", 4)
	require.Equal(t, "InviteToTakeSeat from host", <-toCleo)
	require.NoError(t, cleo.ResponseRemoteRequest(t.Context(), "host", false))
	require.Equal(t, seatgrid.Rejected, (<-invited).Type)
	invited = invite(t, host, "cleo", 4)
	require.Equal(t, "InviteToTakeSeat from host", <-toCleo)
	require.Equal(t, seatgrid.Timeout, (<-invited).Type)
	require.Equal(t, "InviteToTakeSeat from host is over", <-toCleo)
	cleo1 := apply(t, cleo, 4)
	require.Equal(t, "ApplyToTakeSeat from cleo", <-requests)
	require.NoError(t, cleo.CancelRequest(t.Context(), ""))
	require.Equal(t, seatgrid.Cancelled, (<-cleo1).Type)
	require.Equal(t, "ApplyToTakeSeat from cleo is over", <-requests)

	// Everybody on the seats talks, and Cleo listens.
	for _, u := range []*voiceroomtest.User{admin, ann, bob} {
		require.NoError(t, u.StartMicrophone(t.Context()))
	}
	for _, u := range []*voiceroomtest.User{host, admin, ann, bob} {
		cleo.Hears(t, u)
	}
	ann.Hears(t, bob)

	// Bob is muted by his seat, moves to another, and may be heard again there.
	require.NoError(t, admin.LockSeat(t.Context(), 3, seatgrid.SeatLockParams{LockAudio: true, LockFlag: engine.LockFlagAudio}))
	cleo.HearsNot(t, bob)
	require.ErrorIs(t, bob.UnmuteMicrophone(t.Context()), engine.ErrSeatAudioLocked)
	require.NoError(t, bob.MoveToSeat(t.Context(), 4))
	require.NoError(t, bob.UnmuteMicrophone(t.Context()))
	cleo.Hears(t, bob)
	sit("host", "admin", "ann", "", "bob")

	// Ann's seat is closed under her. The administrator cannot do that to the host.
	off := make(chan engine.UserID, 1)
	ann.AddObserver(&seatgrid.Observer{OnKickedOffSeat: func(by engine.UserInfo) { off <- by.UserID }})
	require.NoError(t, admin.LockSeat(t.Context(), 2, seatgrid.SeatLockParams{LockSeat: true, LockFlag: engine.LockFlagSeat}))
	require.Equal(t, engine.UserID("admin"), <-off)
	require.Error(t, admin.LockSeat(t.Context(), 0, seatgrid.SeatLockParams{LockSeat: true, LockFlag: engine.LockFlagSeat}))
	sit("host", "admin", "", "", "bob")
	cleo.HearsNot(t, ann)

	// Bob is taken off his seat; free seats are free to take now.
	require.NoError(t, host.KickUserOffSeatByAdmin(t.Context(), "bob"))
	require.NoError(t, host.UpdateRoomSeatMode(t.Context(), seatgrid.FreeToTake))
	res, err = cleo.TakeSeat(t.Context(), seatgrid.AnySeat, time.Minute)
	require.NoError(t, err)
	require.Equal(t, seatgrid.Accepted, res.Type)
	sit("host", "admin", "", "cleo", "")

	// The host goes home, and so does everybody.
	ends := make(chan engine.RoomID, len(all))
	for _, u := range all[1:] {
		u.AddObserver(&seatgrid.Observer{OnRoomDismissed: func(id engine.RoomID) { ends <- id }})
	}
	require.ErrorIs(t, host.LeaveVoiceRoom(t.Context()), engine.ErrOwnerCannotLeave)
	_, err = host.StopVoiceRoom(t.Context())
	require.NoError(t, err)
	for range all[1:] {
		require.Equal(t, engine.RoomID("room"), <-ends)
	}
}

// watch writes down the requests that a user receives, and their ends.
func watch(u *voiceroomtest.User) chan string {
	c := make(chan string, 100)
	u.AddObserver(&seatgrid.Observer{
		OnSeatRequestReceived: func(k seatgrid.RequestType, from engine.UserInfo) { c <- k.String() + " from " + string(from.UserID) },
		OnSeatRequestCancelled: func(k seatgrid.RequestType, from engine.UserInfo) {
			c <- k.String() + " from " + string(from.UserID) + " is over"
		},
	})
	return c
}
