// Package stagetest runs the examples in tests. Time is virtual there, and the server is the real one.
package stagetest

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Run runs a flow against a server inside the test, and compares what it says.
func Run(t *testing.T, mode seatgrid.SeatMode, flow stage.Flow, want ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		a, b := srv.NewUser(t, "userIdA"), srv.NewUser(t, "userIdB")
		var out bytes.Buffer
		require.NoError(t, stage.Run(t.Context(), a.Grid, b.Grid, mode, &out, flow))
		require.Equal(t, want, strings.Split(strings.TrimSpace(out.String()), "\n"))
	})
}
