package speex

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/race"
)

func frameOf(channels int, v int16) audio.Frame {
	f := audio.NewFrame(channels)
	for i := range f {
		f[i] = v
	}
	return f
}

// popped returns the value of the next frame, all of whose samples are the same but the first ones, which come late.
func popped(t *testing.T, q *far) int16 {
	t.Helper()
	f := frameOf(q.channels, -1)
	q.pop(f, time.Time{})
	late := farBehind * q.channels
	last := f[len(f)-1]
	for _, v := range f[late:] {
		if v != last {
			t.Fatalf("%d and %d in one frame", v, last)
		}
	}
	return last
}

func TestWhatWasPlayedComesInOrderThenSilence(t *testing.T) {
	q := newFar(1)
	require.Zero(t, popped(t, q))
	for round := range int16(20) {
		for i := range int16(3) {
			require.NoError(t, q.push(frameOf(1, 1+10*round+i), time.Time{}))
		}
		for i := range int16(3) {
			require.Equal(t, 1+10*round+i, popped(t, q))
		}
		require.Zero(t, popped(t, q), "nothing is played twice")
	}
}

func TestAfterAPauseOfTheMicrophoneTheNewestCounts(t *testing.T) {
	q := newFar(1)
	for i := range int16(farMost*100 + 5) {
		require.NoError(t, q.push(frameOf(1, 1+i), time.Time{}))
	}
	require.EqualValues(t, farMost*100+5, popped(t, q))
	require.Zero(t, popped(t, q))
}

func TestAFrameToSpareIsLeftOut(t *testing.T) {
	q := newFar(1)
	require.NoError(t, q.push(frameOf(1, 1), time.Time{}))
	require.NoError(t, q.push(frameOf(1, 2), time.Time{})) // a burst: from now on one is always waiting
	last := int16(0)
	for i := range int16(2 * farWatch) {
		last = popped(t, q)
		require.NoError(t, q.push(frameOf(1, 3+i), time.Time{}))
	}
	require.EqualValues(t, 2*farWatch+1, last, "as new as it can be")
	for i := range int16(3 * farWatch) {
		require.EqualValues(t, 2*farWatch+2+i, popped(t, q), "and nothing more is left out")
		require.NoError(t, q.push(frameOf(1, 2*farWatch+3+i), time.Time{}))
	}
}

func TestAnUnsteadyLoudspeakerKeepsItsSpareFrame(t *testing.T) {
	q := newFar(1)
	next := int16(1)
	for i := range int16(3 * farWatch) {
		// Now two frames come before one is needed, now none.
		if i%2 == 0 {
			require.NoError(t, q.push(frameOf(1, next), time.Time{}))
			require.NoError(t, q.push(frameOf(1, next+1), time.Time{}))
			next += 2
		}
		require.Equal(t, i+1, popped(t, q))
	}
}

// Clocks differ, and nobody can tell by the time: over an hour the queue stays short, and leaves out or puts in no more than it must.
func TestClocksThatDiffer(t *testing.T) {
	for _, ppm := range []float64{-200, -100, -20, 20, 100, 200} {
		q := newFar(1)
		f, gaps, owed, longest := audio.NewFrame(1), 0, 0.0, 0
		one := frameOf(1, 1)
		const frames = 200_000
		pushed := 0
		for range frames {
			for owed += 1 + ppm/1e6; owed >= 1; owed-- {
				require.NoError(t, q.push(one, time.Time{}))
				pushed++
			}
			longest = max(longest, q.left()/audio.FrameSamples)
			q.pop(f, time.Time{})
			if f[500] == 0 {
				gaps++
			}
		}
		slips := int(frames*max(ppm, -ppm)/1e6) + 2
		require.LessOrEqual(t, longest, 6, "%v ppm", ppm)
		require.LessOrEqual(t, gaps, slips, "%v ppm", ppm)
		require.LessOrEqual(t, pushed-(frames-gaps), slips+longest, "%v ppm: left out", ppm)
	}
}

