package sfu

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestRelayRoundTrip(t *testing.T) {
	in := []packet{
		{stream: 1, seq: 2, ts: 3, marker: true, payload: []byte{4}},
		{stream: 1 << 31, seq: 65535, ts: 1 << 31, hasLevel: true, level: 0xff, payload: make([]byte, maxPayload)},
	}
	var b []byte
	for i := range in {
		b = appendRelay(b, "anna", &in[i])
	}
	var out []packet
	require.NoError(t, readRelay(b, func(user []byte, p *packet) {
		assert.Equal(t, "anna", string(user))
		out = append(out, *p)
	}))
	assert.Equal(t, in, out)
	for n := range b {
		if n != 1 && n != 1+1+4+relayFixed-1+1 {
			assert.Error(t, readRelay(b[:n], func([]byte, *packet) {}), "cut at %d", n)
		}
	}
	b[0] = 2
	require.ErrorIs(t, readRelay(b, func([]byte, *packet) {}), errRelay, "another version")
}

func TestRelayBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type sent struct {
			at      time.Duration
			packets int
		}
		start := time.Now()
		var got []sent
		r := newRelay(func(b []byte) {
			n := 0
			require.NoError(t, readRelay(b, func([]byte, *packet) { n++ }))
			got = append(got, sent{time.Since(start), n})
		}, &counters{})
		say := func(users ...signaling.UserID) {
			for _, u := range users {
				r.add(u, &packet{payload: []byte{1}}, time.Now())
			}
		}
		say("a", "b")
		require.Equal(t, []sent{{0, 1}, {0, 1}}, got, "two go at once")
		got = nil
		for range 3 {
			say("a", "b", "c", "d")
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
		}
		time.Sleep(100 * time.Millisecond)
		total := 0
		for _, g := range got {
			total += g.packets
		}
		assert.Equal(t, 12, total, "nothing is lost")
		assert.LessOrEqual(t, len(got), 6, "%v", got)
		got = nil
		say("a")
		assert.Len(t, got, 1, "alone again: at once")

		got = nil
		say("a", "b", "c")
		got = nil
		for range 100 {
			r.add("d", &packet{payload: make([]byte, maxPayload)}, time.Now())
		}
		assert.Greater(t, len(got), 2, "a full message does not wait")
		r.close()
		n := len(got)
		say("a")
		time.Sleep(time.Second)
		assert.Len(t, got, n, "nothing after close")
	})
}

func FuzzReadRelay(f *testing.F) {
	b := appendRelay(nil, "anna", &packet{stream: 1, seq: 2, ts: 3, hasLevel: true, level: 4, payload: []byte{5, 6}})
	f.Add(b)
	f.Add(appendRelay(slices.Clone(b), "b", &packet{marker: true, payload: []byte{7}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		err := readRelay(b, func(user []byte, p *packet) {
			if len(p.payload) == 0 || len(p.payload) > maxPayload || len(user) == 0 {
				t.Fatalf("user of %d bytes, payload of %d", len(user), len(p.payload))
			}
			again = appendRelay(again, signaling.UserID(user), p)
		})
		if err == nil && len(b) > 1 && !slices.Equal(again, b) {
			t.Errorf("%x was read as %x", b, again)
		}
	})
}
