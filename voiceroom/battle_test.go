package voiceroom_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Watchers are told of battles, and the owner of who asks for one.
func TestWatchBattles(t *testing.T) {
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
			if e.Battle != "" {
				told = append(told, e.String())
			}
		})
		require.NoError(t, err)
		defer remove()
		heard := func() string {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			s := strings.Join(told, "; ")
			told = nil
			return s
		}
		_, err = amy.Room().Connections().RequestConnection(t.Context(), []engine.RoomID{"B"}, 10*time.Second, "")
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, bob.Room().Connections().AcceptConnection(t.Context(), "A"))
		ask := func() string {
			config := engine.BattleConfig{Duration: 10 * time.Second, Punishment: 5 * time.Second, NeedResponse: true}
			id, _, err := amy.Room().Battles().RequestBattle(t.Context(), []engine.RoomID{"B"}, config, 10*time.Second)
			require.NoError(t, err)
			require.Equal(t, "battleAsks amy A", heard())
			return id
		}
		id := ask()
		require.NoError(t, amy.Room().Battles().CancelBattleRequest(t.Context(), id))
		require.Equal(t, "battleOff amy cancelled, of A", heard())
		ask()
		time.Sleep(10 * time.Second)
		require.Equal(t, "battleOff bob no answer of B", heard())
		id = ask()
		require.NoError(t, bob.Room().Battles().AcceptBattle(t.Context(), id))
		require.Equal(t, "battleStarts A B", heard())
		time.Sleep(10 * time.Second)
		require.Equal(t, "battleEnds A 0, B 0", heard())
		time.Sleep(5 * time.Second)
		require.Equal(t, "punished", heard())
	})
}
