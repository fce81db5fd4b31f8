package engine_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// A lock's release unmutes nobody. Whoever opens the microphone again, although it never closed, is heard.
func TestMicrophoneIsOpenedAgainAfterALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		_, err := host.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "room", SeatMode: seatgrid.FreeToTake})
		require.NoError(t, err)
		guest.Join(t, "room")
		_, err = guest.TakeSeat(t.Context(), 2, 0)
		require.NoError(t, err)
		require.NoError(t, guest.StartMicrophone(t.Context()))
		host.Hears(t, guest)
		lock := seatgrid.SeatLockParams{LockAudio: true, LockFlag: engine.LockFlagAudio}
		require.NoError(t, host.LockSeat(t.Context(), 2, lock))
		host.HearsNot(t, guest)
		lock.LockAudio = false
		require.NoError(t, host.LockSeat(t.Context(), 2, lock))
		synctest.Wait() // the guest knows
		require.NoError(t, guest.StartMicrophone(t.Context()))
		host.Hears(t, guest)
	})
}
