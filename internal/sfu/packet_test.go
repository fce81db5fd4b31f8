package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParsePacket(t *testing.T) {
	raw := rawPacket(t)
	var (
		h rtp.Header
		p packet
	)
	_, ok := parsePacket(&p, &h, raw, 3)
	require.True(t, ok)
	assert.Equal(t, uint32(99), p.stream)
	assert.True(t, p.hasLevel)
	assert.Equal(t, uint8(0x80|20), p.level)
	assert.Len(t, p.payload, 80)
	_, ok = parsePacket(&p, &h, raw, 4)
	require.True(t, ok)
	assert.False(t, p.hasLevel, "another id is another extension")

	head := []byte{0x80, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}
	padded := append([]byte{0xa0}, head[1:]...)
	with := func(b []byte, more ...byte) []byte { return append(append([]byte(nil), b...), more...) }
	for _, tc := range []struct {
		name string
		raw  []byte
		want drop
	}{
		{"nothing", nil, dropMalformed},
		{"short", head[:11], dropMalformed},
		{"no payload", head, dropMalformed},
		{"version 1", with([]byte{0x40}, head[1:]...), dropMalformed},
		{"padding of nothing", padded, dropMalformed},
		{"padding of 0", with(padded, 1, 2, 0), dropMalformed},
		{"more padding than payload", with(padded, 1, 2, 4), dropMalformed},
		{"only padding", with(padded, 0, 0, 3), dropMalformed},
		{"extension beyond the end", with([]byte{0x90}, with(head[1:], 0xbe, 0xde, 0, 9, 0x30, 1)...), dropMalformed},
		{"element beyond the extension", with([]byte{0x90}, with(head[1:], 0xbe, 0xde, 0, 1, 0x3f, 1, 1, 1, 9, 9)...), dropMalformed},
		{"CSRCs beyond the end", with([]byte{0x8f}, head[1:]...), dropMalformed},
		{"too large", with(head, make([]byte, maxPayload+1)...), dropTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			why, ok := parsePacket(&p, &h, tc.raw, 3)
			assert.False(t, ok)
			assert.Equal(t, tc.want, why)
		})
	}
	_, ok = parsePacket(&p, &h, with(padded, 7, 8, 0, 2), 3)
	require.True(t, ok)
	assert.Equal(t, []byte{7, 8}, p.payload, "padding is gone")
}

func TestBucket(t *testing.T) {
	var b bucket
	now := time.Unix(1000, 0)
	n := 0
	for range 1000 {
		if b.take(now) {
			n++
		}
	}
	assert.Equal(t, rateBurst, n)
	for range 1000 {
		now = now.Add(time.Millisecond)
		if b.take(now) {
			n++
		}
	}
	assert.InDelta(t, rateBurst+maxRate, n, 1)
	assert.False(t, b.take(now.Add(-time.Hour)), "a clock that goes back gives nothing")
}

func FuzzParsePacket(f *testing.F) {
	f.Add([]byte{0x80, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9}, uint8(1))
	f.Add([]byte{0xb0, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x10, 20, 0, 0, 9, 9, 2}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, id uint8) {
		var (
			h rtp.Header
			p packet
		)
		if _, ok := parsePacket(&p, &h, b, id); ok && (len(p.payload) == 0 || len(p.payload) > maxPayload) {
			t.Errorf("payload of %d bytes", len(p.payload))
		}
	})
}
