//go:build unix

package sfu_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// drain sends media to a socket that nobody reads, once it is told to: the clients of a benchmark are in its process, and
// what they receive should not count.
type drain struct {
	net.PacketConn
	on   atomic.Bool
	to   net.Addr
	sent atomic.Int64
}

func (d *drain) WriteTo(b []byte, addr net.Addr) (int, error) {
	if d.on.Load() && len(b) > 12 && b[0]>>6 == 2 {
		d.sent.Add(1)
		addr = d.to
	}
	return d.PacketConn.WriteTo(b, addr)
}

// cpu returns the processor time that the process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkConnectedRoom is what 100 listeners of a room cost their node, in real time and with everything that the server
// does for a packet: encryption, the system's call, the choice of who is heard. First alone, then with a connected room in
// which ten speak at once, which is more than anybody understands.
func BenchmarkConnectedRoom(b *testing.B) {
	const listeners = 100
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(b, err)
	nobody, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(b, err)
	defer nobody.Close()
	d := &drain{PacketConn: conn, to: nobody.LocalAddr()}
	s, err := sfu.New(sfu.Config{UDP: d})
	require.NoError(b, err)
	own, other := s.NewRoom(sfu.RoomConfig{ID: "own"}), s.NewRoom(sfu.RoomConfig{ID: "other"})
	var clients []*client
	for i := range listeners {
		clients = append(clients, dial(b, rtc.Config{}, own, fmt.Sprint("listener", i)))
	}
	d.on.Store(true)
	names := func(room string, n int) (list []signaling.UserID) {
		for i := range n {
			list = append(list, signaling.UserID(fmt.Sprint(room, i)))
		}
		return list
	}
	seq := uint16(0)
	for _, c := range []struct{ own, other int }{{1, 0}, {1, 10}, {10, 0}, {10, 10}} {
		b.Run(fmt.Sprintf("%d-and-%d", c.own, c.other), func(b *testing.B) {
			o, f := names("own", c.own), names("other", c.other)
			own.SetSpeakers(o)
			other.SetSpeakers(f)
			own.Hear(nil)
			if c.other > 0 {
				own.Hear([]*sfu.Room{other})
			}
			payload := make([]byte, 80)
			say := func(room *sfu.Room, users []signaling.UserID) {
				var m []byte
				for i, u := range users {
					// Each is loud for a second in four, so that slots change hands where there are too few.
					m = sfu.AddToRelay(m, u, seq, uint8(20+15*((int(seq)/50+i)%4)), payload)
				}
				room.FromRelay(m)
			}
			tick := time.NewTicker(frame)
			defer tick.Stop()
			began, packets, start := cpu(b), d.sent.Load(), time.Now()
			for b.Loop() {
				<-tick.C
				seq++
				say(own, o)
				if c.other > 0 {
					say(other, f)
				}
			}
			used, took := cpu(b)-began, time.Since(start)
			b.ReportMetric(100*used.Seconds()/took.Seconds()/listeners, "%core/listener")
			b.ReportMetric(float64(d.sent.Load()-packets)/took.Seconds()/listeners, "packets/s/listener")
			b.ReportMetric(float64(used.Nanoseconds())/float64(d.sent.Load()-packets), "ns/packet")
			b.ReportMetric(0, "ns/op") // it is the pace of talk
		})
	}
	b.StopTimer()
	for _, c := range clients {
		c.close(b)
	}
	require.NoError(b, s.Close())
}
