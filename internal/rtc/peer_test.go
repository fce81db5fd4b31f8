package rtc

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOffer(t *testing.T) {
	p, err := New(Config{})
	require.NoError(t, err)
	offer := p.Offer()
	assert.Equal(t, 11, strings.Count(offer, "m=audio "))
	assert.Equal(t, 11, strings.Count(offer, "a=rtpmap:111 opus/48000/2\r\n"))
	assert.Equal(t, 11, strings.Count(offer, "useinbandfec=1\r\na=ptime:20\r\n"))
	assert.Equal(t, 11, strings.Count(offer, levelURI))
	assert.Equal(t, 1, strings.Count(offer, "a=sendonly"))
	assert.Equal(t, 10, strings.Count(offer, "a=recvonly"))
	assert.Less(t, strings.Index(offer, "a=sendonly"), strings.Index(offer, "a=recvonly"), "the microphone comes first")
	assert.Equal(t, 11, strings.Count(offer, "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"), "copies are understood")
	assert.Equal(t, 11, strings.Count(offer, "UDP/TLS/RTP/SAVPF 111 63\r\n"), "and not the first choice")
	assert.NotContains(t, offer, "a=candidate")
	assert.NotContains(t, offer, "cryptex")
	assert.NotContains(t, offer, "m=application")
	mids := p.MIDs()
	assert.Len(t, mids, 10)
	for mid, slot := range mids {
		assert.Contains(t, offer, "a=mid:"+mid+"\r\n")
		assert.GreaterOrEqual(t, slot, 0)
		assert.Less(t, slot, 10)
	}
	clear(mids)
	assert.Len(t, p.MIDs(), 10, "a copy")
	require.NoError(t, p.Close())
}

func TestBadSlots(t *testing.T) {
	for _, n := range []int{-1, 64} {
		_, err := New(Config{Slots: n})
		require.Error(t, err)
	}
}

func TestClosed(t *testing.T) {
	var states []State
	p, err := New(Config{Slots: 1, OnState: func(s State) { states = append(states, s) }})
	require.NoError(t, err)
	require.NoError(t, p.WriteAudio([]byte{1}, 960, 0, false), "before the connection: dropped")
	p.Skip(960)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Connected(ctx), context.Canceled)
	require.ErrorIs(t, p.Answer(ctx, ""), context.Canceled)
	require.ErrorContains(t, p.Answer(t.Context(), strings.Repeat("x", maxAnswer+1)), "at most")
	require.Error(t, p.Answer(t.Context(), "nonsense"))
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	require.ErrorIs(t, p.Connected(t.Context()), ErrClosed)
	require.ErrorIs(t, p.Answer(t.Context(), "nonsense"), ErrClosed)
	_, err = p.RestartOffer()
	require.ErrorIs(t, err, ErrClosed)
	assert.Equal(t, []State{StateClosed}, states)
}

func TestWakeUps(t *testing.T) {
	const answer = "v=0\r\n" +
		"a=candidate:1 1 tcp 1671430143 198.51.100.1 443 typ host tcptype passive\r\n" +
		"a=candidate:2 1 udp 2130706431 198.51.100.1 7000 typ host\r\n" +
		"a=candidate:1 1 tcp 1671430143 198.51.100.1 443 typ host tcptype passive\r\n" +
		"a=end-of-candidates\r\n"
	rest, tcp := withoutTCP(answer)
	assert.Equal(t, "v=0\r\na=candidate:2 1 udp 2130706431 198.51.100.1 7000 typ host\r\na=end-of-candidates\r\n", rest)
	require.Equal(t, []string{"candidate:1 1 tcp 1671430143 198.51.100.1 443 typ host tcptype passive"}, tcp)
	plan := wakeUps(answer, tcp)
	require.Len(t, plan, 5)
	assert.Equal(t, wakeUp{tcpAfter, tcp[0]}, plan[4], "UDP has its chance first")
	for i, ms := range []int{10, 30, 70, 150} {
		assert.Equal(t, time.Duration(ms)*time.Millisecond, plan[i].after)
		assert.Contains(t, plan[i].candidate, " 1 udp 1 198.51.100.1 ")
	}
	assert.Equal(t, []wakeUp{{0, tcp[0]}}, wakeUps("v=0\r\na="+tcp[0]+"\r\n", tcp), "nothing to wait for")
	assert.Empty(t, wakeUps("v=0\r\na=candidate:1 1 udp 1 x.local 1 typ host\r\n", nil), "no address to use")
	for _, broken := range []string{"a=candidate:", "a=candidate:1 1 udp 1 1.2.3.4 99999 typ host", "a=candidate:1 1 tcp"} {
		_, ok := serverAddress(broken)
		assert.False(t, ok)
	}
}

func TestPayloadOf(t *testing.T) {
	head := []byte{0x80, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}
	padded := append([]byte{0xa0}, head[1:]...)
	var h rtp.Header
	for _, tc := range []struct {
		name string
		raw  []byte
		want []byte
	}{
		{"nothing", nil, nil},
		{"header only", head, nil},
		{"payload", append(head[:12:12], 1, 2), []byte{1, 2}},
		{"padding", append(padded[:12:12], 1, 2, 0, 2), []byte{1, 2}},
		{"only padding", append(padded[:12:12], 0, 2), nil},
		{"padding of 0", append(padded[:12:12], 1, 0), nil},
		{"too much padding", append(padded[:12:12], 1, 9), nil},
		{"no room for padding", padded, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := payloadOf(&h, tc.raw)
			assert.Equal(t, tc.want != nil, ok)
			if ok {
				assert.Equal(t, tc.want, got)
				assert.False(t, h.Padding)
			}
		})
	}
}

func FuzzPayloadOf(f *testing.F) {
	f.Add([]byte{0xb0, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x10, 20, 0, 0, 9, 9, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		var h rtp.Header
		if p, ok := payloadOf(&h, b); ok && (len(p) == 0 || len(p) > len(b)) {
			t.Errorf("payload of %d bytes from %d", len(p), len(b))
		}
	})
}

func FuzzWakeUps(f *testing.F) {
	f.Add("a=candidate:1 1 tcp 1 198.51.100.1 443 typ host\r\na=candidate:2 1 udp 1 198.51.100.1 7000 typ host\r\n")
	f.Fuzz(func(_ *testing.T, answer string) {
		_, tcp := withoutTCP(answer)
		wakeUps(answer, tcp)
	})
}
