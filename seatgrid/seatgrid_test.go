package seatgrid_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inRoom runs f on virtual time with a host on seat 0 and a guest in the audience.
func inRoom(t *testing.T, f func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		synctest.Wait() // callbacks of the beginning are over
		f(t, srv, host, guest)
	})
}

// events collects what an observer is told, as text.
func events(u *voiceroomtest.User) <-chan string {
	c := make(chan string, 64)
	u.AddObserver(&seatgrid.Observer{
		OnRoomDismissed: func(id seatgrid.RoomID) { c <- "dismissed " + string(id) },
		OnKickedOutOfRoom: func(_ seatgrid.RoomID, r seatgrid.KickedOutReason, _ string) {
			c <- "kicked out " + r.String()
		},
		OnSeatRequestReceived: func(t seatgrid.RequestType, u seatgrid.UserInfo) {
			c <- "received " + t.String() + " " + string(u.UserID)
		},
		OnSeatRequestCancelled: func(t seatgrid.RequestType, u seatgrid.UserInfo) {
			c <- "cancelled " + t.String() + " " + string(u.UserID)
		},
		OnUserAudioStateChanged: func(u seatgrid.UserInfo, on bool, by seatgrid.ChangeReason) {
			if on {
				c <- "audio on " + string(u.UserID) + " " + by.String()
			} else {
				c <- "audio off " + string(u.UserID) + " " + by.String()
			}
		},
	})
	return c
}

func TestStartVoiceRoomSeatsItsOwner(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		for _, u := range []*voiceroomtest.User{host, guest} {
			info, seats := u.RoomInfo(), u.Seats()
			require.Equal(t, seatgrid.UserID("host"), info.OwnerID)
			require.Equal(t, seatgrid.ApplyToTake, info.SeatMode)
			require.Len(t, seats, 10)
			require.Equal(t, seatgrid.UserID("host"), seats[0].UserID)
			require.Equal(t, engine.MicOn, seats[0].Mic)
		}
	})
}

func TestApplicationIsRejected(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		host.AnswerRequests(false)
		res, err := guest.TakeSeat(t.Context(), 3, time.Minute)
		require.NoError(t, err, "a rejection is an answer, not an error")
		require.Equal(t, seatgrid.Rejected, res.Type)
		require.Equal(t, seatgrid.UserID("host"), res.User.UserID, "who decided")
		require.Empty(t, guest.PendingRequests())
		synctest.Wait() // the host's own answer may still be on its way back
		require.Empty(t, host.PendingRequests())
	})
}

func TestApplicationTimesOut(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		seen := events(host)
		start := time.Now()
		res, err := guest.TakeSeat(t.Context(), seatgrid.AnySeat, 45*time.Second)
		require.NoError(t, err)
		require.Equal(t, seatgrid.Timeout, res.Type)
		require.Equal(t, seatgrid.UserID("guest"), res.User.UserID, "who had asked")
		require.InDelta(t, 45, time.Since(start).Seconds(), 0.1)
		require.Equal(t, "received ApplyToTakeSeat guest", <-seen)
		require.Equal(t, "cancelled ApplyToTakeSeat guest", <-seen, "the receiver learns that it need not answer")
		require.ErrorIs(t, host.ResponseRemoteRequest(t.Context(), "guest", true), engine.ErrRequestInvalid)
	})
}

func TestApplicationWithoutTimeoutWaits(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		seen := events(host)
		_, err := guest.TakeSeat(ctx, 1, 0)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, "received ApplyToTakeSeat guest", <-seen)
		require.Equal(t, "cancelled ApplyToTakeSeat guest", <-seen, "a context that ends withdraws the application")
		require.Empty(t, host.PendingRequests())
	})
}

func TestApplicationIsCancelledByItsSender(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		seen := events(host)
		result := apply(t, guest, 1)
		require.Equal(t, "received ApplyToTakeSeat guest", <-seen)
		require.NoError(t, guest.CancelRequest(t.Context(), ""))
		res := <-result
		require.NoError(t, res.err)
		require.Equal(t, seatgrid.Cancelled, res.Type)
		require.Equal(t, "cancelled ApplyToTakeSeat guest", <-seen)
		require.ErrorIs(t, guest.CancelRequest(t.Context(), ""), engine.ErrRequestInvalid)
	})
}

func TestSecondApplicationIsRefusedAndTheFirstStays(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		seen := events(host)
		result := apply(t, guest, 1)
		require.Equal(t, "received ApplyToTakeSeat guest", <-seen)
		_, err := guest.TakeSeat(t.Context(), 2, time.Minute)
		require.ErrorIs(t, err, engine.ErrRequestRepeated)
		require.Equal(t, engine.Code(-2312), signaling.CodeOf(err))
		require.NoError(t, host.ResponseRemoteRequest(t.Context(), "guest", true))
		res := <-result
		require.NoError(t, res.err)
		require.Equal(t, seatgrid.Accepted, res.Type)
		require.Equal(t, seatgrid.UserID("guest"), guest.Seats()[1].UserID, "reads show a verb's effect")
	})
}

type result struct {
	seatgrid.RequestResult
	err error
}

// apply applies for a seat while the test goes on.
func apply(t *testing.T, u *voiceroomtest.User, index seatgrid.SeatIndex) <-chan result {
	c := make(chan result, 1)
	go func() {
		res, err := u.TakeSeat(t.Context(), index, time.Minute)
		c <- result{res, err}
	}()
	return c
}

func TestFreeToTakeSeatsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		_, err := host.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "room", SeatMode: seatgrid.FreeToTake, MaxSeatCount: 2})
		require.NoError(t, err)
		guest.Join(t, "room")
		_, err = guest.TakeSeat(t.Context(), 0, time.Minute)
		require.ErrorIs(t, err, engine.ErrSeatOccupied)
		_, err = guest.TakeSeat(t.Context(), 2, time.Minute)
		require.ErrorIs(t, err, engine.ErrSeatNotExist)
		res, err := guest.TakeSeat(t.Context(), seatgrid.AnySeat, time.Minute)
		require.NoError(t, err)
		require.Equal(t, seatgrid.RequestResult{Type: seatgrid.Accepted, User: guest.Room().Self()}, res)
		_, err = guest.TakeSeat(t.Context(), 1, time.Minute)
		require.ErrorIs(t, err, engine.ErrAlreadyOnSeat)
		require.NoError(t, guest.LeaveSeat(t.Context()))
		require.ErrorIs(t, guest.LeaveSeat(t.Context()), engine.ErrNotOnSeat)
	})
}

func TestAudienceIsNotHeard(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		require.ErrorIs(t, guest.StartMicrophone(t.Context()), engine.ErrNotOnSeat)
		host.HearsNothing(t)
	})
}

func TestMicrophoneStatesAreSeenByEverybody(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		seen := events(guest)
		ctx := t.Context()
		require.NoError(t, host.MuteMicrophone(ctx))
		require.Equal(t, "audio off host BySelf", <-seen)
		guest.HearsNothing(t)
		require.NoError(t, host.MuteMicrophone(ctx), "muting twice is no error and no news")
		require.NoError(t, host.StopMicrophone(ctx))
		require.NoError(t, host.StartMicrophone(ctx), "a muted microphone stays muted when it is opened again")
		guest.HearsNothing(t)
		require.NoError(t, host.UnmuteMicrophone(ctx))
		require.Equal(t, "audio on host BySelf", <-seen)
		guest.Hears(t, host)
		require.NoError(t, host.StopMicrophone(ctx))
		require.Equal(t, "audio off host BySelf", <-seen)
		require.NoError(t, host.StartMicrophone(ctx))
		require.Equal(t, "audio on host BySelf", <-seen)
		guest.Hears(t, host)
	})
}

func TestLeavingTheSeatClosesTheMicrophone(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		seen := events(guest)
		require.NoError(t, host.LeaveSeat(t.Context()))
		require.Equal(t, "audio off host BySelf", <-seen)
		guest.HearsNothing(t)
		_, err := host.TakeSeat(t.Context(), 5, 0)
		require.NoError(t, err, "owners sit down without asking")
		require.NoError(t, host.StartMicrophone(t.Context()), "the device was freed")
		guest.Hears(t, host)
	})
}

func TestOwnerCannotLeaveAndOthersCannotStop(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		require.ErrorIs(t, host.LeaveVoiceRoom(t.Context()), engine.ErrOwnerCannotLeave)
		_, err := guest.StopVoiceRoom(t.Context())
		require.ErrorIs(t, err, engine.ErrNeedOwner)
		guest.Hears(t, host)
	})
}

func TestStopVoiceRoomDismissesEverybody(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		seen := events(guest)
		asking := apply(t, guest, 1)
		synctest.Wait()
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		require.Equal(t, "dismissed room", <-seen)
		res := <-asking
		require.NoError(t, res.err, "the application ends with the room")
		require.Equal(t, seatgrid.Cancelled, res.Type)
		require.ErrorIs(t, guest.LeaveSeat(t.Context()), engine.ErrNotInRoom)
		require.Nil(t, guest.Seats())
		_, err = guest.JoinVoiceRoom(t.Context(), "room")
		require.ErrorIs(t, err, engine.ErrRoomNotExist)
		host.Start(t, "room") // the id is free again, and the grids too
		guest.Join(t, "room")
		guest.Hears(t, host)
	})
}

func TestAGridHoldsOneRoom(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		_, err := guest.JoinVoiceRoom(t.Context(), "room")
		require.ErrorIs(t, err, engine.ErrInOtherRoom)
		second := seatgrid.New(guest.Engine)
		_, err = second.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "guest's own"})
		require.NoError(t, err, "several grids share a login")
		_, err = second.StopVoiceRoom(t.Context())
		require.NoError(t, err)
	})
}

func TestRoomOfAnother(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		other := srv.NewUser(t, "other")
		_, err := other.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "room"})
		require.ErrorIs(t, err, engine.ErrRoomIDOccupied)
		_, err = other.JoinVoiceRoom(t.Context(), "nowhere")
		require.ErrorIs(t, err, engine.ErrRoomNotExist)
		_, err = other.JoinVoiceRoom(t.Context(), "room")
		require.NoError(t, err, "a failed verb leaves the grid usable")
	})
}

func TestLeavingFreesTheSeatAndEndsTheApplication(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		seen := events(host)
		asking := apply(t, guest, 1)
		require.Equal(t, "received ApplyToTakeSeat guest", <-seen)
		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		require.Equal(t, "cancelled ApplyToTakeSeat guest", <-seen)
		require.NoError(t, (<-asking).err)
	})
}

func TestRemovedObserverIsNotCalled(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		calls := 0
		o := &seatgrid.Observer{OnUserAudioStateChanged: func(seatgrid.UserInfo, bool, seatgrid.ChangeReason) { calls++ }}
		guest.AddObserver(o)
		seen := events(guest)
		require.NoError(t, host.MuteMicrophone(t.Context()))
		<-seen
		guest.RemoveObserver(o)
		require.NoError(t, host.UnmuteMicrophone(t.Context()))
		<-seen
		require.Equal(t, 1, calls)
	})
}
