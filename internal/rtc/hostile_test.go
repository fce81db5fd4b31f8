package rtc

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5/vnet"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/red"
	"github.com/openvoiceroom/openvoiceroom/internal/pionlog"
)

// hostile is a server that negotiates as it should and sends what it should not: voice on slot 0, anything on slot 1.
type hostile struct {
	t    *testing.T
	pc   *webrtc.PeerConnection
	outs []*outlet
	seq  uint16
	rng  *rand.Rand
}

// outlet is where pion writes a slot's packets to.
type outlet struct {
	webrtc.TrackLocal
	w    webrtc.TrackLocalWriter
	ssrc uint32
}

func (o *outlet) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	o.w, o.ssrc = c.WriteStream(), uint32(c.SSRC())
	return o.TrackLocal.Bind(c)
}

func newHostile(t *testing.T, n *vnet.Net, offer string) *hostile {
	t.Helper()
	h := &hostile{t: t, rng: rand.New(rand.NewPCG(8, 9))}
	var s webrtc.SettingEngine
	s.SetNet(n)
	s.SetLite(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.LoggerFactory = pionlog.Factory(nil)
	m := &webrtc.MediaEngine{}
	for pt, mime := range map[webrtc.PayloadType]string{opusPT: webrtc.MimeTypeOpus, redPT: mimeRED} {
		c := webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 48000, Channels: 2, SDPFmtpLine: map[webrtc.PayloadType]string{opusPT: opusFmtp, redPT: "111/111"}[pt]}
		require.NoError(t, m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: pt}, webrtc.RTPCodecTypeAudio))
	}
	s.DisableMediaEngineCopy(true)
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	var err error
	h.pc, err = api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	require.NoError(t, err)
	require.NoError(t, h.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}))
	for _, tr := range h.pc.GetTransceivers() {
		if tr.Direction() != webrtc.RTPTransceiverDirectionSendonly {
			continue
		}
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, tr.Mid(), tr.Mid())
		require.NoError(t, err)
		o := &outlet{TrackLocal: track}
		sender, err := api.NewRTPSender(o, tr.Receiver().Transport())
		require.NoError(t, err)
		require.NoError(t, tr.SetSender(sender, o))
		h.outs = append(h.outs, o)
	}
	answer, err := h.pc.CreateAnswer(nil)
	require.NoError(t, err)
	gathered := webrtc.GatheringCompletePromise(h.pc)
	require.NoError(t, h.pc.SetLocalDescription(answer))
	<-gathered
	return h
}

func (h *hostile) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(h.rng.Uint32())
	}
	return b
}

// send sends a packet on slot 1 that change has made bad.
func (h *hostile) send(payload []byte, change func(*rtp.Header)) {
	h.seq++
	hdr := rtp.Header{Version: 2, PayloadType: opusPT, SSRC: h.outs[1].ssrc, SequenceNumber: h.seq, Timestamp: uint32(h.seq) * 960}
	if change != nil {
		change(&hdr)
	}
	_, err := h.outs[1].w.WriteRTP(&hdr, payload)
	h.requireSent(err)
}

func (h *hostile) report(p rtcp.Packet) { h.requireSent(h.pc.WriteRTCP([]rtcp.Packet{p})) }

// requireSent allows for errors only where the client has ended the connection.
func (h *hostile) requireSent(err error) {
	if h.pc.ConnectionState() == webrtc.PeerConnectionStateConnected {
		require.NoError(h.t, err)
	}
}

// listener plays what comes, as the engine does.
type listener struct {
	peer    *Peer
	buffers []*audio.JitterBuffer
	mu      sync.Mutex
	losses  []float64
}

func (l *listener) packet(slot int, h *rtp.Header, payload []byte, now time.Time) {
	b := l.buffers[slot]
	b.Push(h.SequenceNumber, h.Timestamp, h.Marker, payload, now)
	if miss := b.Missing(nil, 50*time.Millisecond, now); len(miss) > 0 {
		l.peer.Ask(slot, miss)
	}
	l.peer.Level(h)
}

