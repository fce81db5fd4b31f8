package sfu

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio/red"
	"github.com/openvoiceroom/openvoiceroom/internal/redundancy"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// sink is a TrackLocalWriter that remembers headers, or only counts.
type sink struct {
	keep bool
	err  error
	hdrs []rtp.Header
	all  [][]byte
	n    int
}

func (s *sink) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	s.n++
	if s.keep {
		s.hdrs = append(s.hdrs, h.Clone())
		s.all = append(s.all, append([]byte(nil), payload...))
	}
	return len(payload) + 12, nil
}

func (s *sink) Write([]byte) (int, error) { return 0, errors.New("not used") }

// boundSlot is a slot as pion leaves it after the negotiation.
func boundSlot(w webrtc.TrackLocalWriter, levelID uint8) *slot {
	s := newSlot("slot0", "1")
	s.hdr.SSRC, s.pt, s.redPT = 4711, 111, 63
	if levelID != 0 {
		s.exts = true
		_ = s.hdr.SetExtension(levelID, s.level[:])
	}
	s.writer = w
	return s
}

func TestSlotRewrites(t *testing.T) {
	out := &sink{keep: true}
	s := boundSlot(out, 5)
	anna, bert := newSpeaker(nil, "anna"), newSpeaker(nil, "bert")
	now := time.Unix(1000, 0)
	s.occupant.Store(anna)
	send := func(from *speaker, p packet) bool {
		p.payload = []byte{1}
		_, ok := s.write(from, &p, now)
		return ok
	}
	require.True(t, send(anna, packet{stream: 1, seq: 65534, ts: 100, hasLevel: true, level: 0x80 | 17}))
	require.True(t, send(anna, packet{stream: 1, seq: 65535, ts: 1060}))
	require.True(t, send(anna, packet{stream: 1, seq: 1, ts: 2980, marker: true}), "a hole stays a hole")
	require.True(t, send(anna, packet{stream: 1, seq: 0, ts: 2020}), "late, but of the same speaker")
	last := out.hdrs[2]

	s.occupant.Store(bert)
	assert.False(t, send(anna, packet{stream: 1, seq: 2, ts: 3940}), "on its way while the slot changed hands")
	now = now.Add(75 * time.Millisecond)
	require.True(t, send(bert, packet{stream: 2, seq: 40000, ts: 7}))
	assert.False(t, send(bert, packet{stream: 2, seq: 39999, ts: 4294966343}), "before its first: that number is another's")
	require.True(t, send(bert, packet{stream: 2, seq: 40001, ts: 967}))
	require.True(t, send(bert, packet{stream: 2, seq: 20000, ts: 967}), "a jump is another numbering")
	require.True(t, send(bert, packet{stream: 3, seq: 9, ts: 1}), "so is another stream")

	require.Len(t, out.hdrs, 8)
	for i, h := range out.hdrs {
		assert.Equal(t, uint32(4711), h.SSRC)
		assert.Equal(t, uint8(111), h.PayloadType)
		assert.False(t, h.Padding)
		assert.Equal(t, i == 0, h.Extension)
	}
	assert.Equal(t, []byte{0x80 | 17}, out.hdrs[0].GetExtension(5), "under the receiver's id")
	assert.True(t, out.hdrs[0].Marker)
	assert.True(t, last.Marker, "a talk spurt's own marker")
	assert.Equal(t, last.SequenceNumber-1, out.hdrs[3].SequenceNumber)
	for i, want := range []struct {
		seq    uint16
		ts     uint32
		marker bool
	}{{1, 3 * 960, true}, {2, 4 * 960, false}, {3, 5 * 960, true}, {4, 6 * 960, true}} {
		h := out.hdrs[4+i]
		assert.Equal(t, last.SequenceNumber+want.seq, h.SequenceNumber, "packet %d", i)
		assert.Equal(t, last.Timestamp+want.ts, h.Timestamp, "packet %d", i)
		assert.Equal(t, want.marker, h.Marker, "packet %d", i)
	}
}

