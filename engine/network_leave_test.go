package engine_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// What is measured last of a connection that is only just being made does not disturb its making: with -race this says so.
func TestLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		for range 10 {
			guest.Join(t, "room")
			require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		}
	})
}
