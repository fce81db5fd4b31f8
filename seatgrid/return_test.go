package seatgrid_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// An owner who comes back into a room that goes on is on the air again (TUILiveKit, pull request 179).
func TestOwnerWhoComesBack_isOnTheAir(t *testing.T) {
	for name, back := range map[string]func(t *testing.T, host *voiceroomtest.User){
		"by JoinVoiceRoom":  func(t *testing.T, host *voiceroomtest.User) { host.Join(t, "room") },
		"by StartVoiceRoom": func(t *testing.T, host *voiceroomtest.User) { start(t, host) },
	} {
		for way, leave := range map[string]func(t *testing.T, srv *voiceroomtest.Server, host *voiceroomtest.User) *voiceroomtest.User{
			"by a later login": func(t *testing.T, srv *voiceroomtest.Server, host *voiceroomtest.User) *voiceroomtest.User {
				return srv.NewUser(t, "host")
			},
			"long after the connection was lost": func(t *testing.T, srv *voiceroomtest.Server, host *voiceroomtest.User) *voiceroomtest.User {
				host.SetOffline(true)
				<-host.Engine.Done()
				return srv.NewUser(t, "host")
			},
			"after leaving": func(t *testing.T, srv *voiceroomtest.Server, host *voiceroomtest.User) *voiceroomtest.User {
				require.NoError(t, host.LeaveVoiceRoom(t.Context()))
				time.Sleep(time.Minute)
				return host
			},
		} {
			t.Run(name+" "+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := voiceroomtest.Config{OwnerLeft: 2 * time.Minute}.NewServer(t)
					host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
					host.Start(t, "room")
					guest.Join(t, "room")
					guest.Hears(t, host)
					created := guest.RoomInfo().CreateTime
					host = leave(t, srv, host)
					time.Sleep(time.Second)
					require.Empty(t, guest.Seats()[0].UserID)
					back(t, host)
					require.Equal(t, created, host.RoomInfo().CreateTime, "the very room")
					require.Equal(t, engine.RoomOwner, host.Room().Self().Role)
					require.Equal(t, engine.UserID("host"), host.Seats()[0].UserID)
					require.NoError(t, host.StartMicrophone(t.Context()))
					guest.Hears(t, host)
					time.Sleep(2 * time.Minute)
					require.Nil(t, guest.Room().Err(), "the room's owner is back")
					_, err := host.StopVoiceRoom(t.Context())
					require.NoError(t, err)
				})
			})
		}
	}
}

func start(t *testing.T, host *voiceroomtest.User) {
	_, err := host.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "room", MaxSeatCount: 3})
	require.NoError(t, err)
}

// Where no unlocked seat is free a locked one is taken, which others cannot have; and where none is free at all the owner
// is in the audience.
func TestOwnerWhoComesBack_takesWhatSeatThereIs(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		again := func() *voiceroomtest.User {
			u := srv.NewUser(t, "host")
			time.Sleep(time.Second)
			u.Join(t, "room")
			return u
		}
		lock := seatgrid.SeatLockParams{LockSeat: true, LockFlag: engine.LockFlagSeat}
		for i := range len(host.Seats()) - 1 {
			require.NoError(t, host.LockSeat(t.Context(), seatgrid.SeatIndex(i+1), lock))
		}
		require.NoError(t, host.LockSeat(t.Context(), 0, lock))
		host = again()
		require.Equal(t, engine.UserID("host"), host.Seats()[0].UserID)

		host = srv.NewUser(t, "host")
		time.Sleep(time.Second)
		_, err := host.JoinVoiceRoom(t.Context(), "room", seatgrid.JoinOptions{OffSeats: true})
		require.NoError(t, err)
		require.Empty(t, host.Seats()[0].UserID)
		require.NoError(t, host.UpdateRoomSeatMode(t.Context(), seatgrid.FreeToTake))
		for i := range host.Seats() {
			require.NoError(t, host.LockSeat(t.Context(), seatgrid.SeatIndex(i), seatgrid.SeatLockParams{LockFlag: engine.LockFlagSeat}))
			u := guest
			if i > 0 {
				u = srv.NewUser(t, engine.UserID("guest"+string(rune('0'+i))))
				u.Join(t, "room")
			}
			_, err := u.TakeSeat(t.Context(), seatgrid.SeatIndex(i), 0)
			require.NoError(t, err)
		}
		host = again()
		require.Equal(t, engine.RoomOwner, host.Room().Self().Role)
		require.ErrorIs(t, host.StartMicrophone(t.Context()), engine.ErrNotOnSeat)
	})
}

// An owner who has come in is in the room, whatever becomes of the seat: an error would leave a room open that nobody has.
func TestOwnerWhoComesBack_andCannotBeSeated_isInTheAudience(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, _, _ *voiceroomtest.User) {
		host := srv.NewUser(t, "host")
		time.Sleep(time.Minute)
		for range 2*signaling.CallsPerSecond - 1 { // as many calls as there may be, but for the one that enters
			_, err := host.Engine.FetchRoomInfo(t.Context(), "room")
			require.NoError(t, err)
		}
		_, err := host.JoinVoiceRoom(t.Context(), "room")
		require.NoError(t, err)
		require.Empty(t, host.Seats()[0].UserID)
		time.Sleep(time.Second)
		_, err = host.TakeSeat(t.Context(), 0, 0)
		require.NoError(t, err)
	})
}
