package red

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRoundTrip(t *testing.T) {
	long := bytes.Repeat([]byte{9}, MaxBlock)
	for _, tt := range []struct {
		name   string
		own    []byte
		copies []Copy
		want   []Copy
	}{
		{"no copy", []byte{1}, nil, nil},
		{"one", []byte{1, 2}, []Copy{{960, []byte{3}}}, []Copy{{960, []byte{3}}}},
		{"three", []byte{1}, []Copy{{MaxAge, []byte{3}}, {1920, long}, {960, []byte{4, 5}}}, []Copy{{MaxAge, []byte{3}}, {1920, long}, {960, []byte{4, 5}}}},
		{"what has no room is left out", []byte{1}, []Copy{{MaxAge + 1, []byte{3}}, {960, append(long, 1)}, {0, []byte{3}}, {960, nil}, {960, []byte{7}}}, []Copy{{960, []byte{7}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := Append([]byte{42}, 111, tt.own, tt.copies)
			require.Equal(t, byte(42), b[0])
			own, pt, copies, err := Parse(b[1:], make([]Copy, 0, MaxCopies))
			require.NoError(t, err)
			require.Equal(t, tt.own, own)
			require.Equal(t, uint8(111), pt)
			require.ElementsMatch(t, tt.want, copies)
			size := 1 + len(tt.own)
			for _, c := range tt.want {
				size += Size(len(c.Payload))
			}
			require.Len(t, b, 1+size)
		})
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name   string
		b      []byte
		own    []byte
		copies []Copy
		err    error
	}{
		{"nothing", nil, nil, nil, ErrShort},
		{"as browsers send it", []byte{0x80 | 111, 15, 0, 2, 111, 8, 9, 1, 2, 3}, []byte{1, 2, 3}, []Copy{{960, []byte{8, 9}}}, nil},
		{"ends in a header", []byte{0x80 | 111, 15}, nil, nil, ErrShort},
		{"ends behind a header", []byte{0x80 | 111, 15, 0, 2}, nil, nil, ErrShort},
		{"a length that lies", []byte{0x80 | 111, 15, 3, 255, 111, 1, 2, 3}, nil, nil, ErrShort},
		{"nothing of its own", []byte{0x80 | 111, 15, 0, 2, 111, 8, 9}, nil, nil, ErrEmpty},
		{"only a header", []byte{111}, nil, nil, ErrEmpty},
		{"an empty copy", []byte{0x80 | 111, 15, 0, 0, 111, 1}, []byte{1}, nil, nil},
		{"a copy that is not older", []byte{0x80 | 111, 0, 0, 1, 111, 8, 1}, []byte{1}, nil, nil},
		{"a copy of another type", []byte{0x80 | 13, 15, 0, 1, 111, 8, 1}, []byte{1}, nil, nil},
		{"as many as are read", append(bytes.Repeat([]byte{0x80 | 111, 15, 0, 0}, MaxCopies), 111, 1), []byte{1}, nil, nil},
		{"more", append(bytes.Repeat([]byte{0x80 | 111, 15, 0, 0}, MaxCopies+1), 111, 1), nil, nil, ErrCopies},
		{"headers without an end", bytes.Repeat([]byte{0xff}, 1200), nil, nil, ErrCopies},
	} {
		t.Run(tt.name, func(t *testing.T) {
			own, _, copies, err := Parse(tt.b, nil)
			require.ErrorIs(t, err, tt.err)
			require.Equal(t, tt.own, own)
			require.ElementsMatch(t, tt.copies, copies)
		})
	}
}

func TestLocate(t *testing.T) {
	// Numbers 10, 11 and 15 to 17 are there; 12 to 14 are missing.
	talk := map[int64]uint32{10: 0, 11: 960, 15: 5 * 960, 16: 6 * 960, 17: 7 * 960}
	// The same, with ten frames of silence somewhere among the missing.
	pause := map[int64]uint32{11: 960, 15: 15 * 960}
	wrap := map[int64]uint32{65535: 1<<32 - 960, 65537: 960}
	for _, tt := range []struct {
		name  string
		known map[int64]uint32
		ts    uint32
		want  int64 // 0: no answer
	}{
		{"in the middle", talk, 3 * 960, 13},
		{"next to the newer", talk, 4 * 960, 14},
		{"next to the older", talk, 2 * 960, 12},
		{"it is there", talk, 5 * 960, 0},
		{"newer than all", talk, 8 * 960, 0},
		{"older than all", talk, 1<<32 - 960, 0},
		{"between two frames", talk, 3*960 + 1, 0},
		{"right before the newer, with silence", pause, 14 * 960, 14},
		{"right behind the older, with silence", pause, 2 * 960, 12},
		{"silence on both sides", pause, 8 * 960, 0},
		{"the timestamp wraps", wrap, 0, 65536},
	} {
		t.Run(tt.name, func(t *testing.T) {
			known := func(seq int64) (uint32, bool) { ts, ok := tt.known[seq]; return ts, ok }
			oldest, newest := int64(10), int64(17)
			if tt.known[65535] != 0 {
				oldest, newest = 65535, 65537
			}
			got, ok := Locate(tt.ts, oldest, newest, 960, known)
			require.Equal(t, tt.want != 0, ok)
			if ok {
				require.Equal(t, tt.want, got)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Append(nil, 111, []byte{1, 2}, []Copy{{1920, []byte{3}}, {960, []byte{4}}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		own, pt, copies, err := Parse(b, make([]Copy, 0, MaxCopies))
		if err != nil {
			if own != nil || len(copies) != 0 {
				t.Fatal("an error with data")
			}
			return
		}
		total := len(own)
		for _, c := range copies {
			if !c.fits() {
				t.Fatalf("copy %+v", c)
			}
			total += Size(len(c.Payload))
		}
		if len(own) == 0 || total >= len(b) {
			t.Fatalf("%d bytes from %d", total, len(b))
		}
		again, pt2, copies2, err := Parse(Append(nil, pt, own, copies), nil)
		if err != nil || pt2 != pt || !bytes.Equal(again, own) || len(copies2) != len(copies) {
			t.Fatalf("written and read again: %v", err)
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	copies := make([]Copy, 0, MaxCopies)
	own, buf := make([]byte, 120), make([]byte, 0, 1200)
	known := func(seq int64) (uint32, bool) { return uint32(seq * 960), seq != 5 }
	require.Zero(t, testing.AllocsPerRun(100, func() {
		copies = append(copies[:0], Copy{1920, own}, Copy{960, own})
		buf = Append(buf[:0], 111, own, copies)
		_, _, copies, _ = Parse(buf, copies)
		Locate(5*960, 0, 9, 960, known)
	}))
}

func BenchmarkAppend(b *testing.B) {
	own, buf := make([]byte, 120), make([]byte, 0, 1200)
	copies := []Copy{{1920, own}, {960, own}}
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], 111, own, copies)
	}
}

func BenchmarkParse(b *testing.B) {
	own := make([]byte, 120)
	p := Append(nil, 111, own, []Copy{{1920, own}, {960, own}})
	copies := make([]Copy, 0, MaxCopies)
	b.ReportAllocs()
	for b.Loop() {
		_, _, copies, _ = Parse(p, copies)
	}
}
