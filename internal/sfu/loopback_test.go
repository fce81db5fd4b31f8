package sfu_test

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// onLoopback starts a server on a real socket.
func onLoopback(t testing.TB, cfg sfu.Config) *sfu.SFU {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	cfg.UDP = conn
	s, err := sfu.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// speakFor writes n frames in real time, as a microphone does.
func speakFor(t testing.TB, n int, voices map[*client]*voice) {
	t.Helper()
	tick := time.NewTicker(frame)
	defer tick.Stop()
	for range n {
		<-tick.C
		for c, v := range voices {
			v.speak(t, c)
		}
	}
}

func TestLoopback(t *testing.T) {
	s := onLoopback(t, sfu.Config{})
	room := s.NewRoom(sfu.RoomConfig{})
	room.SetSpeakers(users("anna", "bert"))
	anna, bert := dial(t, rtc.Config{}, room, "anna"), dial(t, rtc.Config{}, room, "bert")
	speakFor(t, 25, map[*client]*voice{anna: {talker: 'a', level: 9}, bert: {talker: 'b'}})
	// Frames written before both ends have their streams are dropped: on a busy machine that may be a few.
	for _, c := range []*client{anna, bert} {
		require.Eventually(t, func() bool { rs := c.received(0); return len(rs) > 0 && rs[len(rs)-1].counter == 24 },
			5*time.Second, 5*time.Millisecond)
		require.Greater(t, c.total(), 15)
	}
	for _, r := range bert.received(0) {
		require.Equal(t, byte('a'), r.talker)
		require.Equal(t, uint8(9), r.level)
	}
	requireUnbroken(t, bert.received(0))
	anna.restart(t)
	speakFor(t, 25, map[*client]*voice{anna: {talker: 'a'}})
	require.Eventually(t, func() bool { return bert.total() >= 30 }, 5*time.Second, 5*time.Millisecond)
	anna.close(t)
	bert.close(t)
}

func TestPublicIP(t *testing.T) {
	s := onLoopback(t, sfu.Config{PublicIPs: []string{"203.0.113.7"}})
	room := s.NewRoom(sfu.RoomConfig{})
	p, err := rtc.New(rtc.Config{Slots: 1})
	require.NoError(t, err)
	peer, err := room.Join(t.Context(), "anna", p.Offer(), nil)
	require.NoError(t, err)
	assert.Contains(t, peer.Answer(), " 203.0.113.7 ")
	assert.NotContains(t, peer.Answer(), " 127.0.0.1 ")
	assert.Contains(t, peer.Answer(), "a=setup:passive")
	assert.Contains(t, peer.Answer(), "a=ice-lite")
	assert.NotContains(t, peer.Answer(), "cryptex")
	require.NoError(t, p.Close())
	require.NoError(t, peer.Close())
}

func TestBadConfig(t *testing.T) {
	_, err := sfu.New(sfu.Config{PublicIPs: []string{"nonsense"}})
	require.ErrorContains(t, err, "no UDP socket")
	require.ErrorContains(t, err, "nonsense")
}

func TestJoinGivesUpWithContext(t *testing.T) {
	s := onLoopback(t, sfu.Config{})
	room := s.NewRoom(sfu.RoomConfig{})
	p, err := rtc.New(rtc.Config{Slots: 1})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = room.Join(ctx, "anna", p.Offer(), nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, p.Close())
}

// Two nodes: what local speakers send crosses once, and nothing comes back.
func TestRelayBetweenNodes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		otherNet := w.net("1.2.3.2")
		conn, err := otherNet.ListenPacket("udp4", "1.2.3.2:7000")
		require.NoError(t, err)
		other, err := sfu.New(sfu.Config{UDP: conn, Net: otherNet})
		require.NoError(t, err)

		var here, there *sfu.Room
		hereCount, thereCount := 0, 0
		here = w.sfu.NewRoom(sfu.RoomConfig{Relay: func(b []byte) { hereCount++; there.FromRelay(slices.Clone(b)) }})
		there = other.NewRoom(sfu.RoomConfig{Relay: func(b []byte) { thereCount++; here.FromRelay(slices.Clone(b)) }})
		seats := users("a", "b", "c", "d", "z")
		here.SetSpeakers(seats)
		there.SetSpeakers(seats)
		voices := map[*client]*voice{}
		var local []*client
		for _, u := range []string{"a", "b", "c", "d"} {
			c := w.join(here, u, 5)
			voices[c] = &voice{talker: u[0], level: 20}
			local = append(local, c)
		}
		z := w.join(there, "z", 5)
		voices[z] = &voice{talker: 'z'}
		talk(t, 10*time.Second, voices)
		time.Sleep(time.Second)

		require.Equal(t, 4*500, z.total(), "everybody of the other node")
		for slot, r := range map[int]byte{0: 'a', 1: 'b', 2: 'c', 3: 'd'} {
			rs := z.received(slot)
			require.Len(t, rs, 500)
			requireUnbroken(t, rs)
			require.Equal(t, r, rs[499].talker)
			require.Equal(t, uint8(20), rs[499].level)
		}
		for _, c := range local {
			require.Equal(t, 4*500, c.total(), "three here and one there, each once")
		}
		assert.InDelta(t, 500, hereCount, 10, "four speakers share a message")
		assert.Equal(t, 500, thereCount, "one speaker goes at once")
		assert.Equal(t, uint64(500), w.sfu.Stats().RelayIn)
		assert.Equal(t, uint64(2000), w.sfu.Stats().RelayOut)

		// Whom this node does not allow is not heard from another node either.
		there.SetSpeakers(users("z"))
		z.forget()
		talk(t, time.Second, voices)
		require.Zero(t, z.total())
		for c := range voices {
			c.close(t)
		}
		require.NoError(t, other.Close())
	})
}

// BenchmarkJoin measures from the offer to the first packet of a speaker who talks all the time.
func BenchmarkJoin(b *testing.B) {
	s := onLoopback(b, sfu.Config{})
	room := s.NewRoom(sfu.RoomConfig{})
	room.SetSpeakers(users("anna"))
	anna := dial(b, rtc.Config{}, room, "anna")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(frame)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = anna.rtc.WriteAudio(make([]byte, 80), 960, 20, false)
			case <-stop:
				return
			}
		}
	}()
	var first, up []time.Duration
	for b.Loop() {
		start := time.Now()
		got := make(chan struct{}, 1)
		p, err := rtc.New(rtc.Config{OnPacket: func(int, *rtp.Header, []byte, time.Time) {
			select {
			case got <- struct{}{}:
			default:
			}
		}})
		require.NoError(b, err)
		peer, err := room.Join(b.Context(), signaling.UserID("bert"), p.Offer(), nil)
		require.NoError(b, err)
		require.NoError(b, p.Answer(b.Context(), peer.Answer()))
		require.NoError(b, p.Connected(b.Context()))
		up = append(up, time.Since(start))
		<-got
		first = append(first, time.Since(start))
		b.StopTimer()
		require.NoError(b, p.Close())
		require.NoError(b, peer.Close())
		b.StartTimer()
	}
	b.StopTimer()
	close(stop)
	<-done
	anna.close(b)
	slices.Sort(first)
	slices.Sort(up)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	b.ReportMetric(ms(first[len(first)/2]), "p50-ms")
	b.ReportMetric(ms(first[len(first)*9/10]), "p90-ms")
	b.ReportMetric(ms(up[len(up)/2]), "p50-connected-ms")
}
