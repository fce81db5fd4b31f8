package stagetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Reader logs somebody in who has no media, as those of a chat need none: an hour passes faster.
func Reader(t *testing.T, srv *voiceroomtest.Server, id engine.UserID) *seatgrid.Grid {
	t.Helper()
	cfg := srv.EngineConfig(t, 0, id)
	cfg.Codec = nil
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, eng.Logout(ctx))
	})
	return seatgrid.New(eng)
}

// Lines is a room's chat as people read it.
func Lines(room *engine.Room) (lines []string) {
	for _, b := range room.Chat().Barrages() {
		lines = append(lines, string(b.Sender.UserID)+": "+b.Text)
	}
	return lines
}
