package recording

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
)

// A disk that stands still for five seconds costs what cannot wait: as much is silence, counted, and told where it was; the
// time line stays right.
func TestSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		events, err := os.Create(filepath.Join(dir, "events.jsonl"))
		require.NoError(t, err)
		r := &Recorder{
			dir: dir, begun: time.Now(), events: events,
			files: map[int]*oggFile{}, seats: map[engine.UserID]int{"host": 0}, tracks: map[int]*track{},
		}
		sent := uint32(0)
		talk := func(seconds int, disk bool) {
			for range seconds * 50 {
				r.packet(engine.Packet{User: "host", Stream: 1, Timestamp: sent * audio.FrameSamples, Payload: []byte("\x78 said ")})
				sent++
				time.Sleep(audio.FrameDuration)
				if disk && sent%10 == 0 {
					r.write(r.now() - writeLate)
				}
			}
		}
		talk(4, true)
		require.NoError(t, r.Err())
		require.Zero(t, r.lost)
		talk(5, false)
		r.write(r.now() - writeLate)
		lost := r.lost
		require.InDelta(t, 5*50-(held-writeLate), lost, 12, "what waits is at most a second and a half more than always")
		talk(4, true)
		r.write(r.now())
		require.Equal(t, lost, r.lost, "it keeps up again")
		require.ErrorContains(t, r.Err(), "the disk was too slow")
		r.finish()

		written, err := os.ReadFile(events.Name())
		require.NoError(t, err)
		var e struct {
			At float64 `json:"at"`
			voiceroom.Event
		}
		require.NoError(t, json.Unmarshal(bytes.TrimSpace(written), &e), "one line: %s", written)
		require.Equal(t, EventLost, e.Type)
		require.InDelta(t, 9, e.At, 0.3)
		ogg, err := os.ReadFile(filepath.Join(dir, "seat-00.opus"))
		require.NoError(t, err)
		require.Equal(t, int(sent)-lost, bytes.Count(ogg, []byte("\x78 said ")), "all others are there")
		require.Equal(t, int64(13*50), r.written)
	})
}
