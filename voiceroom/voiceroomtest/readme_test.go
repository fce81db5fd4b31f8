package voiceroomtest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestReadme(t *testing.T) {
	srv := voiceroomtest.NewServer(t)
	host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
	host.Start(t, "room")
	host.AnswerRequests(true)
	guest.Join(t, "room")
	_, err := guest.TakeSeat(t.Context(), 1, time.Minute)
	require.NoError(t, err)
	require.NoError(t, guest.StartMicrophone(t.Context()))
	host.Hears(t, guest)
}
