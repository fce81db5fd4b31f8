package audio

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// For 10,000 s the sender's clock is 100 ppm off, a whole second in the end: the delay stays what the network needs.
func TestJitterBufferUnderDrift(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ppm    float64 // by which the sender is faster
		jitter time.Duration
		quiet  int           // every so many frames the caller reports quiet; 0: never
		talk   time.Duration // and as long a silence (DTX) behind; 0: without a pause
		delay  time.Duration // at most, also on the way
		hurt   int           // frames made up or left out, at most
	}{
		{"right", 0, 0, 10, 0, 41 * time.Millisecond, 1},
		{"fast", 100, 0, 10, 0, 65 * time.Millisecond, 60},
		{"fast, never quiet", 100, 0, 0, 0, 65 * time.Millisecond, 60},
		{"slow", -100, 0, 10, 0, 65 * time.Millisecond, 60},
		{"slow, never quiet", -100, 0, 0, 0, 65 * time.Millisecond, 60},
		{"fast, 15 ms of jitter", 100, 15 * time.Millisecond, 10, 0, 80 * time.Millisecond, 80},
		{"slow, 15 ms of jitter", -100, 15 * time.Millisecond, 10, 0, 80 * time.Millisecond, 80},
		{"slow, talk and silence", -100, 15 * time.Millisecond, 10, 3 * time.Second, 80 * time.Millisecond, 20_000},
		{"fast, talk and silence", 100, 15 * time.Millisecond, 10, 3 * time.Second, 80 * time.Millisecond, 20_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			b := NewJitterBuffer(JitterConfig{})
			const frames = 500_000
			period := float64(FrameDuration) * (1 - tt.ppm/1e6)
			comes := func(i int) time.Time {
				at := time.Duration(float64(i) * period)
				if tt.jitter > 0 {
					at += time.Duration(rnd.Int64N(int64(tt.jitter)))
				}
				return epoch.Add(at)
			}
			seq, i := uint16(0), 0
			next := comes(0)
			most := time.Duration(0)
			for step := range frames {
				now := epoch.Add(time.Duration(step) * FrameDuration)
				for ; !next.After(now); next = comes(i) {
					if tt.talk == 0 || time.Duration(i)*FrameDuration%(2*tt.talk) < tt.talk {
						b.Push(seq, uint32(i)*FrameSamples, false, []byte{1}, next)
						seq++
					}
					i++
				}
				b.Pop(now)
				b.Quiet(tt.quiet > 0 && step%tt.quiet == 0)
				if step > 5000 {
					most = max(most, b.Stats().Delay)
				}
			}
			s := b.Stats()
			t.Logf("most %v, %+v", most, s)
			require.LessOrEqual(t, most, tt.delay)
			require.LessOrEqual(t, s.Target, tt.delay)
			require.LessOrEqual(t, int(s.Concealed+s.Dropped), tt.hurt)
			require.Zero(t, s.Lost+s.FEC)
		})
	}
}
