package engine

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Who is heard from a connected room is not taken for the user of that name on a seat here, and is told with its room.
func TestSpeakersOfConnectedRooms(t *testing.T) {
	m := pathMedia(t)
	l := m.line.Load()
	m.room.view.Self.UserID = "me"
	m.room.view.Seats = []SeatInfo{{UserID: "me"}, {Index: 1, UserID: "anna"}, {Index: 2, UserID: "max"}}
	mids := make([]string, slots)
	for mid, i := range l.peer.MIDs() {
		mids[i] = mid
	}
	hear := func(slot int) {
		l.ears[slot].meter.add(30) // half of the scale
		l.packet(slot, &rtp.Header{SSRC: uint32(slot)}, []byte{1, 2, 3}, time.Unix(1, 0))
	}
	var tapped []who
	defer m.taps.add(func(p Packet) { tapped = append(tapped, who{p.RoomID, p.User}) })()

	l.setSlots([]signaling.Slot{
		{MID: mids[0], UserID: "anna"}, {MID: mids[1], RoomID: "other", UserID: "max"}, {MID: mids[2], RoomID: "third", UserID: "bert"}, {MID: mids[3]},
	}, true)
	for slot := range 3 {
		hear(slot)
	}
	require.Equal(t, []who{{"", "anna"}, {"other", "max"}, {"third", "bert"}}, tapped)
	volumes, loud := m.volumes()
	require.Equal(t, map[UserID]int{"me": 0, "anna": 50, "max": 0}, volumes, "max sits here with a closed microphone")
	require.True(t, loud)
	connected, loud := m.connectedVolumes()
	require.Equal(t, map[RoomID]map[UserID]int{"other": {"max": 50}, "third": {"bert": 50}}, connected)
	require.True(t, loud)
	connected, loud = m.connectedVolumes()
	require.Equal(t, map[RoomID]map[UserID]int{"other": {"max": 0}, "third": {"bert": 0}}, connected)
	require.False(t, loud)

	// max speaks here now: another stream, of the same person.
	received := l.ears[1].buffer.Stats()
	require.EqualValues(t, 1, received.Received)
	l.setSlots([]signaling.Slot{{MID: mids[1], UserID: "max"}}, true)
	require.Equal(t, who{user: "max"}, l.ears[1].owner)
	hear(1)
	volumes, _ = m.volumes()
	require.Equal(t, map[UserID]int{"me": 0, "anna": 0, "max": 50}, volumes)
	connected, _ = m.connectedVolumes()
	require.Empty(t, connected)

	// Volume and mute are of the person, from whichever room.
	m.room.media = m
	require.NoError(t, m.room.SetUserVolume("max", 20))
	require.Equal(t, 20, m.gains.of("max"))
	m.room.MuteRemoteAudioStream("max", true)
	require.Zero(t, m.gains.of("max"))
	_, heard := m.room.AudioStats("max")
	require.True(t, heard)
	_, heard = m.room.AudioStats("bert")
	require.False(t, heard)
}
