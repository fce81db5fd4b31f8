package engine

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/internal/redundancy"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var printFigures = flag.Bool("figures", false, "print what the listener's and the speaker's path cost, a line for each figure")

// crowd is what ten speakers have sent, and who hears it.
type crowd struct {
	*output
	crowdKind
	media   *media
	readers [slots]func(packet []byte, now time.Time)
	packets [slots][][]byte // RTP, or nothing, for each 20 ms
	sent    [slots]int
	scratch [audio.MaxPacket]byte
	mixed   audio.Frame
	now     time.Time
	n       int
}

// crowdKind says how the crowd is heard.
type crowdKind struct {
	channels int
	copies   redundancy.Level // that come with each packet
	lose     int              // every so many packets one is lost; 0: none
}

var crowdKinds = []struct {
	name string
	crowdKind
}{
	{"mono", crowdKind{channels: 1}},
	{"stereo", crowdKind{channels: 2}},
	{"copies", crowdKind{channels: 1, copies: redundancy.Two}},
	{"lossy", crowdKind{channels: 1, copies: redundancy.One, lose: 10}},
}

func newCrowd(t testing.TB, kind crowdKind) *crowd {
	t.Helper()
	c := &crowd{crowdKind: kind, media: pathMedia(t), mixed: audio.NewFrame(kind.channels), now: time.Unix(1, 0)}
	c.output = &output{
		complaints: complaints{log: c.media.room.log}, codec: opus.Codec, channels: kind.channels,
		mixer: audio.NewMixer(kind.channels), silence: audio.NewFrame(kind.channels),
	}
	peer := c.media.line.Load().peer
	var who []signaling.Slot
	for mid, slot := range peer.MIDs() {
		who = append(who, signaling.Slot{MID: mid, UserID: UserID(fmt.Sprint("speaker", slot))})
	}
	c.media.line.Load().setSlots(who, false)
	for i, list := range said(t) {
		c.readers[i] = peer.NewReader(i, pathLevel).Take
		var history redundancy.History
		for n, packet := range list {
			c.packets[i] = append(c.packets[i], withCopies(t, &history, kind.copies, n, packet))
		}
	}
	for range 100 { // until every slot plays
		require.NoError(t, c.tick())
	}
	return c
}

// tick receives what comes in 20 ms, and mixes 20 ms.
func (c *crowd) tick() error {
	c.n++
	c.now = c.now.Add(audio.FrameDuration)
	for i, list := range c.packets {
		p := list[c.n%len(list)]
		if len(p) == 0 {
			continue
		}
		if c.sent[i]++; c.lose > 0 && c.sent[i]%c.lose == i%c.lose {
			continue
		}
		p = c.scratch[:copy(c.scratch[:], p)]
		p[1] &= 0x7f // the recording goes on for ever, and its first packet does not begin anything
		binary.BigEndian.PutUint16(p[2:], uint16(c.sent[i]))
		binary.BigEndian.PutUint32(p[4:], uint32(c.n*audio.FrameSamples))
		c.readers[i](p, c.now)
	}
	c.add(c.media, c.now.Add(audio.FrameDuration/2))
	return c.mixer.Mix(c.mixed)
}

// stats adds up those of the ten.
func (c *crowd) stats() (sum audio.JitterStats) {
	for _, e := range c.media.line.Load().ears {
		s := e.buffer.Stats()
		sum.Received += s.Received
		sum.Played += s.Played
		sum.Comfort += s.Comfort
		sum.FEC += s.FEC
		sum.Concealed += s.Concealed
		sum.Copies += s.Copies
	}
	return sum
}

