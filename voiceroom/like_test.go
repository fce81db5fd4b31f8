package voiceroom_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Watchers are told of likes as they are counted, not of each.
func TestWatchLikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		var mu sync.Mutex
		var told []string
		remove, err := voiceroom.Watch(host.Grid, func(e voiceroom.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Type == voiceroom.EventLikes {
				told = append(told, e.String())
			}
		})
		require.NoError(t, err)
		defer remove()
		for range 2 {
			require.NoError(t, guest.Room().SendLike(25))
			time.Sleep(3 * time.Second)
		}
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, []string{"likes guest 25", "likes guest 50"}, told)
	})
}
