package sfu

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio/red"
)

func TestRecovery(t *testing.T) {
	copied := func(own byte, ages ...uint32) []byte {
		var copies []red.Copy
		for _, a := range ages {
			copies = append(copies, red.Copy{Age: a * 960, Payload: []byte{own - byte(a)}})
		}
		return red.Append(nil, 111, []byte{own}, copies)
	}
	for _, tt := range []struct {
		name string
		from int   // number of the first packet
		got  []int // which packets come, counted from there
		want string
	}{
		{"all come", 10, []int{0, 1, 2, 3}, "0 1 2 3"},
		{"one is lost", 10, []int{0, 1, 3, 4}, "0 1 (2) 3 4"},
		{"two in a row", 10, []int{0, 1, 4}, "0 1 (2) (3) 4"},
		{"three in a row are one too many", 10, []int{0, 1, 5}, "0 1 (3) (4) 5"},
		{"late after its copy", 10, []int{0, 2, 1, 3}, "0 (1) 2 3"},
		{"two are late after their copies", 10, []int{0, 3, 1, 2, 4}, "0 (1) (2) 3 4"},
		{"nothing is known of what was before", 10, []int{2, 3}, "2 3"},
		{"too late to know whether a copy came", 10, []int{0, 40, 41, 1, 40, 43}, "0 40 41 (42) 43"},
		{"the numbers wrap", 65534, []int{0, 1, 3, 5}, "0 1 (2) 3 (4) 5"},
		{"a great gap is no loss", 10, []int{0, 1, 400, 402}, "0 1 400 (401) 402"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRecovery()
			var got []string
			for _, i := range tt.got {
				n := uint32(tt.from + i)
				p := packet{stream: 1, seq: uint16(n), ts: n * 960, payload: copied(byte(i), 2, 1)}
				lost, ok := r.take(&p, true)
				require.True(t, ok)
				for _, l := range lost {
					i := l.seq - uint16(tt.from)
					require.Equal(t, byte(i), l.payload[0])
					require.Equal(t, (uint32(tt.from)+uint32(i))*960, l.ts)
					got = append(got, fmt.Sprintf("(%d)", i))
				}
				if !r.twice {
					got = append(got, fmt.Sprint(int(n)-tt.from))
				}
				require.Equal(t, []byte{byte(i)}, p.payload)
			}
			assert.Equal(t, tt.want, strings.Join(got, " "))
		})
	}
	r := newRecovery()
	p := packet{payload: []byte{0xff, 1}}
	_, ok := r.take(&p, true)
	require.False(t, ok)
	lost, ok := r.take(&p, false)
	require.True(t, ok, "plain")
	require.Empty(t, lost)
	q := packet{stream: 1, seq: 3, ts: 2880, payload: copied(9, 2, 1)}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		p := q
		q.seq += 2
		q.ts += 2 * 960
		r.take(&p, true)
	}))
}

// Whatever a speaker sends: nothing is made up that has come just now, no more than there were copies, and no number of a
// stream is sent twice, for it is a nonce.
func FuzzRecovery(f *testing.F) {
	f.Add([]byte{0, 1, 3, 3, 5, 3, 4, 3, 200, 3})
	f.Add([]byte{0, 2, 40, 2, 41, 2, 1, 2, 40, 2, 43, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newRecovery()
		sent, stream := map[uint16]bool{}, uint32(2)
		once := func(seq uint16) {
			if sent[seq] {
				t.Fatalf("packet %d is sent twice", seq)
			}
			sent[seq] = true
		}
		for ; len(script) >= 2; script = script[2:] {
			seq := uint16(int8(script[0])) // small steps about 0, where numbers wrap
			var copies []red.Copy
			for age := uint32(1); age <= uint32(script[1]&7); age++ {
				copies = append(copies, red.Copy{Age: age * 960, Payload: []byte{2}})
			}
			p := packet{
				stream: uint32(script[1] >> 7), seq: seq, ts: uint32(int32(int16(seq)) * 960),
				payload: red.Append(nil, 111, []byte{1}, copies),
			}
			if p.stream != stream {
				clear(sent)
				stream = p.stream
			}
			lost, ok := r.take(&p, true)
			if !ok || len(lost) > len(copies) {
				t.Fatalf("%v, %d of %d copies", ok, len(lost), len(copies))
			}
			for _, l := range lost {
				if l.seq == seq || l.payload[0] != 2 {
					t.Fatalf("made up packet %d when %d came", l.seq, seq)
				}
				once(l.seq)
			}
			if !r.twice {
				once(seq)
			}
		}
	})
}
