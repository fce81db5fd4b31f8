package redundancy

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio/red"
)

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		from        Level
		loss, burst float64
		want        Level
	}{
		{None, 0, 1, None},
		{None, 0.009, 1, None},
		{None, 0.01, 1, One},
		{One, 0.006, 1, One},
		{One, 0.004, 1, None},
		{None, 0.05, 1, Two},
		{One, 0.04, 1, One},
		{Two, 0.04, 1, Two},
		{Two, 0.02, 1, One},
		{Two, 0, 1, None},
		{Two, 1, 1, Two},
		{None, 0.02, 2, OneApart},
		{None, 0.1, 2.7, TwoApart},
		{Two, 0.1, 1.5, Two},
		{TwoApart, 0.1, 1.5, TwoApart},
		{TwoApart, 0.1, 1.2, Two},
		{TwoApart, 0.04, 1.5, TwoApart},
		{TwoApart, 0.02, 1.5, OneApart},
		{TwoApart, 0.001, 3, None},
	} {
		require.Equal(t, tt.want, tt.from.Next(tt.loss, tt.burst), "from %d at %v, %v", tt.from, tt.loss, tt.burst)
	}
}

func TestDeepest(t *testing.T) {
	deepest := uint16(0)
	for l := range levels {
		require.LessOrEqual(t, len(distances[l]), 2, "3.5 times the bit rate")
		deepest = max(deepest, l.Reach())
	}
	require.Equal(t, uint16(Deepest), deepest)
	require.Less(t, deepest, uint16(Depth))
	require.LessOrEqual(t, deepest*960, uint16(red.MaxAge))
	require.Zero(t, levels.Reach())
}

// ages returns what is packed, as "own: ages".
func ages(t *testing.T, p []byte) string {
	t.Helper()
	if p == nil {
		return "plain"
	}
	require.LessOrEqual(t, len(p), maxPayload)
	own, pt, copies, err := red.Parse(p, nil)
	require.NoError(t, err)
	require.Equal(t, uint8(111), pt)
	words := []string{fmt.Sprint(own[0], ":")}
	for _, c := range copies {
		words = append(words, fmt.Sprint(c.Age/960))
	}
	return strings.Join(words, " ")
}

func TestHistory(t *testing.T) {
	var h History
	require.Nil(t, h.Payload(One, 111))
	add := func(seq int, silence int, size int) {
		h.Add(7, uint16(seq), uint32(seq+silence)*960, bytes.Repeat([]byte{byte(seq)}, size))
	}
	add(65534, 0, 10)
	require.Equal(t, "plain", ages(t, h.Payload(Two, 111)), "nothing before it")
	add(65535, 0, 10)
	require.Equal(t, "255: 1", ages(t, h.Payload(Two, 111)))
	add(65536, 0, 10)
	require.Equal(t, "0: 2 1", ages(t, h.Payload(Two, 111)))
	require.Equal(t, "0: 1", ages(t, h.Payload(One, 111)))
	require.Nil(t, h.Payload(None, 111))
	for _, pt := range []uint8{111, 96, 111} { // one listener calls it otherwise than the next
		_, got, _, err := red.Parse(h.Payload(One, pt), nil)
		require.NoError(t, err)
		require.Equal(t, pt, got)
	}
	require.Equal(t, "plain", ages(t, h.Payload(TwoApart, 111)), "not so far yet")
	require.Equal(t, "0: 1", ages(t, h.With(None, 111, []uint16{65535})))
	require.Equal(t, "0: 2 1", ages(t, h.With(One, 111, []uint16{65534, 65535, 7, 0})), "each once, none that is not kept, not itself")
	for i := range 10 {
		add(65537+i, 0, 10)
	}
	require.Equal(t, "10: 7 3", ages(t, h.Payload(TwoApart, 111)))
	require.Equal(t, "10: 9 8 7 3", ages(t, h.With(TwoApart, 111, []uint16{1, 2, 3, 5})), "not more than three")
	add(65548, 0, 10) // 65547 is lost
	require.Equal(t, "12: 2", ages(t, h.Payload(Two, 111)))
	add(65549, 20, 10)
	require.Equal(t, "plain", ages(t, h.Payload(Two, 111)), "too long ago")
	add(65550, 20, 800)
	add(65551, 20, 800)
	require.Equal(t, "15: 2", ages(t, h.Payload(Two, 111)), "what does not fit is left out")
	add(65552, 20, 1190)
	require.Equal(t, "plain", ages(t, h.Payload(Two, 111)))
	h.Add(8, 17, 5, []byte{1})
	require.Nil(t, h.Payload(Two, 111), "another stream")
}

func TestHistoryAllocatesNothing(t *testing.T) {
	var h History
	p := make([]byte, 125)
	seq := uint16(0)
	use := func() {
		seq++
		h.Add(1, seq, uint32(seq)*960, p)
		for l := range levels {
			h.Payload(l, 111)
		}
		h.With(Two, 111, []uint16{seq - 4})
	}
	for range 100 {
		use()
	}
	require.Zero(t, testing.AllocsPerRun(1000, use))
}

func BenchmarkHistory(b *testing.B) {
	var h History
	p := make([]byte, 125)
	for _, l := range []Level{None, Two} {
		b.Run(fmt.Sprint("level=", l), func(b *testing.B) {
			b.ReportAllocs()
			for seq := uint16(0); b.Loop(); seq++ {
				h.Add(1, seq, uint32(seq)*960, p)
				h.Payload(l, 111)
			}
		})
	}
}