// Whatever speakers send, a slot's numbers never come twice and never jump so far that SRTP loses count.
func TestSlotUnderNonsense(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	out := &sink{keep: true}
	s := boundSlot(out, 0)
	speakers := []*speaker{newSpeaker(nil, "a"), newSpeaker(nil, "b"), newSpeaker(nil, "c")}
	now := time.Unix(1000, 0)
	for range 200_000 {
		from := speakers[rng.IntN(len(speakers))]
		if rng.IntN(10) == 0 {
			s.occupant.Store(from)
		}
		p := packet{stream: rng.Uint32N(2), seq: uint16(rng.Uint32()), ts: rng.Uint32(), payload: []byte{1}}
		if rng.IntN(3) > 0 {
			p.seq = uint16(rng.Uint32N(500))
		}
		s.write(from, &p, now)
		now = now.Add(time.Duration(rng.Int64N(int64(time.Second))))
	}
	highest := out.hdrs[0].SequenceNumber
	for i, h := range out.hdrs[1:] {
		d := int16(h.SequenceNumber - highest)
		require.True(t, d > -maxBehind && d <= maxAhead, "packet %d: %d", i, d)
		if d > 0 {
			highest = h.SequenceNumber
		}
	}
}

// However long one speaker talks, what is late or was repaired is sent, and copies go along.
func TestSlotInLongTalk(t *testing.T) {
	out := &sink{}
	s := boundSlot(out, 0)
	anna := newSpeaker(nil, "anna")
	s.occupant.Store(anna)
	s.copies.Store(uint32(redundancy.One))
	now := time.Unix(1000, 0)
	for i := uint32(0); i < 3<<16; i += 2 {
		for _, n := range []uint32{i + 1, i} {
			if i == 0 && n == 0 {
				continue // the first of all
			}
			_, ok := s.write(anna, &packet{stream: 1, seq: uint16(n), ts: n * 960, payload: []byte{1}}, now)
			require.True(t, ok, "packet %d after %v of talk", n, time.Duration(n)*20*time.Millisecond)
		}
		require.GreaterOrEqual(t, s.lastSeq-s.first, uint16(min(i, 30)), "what was said before counts as this speaker's")
	}
}

// Copies go along with any packet, to those who take them and need them, and never of another speaker's.
func TestSlotCopies(t *testing.T) {
	out, plain := &sink{keep: true}, &sink{keep: true}
	s, other := boundSlot(out, 0), boundSlot(plain, 0)
	other.redPT = 0
	anna, bert := newSpeaker(nil, "anna"), newSpeaker(nil, "bert")
	f := newForwarder(&counters{})
	now := time.Unix(1000, 0)
	anna.place(nil, []*slot{s, other})
	bert.place(nil, []*slot{s, other})
	send := func(from *speaker, seq int) {
		now = now.Add(20 * time.Millisecond)
		for _, s := range []*slot{s, other} {
			s.occupant.Store(from)
		}
		f.forward(from, &packet{stream: 1, seq: uint16(seq), ts: uint32(seq) * 960, payload: []byte{byte(seq)}}, now)
	}
	level := func(l redundancy.Level) { s.copies.Store(uint32(l)); other.copies.Store(uint32(l)) }
	for seq := range 4 {
		send(anna, seq)
	}
	level(redundancy.Two)
	send(anna, 4)
	level(redundancy.None)
	send(anna, 5)
	level(redundancy.Two)
	for seq := 7; seq < 9; seq++ { // 6 is lost
		send(anna, seq)
	}
	for seq := 100; seq < 104; seq++ {
		send(bert, seq)
	}
	level(redundancy.TwoApart)
	for seq := 104; seq < 109; seq++ {
		send(bert, seq)
	}
	var got []string
	for i, h := range out.hdrs {
		if h.PayloadType == 111 {
			got = append(got, fmt.Sprint(out.all[i][0]))
			continue
		}
		own, pt, copies, err := red.Parse(out.all[i], nil)
		require.NoError(t, err)
		require.Equal(t, uint8(63), h.PayloadType)
		require.Equal(t, uint8(111), pt)
		words := []string{fmt.Sprint(own[0])}
		for _, c := range copies {
			require.Equal(t, int(own[0])-int(c.Payload[0]), int(c.Age/960))
			words = append(words, fmt.Sprint(c.Payload[0]))
		}
		got = append(got, strings.Join(words, "+"))
	}
	assert.Equal(t, []string{
		"0", "1", "2", "3", "4+2+3", "5", "7+5", "8+7", "100", "101", "102", "103+101+102", "104", "105", "106", "107", "108+101+105",
	}, got)
	for i, h := range plain.hdrs {
		assert.Equal(t, uint8(111), h.PayloadType)
		assert.Equal(t, out.hdrs[i].SequenceNumber, h.SequenceNumber, "numbers are the same with and without")
		assert.Len(t, plain.all[i], 1)
	}
}

