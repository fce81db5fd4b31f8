package sfu_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/transport/v5/vnet"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/pionlog"
	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const frame = 20 * time.Millisecond

// world is a virtual network with a server on it.
type world struct {
	t      *testing.T
	router *vnet.Router
	sfu    *sfu.SFU
	nat    *natConn
	lossy  atomic.Int32 // per cent of the packets that are lost
	down   atomic.Int32 // of those to clients, besides
	next   int
}

// inWorld runs f on virtual time in a network without delay.
func inWorld(t *testing.T, f func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "1.2.3.0/24", LoggerFactory: pionlog.Factory(nil)})
		require.NoError(t, err)
		w.router = router
		rng := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		router.AddChunkFilter(func(c vnet.Chunk) bool {
			mu.Lock()
			defer mu.Unlock()
			if a, ok := c.DestinationAddr().(*net.UDPAddr); ok && a.Port != 7000 && rng.Int32N(100) < w.down.Load() {
				return false
			}
			return rng.Int32N(100) >= w.lossy.Load()
		})
		serverNet := w.net("1.2.3.1")
		require.NoError(t, router.Start())
		conn, err := serverNet.ListenPacket("udp4", "1.2.3.1:7000")
		require.NoError(t, err)
		w.nat = &natConn{PacketConn: conn}
		w.sfu, err = sfu.New(sfu.Config{UDP: w.nat, Net: serverNet})
		require.NoError(t, err)
		w.next = 10
		f(t, w)
		require.NoError(t, w.sfu.Close())
		require.NoError(t, router.Stop())
	})
}

func (w *world) net(ip string) *vnet.Net {
	n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
	require.NoError(w.t, err)
	require.NoError(w.t, w.router.AddNet(n))
	return n
}

// client is a member with its end of the media.
type client struct {
	ip     string
	rtc    *rtc.Peer
	server *sfu.Peer

	mu    sync.Mutex
	got   map[int][]received // by slot
	slots [][]sfu.Slot       // as told, one after the other
	loss  []float64          // for which to prepare, as told
	dup   map[int][]uint32   // counters of the copies that came, by slot
}

type received struct {
	at      time.Time
	seq     uint16
	ts      uint32
	marker  bool
	level   uint8
	talker  byte
	counter uint32
}

// join makes a member with an address of its own and waits until it is connected.
func (w *world) join(room *sfu.Room, user string, slots int) *client {
	w.t.Helper()
	ip := fmt.Sprintf("1.2.3.%d", w.next)
	w.next++
	c := dial(w.t, rtc.Config{Net: w.net(ip), Slots: slots}, room, user)
	c.ip = ip
	// The client is connected a moment before both ends have their streams: a frame in between would be dropped.
	synctest.Wait()
	return c
}

func dial(t testing.TB, cfg rtc.Config, room *sfu.Room, user string) *client {
	t.Helper()
	c := &client{got: map[int][]received{}, dup: map[int][]uint32{}}
	cfg.OnPacket = c.packet
	cfg.OnCopy = func(slot int, _, _ uint32, payload []byte, _ time.Time) {
		if len(payload) >= 5 {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.dup[slot] = append(c.dup[slot], binary.BigEndian.Uint32(payload[1:]))
		}
	}
	cfg.OnLoss = func(share float64) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.loss = append(c.loss, share)
	}
	p, err := rtc.New(cfg)
	require.NoError(t, err)
	c.rtc = p
	c.server, err = room.Join(t.Context(), signaling.UserID(user), p.Offer(), func(s []sfu.Slot) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.slots = append(c.slots, s)
	})
	require.NoError(t, err)
	require.NoError(t, p.Answer(t.Context(), c.server.Answer()))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, p.Connected(ctx))
	return c
}

func (c *client) packet(slot int, h *rtp.Header, payload []byte, now time.Time) {
	r := received{at: now, seq: h.SequenceNumber, ts: h.Timestamp, marker: h.Marker}
	if len(payload) >= 5 {
		r.talker, r.counter = payload[0], binary.BigEndian.Uint32(payload[1:])
	}
	r.level, _ = c.rtc.Level(h)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got[slot] = append(c.got[slot], r)
}

