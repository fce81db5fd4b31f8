package audio

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever the network does within reason, packets come out once, in order and as they went in, and memory stays.
func TestJitterBufferNeverRepeatsNorReorders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewJitterBuffer(JitterConfig{
			StartDelay: time.Duration(rapid.IntRange(0, 300).Draw(t, "start")) * time.Millisecond,
			MaxDelay:   time.Duration(rapid.IntRange(0, 900).Draw(t, "max")) * time.Millisecond,
			MaxConceal: rapid.IntRange(0, 8).Draw(t, "conceal"),
		})
		seq := rapid.Uint16().Draw(t, "seq")
		ts := rapid.Uint32().Draw(t, "ts")
		arrivals := map[int][][]byte{}
		markers := map[uint32]bool{}
		steps := rapid.IntRange(1, 300).Draw(t, "steps")
		sent := 0
		for step := range steps {
			if !rapid.SampledFrom([]bool{true, true, true, true, true, true, false}).Draw(t, "talks") {
				continue // DTX: time goes on, numbers do not
			}
			p := binary.BigEndian.AppendUint32(nil, uint32(sent))
			p = binary.BigEndian.AppendUint32(p, ts+uint32(step)*FrameSamples)
			markers[uint32(sent)] = rapid.IntRange(0, 30).Draw(t, "marker") == 0
			for range rapid.SampledFrom([]int{1, 1, 1, 1, 0, 2}).Draw(t, "copies") {
				at := step + rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2, 5, 15}).Draw(t, "delay")
				arrivals[at] = append(arrivals[at], p)
			}
			sent++
		}
		last, played := -1, 0
		for step := range steps + 20 {
			now := epoch.Add(time.Duration(step) * FrameDuration)
			for _, p := range arrivals[step] {
				n := binary.BigEndian.Uint32(p)
				b.Push(seq+uint16(n), binary.BigEndian.Uint32(p[4:]), markers[n], p, now)
			}
			payload, kind, reset := b.Pop(now)
			switch kind {
			case Packet:
				n := int(binary.BigEndian.Uint32(payload))
				require.Greater(t, n, last)
				if markers[uint32(n)] {
					require.True(t, reset)
				}
				last = n
				played++
			case FEC:
				n := int(binary.BigEndian.Uint32(payload))
				require.Greater(t, n, last+1, "FEC makes up the one before, which was not played")
				last = n - 1
			default:
				require.Nil(t, payload)
				require.False(t, reset)
			}
			require.LessOrEqual(t, b.stored, jitterSlots)
			b.Quiet(step%3 == 0)
		}
		s := b.Stats()
		require.LessOrEqual(t, s.Target, b.cfg.MaxDelay)
		require.GreaterOrEqual(t, s.Target, b.cfg.StartDelay)
		require.Equal(t, s.Received, uint64(played)+s.Late+s.Duplicate+s.Dropped+uint64(b.stored), "every packet has one fate")
	})
}

func TestJitterBufferDelayShrinksSlowly(t *testing.T) {
	b := NewJitterBuffer(JitterConfig{})
	pop := func(step int) (popped int) {
		popped = -1
		if p, kind, _ := b.Pop(epoch.Add(time.Duration(step) * FrameDuration)); kind == Packet {
			popped = int(binary.BigEndian.Uint32(p))
		}
		return popped
	}
	arrive := func(n, step int) {
		b.Push(uint16(n), uint32(n)*FrameSamples, false, binary.BigEndian.AppendUint32(nil, uint32(n)), epoch.Add(time.Duration(step)*FrameDuration))
	}
	delay := 0
	for step := range 3000 {
		switch {
		case step == 105: // 100 ms nothing comes, then all at once
			for n := 100; n <= 105; n++ {
				arrive(n, step)
			}
		case step < 100 || step > 105:
			arrive(step, step)
		}
		n := pop(step)
		b.Quiet(step%10 == 0)
		if n >= 0 {
			delay = step - n
		}
		switch step {
		case 99:
			require.Equal(t, 2, delay)
		case 110:
			require.Equal(t, 5, delay, "grown at once")
		case 520:
			require.Equal(t, 4, delay, "one frame after 5 s")
		}
	}
	require.Equal(t, 1, delay, "back after a minute, and shorter than in the beginning: packets come evenly")
	require.Equal(t, 20*time.Millisecond, b.Stats().Target)
	require.Equal(t, uint64(4), b.Stats().Dropped)
}

func FuzzJitterBuffer(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 1, 1, 0, 2, 1, 2, 255, 255, 0, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := NewJitterBuffer(JitterConfig{})
		now := epoch
		var payload [MaxPacket + 1]byte
		// Five bytes a step: sequence number, timestamp in frames, and how to go on.
		for ; len(script) >= 5; script = script[5:] {
			seq := binary.BigEndian.Uint16(script)
			ts := uint32(binary.BigEndian.Uint16(script[2:])) * FrameSamples
			how := script[4]
			b.Push(seq, ts, how&1 != 0, payload[:int(how)*6%len(payload)], now)
			if how&2 != 0 {
				age := uint32(how>>2) * FrameSamples / 3
				b.PushCopy(ts-age, age, payload[:how], now)
			}
			for range how >> 5 {
				p, kind, reset := b.Pop(now)
				if (p != nil) != (kind == Packet || kind == FEC) {
					t.Fatalf("%v with %d bytes", kind, len(p))
				}
				if reset && kind != Packet {
					t.Fatalf("reset with %v", kind)
				}
				now = now.Add(FrameDuration)
			}
			if b.stored < 0 || b.stored > jitterSlots {
				t.Fatalf("%d stored", b.stored)
			}
		}
		// A steady stream afterwards is always heard.
		for n := range 200 {
			b.Push(uint16(n), uint32(n)*FrameSamples, false, payload[:9], now)
			_, kind, _ := b.Pop(now)
			if n > 160 && kind != Packet {
				t.Fatalf("%v for packet %d of a steady stream", kind, n)
			}
			now = now.Add(FrameDuration)
		}
	})
}

