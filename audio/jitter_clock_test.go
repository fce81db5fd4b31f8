package audio

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drifting sends packets whose sender's clock is ppm faster into b for d, and returns when the drift was known first. way
// says how long a packet takes at a time, talk how long somebody talks before a silence as long.
func drifting(b *JitterBuffer, ppm float64, from, d time.Duration, talk time.Duration, marks bool, way func(time.Duration) time.Duration) (known time.Duration) {
	seq := uint16(from / FrameDuration)
	period := float64(FrameDuration) / (1 + ppm/1e6)
	quiet := false
	for i := range int(d / FrameDuration) {
		sent := time.Duration(float64(i) * period)
		if talk > 0 && sent%(2*talk) >= talk {
			quiet = true
			continue
		}
		b.Push(seq, uint32(i)*FrameSamples, marks && (quiet || i == 0), []byte{1}, epoch.Add(from+sent+way(from+sent)))
		quiet = false
		seq++
		if known == 0 && b.Stats().Drift != 0 {
			known = sent
		}
	}
	return known
}

func TestDrift(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	even := func(time.Duration) time.Duration { return 30 * time.Millisecond }
	jitter := func(most time.Duration) func(time.Duration) time.Duration {
		return func(time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(most))) }
	}
	for _, tt := range []struct {
		name  string
		ppm   float64
		talk  time.Duration
		marks bool
		way   func(time.Duration) time.Duration
		off   float64 // ppm, at most
		known time.Duration
	}{
		{"none", 0, 0, false, even, 0.5, time.Hour},
		{"fast", 100, 0, false, even, 0.5, 2 * time.Minute},
		{"slow", -100, 0, false, even, 0.5, 2 * time.Minute},
		{"none, jitter", 0, 0, false, jitter(30 * time.Millisecond), 5, 3 * time.Minute},
		{"fast, jitter", 100, 0, false, jitter(30 * time.Millisecond), 5, 3 * time.Minute},
		{"slow, jitter", -100, 0, false, jitter(30 * time.Millisecond), 5, 3 * time.Minute},
		{"fast, talk and silence", 100, 5 * time.Second, false, jitter(10 * time.Millisecond), 5, 4 * time.Minute},
		{"fast, talk spurts with a mark each", 100, 20 * time.Second, true, jitter(10 * time.Millisecond), 10, 9 * time.Minute},
		{"slow, a longer way for a while", -100, 0, false, func(at time.Duration) time.Duration {
			if at > 3*time.Minute && at < 6*time.Minute {
				return 45*time.Millisecond + jitter(5*time.Millisecond)(at)
			}
			return 20*time.Millisecond + jitter(5*time.Millisecond)(at)
		}, 5, 2 * time.Minute},
		{"fast, queues of 5 s", 100, 0, false, func(at time.Duration) time.Duration {
			if at%(30*time.Second) < 5*time.Second {
				return 200 * time.Millisecond
			}
			return 20 * time.Millisecond
		}, 5, 2 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := NewJitterBuffer(JitterConfig{})
			known := drifting(b, tt.ppm, 0, 10*time.Minute, tt.talk, tt.marks, tt.way)
			t.Logf("known after %v: %.2f ppm", known, b.Stats().Drift)
			require.InDelta(t, tt.ppm, b.Stats().Drift, tt.off)
			require.LessOrEqual(t, known, tt.known)
			if tt.ppm != 0 {
				require.NotZero(t, known)
			}
		})
	}
}

// Another sender has another clock, and what is not known is not told.
func TestDriftOfAnother(t *testing.T) {
	b := NewJitterBuffer(JitterConfig{})
	even := func(time.Duration) time.Duration { return 30 * time.Millisecond }
	drifting(b, 50, 0, 5*time.Minute, 0, true, even)
	require.InDelta(t, 50, b.Stats().Drift, 0.5)
	b.Restart()
	require.Zero(t, b.Stats().Drift)
	require.Zero(t, b.Stats().Jitter)
	drifting(b, -50, 5*time.Minute, 5*time.Minute, 0, true, even)
	require.InDelta(t, -50, b.Stats().Drift, 0.5)
	b = NewJitterBuffer(JitterConfig{})
	rnd := rand.New(rand.NewPCG(1, 1))
	drifting(b, 0, 0, 20*time.Second, 0, false, func(time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(time.Second))) })
	require.Zero(t, b.Stats().Drift)
}

// RFC 3550's mean deviation: of ways that are 0 or 20 ms by chance, half of all differences are 20 ms.
func TestJitterIsMeasured(t *testing.T) {
	b := NewJitterBuffer(JitterConfig{})
	rnd := rand.New(rand.NewPCG(5, 6))
	sum, n := 0.0, 0
	for i := range uint16(5000) {
		late := time.Duration(rnd.IntN(2)) * 20 * time.Millisecond
		b.Push(i, uint32(i)*FrameSamples, false, []byte{1}, epoch.Add(time.Duration(i)*FrameDuration+late))
		if i > 200 {
			sum += b.Stats().Jitter.Seconds()
			n++
		}
	}
	require.InDelta(t, 0.010, sum/float64(n), 0.0005)
}

// speechPacket is larger than what says that silence begins.
var speechPacket = make([]byte, 40)

// Runs of made-up frames are counted once each.
func TestGaps(t *testing.T) {
	b := NewJitterBuffer(JitterConfig{HasFEC: func([]byte) bool { return false }})
	now := epoch
	for i := range uint16(100) {
		if i != 20 && i != 40 && i != 41 && i != 42 {
			b.Push(i, uint32(i)*FrameSamples, false, speechPacket, now)
		}
		b.Pop(now)
		now = now.Add(FrameDuration)
	}
	s := b.Stats()
	require.Equal(t, uint64(2), s.Gaps)
	require.Equal(t, uint64(4), s.Concealed)
}

// What is made up behind the last packet of a talk is no loss, unless the talk turns out to go on.
func TestFaded(t *testing.T) {
	b := NewJitterBuffer(JitterConfig{})
	now, seq := epoch, uint16(0)
	run := func(frames int, come bool) JitterStats {
		for range frames {
			if come {
				b.Push(seq, uint32(now.Sub(epoch)/FrameDuration)*FrameSamples, false, speechPacket, now)
				seq++
			}
			b.Pop(now)
			now = now.Add(FrameDuration)
		}
		return b.Stats()
	}
	require.Zero(t, run(20, true).Faded)
	s := run(4, false) // two packets are left
	require.Equal(t, []uint64{2, 2}, []uint64{s.Concealed, s.Faded}, "it may be the end")
	seq += 4 // it is not
	s = run(20, true)
	require.Equal(t, uint64(0), s.Faded)
	require.GreaterOrEqual(t, s.Concealed, uint64(2))
	made := s.Concealed
	s = run(50, false)
	require.Equal(t, []uint64{made + 5, 5}, []uint64{s.Concealed, s.Faded}, "the end")
	s = run(20, true)
	require.Equal(t, []uint64{made + 5, 5}, []uint64{s.Concealed, s.Faded})
}

func TestClockAllocatesNothing(t *testing.T) {
	b := NewJitterBuffer(JitterConfig{})
	seq, payload := uint16(0), []byte{1}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		now := epoch.Add(time.Duration(seq) * FrameDuration)
		b.Push(seq, uint32(seq)*FrameSamples, seq%100 == 0, payload, now)
		b.Pop(now)
		seq++
		if math.IsNaN(b.Stats().Drift) {
			t.Fatal("no number")
		}
	}))
}
