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

// onSeat seats the guest on a seat, with an open microphone.
func onSeat(t *testing.T, host, guest *voiceroomtest.User, index seatgrid.SeatIndex) {
	t.Helper()
	result := apply(t, guest, index)
	synctest.Wait()
	require.NoError(t, host.ResponseRemoteRequest(t.Context(), "guest", true))
	require.NoError(t, (<-result).err)
	require.NoError(t, guest.StartMicrophone(t.Context()))
	host.Hears(t, guest)
	synctest.Wait()
}

func invite(t *testing.T, host *voiceroomtest.User, whom seatgrid.UserID, index seatgrid.SeatIndex) <-chan result {
	c := make(chan result, 1)
	go func() {
		res, err := host.TakeUserOnSeatByAdmin(t.Context(), index, whom, time.Minute)
		c <- result{res, err}
	}()
	return c
}

func TestInvitationIsAccepted(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		seen := events(guest)
		invited := invite(t, host, "guest", seatgrid.AnySeat)
		require.Equal(t, "received InviteToTakeSeat host", <-seen)
		require.NoError(t, guest.ResponseRemoteRequest(t.Context(), "", true), "the documents' apps answer with an empty id")
		res := <-invited
		require.NoError(t, res.err)
		require.Equal(t, seatgrid.Accepted, res.Type)
		require.Equal(t, seatgrid.UserID("guest"), res.User.UserID)
		require.Equal(t, seatgrid.UserID("guest"), host.Seats()[1].UserID)
	})
}

func TestInvitationIsRejectedTimesOutOrIsCancelled(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		seen := events(guest)
		invited := invite(t, host, "guest", 1)
		require.Equal(t, "received InviteToTakeSeat host", <-seen)
		_, err := host.TakeUserOnSeatByAdmin(t.Context(), 2, "guest", time.Minute)
		require.ErrorIs(t, err, engine.ErrAlreadyInvited)
		require.NoError(t, guest.ResponseRemoteRequest(t.Context(), "host", false))
		res := <-invited
		require.NoError(t, res.err)
		require.Equal(t, seatgrid.Rejected, res.Type)

		invited = invite(t, host, "guest", 1)
		require.Equal(t, "received InviteToTakeSeat host", <-seen)
		res = <-invited
		require.NoError(t, res.err)
		require.Equal(t, seatgrid.Timeout, res.Type)
		require.Equal(t, "cancelled InviteToTakeSeat host", <-seen)

		invited = invite(t, host, "guest", 1)
		require.Equal(t, "received InviteToTakeSeat host", <-seen)
		require.NoError(t, host.CancelRequest(t.Context(), "guest"))
		res = <-invited
		require.NoError(t, res.err)
		require.Equal(t, seatgrid.Cancelled, res.Type)
		require.Equal(t, "cancelled InviteToTakeSeat host", <-seen)
	})
}

func TestOnlyManagersManage(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		ctx := t.Context()
		_, err := guest.TakeUserOnSeatByAdmin(ctx, 1, "host", time.Minute)
		require.ErrorIs(t, err, engine.ErrNeedManager)
		require.ErrorIs(t, guest.KickUserOffSeatByAdmin(ctx, "host"), engine.ErrNeedManager)
		require.ErrorIs(t, guest.LockSeat(ctx, 1, seatgrid.SeatLockParams{LockSeat: true}), engine.ErrNeedManager)
		require.ErrorIs(t, guest.UpdateRoomSeatMode(ctx, seatgrid.FreeToTake), engine.ErrNeedManager)
		require.ErrorIs(t, guest.Room().Members().ChangeUserRole(ctx, "guest", engine.Administrator), engine.ErrNeedOwner)
		require.ErrorIs(t, guest.Room().Members().KickRemoteUserOutOfRoom(ctx, "host"), engine.ErrNeedManager)
		_, err = host.TakeUserOnSeatByAdmin(ctx, 1, "nobody", time.Minute)
		require.ErrorIs(t, err, engine.ErrUserNotFound)
	})
}

func TestKickedOffTheSeat(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		onSeat(t, host, guest, 1)
		by := make(chan seatgrid.UserID, 1)
		guest.AddObserver(&seatgrid.Observer{OnKickedOffSeat: func(u seatgrid.UserInfo) { by <- u.UserID }})
		seen := events(guest)
		require.NoError(t, host.KickUserOffSeatByAdmin(t.Context(), "guest"))
		require.Equal(t, seatgrid.UserID("host"), <-by)
		require.Equal(t, "audio off guest ByAdmin", <-seen)
		host.HearsNothing(t)
		require.ErrorIs(t, host.KickUserOffSeatByAdmin(t.Context(), "guest"), engine.ErrNotOnSeat)
		onSeat(t, host, guest, 1) // it is no ban
	})
}

