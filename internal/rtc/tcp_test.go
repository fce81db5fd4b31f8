package rtc

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
)

// Where UDP has found a path, TCP is not tried: no client opens connections in vain.
func TestTCPIsNotTriedWhereUDPWorks(t *testing.T) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	s, err := sfu.New(sfu.Config{UDP: udp})
	require.NoError(t, err)
	p, err := New(Config{Slots: 1})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	server, err := s.NewRoom(sfu.RoomConfig{}).Join(ctx, "anna", p.Offer(), nil)
	require.NoError(t, err)
	require.NoError(t, p.Answer(ctx, server.Answer()))
	require.NoError(t, p.Connected(ctx))

	first, restart := listen(t), listen(t)
	try := func(l *net.TCPListener, first bool) {
		p.wakeUp([]wakeUp{{0, fmt.Sprintf("candidate:1 1 tcp 1671430143 127.0.0.1 %d typ host tcptype passive", l.Addr().(*net.TCPAddr).Port)}}, first)
	}
	try(first, true)
	try(restart, false) // whose state may be that from before
	require.NoError(t, restart.SetDeadline(time.Now().Add(30*time.Second)))
	c, err := restart.Accept()
	require.NoError(t, err, "after a restart TCP is tried")
	require.NoError(t, c.Close())
	require.NoError(t, first.SetDeadline(time.Now()))
	_, err = first.Accept()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "and no connection waits where it was not")
	require.NoError(t, p.Close())
	require.NoError(t, server.Close())
	require.NoError(t, s.Close())
}

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}