// twoNets returns two ends of a network, and what to stop.
func twoNets(t *testing.T) (*vnet.Router, []*vnet.Net) {
	t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "1.2.3.0/24", LoggerFactory: pionlog.Factory(nil)})
	require.NoError(t, err)
	var nets []*vnet.Net
	for _, ip := range []string{"1.2.3.4", "1.2.3.5"} {
		n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
		require.NoError(t, err)
		require.NoError(t, router.AddNet(n))
		nets = append(nets, n)
	}
	require.NoError(t, router.Start())
	return router, nets
}

// The round trip may be asked for at any moment; it is for the race detector.
func TestRoundTripWhileItConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, nets := twoNets(t)
		p, err := New(Config{Net: nets[0], Slots: 2})
		require.NoError(t, err)
		h := newHostile(t, nets[1], p.Offer())
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			for ctx.Err() == nil {
				p.MeasureRoundTrip()
				runtime.Gosched()
				if p.State() == StateConnected {
					time.Sleep(100 * time.Millisecond)
				}
			}
		})
		require.NoError(t, p.Answer(t.Context(), h.pc.LocalDescription().SDP))
		for range 1000 {
			runtime.Gosched()
		}
		stop()
		wg.Wait()
		require.NoError(t, p.Connected(t.Context()))
		require.NoError(t, p.Close())
		p.MeasureRoundTrip()
		require.NoError(t, h.pc.GracefulClose())
		require.NoError(t, router.Stop())
	})
}

