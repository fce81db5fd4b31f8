package sfu_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
)

// blocked is a UDP socket in a network that lets no UDP through.
type blocked struct{ net.PacketConn }

func (blocked) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }

func onlyTCP(t testing.TB) *sfu.SFU {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	s, err := sfu.New(sfu.Config{UDP: blocked{udp}, TCP: tcp})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// Where no UDP comes back, media takes TCP: both ways, through a restart, and no connection is left at the end.
func TestTCPWhereUDPIsBlocked(t *testing.T) {
	s := onlyTCP(t)
	room := s.NewRoom(sfu.RoomConfig{})
	room.SetSpeakers(users("anna", "bert"))
	anna, bert := dial(t, rtc.Config{}, room, "anna"), dial(t, rtc.Config{}, room, "bert")
	require.Contains(t, anna.server.Answer(), "tcptype passive")
	require.GreaterOrEqual(t, s.Stats().TCP, 2)
	speakFor(t, 50, map[*client]*voice{anna: {talker: 'a', level: 9}, bert: {talker: 'b'}})
	for _, c := range []*client{anna, bert} {
		require.Eventually(t, func() bool { rs := c.received(0); return len(rs) > 0 && rs[len(rs)-1].counter == 49 },
			5*time.Second, 5*time.Millisecond)
		require.Greater(t, c.total(), 40)
		requireUnbroken(t, c.received(0))
	}
	anna.restart(t)
	speakFor(t, 50, map[*client]*voice{anna: {talker: 'a'}})
	require.Eventually(t, func() bool { return bert.total() >= 80 }, 5*time.Second, 5*time.Millisecond)
	anna.close(t)
	bert.close(t)
	require.Eventually(t, func() bool { return s.Stats().TCP == 0 }, 5*time.Second, 5*time.Millisecond)
}

// The public addresses are those of TCP too.
func TestTCPHasThePublicAddress(t *testing.T) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	s, err := sfu.New(sfu.Config{UDP: udp, TCP: tcp, PublicIPs: []string{"203.0.113.7"}})
	require.NoError(t, err)
	p, err := rtc.New(rtc.Config{Slots: 1})
	require.NoError(t, err)
	peer, err := s.NewRoom(sfu.RoomConfig{}).Join(t.Context(), "anna", p.Offer(), nil)
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(tcp.Addr().String())
	require.NoError(t, err)
	found := false
	for line := range strings.Lines(peer.Answer()) {
		if strings.Contains(line, " tcp ") {
			found = true
			require.Contains(t, line, " 203.0.113.7 "+port+" typ host tcptype passive")
		}
	}
	require.True(t, found, peer.Answer())
	require.NoError(t, p.Close())
	require.NoError(t, peer.Close())
	require.NoError(t, s.Close())
}
