package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVolumes(t *testing.T) {
	for _, c := range []struct {
		levels []uint8 // -dBov
		want   int
	}{
		{nil, 0},
		{[]uint8{127, 127}, 0},    // silence
		{[]uint8{0}, 100},         // as loud as can be
		{[]uint8{60}, 0},          // a quiet room
		{[]uint8{45}, Speaking},   // the threshold of the documents' apps
		{[]uint8{20}, 67},         // speech
		{[]uint8{20, 127}, 62},    // half of the time: 3 dB less
		{[]uint8{30, 30, 30}, 50}, // the mean, not the sum
		{[]uint8{0x80 | 20}, 67},  // the voice flag of RFC 6464 is no level
	} {
		var m meter
		for _, l := range c.levels {
			m.add(l)
		}
		require.Equal(t, c.want, m.take(), "%v", c.levels)
		require.Zero(t, m.take(), "a reading starts anew")
	}
}
