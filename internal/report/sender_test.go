package report

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
)

func TestNTP(t *testing.T) {
	require.Equal(t, uint64(2208988800)<<32, NTP(time.Unix(0, 0)))
	require.Equal(t, uint64(2208988801)<<32|1<<31, NTP(time.Unix(1, 5e8)))
}

// There and back: the time between, that the other end says, does not count.
func TestRoundTrip(t *testing.T) {
	start := time.Unix(1767225600, 123456789)
	for _, trip := range []time.Duration{0, time.Millisecond, 61 * time.Millisecond, 3 * time.Second} {
		var e Echo
		var b rtcp.ReceptionReport
		e.Fill(&b, start)
		require.Zero(t, b.LastSenderReport, "nothing has come")
		_, ok := RoundTrip(b, start)
		require.False(t, ok)
		there := start.Add(trip / 2)
		e.Take(NTP(start), there)
		e.Fill(&b, there.Add(1234*time.Millisecond))
		got, ok := RoundTrip(b, there.Add(1234*time.Millisecond).Add(trip-trip/2))
		require.True(t, ok)
		require.InDelta(t, trip, got, float64(100*time.Microsecond))
	}
	for name, b := range map[string]rtcp.ReceptionReport{
		"a report of the future": {LastSenderReport: uint32(NTP(start.Add(time.Minute)) >> 16)},
		"an old one":             {LastSenderReport: uint32(NTP(start.Add(-time.Minute)) >> 16)},
		"too long a wait":        {LastSenderReport: uint32(NTP(start) >> 16), Delay: 1 << 30},
	} {
		_, ok := RoundTrip(b, start)
		require.False(t, ok, name)
	}
}

func TestOrigin(t *testing.T) {
	var o Origin
	_, ok := o.Split()
	require.False(t, ok)
	o.Take(1000, Counts{Expected: 900, Lost: 30}) // 100 before the first that came, or before the first report
	s, ok := o.Split()
	require.True(t, ok)
	require.Equal(t, Split{}, s)
	o.Take(1090, Counts{Expected: 1000, Lost: 45})
	s, _ = o.Split()
	require.Equal(t, Split{Expected: 100, Never: 10, Lost: 5}, s)
	o.Take(1195, Counts{Expected: 1100, Lost: 40})
	s, _ = o.Split()
	require.Equal(t, Split{Expected: 200, Never: 5, Lost: 5}, s, "of ten that it did not have, five were late")
	for _, sent := range []uint32{1197, 1293, 1298} {
		o.Take(sent, Counts{Expected: 1200, Lost: 40})
		s, _ = o.Split()
		require.Equal(t, Split{Expected: 300, Never: 5, Lost: 5}, s, "report and packets pass each other")
	}
	o.Take(1350, Counts{Expected: 1300, Lost: 50})
	s, _ = o.Split()
	require.Equal(t, Split{Expected: 400, Never: 15, Lost: 5}, s, "not more than is missing")
	o = Origin{}
	o.Take(1<<32-100, Counts{Expected: 1<<32 - 50, Lost: 1<<32 - 2})
	o.Take(70, Counts{Expected: 150, Lost: 38})
	s, _ = o.Split()
	require.Equal(t, Split{Expected: 200, Never: 30, Lost: 10}, s, "the counts wrap")
}
