package engine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func chatLine(sequence uint64, id string) Barrage {
	return Barrage{Sequence: sequence, MessageID: id, Sender: UserInfo{UserID: "u"}, Text: id, Extension: map[string]string{"k": id}}
}

// Lines have their place by their numbers, whenever they come; each is there and told once; the oldest go.
func TestBarragesHaveTheirPlaces(t *testing.T) {
	var told []string
	r := offline(t, &RoomObserver{OnReceiveBarrage: func(room RoomID, b Barrage) {
		require.Equal(t, RoomID("room"), room)
		told = append(told, b.Text)
	}})
	r.joined = false
	r.barrageReceived(chatLine(30, "c"))
	require.Empty(t, r.Chat().Barrages(), "Enter has not succeeded yet")
	r.mu.Lock()
	r.joined = true
	r.drainBarrages()
	r.mu.Unlock()
	require.NoError(t, r.Chat().LocalBarrage(chatLine(99, "local")))
	for _, b := range []Barrage{chatLine(10, "a"), chatLine(40, "d"), chatLine(20, "b"), chatLine(50, "b"), chatLine(40, "d")} {
		r.barrageReceived(b)
	}
	texts := func() (list []string) {
		for _, b := range r.Chat().Barrages() {
			list = append(list, b.Text)
		}
		return list
	}
	require.Equal(t, []string{"a", "b", "c", "local", "d"}, texts())
	other := chatLine(45, "d") // of somebody else
	other.Sender.UserID = "v"
	r.barrageReceived(other)
	require.Len(t, texts(), 6)

	r.Chat().Barrages()[0].Extension["k"] = "changed"
	require.Equal(t, "a", r.Chat().Barrages()[0].Extension["k"], "a copy")

	for i := range maxBarrages {
		r.barrageReceived(chatLine(uint64(100+i), fmt.Sprint(i)))
	}
	require.Len(t, texts(), maxBarrages)
	require.Equal(t, "0", texts()[0])
	r.barrageReceived(chatLine(10, "a"))
	require.Equal(t, "0", texts()[0], "older than all that is kept")

	r.finish(nil)
	require.Empty(t, texts())
	r.barrageReceived(chatLine(1000, "late"))
	require.Empty(t, texts())
	require.ErrorIs(t, r.Chat().LocalBarrage(chatLine(0, "x")), ErrNotInRoom)
	r.events.Close()
	require.Equal(t, []string{"c", "local", "a", "d", "b", "d"}, told[:6])
	require.Len(t, told, 6+maxBarrages)
}
