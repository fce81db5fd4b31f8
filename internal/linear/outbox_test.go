package linear

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// everything is an app that wants to be told of each entry.
type everything struct{}

func (everything) Wanted(signaling.AppID) bool { return true }

func (everything) Record(_ store.Key, _ uint64, e home.Entry) []byte {
	return fmt.Appendf(nil, "%d", e.Version)
}

func (w *world) told(store.Key) {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// accounted checks that a room's outbox tells of each entry of its log once and in order, when the last has been told.
func (w *world) accounted(key store.Key) {
	t, ctx := w.t, w.t.Context()
	limit := time.After(time.Minute)
	for {
		log, err := w.server.Since(ctx, key, time.Time{})
		require.NoError(t, err)
		told, err := w.server.Outbox().Since(ctx, key, time.Time{})
		require.NoError(t, err)
		var want, got []home.Told
		for _, raw := range log {
			var e home.Entry
			require.NoError(t, json.Unmarshal(raw.Data, &e))
			want = append(want, home.Told{Rev: raw.Rev, Data: everything{}.Record(key, raw.Rev, e)})
		}
		for _, raw := range told {
			var e home.Told
			require.NoError(t, json.Unmarshal(raw.Data, &e))
			got = append(got, e)
		}
		require.NotEmpty(t, want)
		if len(got) > 0 && got[len(got)-1].Rev >= want[len(want)-1].Rev {
			require.GreaterOrEqual(t, len(got), len(want), key.Room)
			for i, e := range want {
				require.Equal(t, e, got[i], "%s: entry %d", key.Room, i)
			}
			t.Logf("%s: %d entries told", key.Room, len(got))
			return
		}
		select {
		case <-w.news:
		case <-limit:
			assert.Fail(t, "not everything was told", "%s: %d of %d entries", key.Room, len(got), len(want))
			return
		}
	}
}
