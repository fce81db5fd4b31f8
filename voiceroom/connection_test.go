package voiceroom_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Watchers are told which rooms the room is connected with, and the owner of who asks.
func TestWatchConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		amy, bob := srv.NewUserOn(t, 0, "amy"), srv.NewUserOn(t, 1, "bob")
		amy.Start(t, "A")
		bob.Start(t, "B")
		var mu sync.Mutex
		var told []string
		remove, err := voiceroom.Watch(bob.Grid, func(e voiceroom.Event) {
			mu.Lock()
			defer mu.Unlock()
			if slices.Contains([]voiceroom.EventType{voiceroom.EventRoomAsks, voiceroom.EventRoomJoins, voiceroom.EventRoomParts}, e.Type) {
				told = append(told, e.String())
			}
		})
		require.NoError(t, err)
		defer remove()
		ask := amy.Room().Connections()
		codes, err := ask.RequestConnection(t.Context(), []engine.RoomID{"B"}, 10*time.Second, "")
		require.NoError(t, err)
		require.Equal(t, engine.ConnectionSuccess, codes["B"])
		synctest.Wait() // until B's owner has been told
		require.NoError(t, bob.Room().Connections().AcceptConnection(t.Context(), "A"))
		require.NoError(t, ask.Disconnect(t.Context()))
		time.Sleep(time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, []string{"roomAsks amy A", "roomJoins amy A", "roomParts amy A"}, told)
	})
}
