package audio

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Where packets come evenly the delay goes below what a call begins with, whatever the phase between the two ends; where
// they do not, it does not, or it comes back and is tried less and less often.
func TestJitterBufferOnEvenLines(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name   string
		phase  time.Duration // from a packet's coming to the next Pop
		late   func(i int) time.Duration
		least  time.Duration // of the delay in the end
		most   time.Duration
		hurt   int // frames made up or left out in ten minutes, at most
		target time.Duration
	}{
		{"even, just in time", 0, nil, 19 * time.Millisecond, 21 * time.Millisecond, 1, 20 * time.Millisecond},
		{"even", 9 * time.Millisecond, nil, 28 * time.Millisecond, 30 * time.Millisecond, 1, 20 * time.Millisecond},
		{"even, the other half", 11 * time.Millisecond, nil, 10 * time.Millisecond, 12 * time.Millisecond, 1, 20 * time.Millisecond},
		{"even, just missed", 19 * time.Millisecond, nil, 18 * time.Millisecond, 20 * time.Millisecond, 1, 20 * time.Millisecond},
		{"3 ms of jitter", 5 * time.Millisecond, func(int) time.Duration { return time.Duration(rnd.IntN(3000)) * time.Microsecond }, 20 * time.Millisecond, 26 * time.Millisecond, 1, 20 * time.Millisecond},
		{"25 ms of jitter", 5 * time.Millisecond, func(int) time.Duration { return time.Duration(rnd.IntN(25)) * time.Millisecond }, 25 * time.Millisecond, 55 * time.Millisecond, 4, 40 * time.Millisecond},
		{"now and then 18 ms late", 12 * time.Millisecond, func(i int) time.Duration {
			if i%1700 == 0 { // every 34 s
				return 18 * time.Millisecond
			}
			return 0
		}, 10 * time.Millisecond, 35 * time.Millisecond, 24, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := NewJitterBuffer(JitterConfig{})
			const frames = 30_000
			next := 0
			coming := func(i int) time.Time {
				at := epoch.Add(time.Duration(i) * FrameDuration)
				if tt.late != nil {
					at = at.Add(tt.late(i))
				}
				return at
			}
			at := coming(0)
			for i := range frames {
				now := epoch.Add(time.Duration(i)*FrameDuration + tt.phase)
				for ; !at.After(now); at = coming(next) {
					b.Push(uint16(next), uint32(next)*FrameSamples, false, make([]byte, 10), at)
					next++
				}
				b.Pop(now)
				b.Quiet(i%25 == 0)
			}
			s := b.Stats()
			t.Logf("%+v", s)
			require.GreaterOrEqual(t, s.Delay, tt.least)
			require.LessOrEqual(t, s.Delay, tt.most)
			require.LessOrEqual(t, int(s.Concealed+s.Dropped), tt.hurt)
			if tt.target > 0 {
				require.Equal(t, tt.target, s.Target)
			}
		})
	}
}

// Copies need the usual delay, at least, for as long as they come.
func TestJitterBufferOnEvenLinesWithCopies(t *testing.T) {
	b := NewJitterBuffer(JitterConfig{})
	for i := range 5000 {
		now := epoch.Add(time.Duration(i) * FrameDuration)
		b.Push(uint16(i), uint32(i)*FrameSamples, false, make([]byte, 10), now)
		if i > 2000 && i < 3000 {
			b.PushCopy(uint32(i-1)*FrameSamples, FrameSamples, make([]byte, 10), now)
		}
		b.Pop(now)
		b.Quiet(i%25 == 0)
		switch i {
		case 2000, 4999:
			require.Equal(t, 20*time.Millisecond, b.Stats().Target)
		case 2100, 3000:
			require.Equal(t, 40*time.Millisecond, b.Stats().Target)
		}
	}
	require.LessOrEqual(t, b.Stats().Concealed+b.Stats().Dropped, uint64(3))
}