func TestSlotBeforeConnection(t *testing.T) {
	s := newSlot("slot0", "1")
	anna := newSpeaker(nil, "anna")
	s.occupant.Store(anna)
	p := &packet{seq: 1, payload: []byte{1}}
	why, ok := s.write(anna, p, time.Unix(1, 0))
	assert.False(t, ok)
	assert.Equal(t, dropUnsent, why)
	out := &sink{err: errors.New("no pair"), keep: true}
	s.writer = out
	_, ok = s.write(anna, p, time.Unix(1, 0))
	assert.False(t, ok)
	out.err = nil
	p.seq = 2
	_, ok = s.write(anna, p, time.Unix(1, 0))
	require.True(t, ok)
	assert.Equal(t, uint16(2), out.hdrs[0].SequenceNumber)
}

// room of n receivers that hear one speaker, without pion.
func fakeRoom(n int) (*forwarder, *speaker) {
	f := newForwarder(&counters{})
	sp := newSpeaker(&Room{}, "anna")
	hear(sp, sp.room, n)
	f.routes.Store(&routes{"anna": sp})
	return f, sp
}

// hear lets n more receivers in a room hear a speaker.
func hear(sp *speaker, in *Room, n int) {
	var slots []*slot
	for range n {
		s := boundSlot(&sink{}, 1)
		s.occupant.Store(sp)
		slots = append(slots, s)
	}
	sp.place(in, slots)
}

// rawPacket is a publisher's packet of 80 bytes with an audio level under id 3.
func rawPacket(t testing.TB) []byte {
	h := rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: 1, SSRC: 99}
	require.NoError(t, h.SetExtension(3, []byte{0x80 | 20}))
	b, err := (&rtp.Packet{Header: h, Payload: make([]byte, 80)}).Marshal()
	require.NoError(t, err)
	return b
}

func TestForwardAllocatesNothing(t *testing.T) {
	f, sp := fakeRoom(30)
	hear(sp, &Room{}, 20) // in a connected room
	for _, place := range sp.places() {
		for i, s := range place.slots { // some on bad lines
			s.copies.Store(uint32(redundancy.Level(i % 5)))
		}
	}
	raw := rawPacket(t)
	var (
		h   rtp.Header
		pkt packet
		b   bucket
	)
	sent := make([]byte, 0, 1<<16)
	rel := newRelay(func(m []byte) { sent = append(sent[:0], m...) }, f.count)
	user := signaling.UserID("anna")
	now := time.Unix(1000, 0)
	allocs := testing.AllocsPerRun(1000, func() {
		raw[3]++
		now = now.Add(20 * time.Millisecond)
		b.take(now)
		if _, ok := parsePacket(&pkt, &h, raw, 3); !ok {
			t.Error("not parsed")
		}
		r, _ := f.permitted(user)
		f.forward(r, &pkt, now)
		rel.add(user, &pkt, now)
	})
	assert.Zero(t, allocs, "per packet, with 50 receivers and a relay")
	rel.close()

	for range 10 {
		sent = appendRelay(sent, user, &pkt)
	}
	room := &Room{sfu: &SFU{}, forward: f}
	allocs = testing.AllocsPerRun(1000, func() { room.FromRelay(sent) })
	assert.LessOrEqual(t, allocs, 2.0, "per message from another node, with 11 packets for 50 receivers")
}

func BenchmarkForward(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkForward(b, n, redundancy.None) })
		b.Run(fmt.Sprint(n, "-copies"), func(b *testing.B) { benchmarkForward(b, n, redundancy.Two) })
	}
}

func benchmarkForward(b *testing.B, n int, level redundancy.Level) {
	f, sp := fakeRoom(n)
	for _, s := range sp.places()[0].slots {
		s.copies.Store(uint32(level))
	}
	p := packet{payload: make([]byte, 80), hasLevel: true, level: 20}
	now := time.Unix(1000, 0)
	b.ReportAllocs()
	for b.Loop() {
		p.seq++
		p.ts += 960
		now = now.Add(20 * time.Millisecond)
		r, _ := f.permitted("anna")
		f.forward(r, &p, now)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/receiver")
}

func BenchmarkSlotWrite(b *testing.B) {
	_, sp := fakeRoom(1)
	p := packet{payload: make([]byte, 80), hasLevel: true, level: 20}
	now := time.Unix(1000, 0)
	b.ReportAllocs()
	for b.Loop() {
		p.seq++
		sp.places()[0].slots[0].write(sp, &p, now)
	}
}
