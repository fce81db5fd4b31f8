package sfu_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/netquality"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
)

// A listener learns which packets the server never had, and which were lost on its own line.
func TestWhereIsItLost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna"))
		bert := w.join(room, "bert", 3)
		_, _, known := bert.rtc.Received(0)
		require.False(t, known)
		n := 0
		hear := func(d time.Duration, lost int32) {
			w.down.Store(lost)
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(frame) {
				if n++; n%5 != 0 {
					room.FromRelay(sfu.RelayPacket(nil, "anna", uint16(n), []byte{1, 2, 3}))
				}
			}
			w.down.Store(0)
			synctest.Wait()
		}
		hear(time.Minute, 0)
		_, where, known := bert.rtc.Received(0)
		require.True(t, known)
		require.Greater(t, where.Expected, uint32(2900))
		require.InDelta(t, 0.2, float64(where.Never)/float64(where.Expected), 0.01)
		require.Zero(t, where.Lost)
		hear(time.Minute, 15)
		_, after, _ := bert.rtc.Received(0)
		require.InDelta(t, 600, after.Never-where.Never, 10)
		require.InDelta(t, 2400*0.15, after.Lost-where.Lost, 60)

		f, ok := room.Network("bert")
		require.True(t, ok)
		require.InDelta(t, 0.15, f.DownLoss, 0.05)
		require.GreaterOrEqual(t, f.RoundTrip, time.Duration(0), "known, and there is no way to go")
		require.Equal(t, netquality.Unknown, int(f.UpLoss), "bert has said nothing")
		_, ok = room.Network("anna")
		require.False(t, ok, "she is on another node")
		time.Sleep(20 * time.Second)
		f, _ = room.Network("bert")
		require.Equal(t, netquality.Nothing(), f, "that was long ago")
		bert.close(t)
	})
}

// The server knows a speaker's line while the speaker speaks, says when there is news, and says so when the path dies.
func TestNetworkOfSpeaker(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var news atomic.Int32
		room := w.sfu.NewRoom(sfu.RoomConfig{OnReport: func() { news.Add(1) }})
		room.SetSpeakers(users("anna"))
		anna := w.join(room, "anna", 1)
		time.Sleep(time.Minute)
		require.Zero(t, news.Load(), "nobody speaks")
		f, ok := room.Network("anna")
		require.True(t, ok)
		require.Equal(t, netquality.Nothing(), f)
		v := &voice{talker: 'a'}
		talk(t, 30*time.Second, map[*client]*voice{anna: v})
		require.InDelta(t, 6, news.Load(), 1, "without losses every 5 s")
		f, _ = room.Network("anna")
		require.Zero(t, f.UpLoss)
		w.lossy.Store(12)
		talk(t, 30*time.Second, map[*client]*voice{anna: v})
		f, _ = room.Network("anna")
		require.InDelta(t, 0.12, f.UpLoss, 0.06)
		require.LessOrEqual(t, news.Load(), int32(6+61))
		sent := anna.rtc.Sent()
		require.InDelta(t, 3000, sent.Expected, 60)
		require.InDelta(t, 180, sent.Lost, 60)
		w.lossy.Store(100)
		time.Sleep(20 * time.Second)
		f, _ = room.Network("anna")
		require.True(t, f.Down)
		w.lossy.Store(0)
		anna.close(t)
	})
}
