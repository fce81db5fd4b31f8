package report

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"
)

func TestReception(t *testing.T) {
	for _, tt := range []struct {
		name string
		seqs []uint16
		want Counts
	}{
		{"nothing", nil, Counts{}},
		{"one", []uint16{7}, Counts{Expected: 1}},
		{"in order", []uint16{1, 2, 3}, Counts{Expected: 3}},
		{"two losses, one of two", []uint16{1, 3, 4, 7}, Counts{7, 3, 2}},
		{"late is not lost", []uint16{1, 3, 2, 4}, Counts{4, 0, 1}},
		{"twice the newest", []uint16{1, 2, 2, 3}, Counts{Expected: 3}},
		{"the numbers wrap", []uint16{65534, 0, 1}, Counts{4, 1, 1}},
		{"a stray number", []uint16{1, 30000, 2}, Counts{Expected: 2}},
		{"another numbering", []uint16{1, 3, 30000, 30001, 30003}, Counts{6, 2, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r Reception
			for _, s := range tt.seqs {
				r.Add(s)
			}
			require.Equal(t, tt.want, r.Counts())
		})
	}
}

func TestReceptionReport(t *testing.T) {
	var r Reception
	for seq := uint16(65530); seq != 2; seq++ {
		if seq%4 != 0 {
			r.Add(seq)
		}
	}
	require.Equal(t, rtcp.ReceptionReport{SSRC: 9, FractionLost: 64, TotalLost: 2, LastSequenceNumber: 1<<16 + 1}, r.Report(9))
	r.Add(2)
	require.Equal(t, rtcp.ReceptionReport{SSRC: 9, TotalLost: 2, LastSequenceNumber: 1<<16 + 2}, r.Report(9), "the share is since the last one")
}

func TestPacketRoundTrip(t *testing.T) {
	for _, p := range []Packet{{}, {Counts{1, 2, 3}, 0.5}, {Counts{1<<32 - 1, 1 << 31, 7}, 1}} {
		b, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 1}, p.RTCP(5)})
		require.NoError(t, err)
		packets, err := rtcp.Unmarshal(b)
		require.NoError(t, err)
		_, ok := Read(packets[0])
		require.False(t, ok)
		got, ok := Read(packets[1])
		require.True(t, ok)
		require.Equal(t, p, got)
	}
	p, ok := Read(Packet{Worst: 3}.RTCP(1))
	require.True(t, ok)
	require.Equal(t, 1.0, p.Worst)
}

func FuzzRead(f *testing.F) {
	b, err := rtcp.Marshal([]rtcp.Packet{Packet{Counts{9, 8, 7}, 0.25}.RTCP(5)})
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, err := rtcp.Unmarshal(b)
		if err != nil {
			return
		}
		var e Estimate
		for _, packet := range packets {
			if p, ok := Read(packet); ok {
				e.Add(p.Counts, Counts{})
				if l := e.Loss(); !(l >= 0 && l <= 1 && p.Worst >= 0 && p.Worst <= 1) {
					t.Fatalf("loss %v, worst %v", l, p.Worst)
				}
			}
		}
	})
}

func TestEstimate(t *testing.T) {
	type report struct{ c, holes Counts }
	repeat := func(n int, r report) (rs []report) {
		for i := range uint32(n) {
			rs = append(rs, report{
				Counts{r.c.Expected * (i + 1), r.c.Lost * (i + 1), r.c.Runs * (i + 1)},
				Counts{0, r.holes.Lost * (i + 1), r.holes.Runs * (i + 1)},
			})
		}
		return rs
	}
	for _, tt := range []struct {
		name        string
		reports     []report
		loss, burst float64
	}{
		{"nothing", nil, 0, 1},
		{"no loss", repeat(20, report{c: Counts{Expected: 50}}), 0, 1},
		{"the first loss is not a tenth", repeat(1, report{c: Counts{10, 1, 1}}), 0.03, 1},
		{"a tenth, by chance", repeat(40, report{c: Counts{50, 5, 4}}), 0.1, 1.12},
		{"a tenth, in rows of three", repeat(40, report{c: Counts{60, 6, 2}}), 0.1, 2.7},
		{"holes of the sender are no loss", repeat(40, report{Counts{50, 10, 10}, Counts{0, 5, 5}}), 0.11, 1},
		{"all losses are holes", repeat(40, report{Counts{50, 10, 10}, Counts{0, 10, 10}}), 0, 1},
		{"holes that are filled late", append(repeat(1, report{Counts{50, 1, 1}, Counts{0, 1, 1}}), report{Counts{100, 0, 1}, Counts{0, 0, 1}}, report{Counts{200, 20, 20}, Counts{0, 0, 1}}), 0.12, 1},
		{"the counts wrap", []report{
			{c: Counts{Expected: 1<<32 - 50}}, {c: Counts{50, 10, 9}}, {c: Counts{150, 20, 18}},
		}, 0.095, 1.0},
		{"nothing that could be", append(repeat(40, report{c: Counts{50, 5, 4}}), report{c: Counts{1 << 30, 1 << 20, 1 << 19}}), 0.1, 1.12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e Estimate
			for _, r := range tt.reports {
				e.Add(r.c, r.holes)
			}
			require.InDelta(t, tt.loss, e.Loss(), 0.015)
			require.InDelta(t, tt.burst, e.Burst(), 0.15)
		})
	}
}

// An estimate follows a line that becomes bad, and one that becomes good, within ten seconds.
func TestEstimateFollows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var e Estimate
	var c Counts
	second := func(share float64) {
		for range 50 {
			c.Expected++
			if rng.Float64() < share {
				c.Lost++
				c.Runs++
			}
		}
		e.Add(c, Counts{})
	}
	for range 60 {
		second(0)
	}
	for range 2 {
		second(0.2)
	}
	require.InDelta(t, 0.2, e.Rising(), 0.1, "two seconds are enough to act")
	for range 8 {
		second(0.2)
	}
	require.InDelta(t, 0.2, e.Loss(), 0.06)
	for range 10 {
		second(0)
	}
	require.Less(t, e.Loss(), 0.05)
}

func TestSchedule(t *testing.T) {
	now := time.Unix(1000, 0)
	var s Schedule
	asked, news := 0, false
	due := func() bool { return s.Due(now, func() bool { asked++; return news }) }
	sent := func(seconds int) (n int) {
		for range 50 * seconds {
			if due() {
				n++
			}
			now = now.Add(20 * time.Millisecond)
		}
		return n
	}
	require.Equal(t, 3, sent(20), "without news every 5 s")
	require.Less(t, asked, 50, "twice a second")
	news = true
	require.InDelta(t, 20, sent(10), 1)
	now = now.Add(time.Hour)
	require.True(t, due(), "a pause changes nothing")
}
