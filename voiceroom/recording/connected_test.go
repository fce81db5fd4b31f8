package recording

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
)

// What a user of the own seats says in a connected room is not said on the seat.
func TestConnectedRoomsAreNotRecorded(t *testing.T) {
	r := &Recorder{begun: time.Now(), seats: map[engine.UserID]int{"max": 3}, tracks: map[int]*track{}}
	voice := []byte{0x78, 1, 1}
	r.packet(engine.Packet{RoomID: "other", User: "max", Stream: 1, Payload: voice})
	r.packet(engine.Packet{RoomID: "other", User: "bert", Stream: 2, Payload: voice})
	require.Empty(t, r.tracks)
	r.packet(engine.Packet{User: "max", Stream: 1, Payload: voice})
	require.Len(t, r.tracks, 1)
}