// prepares returns how often the client was told for how much loss to prepare, and the last that it was told.
func (c *client) prepares() (times int, share float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.loss) > 0 {
		share = c.loss[len(c.loss)-1]
	}
	return len(c.loss), share
}

func (c *client) copied(slot int) []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]uint32(nil), c.dup[slot]...)
}

func (c *client) received(slot int) []received {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]received(nil), c.got[slot]...)
}

func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.got)
	clear(c.dup)
}

func (c *client) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, r := range c.got {
		n += len(r)
	}
	return n
}

func (c *client) told() [][]sfu.Slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([][]sfu.Slot(nil), c.slots...)
}

func (c *client) close(t testing.TB) {
	t.Helper()
	require.NoError(t, c.rtc.Close())
	require.NoError(t, c.server.Close())
}

// restart does an ICE restart.
func (c *client) restart(t testing.TB) {
	t.Helper()
	offer, err := c.rtc.RestartOffer()
	require.NoError(t, err)
	answer, err := c.server.Restart(t.Context(), offer)
	require.NoError(t, err)
	require.NoError(t, c.rtc.Answer(t.Context(), answer))
}

// voice numbers a talker's frames.
type voice struct {
	talker byte
	n      uint32
	level  uint8
}

func (v *voice) speak(t testing.TB, c *client) {
	t.Helper()
	b := make([]byte, 80)
	b[0] = v.talker
	binary.BigEndian.PutUint32(b[1:], v.n)
	v.n++
	require.NoError(t, c.rtc.WriteAudio(b, 960, v.level, false))
}

// talk lets the voices speak for d of virtual time.
func talk(t testing.TB, d time.Duration, voices map[*client]*voice) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(frame) {
		for c, v := range voices {
			v.speak(t, c)
		}
	}
}

// natConn sits before the server's socket and can give a client another address, as a NAT does that forgets a binding:
// what goes to the old one is lost.
type natConn struct {
	net.PacketConn
	rtpSize atomic.Int32 // bytes of the last RTP packet to a client
	media   atomic.Int32 // packets to clients, RTP and RTCP
	mu      sync.Mutex
	rebound map[string]int // by the client's IP: added to its ports
	bad     string         // the IP whose media mangler changes
	mangler func(rng *rand.Rand, b []byte) int
	rng     *rand.Rand
}

// mangle has the media of one client changed on the way: f changes a packet and returns how long it is now.
func (c *natConn) mangle(ip string, f func(rng *rand.Rand, b []byte) int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad, c.mangler, c.rng = ip, f, rand.New(rand.NewPCG(5, 6))
}

func (c *natConn) mangled(ip net.IP, b []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mangler == nil || ip.String() != c.bad || len(b) == 0 || b[0]>>6 != 2 {
		return len(b)
	}
	return c.mangler(c.rng, b)
}

func (c *natConn) rebind(ip string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rebound == nil {
		c.rebound = map[string]int{}
	}
	c.rebound[ip] += 1000
}

func (c *natConn) shift(ip net.IP) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rebound[ip.String()]
}

func (c *natConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, addr, err := c.PacketConn.ReadFrom(b)
	if a, ok := addr.(*net.UDPAddr); ok {
		n = c.mangled(a.IP, b[:n])
		addr = &net.UDPAddr{IP: a.IP, Port: 5000 + (a.Port+c.shift(a.IP))%50000}
	}
	return n, addr, err
}

func (c *natConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if len(b) > 12 && b[0]>>6 == 2 {
		c.media.Add(1)
	}
	if len(b) > 12 && b[0]>>6 == 2 && b[1]&0x60 != 0x40 { // else it is RTCP, RFC 5761 section 4
		c.rtpSize.Store(int32(len(b)))
	}
	a, ok := addr.(*net.UDPAddr)
	if !ok {
		return c.PacketConn.WriteTo(b, addr)
	}
	port := a.Port - 5000 - c.shift(a.IP)
	if port <= 0 {
		port += 50000
	}
	// The port that the old binding had now belongs to nobody.
	return c.PacketConn.WriteTo(b, &net.UDPAddr{IP: a.IP, Port: port})
}
