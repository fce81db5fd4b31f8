package emodel

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The recommendation's default values give its best rating, 93.2, which annex B makes 4.41.
func TestNothingWrong(t *testing.T) {
	require.InDelta(t, 93.2, Line{}.R(), 0.05)
	require.InDelta(t, 4.41, Line{}.MOS(), 0.005)
}

// The points of table B.1 of G.107.
func TestMOS(t *testing.T) {
	for _, p := range []struct{ r, mos float64 }{
		{0, 1}, {50, 2.58}, {60, 3.10}, {70, 3.60}, {80, 4.03}, {90, 4.34}, {100, 4.5}, {120, 4.5}, {-5, 1},
	} {
		require.InDelta(t, p.mos, MOS(p.r), 0.007, "R %v", p.r)
	}
	last := 0.0
	for r := -10.0; r < 110; r += 0.1 {
		require.GreaterOrEqual(t, MOS(r), last, "R %v", r)
		last = MOS(r)
	}
}

// Cole and Rosenbluth (Voice over IP Performance Monitoring, 2001) fitted two straight lines to what the recommendation's
// default values make of delay, with a bend at 177.3 ms: 0.024 d, and 0.11 (d - 177.3) more behind it.
func TestDelay(t *testing.T) {
	for ms := 0.0; ms <= 350; ms += 10 {
		want := 0.024 * ms
		if ms > 177.3 {
			want += 0.11 * (ms - 177.3)
		}
		got := Line{}.R() - Line{Delay: time.Duration(ms * float64(time.Millisecond))}.R()
		require.InDelta(t, want, got, 2, "%v ms", ms)
	}
}

// The formula of clause 7.4 where it can be worked out by hand: it begins at 100 ms, and at 200 ms X is 1.
func TestAbsoluteDelay(t *testing.T) {
	require.Zero(t, absolute(0))
	require.Zero(t, absolute(100))
	require.InDelta(t, 0.16, absolute(150), 0.01)
	require.InDelta(t, 3.04, absolute(200), 0.01)
	require.InDelta(t, 14.76, absolute(300), 0.02)
	require.InDelta(t, 24.07, absolute(400), 0.02)
}

func TestLoss(t *testing.T) {
	require.InDelta(t, 95.0/21, Line{Lost: 0.01}.loss(), 1e-9, "clause 7.5, with a Bpl of 20")
	require.InDelta(t, 95.0/2, Line{Lost: 0.2}.loss(), 1e-9, "at Bpl half of the 95 is gone")
	require.Greater(t, Line{Lost: 0.05, Burst: 3}.loss(), Line{Lost: 0.05}.loss(), "rows are worse")
	require.Equal(t, Line{Lost: 0.05}.loss(), Line{Lost: 0.05, Burst: 0.5}.loss())
	last := 101.0
	for share := -0.1; share < 1.1; share += 0.01 {
		r := Line{Lost: share, Delay: 100 * time.Millisecond}.R()
		require.LessOrEqual(t, r, last)
		require.GreaterOrEqual(t, r, 0.0)
		last = r
	}
	require.Zero(t, Line{Lost: 1, Burst: 10, Delay: time.Second}.R())
}
