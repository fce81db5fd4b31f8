package sfu

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sdpHead = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n"

func mline(mid, direction string) string {
	return "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:" + mid + "\r\na=" + direction + "\r\na=rtpmap:111 opus/48000/2\r\n"
}

func TestCheckOffer(t *testing.T) {
	s, err := checkOffer(sdpHead + mline("0", "sendonly") + mline("1", "recvonly") + mline("2", "inactive"))
	require.NoError(t, err)
	assert.Equal(t, shape{"s0", "r1", "i2"}, s)

	var many strings.Builder
	many.WriteString(sdpHead)
	for i := range maxMLines + 1 {
		many.WriteString(mline(strconv.Itoa(i), "recvonly"))
	}
	for _, tc := range []struct{ name, offer, want string }{
		{"empty", "", "no m-line"},
		{"nonsense", "hello", "not SDP"},
		{"huge", strings.Repeat("x", maxOffer+1), "bytes, at most"},
		{"no m-line", sdpHead, "no m-line"},
		{"many m-lines", many.String(), "m-lines, at most 64"},
		{"video", sdpHead + strings.Replace(mline("0", "sendonly"), "audio", "video", 1), "only audio"},
		{"data", sdpHead + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n", "only audio"},
		{"two microphones", sdpHead + mline("0", "sendonly") + mline("1", "sendrecv"), "only the first may"},
		{"no direction", sdpHead + mline("0", "sendonly") + mline("1", "foo"), "only the first may"},
		{"a mid twice", sdpHead + mline("0", "sendonly") + mline("0", "recvonly"), "mid of its own"},
		{"no mid", sdpHead + strings.Replace(mline("0", "sendonly"), "a=mid:0\r\n", "", 1), "mid of its own"},
		{"many SSRCs", sdpHead + mline("0", "sendonly") + "a=ssrc:1 cname:x\r\na=ssrc:2 cname:x\r\na=ssrc:3 cname:x\r\na=ssrc:4 cname:x\r\na=ssrc:5 cname:x\r\n", "5 SSRCs"},
		{"a listener without a microphone", sdpHead + mline("0", "recvonly"), "offer it sendonly, also to listen only"},
		{"a port each", sdpHead + mline("0", "sendonly") + mline("7", "recvonly"), "BUNDLE"},
		{"no bundle", strings.Replace(sdpHead, "a=group:BUNDLE 0 1 2\r\n", "", 1) + mline("0", "sendonly"), "BUNDLE"},
		{"the client waits for DTLS", sdpHead + mline("0", "sendonly") + "a=setup:passive\r\n", "setup:passive"},
		{"another codec", sdpHead + strings.Replace(mline("0", "sendonly"), "opus/48000/2", "PCMU/8000", 1), "opus/48000/2"},
		{"simulcast", sdpHead + mline("0", "sendonly") + "a=rid:h send\r\n", "simulcast"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := checkOffer(tc.offer)
			bad, ok := errors.AsType[*OfferError](err)
			require.True(t, ok, "%v", err)
			assert.Contains(t, bad.Error(), tc.want)
		})
	}
}

// What a foreign client has to know stands once in every m-line: others' packets would be silence at the listeners.
func TestWithLimits(t *testing.T) {
	line := "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
	answer := withLimits(sdpHead + line + line)
	for _, want := range []string{"a=ptime:20\r\n", "a=maxptime:20\r\n", "useinbandfec=1;maxaveragebitrate=50000\r\n"} {
		assert.Equal(t, 2, strings.Count(answer, want), want)
	}
	var d sdp.SessionDescription
	require.NoError(t, d.UnmarshalString(answer))
}

func FuzzCheckOffer(f *testing.F) {
	f.Add(sdpHead + mline("0", "sendonly") + mline("1", "recvonly"))
	f.Fuzz(func(t *testing.T, offer string) {
		s, err := checkOffer(offer)
		if err == nil && (len(s) == 0 || len(s) > maxMLines) {
			t.Errorf("%d m-lines", len(s))
		}
	})
}

func TestWithoutCandidates(t *testing.T) {
	with := sdpHead + mline("0", "sendonly") + "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n" + mline("1", "recvonly")
	without := sdpHead + mline("0", "sendonly") + mline("1", "recvonly")
	assert.Equal(t, without, withoutCandidates(with))
	assert.Equal(t, without, withoutCandidates(without))
}

// FuzzJoin lets strangers' offers through to pion: whatever they say, the server answers or refuses.
func FuzzJoin(f *testing.F) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(f, err)
	s, err := New(Config{UDP: conn})
	require.NoError(f, err)
	f.Cleanup(func() { assert.NoError(f, s.Close()) })
	room := s.NewRoom(RoomConfig{})
	const transport = "a=ice-ufrag:abcdefgh\r\na=ice-pwd:abcdefghabcdefghabcdefgh\r\na=setup:actpass\r\na=fingerprint:sha-256 " +
		"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\na=rtcp-mux\r\n"
	f.Add(sdpHead + "a=group:BUNDLE 0 1\r\n" + mline("0", "sendonly") + transport + "a=ssrc:1 cname:x\r\n" +
		"a=extmap:1 " + levelURI + "\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n" + mline("1", "recvonly") + transport)
	f.Fuzz(func(t *testing.T, offer string) {
		start := time.Now()
		defer func() {
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("took %v", d)
			}
		}()
		p, err := room.Join(t.Context(), "anna", offer, nil)
		if err != nil {
			return
		}
		if p.Answer() == "" || len(p.Slots()) > maxMLines {
			t.Errorf("answer of %d bytes, %d slots", len(p.Answer()), len(p.Slots()))
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}