func TestLockingAnOccupiedSeatEvicts(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		onSeat(t, host, guest, 1)
		lock := seatgrid.SeatLockParams{LockSeat: true, LockFlag: engine.LockFlagSeat}
		require.NoError(t, host.LockSeat(t.Context(), 1, lock))
		host.HearsNothing(t)
		seat := host.Seats()[1]
		require.True(t, seat.Locked)
		require.Empty(t, seat.UserID)
		_, err := guest.TakeSeat(t.Context(), 1, time.Minute)
		require.ErrorIs(t, err, engine.ErrSeatLocked)
		require.NoError(t, host.LockSeat(t.Context(), 0, lock), "who locks the own seat stays")
		require.Equal(t, seatgrid.UserID("host"), host.Seats()[0].UserID)
		require.NoError(t, host.MoveToSeat(t.Context(), 1), "managers are exempt")
	})
}

func TestAudioLockSilencesAndItsReleaseUnmutesNobody(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		onSeat(t, host, guest, 1)
		seen := events(guest)
		lock := seatgrid.SeatLockParams{LockAudio: true, LockFlag: engine.LockFlagAudio}
		require.NoError(t, host.LockSeat(t.Context(), 1, lock))
		require.Equal(t, "audio off guest ByAdmin", <-seen)
		host.HearsNothing(t)
		require.Equal(t, engine.MicOffByAdmin, host.Seats()[1].Mic)
		require.ErrorIs(t, guest.UnmuteMicrophone(t.Context()), engine.ErrSeatAudioLocked)

		lock.LockAudio = false
		require.NoError(t, host.LockSeat(t.Context(), 1, lock))
		host.HearsNothing(t)
		require.NoError(t, guest.UnmuteMicrophone(t.Context()))
		host.Hears(t, guest)
	})
}

func TestMovingKeepsTheMicrophone(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		onSeat(t, host, guest, 1)
		var seated, left []seatgrid.UserInfo
		host.Room().AddObserver(&engine.RoomObserver{OnSeatListChanged: func(_ []seatgrid.SeatInfo, s, l []seatgrid.UserInfo) { seated, left = s, l }})
		require.NoError(t, guest.MoveToSeat(t.Context(), 7))
		synctest.Wait()
		require.Len(t, seated, 1, "one event has both")
		require.Equal(t, seated, left)
		require.Equal(t, seatgrid.UserID("guest"), host.Seats()[7].UserID)
		require.Empty(t, host.Seats()[1].UserID)
		host.Hears(t, guest)
		require.ErrorIs(t, guest.MoveToSeat(t.Context(), 0), engine.ErrSeatOccupied)
		require.NoError(t, guest.MoveToSeat(t.Context(), 7), "to where one sits is nothing")

		require.NoError(t, host.LockSeat(t.Context(), 2, seatgrid.SeatLockParams{LockAudio: true}))
		require.NoError(t, guest.MoveToSeat(t.Context(), 2))
		host.HearsNothing(t)
		require.NoError(t, guest.MoveToSeat(t.Context(), 3))
		host.HearsNothing(t)
		require.NoError(t, guest.UnmuteMicrophone(t.Context()))
		host.Hears(t, guest)
	})
}

func TestSeatModeChangesUnderAPendingApplication(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		result := apply(t, guest, 1)
		synctest.Wait()
		mode := make(chan seatgrid.SeatMode, 1)
		guest.Room().AddObserver(&engine.RoomObserver{OnRoomSeatModeChanged: func(_ seatgrid.RoomID, m seatgrid.SeatMode) { mode <- m }})
		require.NoError(t, host.UpdateRoomSeatMode(t.Context(), seatgrid.FreeToTake))
		require.Equal(t, seatgrid.FreeToTake, <-mode)
		require.Equal(t, seatgrid.FreeToTake, guest.RoomInfo().SeatMode)
		require.Len(t, host.PendingRequests(), 1, "it stays, and can be answered")
		_, err := srv.NewUser(t, "other").JoinVoiceRoom(t.Context(), "room")
		require.NoError(t, err)
		require.NoError(t, host.ResponseRemoteRequest(t.Context(), "guest", true))
		res := <-result
		require.NoError(t, res.err)
		require.Equal(t, seatgrid.Accepted, res.Type)
	})
}

