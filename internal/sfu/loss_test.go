package sfu_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
)

// What is lost where is known at both ends, each line's losses apart from the other's.
func TestLossIsKnown(t *testing.T) {
	for _, tt := range []struct {
		name                string
		lossy, down         int32   // per cent, on both ways and on the way to clients
		wantDown, wantAnna  float64 // share
		fewest, mostReports int     // to the speaker, in a minute
	}{
		{"none", 0, 0, 0, 0, 10, 14},
		{"down only: the server's copies are enough", 0, 10, 0.10, 0, 10, 14},
		{"up and down: what copies leave", 10, 0, 0.10, 0.01, 80, 121},
		{"up less than down", 5, 15, 0.19, 0.0025, 60, 121},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				room := w.sfu.NewRoom(sfu.RoomConfig{})
				room.SetSpeakers(users("anna"))
				anna, bert := w.join(room, "anna", 1), w.join(room, "bert", 3)
				w.lossy.Store(tt.lossy)
				w.down.Store(tt.down)
				talk(t, time.Minute, map[*client]*voice{anna: {talker: 'a'}})
				w.lossy.Store(0)
				w.down.Store(0)
				synctest.Wait()
				share, _ := bert.server.DownLoss()
				assert.InDelta(t, tt.wantDown, share, 0.05, "what bert loses, without what never came from anna")
				times, prepare := anna.prepares()
				assert.InDelta(t, tt.wantAnna, prepare, 0.015, "what anna prepares for")
				assert.GreaterOrEqual(t, times, tt.fewest)
				assert.LessOrEqual(t, times, tt.mostReports)
				// A good line is seen as one again.
				talk(t, 20*time.Second, map[*client]*voice{anna: {talker: 'a', n: 3000}})
				synctest.Wait()
				share, _ = bert.server.DownLoss()
				assert.Less(t, share, 0.02)
				_, prepare = anna.prepares()
				assert.Less(t, prepare, 0.02)
				anna.close(t)
				bert.close(t)
			})
		})
	}
}

// A speaker's encoder prepares for those who lose most, and not for one liar among many: what it spends on redundancy
// everybody else hears.
func TestSpeakerPreparesFor(t *testing.T) {
	lose := func(shares ...float64) []float64 { return shares }
	rest := func(n int, share float64) []float64 { return slices.Repeat(lose(share), n) }
	for name, tt := range map[string]struct {
		losses []float64
		others int
		want   float64
	}{
		"nobody":                        {nil, 0, 0},
		"one":                           {lose(0.3), 0, 0.3},
		"the worst of a few":            {append(rest(8, 0.02), 0.3), 0, 0.3},
		"one of ten loses everything":   {append(rest(9, 0), 1), 0, 0.05},
		"one of ten loses a little":     {append(rest(9, 0), 0.03), 0, 0.03},
		"two of ten":                    {append(rest(8, 0), 1, 0.125), 0, 0.125},
		"all of many":                   {rest(1000, 0.25), 0, 0.25},
		"a tenth of many":               {append(rest(900, 0.0625), rest(100, 1)...), 0, 0.0625},
		"more than a tenth of many":     {append(rest(899, 0.0625), rest(101, 1)...), 0, 1},
		"one among many who are helped": {lose(1), 99, 0.05},
		"none but who are helped":       {nil, 99, 0},
	} {
		assert.InDelta(t, tt.want, sfu.PreparesFor(tt.losses, tt.others), 1e-4, name)
	}
}

// Nobody speaks: nothing is reported, nothing runs.
func TestSilenceReportsNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna"))
		anna, bert := w.join(room, "anna", 1), w.join(room, "bert", 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		times, _ := anna.prepares()
		require.Zero(t, times)
		require.Zero(t, w.nat.media.Load(), "no RTP and no RTCP to a client")
		anna.close(t)
		bert.close(t)
	})
}

// Copies repair the way to a listener and the way from a speaker, go along only while something is lost, and a listener
// who does not take them is sent none.
func TestCopiesRepair(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var relayed, sizes int // for other nodes: packets, and messages of another size than a plain packet's
		room := w.sfu.NewRoom(sfu.RoomConfig{Relay: func(batch []byte) {
			relayed++
			if len(batch) != 1+1+len("anna")+14+80 {
				sizes++
			}
		}})
		room.SetSpeakers(users("anna"))
		anna, bert := w.join(room, "anna", 1), w.join(room, "bert", 1)
		v := &voice{talker: 'a'}
		plain := int32(12 + 8 + 80 + 16)
		talk(t, time.Second, map[*client]*voice{anna: v})
		require.Equal(t, plain, w.nat.rtpSize.Load())
		w.lossy.Store(10)
		talk(t, 5*time.Second, map[*client]*voice{anna: v})
		bert.forget()
		first := v.n
		talk(t, 20*time.Second, map[*client]*voice{anna: v})
		synctest.Wait()
		have := map[uint32]bool{}
		for _, r := range bert.received(0) {
			have[r.counter] = true
		}
		for _, n := range bert.copied(0) {
			have[n] = true
		}
		missing := 0
		for n := first; n < v.n; n++ {
			if !have[n] {
				missing++
			}
		}
		require.Less(t, missing, 10, "of 1,000, a fifth of which was lost")
		require.Greater(t, w.nat.rtpSize.Load(), plain)
		require.Greater(t, relayed, 1200, "of 1,300: what copies have brought goes to the other nodes")
		require.Zero(t, sizes, "and the copies do not")
		w.lossy.Store(0)
		talk(t, time.Minute, map[*client]*voice{anna: v})
		require.Equal(t, plain, w.nat.rtpSize.Load(), "nothing is lost any more")
		anna.close(t)
		bert.close(t)
	})
}

// What a client asks for comes along with the next packet, but not more than there is, nor more than is let in.
func TestAsking(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna"))
		anna, bert := w.join(room, "anna", 1), w.join(room, "bert", 1)
		v := &voice{talker: 'a'}
		talk(t, time.Second, map[*client]*voice{anna: v})
		synctest.Wait()
		rs := bert.received(0)
		last := rs[len(rs)-1]
		ask := func(behind ...uint16) []uint32 {
			bert.forget()
			var seqs []uint16
			for _, b := range behind {
				seqs = append(seqs, last.seq-b)
			}
			bert.rtc.Ask(0, seqs)
			synctest.Wait()
			v.speak(t, anna)
			synctest.Wait()
			last = bert.received(0)[0]
			var ages []uint32
			for _, n := range bert.copied(0) {
				ages = append(ages, last.counter-n)
			}
			return ages
		}
		require.ElementsMatch(t, []uint32{3, 6}, ask(2, 5))
		require.Empty(t, ask(0), "the newest, which was sent a moment ago")
		require.Empty(t, ask(40), "too old")
		require.Empty(t, ask(60000), "never sent")
		require.Len(t, ask(1, 2, 3, 4, 5, 6, 7), 3, "three in one packet")
		answered := 0
		for range 30 {
			answered += len(ask(1, 2, 3))
		}
		require.InDelta(t, 20, answered, 5, "a burst, and the clock has stood still")
		time.Sleep(time.Second)
		v.n = 0
		for range 5 {
			v.speak(t, anna)
		}
		synctest.Wait()
		anna.close(t)
		bert.close(t)
	})
}