func TestWhatIsPlayedFitsTheCanceller(t *testing.T) {
	mono, stereo := audio.NewFrame(1), audio.NewFrame(2)
	for i := range mono {
		mono[i], stereo[2*i], stereo[2*i+1] = int16(i), 30000, 32000
	}
	one, two := newFar(1), newFar(2)
	require.NoError(t, one.push(stereo, time.Time{}))
	require.EqualValues(t, 31000, popped(t, one))
	require.NoError(t, two.push(mono, time.Time{}))
	two.pop(stereo, time.Time{})
	require.Equal(t, audio.Frame{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2}, stereo[:12])
	require.ErrorIs(t, two.push(make(audio.Frame, 3*audio.FrameSamples), time.Time{}), audio.ErrFrameSize)
	require.Equal(t, farBehind, two.left())
}

// cards has two cards play and capture for some seconds with clocks that differ, each frame up to some ms late.
func cards(t *testing.T, q *far, ppm float64, seconds int, late time.Duration, played func(n int) audio.Frame, captured func(n int, f audio.Frame)) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	begin := time.Unix(0, 0)
	at := func(n int, ppm float64) time.Time {
		return begin.Add(time.Duration(float64(n)*float64(audio.FrameDuration)/(1+ppm/1e6)) + time.Duration(r.Int64N(int64(late))))
	}
	f := audio.NewFrame(q.channels)
	push, pop := at(1, ppm), at(1, 0)
	for i, k := 1, 1; k <= seconds*50; {
		if push.Before(pop) {
			require.NoError(t, q.push(played(i), push))
			i++
			push = at(i, ppm)
		} else {
			q.pop(f, pop)
			captured(k, f)
			k++
			pop = at(k, 0)
		}
	}
}

func TestTheDriftOfTwoCardsIsMeasuredAndFollowed(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	for _, ppm := range []float64{-200, -50, 0, 100} {
		q := newFar(1)
		const rise, top = 8, 256_000 // samples for each step, until it begins anew
		sent, last, moved, jumps, gaps := audio.NewFrame(1), 0, 0, 0, 0
		cards(t, q, ppm, 400, 8*time.Millisecond, func(n int) audio.Frame {
			for i := range sent {
				at := float64(n*audio.FrameSamples+i) / (1 + ppm/1e6) // on the microphone's clock
				sent[i] = int16(1 + int(at)%top/rise)
			}
			return sent
		}, func(n int, f audio.Frame) {
			at := (n*audio.FrameSamples + 500) % top
			switch behind := at - int(f[500])*rise; {
			case n < 100*50 || at < top/10 || at > top*9/10: // not measured yet, or about to begin anew
			case f[500] == 0:
				gaps++
			case last == 0:
				last = behind
			case max(behind-last, last-behind) > audio.FrameSamples/2:
				jumps++
				last = behind
			default:
				moved, last = moved+behind-last, behind
			}
		})
		t.Logf("%v ppm: %.1f, moves by %d samples and %d frames", ppm, q.drift.rate*1e6, moved, jumps)
		require.InDelta(t, ppm, q.drift.rate*1e6, 12)
		require.InDelta(t, 0, moved, 250, "%v ppm: what is read stays where it was, for 300 s", ppm)
		require.LessOrEqual(t, jumps, 6)
		require.LessOrEqual(t, gaps, 2)
	}
}

// A card that stumbles, pauses or is replaced must not look like a clock that runs away.
func TestNoDriftIsMadeUp(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	for name, lost := range map[string]func(n int) bool{
		"a frame is lost now and then": func(n int) bool { return n%3700 == 3600 },
		"a pause":                      func(n int) bool { return n > 4000 && n < 6000 },
		"every tenth frame is lost":    func(n int) bool { return n%10 == 0 },
	} {
		d, now := drift{}, time.Unix(0, 0)
		for n := range 30_000 {
			if !lost(n) {
				d.played(now)
			}
			d.captured(now.Add(7 * time.Millisecond))
			now = now.Add(audio.FrameDuration)
			require.InDelta(t, 0, d.rate, 20e-6, "%s: %d", name, n)
		}
	}
}