func TestAdministratorsShareTheWork(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		helper := srv.NewUser(t, "helper")
		helper.Join(t, "room")
		result := apply(t, guest, 1)
		synctest.Wait()
		require.Empty(t, helper.PendingRequests(), "the audience does not see others' requests")
		require.NoError(t, host.Room().Members().ChangeUserRole(t.Context(), "helper", engine.Administrator))
		synctest.Wait()
		require.Len(t, helper.PendingRequests(), 1, "a new manager sees what is pending")
		require.Equal(t, engine.Administrator, helper.Room().Self().Role)
		seen := events(host)
		require.NoError(t, helper.ResponseRemoteRequest(t.Context(), "guest", true))
		require.Equal(t, "cancelled ApplyToTakeSeat guest", <-seen, "the other manager learns that it is answered")
		res := <-result
		require.NoError(t, res.err)
		require.Equal(t, seatgrid.UserID("helper"), res.User.UserID)
		require.ErrorIs(t, helper.KickUserOffSeatByAdmin(t.Context(), "host"), engine.ErrNoPermission)
		require.NoError(t, host.Room().Members().ChangeUserRole(t.Context(), "helper", engine.RoomOwner))
		synctest.Wait()
		require.Equal(t, engine.GeneralUser, host.Room().Self().Role)
		require.Equal(t, engine.RoomOwner, helper.Room().Self().Role)
		require.NoError(t, host.LeaveVoiceRoom(t.Context()), "who has handed the room over may leave")
	})
}

func TestKickedOutOfTheRoom(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		onSeat(t, host, guest, 1)
		seen := events(guest)
		left := make(chan seatgrid.UserID, 1)
		host.Room().AddObserver(&engine.RoomObserver{OnRemoteUserLeaveRoom: func(_ seatgrid.RoomID, u seatgrid.UserInfo) { left <- u.UserID }})
		require.NoError(t, host.Room().Members().KickRemoteUserOutOfRoom(t.Context(), "guest"))
		for e := range seen {
			if e == "kicked out ByAdmin" {
				break
			}
		}
		require.Equal(t, seatgrid.UserID("guest"), <-left)
		host.HearsNothing(t)
		require.Empty(t, host.Seats()[1].UserID)
		require.ErrorIs(t, guest.LeaveSeat(t.Context()), engine.ErrNotInRoom)
		guest.Join(t, "room") // it is no ban
		guest.Hears(t, host)
		require.ErrorIs(t, host.Room().Members().KickRemoteUserOutOfRoom(t.Context(), "nobody"), engine.ErrUserNotEntered)
	})
}

// An empty id means the own application only: an invitation is withdrawn by whom it invites.
func TestCancelRequestOfNobodyLeavesInvitations(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		seen := events(guest)
		invited := invite(t, host, "guest", 1)
		require.Equal(t, "received InviteToTakeSeat host", <-seen)
		synctest.Wait()
		for _, own := range []seatgrid.UserID{"", "host"} {
			require.ErrorIs(t, host.CancelRequest(t.Context(), own), engine.ErrRequestInvalid)
		}
		require.Len(t, host.PendingRequests(), 1)
		require.NoError(t, host.CancelRequest(t.Context(), "guest"))
		require.Equal(t, seatgrid.Cancelled, (<-invited).Type)
	})
}

// Who is no manager any more learns that the applications are no longer theirs to answer; the managers keep them.
func TestDemotedAdministratorIsToldThatRequestsAreGone(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		ann := srv.NewUser(t, "ann")
		ann.Join(t, "room")
		members := host.Room().Members()
		require.NoError(t, members.ChangeUserRole(t.Context(), "ann", engine.Administrator))
		seen := events(ann)
		applied := apply(t, guest, 1)
		require.Equal(t, "received ApplyToTakeSeat guest", <-seen)
		require.NoError(t, members.ChangeUserRole(t.Context(), "ann", engine.GeneralUser))
		synctest.Wait()
		require.Len(t, seen, 1)
		require.Equal(t, "cancelled ApplyToTakeSeat guest", <-seen)
		require.Empty(t, ann.PendingRequests())
		require.NoError(t, host.ResponseRemoteRequest(t.Context(), "guest", true))
		require.Equal(t, seatgrid.Accepted, (<-applied).Type)
	})
}
