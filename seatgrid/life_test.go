package seatgrid_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// A callback of the former room may come when the grid is in the next one, which may have the same id.
func TestLateCallbackDoesNotEndTheNextRoom(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		held, leave := make(chan struct{}, 1), make(chan struct{})
		remove := host.AddObserver(&seatgrid.Observer{OnUserAudioStateChanged: func(seatgrid.UserInfo, bool, seatgrid.ChangeReason) {
			held <- struct{}{}
			<-leave
		}})
		require.NoError(t, host.MuteMicrophone(t.Context()))
		<-held
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		_, err = host.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "room"})
		require.NoError(t, err)
		close(leave)
		remove()
		synctest.Wait()
		require.Equal(t, seatgrid.RoomID("room"), host.RoomInfo().RoomID)
		_, err = host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
	})
}

// "The grid is in no room" is true inside the callback that says so.
func TestCallbackOfTheEndMayEnterAgain(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		started := make(chan error, 1)
		guest.AddObserver(&seatgrid.Observer{OnRoomDismissed: func(id seatgrid.RoomID) {
			_, err := guest.StartVoiceRoom(context.Background(), seatgrid.RoomInfo{RoomID: id})
			started <- err
		}})
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		require.NoError(t, <-started)
		host.Join(t, "room")
		require.Equal(t, seatgrid.UserID("guest"), host.RoomInfo().OwnerID)
	})
}

// TakeSeat with a context that has ended undoes itself, but not the seat that its caller had before.
func TestGivenUpTakeSeatKeepsTheOldSeat(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20 { // whether the command is sent is left to chance
			_, err := host.TakeSeat(ctx, 5, 0)
			require.Error(t, err)
			require.Equal(t, seatgrid.UserID("host"), host.Seats()[0].UserID)
		}
		guest.Hears(t, host)
	})
}

type brokenSpeaker struct{ *audio.Recorder }

func (brokenSpeaker) Start(context.Context) error { return errors.New("no sound card") }

// StartVoiceRoom is all or nothing: a room that could not be entered does not stay.
func TestStartThatFailsLeavesNoRoom(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		cfg := srv.EngineConfig(t, 0, "deaf")
		cfg.Speaker = brokenSpeaker{audio.NewRecorder(1)}
		eng, err := engine.Login(t.Context(), cfg)
		require.NoError(t, err)
		t.Cleanup(func() { _ = eng.Logout(context.Background()) })
		_, err = seatgrid.New(eng).StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "another"})
		require.ErrorContains(t, err, "no sound card")
		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		_, err = guest.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "another"})
		require.NoError(t, err, "the id is free")
	})
}

// A grid whose login has ended says that, and not that it is in a room.
func TestGridOfAnEndedLogin(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		srv.NewUser(t, "guest") // a later login
		<-guest.Engine.Done()
		_, err := guest.JoinVoiceRoom(t.Context(), "room")
		require.ErrorIs(t, err, engine.ErrKickedOffLine)
		require.NoError(t, host.Engine.Logout(t.Context()))
		_, err = host.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "next"})
		require.ErrorIs(t, err, engine.ErrDisconnected)
	})
}

// Who gives up while there is no connection does not come back to an application, or to a seat, that is not wanted.
func TestTakeSeatGivenUpWithoutAConnection(t *testing.T) {
	for name, accepted := range map[string]bool{"pending": false, "accepted meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.NewServer(t)
				host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
				host.Start(t, "room")
				guest.Join(t, "room")
				asked, over := make(chan struct{}, 1), make(chan struct{}, 1)
				host.AddObserver(&seatgrid.Observer{
					OnSeatRequestReceived:  func(seatgrid.RequestType, seatgrid.UserInfo) { asked <- struct{}{} },
					OnSeatRequestCancelled: func(seatgrid.RequestType, seatgrid.UserInfo) { over <- struct{}{} },
				})
				ctx, giveUp := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() {
					_, err := guest.TakeSeat(ctx, 1, 0)
					done <- err
				}()
				<-asked
				guest.SetOffline(true)
				giveUp()
				require.ErrorIs(t, <-done, context.Canceled)
				if accepted {
					require.NoError(t, host.ResponseRemoteRequest(t.Context(), "guest", true))
				}
				time.Sleep(10 * time.Second) // virtual; less than the grace period
				guest.SetOffline(false)
				if !accepted {
					<-over
				}
				time.Sleep(10 * time.Second)
				require.Empty(t, host.PendingRequests())
				require.Empty(t, host.Seats()[1].UserID)
			})
		})
	}
}
