package voiceroomtest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGuestTakesASeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		host.AnswerRequests(true)
		guest.Join(t, "room")
		guest.Hears(t, host)
		res, err := guest.TakeSeat(t.Context(), 1, time.Minute)
		require.NoError(t, err)
		require.Equal(t, seatgrid.Accepted, res.Type)
		require.NoError(t, guest.StartMicrophone(t.Context()))
		host.Hears(t, guest)
		guest.Hears(t, host)
		require.NoError(t, guest.MuteMicrophone(t.Context()))
		host.HearsNothing(t)
		require.NoError(t, guest.UnmuteMicrophone(t.Context()))
		host.Hears(t, guest)
		require.NoError(t, guest.LeaveSeat(t.Context()))
		host.HearsNothing(t)
		_, err = host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
	})
}