// Whatever bytes a server sends on one slot and as reports, the voice on another goes on, and memory has bounds.
func TestHostileServer(t *testing.T) {
	const maxHeap = 8 << 20 // bytes more than without
	for _, tt := range []struct {
		name   string
		times  int // every 20 ms
		attack func(h *hostile, i int)
		ends   bool // the client ends the connection
	}{
		{"any payload, any size", 2, func(h *hostile, _ int) { h.send(h.noise(h.rng.IntN(1460)), nil) }, false},
		{"copies with lying lengths", 2, func(h *hostile, _ int) {
			b := red.Append(nil, opusPT, h.noise(40), []red.Copy{{Age: 1920, Payload: h.noise(30)}, {Age: 960, Payload: h.noise(30)}})
			binary.BigEndian.PutUint16(b[2:], uint16(h.rng.Uint32()))
			h.send(b[:1+h.rng.IntN(len(b))], func(r *rtp.Header) { r.PayloadType = redPT })
		}, false},
		{"copies of what was never said", 2, func(h *hostile, _ int) {
			var copies []red.Copy
			for range red.MaxCopies {
				copies = append(copies, red.Copy{Age: 1 + h.rng.Uint32N(red.MaxAge), Payload: h.noise(100)})
			}
			h.send(red.Append(nil, opusPT, h.noise(40), copies), func(r *rtp.Header) {
				r.PayloadType, r.SequenceNumber = redPT, r.SequenceNumber+uint16(h.rng.Uint32N(40))
			})
		}, false},
		{"padding longer than the packet", 2, func(h *hostile, _ int) {
			h.send(h.noise(20), func(r *rtp.Header) { r.Padding = true })
		}, false},
		{"numbers and times that jump", 5, func(h *hostile, _ int) {
			h.send(h.noise(50), func(r *rtp.Header) {
				r.Timestamp, r.Marker = h.rng.Uint32(), h.rng.IntN(2) == 0
				if h.rng.IntN(3) == 0 {
					r.SequenceNumber = uint16(h.rng.Uint32())
				}
			})
		}, false},
		{"a flood", 50, func(h *hostile, _ int) { h.send(h.noise(60), nil) }, false},
		{"types that were not negotiated", 5, func(h *hostile, i int) {
			h.send(h.noise(60), func(r *rtp.Header) { r.PayloadType = uint8(20 * i) })
		}, false},
		{"a stream for each packet", 40, func(h *hostile, _ int) {
			h.send(h.noise(60), func(r *rtp.Header) { r.SSRC = h.rng.Uint32() })
		}, true},
		{"reports about streams that there are not", 10, func(h *hostile, _ int) {
			r := &rtcp.ReceiverReport{SSRC: h.outs[0].ssrc}
			for range 31 {
				r.Reports = append(r.Reports, rtcp.ReceptionReport{SSRC: h.rng.Uint32()})
			}
			h.report(r)
		}, true},
		{"absurd reports", 5, func(h *hostile, i int) {
			o := h.outs[i%2]
			h.report(&rtcp.SenderReport{SSRC: o.ssrc, NTPTime: h.rng.Uint64(), RTPTime: h.rng.Uint32(), PacketCount: h.rng.Uint32(), Reports: []rtcp.ReceptionReport{{
				SSRC: o.ssrc, FractionLost: 255, TotalLost: h.rng.Uint32N(1 << 24), LastSequenceNumber: h.rng.Uint32(), Delay: h.rng.Uint32(), LastSenderReport: h.rng.Uint32(),
			}}})
		}, false},
		{"packets of ours that lie", 5, func(h *hostile, i int) {
			b := rtcp.RawPacket(binary.BigEndian.AppendUint32([]byte{0x80, 204, 0, byte(2 + i)}, h.outs[0].ssrc))
			b = append(append(b, "OVRL"...), h.noise(4*i)...)
			h.report(&b)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				router, nets := twoNets(t)
				l := &listener{buffers: []*audio.JitterBuffer{audio.NewJitterBuffer(audio.JitterConfig{}), audio.NewJitterBuffer(audio.JitterConfig{})}}
				p, err := New(Config{
					Net: nets[0], Slots: 2, OnPacket: l.packet,
					OnCopy: func(slot int, ts, age uint32, payload []byte, now time.Time) {
						l.buffers[slot].PushCopy(ts, age, payload, now)
					},
					OnLoss: func(share float64) {
						l.mu.Lock()
						defer l.mu.Unlock()
						l.losses = append(l.losses, share)
					},
				})
				require.NoError(t, err)
				l.peer = p
				h := newHostile(t, nets[1], p.Offer())
				require.NoError(t, p.Answer(t.Context(), h.pc.LocalDescription().SDP))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				require.NoError(t, p.Connected(ctx))
				time.Sleep(time.Second)
				synctest.Wait()

				voice := rtp.Header{Version: 2, PayloadType: opusPT, SSRC: h.outs[0].ssrc}
				played := 0
				talk := func(frames int, attack bool) {
					for range frames {
						voice.SequenceNumber++
						voice.Timestamp += 960
						_, err := h.outs[0].w.WriteRTP(&voice, []byte{0x78, 1, 2, 3, 4})
						h.requireSent(err)
						for i := range tt.times {
							if attack {
								tt.attack(h, i)
							}
						}
						synctest.Wait()
						if _, kind, _ := l.buffers[0].Pop(time.Now()); kind == audio.Packet {
							played++
						}
						l.buffers[1].Pop(time.Now())
						time.Sleep(audio.FrameDuration)
					}
				}
				talk(50, false)
				before := heap()
				talk(400, true)
				require.Less(t, heap()-before, int64(maxHeap), "bytes")
				talk(50, false)
				if tt.ends {
					require.ErrorIs(t, p.WriteAudio([]byte{1, 2, 3}, 960, 0, false), ErrClosed)
				} else {
					stats := l.buffers[0].Stats()
					require.GreaterOrEqual(t, played, 500-3, "%+v", stats) // all but those that wait at first
					require.Zero(t, stats.Lost+stats.Late+stats.Dropped+stats.Concealed)
				}
				for _, share := range l.losses {
					require.True(t, share >= 0 && share <= 1, share)
				}
				require.NoError(t, p.Close())
				require.NoError(t, h.pc.GracefulClose())
				require.NoError(t, router.Stop())
			})
		})
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