// Copies further off than the delay: the buffer waits for them, where it is not heard, and no longer than they come.
func TestJitterBufferWaitsForCopies(t *testing.T) {
	b := NewJitterBuffer(JitterConfig{})
	rnd := rand.New(rand.NewPCG(1, 2))
	concealed := func(from, to int, lossPct int, distances ...int) uint64 {
		before := b.Stats().Concealed
		for i := from; i < to; i++ {
			now := epoch.Add(time.Duration(i) * FrameDuration)
			if rnd.IntN(100) >= lossPct {
				b.Push(uint16(i), uint32(i)*FrameSamples, false, []byte{1}, now)
				for _, d := range distances {
					b.PushCopy(uint32(i-d)*FrameSamples, uint32(d)*FrameSamples, []byte{1}, now)
				}
			}
			b.Pop(now)
			b.Quiet(i%20 == 0)
		}
		return b.Stats().Concealed - before
	}
	require.Zero(t, concealed(0, 500, 0))
	require.Equal(t, 40*time.Millisecond, b.Stats().Target)
	concealed(500, 1000, 10, 6, 3)
	require.Equal(t, 120*time.Millisecond, b.Stats().Target)
	require.InDelta(t, 120, b.Stats().Delay.Milliseconds(), 10)
	require.LessOrEqual(t, concealed(1000, 6000, 10, 6, 3), uint64(25), "half a per cent of what is concealed at all")
	require.Equal(t, 120*time.Millisecond, b.Stats().Target, "it stays, though packets are hardly ever short")
	concealed(6000, 9000, 0)
	require.Equal(t, 20*time.Millisecond, b.Stats().Target, "no copies, no delay")
	require.InDelta(t, 20, b.Stats().Delay.Milliseconds(), 10)
}

func TestJitterBufferNamesWhatIsMissing(t *testing.T) {
	b := NewJitterBuffer(JitterConfig{StartDelay: 100 * time.Millisecond})
	first := uint16(65530)
	missing := func(i int, within time.Duration) []uint16 {
		return b.Missing(nil, within, epoch.Add(time.Duration(i)*FrameDuration))
	}
	require.Empty(t, missing(0, 0), "nothing has come")
	for i := range 60 {
		now := epoch.Add(time.Duration(i) * FrameDuration)
		if i%10 != 7 && i != 38 {
			b.Push(first+uint16(i), uint32(i)*FrameSamples, false, []byte{byte(i)}, now)
		}
		got := missing(i, 60*time.Millisecond)
		switch i {
		case 18, 28, 48, 58:
			require.Equal(t, []uint16{first + uint16(i) - 1}, got)
			require.Empty(t, missing(i, 0), "once")
		case 39:
			require.Equal(t, []uint16{first + 37, first + 38}, got)
		case 8:
			require.LessOrEqual(t, len(got), 1, "play-out is beginning")
		default:
			require.Empty(t, got, "packet %d", i)
		}
		b.Pop(now)
	}
	b.Push(first+62, 62*FrameSamples, false, []byte{1}, epoch.Add(60*FrameDuration))
	require.Empty(t, missing(60, 150*time.Millisecond), "too late to ask")
}

// Ten minutes on a bad network: what a listener notices stays rare, and the delay bounded.
func TestJitterBufferOnBadNetworks(t *testing.T) {
	for _, tt := range []struct {
		name      string
		jitterMS  int
		lossPct   int
		concealed float64 // percent of frames, at most
		delay     time.Duration
	}{
		{"clean", 0, 0, 0, 40 * time.Millisecond},
		{"30 ms of jitter", 30, 0, 0.5, 60 * time.Millisecond},
		{"60 ms of jitter, 5 % lost", 60, 5, 2, 100 * time.Millisecond},
		{"150 ms of jitter, 10 % lost", 150, 10, 4, 200 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			b := NewJitterBuffer(JitterConfig{})
			const n = 30000
			arrivals := make([][]int, n+100)
			for i := range n {
				if rnd.IntN(100) >= tt.lossPct {
					at := i + (rnd.IntN(tt.jitterMS+1)+19)/20
					arrivals[at] = append(arrivals[at], i)
				}
			}
			for step := range n {
				now := epoch.Add(time.Duration(step) * FrameDuration)
				for _, i := range arrivals[step] {
					b.Push(uint16(i), uint32(i)*FrameSamples, false, []byte{1}, now)
				}
				b.Pop(now)
			}
			s := b.Stats()
			t.Logf("%+v", s)
			require.LessOrEqual(t, 100*float64(s.Concealed)/n, tt.concealed)
			require.LessOrEqual(t, s.Delay, tt.delay)
			require.LessOrEqual(t, s.Lost, uint64(n*(tt.lossPct+1)/100))
		})
	}
}