// What is measured is the path: packets of ten are played, repaired, and heard.
func TestPathsAreReal(t *testing.T) {
	for _, k := range crowdKinds {
		t.Run(k.name, func(t *testing.T) {
			c := newCrowd(t, k.crowdKind)
			before, loud := c.stats(), uint8(audio.LevelSilence)
			for range 200 {
				require.NoError(t, c.tick())
				loud = min(loud, audio.Level(c.mixed))
			}
			after := c.stats()
			played := after.Played - before.Played
			require.Greater(t, played, uint64(1500), "of 2000 frames; the rest are pauses")
			require.InDelta(t, 2000, played+after.Comfort-before.Comfort+after.FEC-before.FEC+after.Concealed-before.Concealed, 100)
			require.Empty(t, c.told)
			require.Less(t, loud, uint8(20), "ten are heard")
			if k.copies == redundancy.None {
				require.Zero(t, after.Copies)
			} else {
				require.Equal(t, k.lose > 0, after.Copies > before.Copies+100, "%+v", after)
			}
			if k.lose == 0 {
				require.Zero(t, after.FEC+after.Concealed)
			}
			volumes := map[UserID]int{}
			for w, e := range c.media.line.Load().heard {
				volumes[w.user] = e.meter.take()
			}
			require.Len(t, volumes, slots)
			for u, v := range volumes {
				require.Greater(t, v, Speaking, u)
			}
		})
	}
}

// Nothing is allocated for a frame. Reports, which are pion's and come every few seconds, are left out.
func TestPathsAllocateNothing(t *testing.T) {
	for _, k := range crowdKinds {
		if k.lose > 0 {
			continue // reports come twice a second
		}
		c := newCrowd(t, k.crowdKind)
		require.Zero(t, testing.AllocsPerRun(500, func() { _ = c.tick() }), k.name)
	}
	for q, name := range pathQualities {
		s := newSpeaker(t, pathMedia(t), AudioQuality(q), 0)
		require.Zero(t, testing.AllocsPerRun(500, func() { s.speak() }), name)
	}
}

// core returns what the work for so many frames takes, in per cent of a core.
func core(d time.Duration, frames int) float64 {
	return 100 * float64(d) / float64(time.Duration(frames)*audio.FrameDuration)
}

// BenchmarkListener has a goal of 3 %core: ten speakers at once, from their RTP packets to the mixed frame.
func BenchmarkListener(b *testing.B) {
	for _, k := range crowdKinds {
		b.Run(k.name, func(b *testing.B) {
			c := newCrowd(b, k.crowdKind)
			b.ReportAllocs()
			for b.Loop() {
				_ = c.tick()
			}
			b.ReportMetric(core(b.Elapsed(), b.N), "%core")
		})
	}
}

// BenchmarkSpeaker has a goal of 2.5 %core: from the captured frame to the RTP packet.
func BenchmarkSpeaker(b *testing.B) {
	for q, name := range pathQualities {
		b.Run(name, func(b *testing.B) {
			s := newSpeaker(b, pathMedia(b), AudioQuality(q), 0)
			b.ReportAllocs()
			for b.Loop() {
				s.speak()
			}
			b.ReportMetric(core(b.Elapsed(), b.N), "%core")
		})
	}
}

// cost returns the least share of a core that a pass of what is said has taken: what else the machine does only ever adds.
func cost(f func()) float64 {
	least := math.Inf(1)
	for range 8 {
		start := time.Now()
		for range pass {
			f()
		}
		least = min(least, core(time.Since(start), pass))
	}
	return least
}

// TestFigures prints a line for each figure, as internal/quality does for what is heard. It never fails.
func TestFigures(t *testing.T) {
	if !*printFigures {
		t.Skip("make quality runs it")
	}
	line := func(name string, value float64, unit string, goal float64) {
		verdict := "met"
		if value > goal {
			verdict = "missed"
		}
		fmt.Printf("%s %.2f %s %.2f %s\n", name, value, unit, goal, verdict)
	}
	for _, k := range crowdKinds {
		c := newCrowd(t, k.crowdKind)
		line("listener-of-10/"+k.name+"/cpu", cost(func() { _ = c.tick() }), "%core", listenerGoal)
		if k.lose == 0 {
			line("listener-of-10/"+k.name+"/allocations", testing.AllocsPerRun(500, func() { _ = c.tick() }), "/frame", 0)
		}
	}
	for q, name := range pathQualities {
		s := newSpeaker(t, pathMedia(t), AudioQuality(q), 0)
		line("speaker/"+name+"/cpu", cost(func() { s.speak() }), "%core", speakerGoal)
		line("speaker/"+name+"/allocations", testing.AllocsPerRun(500, func() { s.speak() }), "/frame", 0)
	}
}
