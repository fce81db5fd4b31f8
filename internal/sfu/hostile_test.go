package sfu_test

import (
	"encoding/binary"
	"fmt"
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
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio/red"
	"github.com/openvoiceroom/openvoiceroom/internal/pionlog"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
)

// mallory is a member whose connection is in order and whose packets are not: what is sent is encrypted as it is.
type mallory struct {
	t    *testing.T
	ip   string
	pc   *webrtc.PeerConnection
	peer *sfu.Peer
	out  webrtc.TrackLocalWriter
	ssrc uint32
	seq  uint16
	ts   uint32
	rng  *rand.Rand

	mu    sync.Mutex
	heard []uint32 // SSRCs of the slots
}

func (w *world) mallory(room *sfu.Room) *mallory {
	w.t.Helper()
	m := &mallory{t: w.t, ip: fmt.Sprintf("1.2.3.%d", w.next), rng: rand.New(rand.NewPCG(4, 2))}
	w.next++
	var s webrtc.SettingEngine
	s.SetNet(w.net(m.ip))
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetFireOnTrackBeforeFirstRTP(true)
	s.LoggerFactory = pionlog.Factory(nil)
	e := &webrtc.MediaEngine{}
	for pt, mime := range map[webrtc.PayloadType]string{111: webrtc.MimeTypeOpus, 63: "audio/red"} {
		c := webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 48000, Channels: 2, SDPFmtpLine: map[webrtc.PayloadType]string{111: "useinbandfec=1", 63: "111/111"}[pt]}
		require.NoError(w.t, e.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: pt}, webrtc.RTPCodecTypeAudio))
	}
	require.NoError(w.t, e.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: "urn:ietf:params:rtp-hdrext:ssrc-audio-level"}, webrtc.RTPCodecTypeAudio))
	var err error
	m.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(e), webrtc.WithInterceptorRegistry(&interceptor.Registry{})).
		NewPeerConnection(webrtc.Configuration{})
	require.NoError(w.t, err)
	mic, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "m", "m")
	require.NoError(w.t, err)
	_, err = m.pc.AddTrack(&spy{mic, m})
	require.NoError(w.t, err)
	for range 3 {
		_, err = m.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		require.NoError(w.t, err)
	}
	m.pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.heard = append(m.heard, uint32(tr.SSRC()))
	})
	offer, err := m.pc.CreateOffer(nil)
	require.NoError(w.t, err)
	require.NoError(w.t, m.pc.SetLocalDescription(offer))
	m.peer, err = room.Join(w.t.Context(), "mallory", offer.SDP, nil)
	require.NoError(w.t, err)
	require.NoError(w.t, m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: m.peer.Answer()}))
	time.Sleep(time.Second)
	synctest.Wait()
	require.NotNil(w.t, m.out)
	return m
}

// spy tells what pion writes a track to.
type spy struct {
	webrtc.TrackLocal
	m *mallory
}

func (s *spy) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	s.m.out, s.m.ssrc = c.WriteStream(), uint32(c.SSRC())
	return s.TrackLocal.Bind(c)
}

// send sends a packet that change has made bad.
func (m *mallory) send(payload []byte, change func(*rtp.Header)) {
	m.seq++
	m.ts += 960
	h := rtp.Header{Version: 2, PayloadType: 111, SSRC: m.ssrc, SequenceNumber: m.seq, Timestamp: m.ts}
	if change != nil {
		change(&h)
	}
	_, err := m.out.WriteRTP(&h, payload)
	m.requireSent(err)
}

func (m *mallory) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.rng.Uint32())
	}
	return b
}

// rtcp sends bytes as an RTCP packet, of which only type, count and length are in order.
func (m *mallory) rtcp(kind, count byte, body []byte) {
	b := make([]byte, 4, 4+len(body))
	b[0], b[1] = 0x80|count, kind
	binary.BigEndian.PutUint16(b[2:], uint16(len(body)/4))
	m.report(rtcpBytes(append(b, body...)))
}

func (m *mallory) report(p rtcp.Packet) { m.requireSent(m.pc.WriteRTCP([]rtcp.Packet{p})) }

// requireSent allows for errors only where the server has ended the connection.
func (m *mallory) requireSent(err error) {
	if m.peer.Stats().State != "closed" {
		require.NoError(m.t, err)
	}
}

func rtcpBytes(b []byte) rtcp.Packet { r := rtcp.RawPacket(b); return &r }

func (m *mallory) slot() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard[m.rng.IntN(len(m.heard))]
}

// Whatever bytes a member sends as media, the others go on hearing each other without a gap, and the server needs no more
// than so much memory for it.
func TestHostileMedia(t *testing.T) {
	const maxHeap = 8 << 20 // bytes more than without
	everyFrame := func(n int, f func(m *mallory, i int)) func(*mallory) {
		return func(m *mallory) {
			for i := range n {
				f(m, i)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		attack func(m *mallory) // every 20 ms
		mangle func(rng *rand.Rand, b []byte) int
		sees   string // what the server makes of it: "cut" counts, "end" ends the connection, else it is taken or ignored
	}{
		{"corrupt Opus", func(m *mallory) { m.send(m.noise(1+m.rng.IntN(400)), nil) }, nil, ""},
		{"payloads of 0 to 1,480 bytes", func(m *mallory) {
			for _, n := range []int{0, 1, 2, 1199, 1200, 1201, 1400, 1480} {
				m.send(m.noise(n), nil)
			}
		}, nil, "cut"},
		{"copies with lying lengths", everyFrame(2, func(m *mallory, _ int) {
			b := red.Append(nil, 111, m.noise(40), []red.Copy{{Age: 1920, Payload: m.noise(30)}, {Age: 960, Payload: m.noise(30)}})
			binary.BigEndian.PutUint16(b[2:], uint16(m.rng.Uint32())) // age's end and length
			if m.rng.IntN(2) == 0 {
				b = b[:m.rng.IntN(len(b))]
			}
			m.send(b, func(h *rtp.Header) { h.PayloadType = 63 })
		}), nil, "cut"},
		{"copies of what was never said", everyFrame(2, func(m *mallory, _ int) {
			var copies []red.Copy
			for range red.MaxCopies {
				copies = append(copies, red.Copy{Age: 1 + m.rng.Uint32N(red.MaxAge), Payload: m.noise(100)})
			}
			m.send(red.Append(nil, 111, m.noise(40), copies), func(h *rtp.Header) {
				h.PayloadType = 63
				h.SequenceNumber += uint16(m.rng.Uint32N(40))
			})
		}), nil, ""},
		{"padding longer than the packet", everyFrame(2, func(m *mallory, _ int) {
			b := m.noise(20)
			b[19] = byte(m.rng.Uint32())
			m.send(b, func(h *rtp.Header) { h.Padding = true })
		}), nil, "cut"},
		{"another clock rate", func(m *mallory) {
			m.send(m.noise(50), func(h *rtp.Header) { h.Timestamp = uint32(m.seq) * 8000 })
		}, nil, ""},
		{"payload types that were not negotiated", everyFrame(20, func(m *mallory, i int) {
			m.send(m.noise(50), func(h *rtp.Header) { h.PayloadType = uint8(i * 5) })
		}), nil, "cut"},
		{"contributors and extensions", everyFrame(3, func(m *mallory, i int) {
			m.send(m.noise(50), func(h *rtp.Header) {
				h.CSRC = make([]uint32, 15)
				h.Extension, h.ExtensionProfile = true, []uint16{0xbede, 0x1000, 7}[i]
				for id := uint8(1); id < 15 && i < 2; id++ {
					_ = h.SetExtension(id, m.noise(m.rng.IntN(4)))
				}
				if i == 2 { // none that RFC 8285 knows
					_ = h.SetExtension(0, m.noise(8))
				}
			})
		}), nil, "cut"},
		{"a flood", everyFrame(50, func(m *mallory, _ int) { m.send(m.noise(60), nil) }), nil, "cut"},
		{"numbers that jump", everyFrame(2, func(m *mallory, _ int) {
			m.send(m.noise(60), func(h *rtp.Header) { h.SequenceNumber, h.Timestamp = uint16(m.rng.Uint32()), m.rng.Uint32() })
		}), nil, ""},
		{"every packet twice", func(m *mallory) {
			m.send(m.noise(60), nil)
			m.send(m.noise(60), func(h *rtp.Header) { m.seq--; h.SequenceNumber = m.seq })
		}, nil, ""},
		{"another SSRC in the middle of the call", func(m *mallory) {
			m.send(m.noise(60), func(h *rtp.Header) { h.SSRC += uint32(m.seq) / 100 })
		}, nil, ""},
		{"a stream for each packet", everyFrame(40, func(m *mallory, _ int) {
			m.send(m.noise(60), func(h *rtp.Header) { h.SSRC = m.rng.Uint32() })
		}), nil, "end"},
		{"the SSRC of a slot", everyFrame(2, func(m *mallory, _ int) {
			m.send(m.noise(60), func(h *rtp.Header) { h.SSRC = m.slot() })
		}), nil, ""},
		{"absurd receiver reports", everyFrame(10, func(m *mallory, _ int) {
			m.report(&rtcp.ReceiverReport{SSRC: m.ssrc, Reports: []rtcp.ReceptionReport{{
				SSRC: m.slot(), FractionLost: 255, TotalLost: m.rng.Uint32N(1 << 24), LastSequenceNumber: m.rng.Uint32(),
				Jitter: m.rng.Uint32(), LastSenderReport: m.rng.Uint32(), Delay: m.rng.Uint32(),
			}}})
		}), nil, ""},
		{"reports of a hundred per cent", func(m *mallory) {
			m.report(&rtcp.ReceiverReport{SSRC: m.ssrc, Reports: []rtcp.ReceptionReport{{
				SSRC: m.slot(), FractionLost: 255, TotalLost: uint32(m.seq), LastSequenceNumber: uint32(m.seq),
			}}})
			m.seq++
		}, nil, ""},
		{"reports about streams that there are not", everyFrame(10, func(m *mallory, _ int) {
			r := &rtcp.ReceiverReport{SSRC: m.ssrc}
			for range 31 {
				r.Reports = append(r.Reports, rtcp.ReceptionReport{SSRC: m.rng.Uint32()})
			}
			m.report(r)
		}), nil, "end"},
		{"reports of a stream each", everyFrame(40, func(m *mallory, _ int) {
			m.report(&rtcp.ReceiverReport{SSRC: m.rng.Uint32(), Reports: []rtcp.ReceptionReport{{SSRC: m.slot()}}})
		}), nil, "end"},
		{"a flood of NACKs", everyFrame(20, func(m *mallory, _ int) {
			n := &rtcp.TransportLayerNack{SenderSSRC: m.ssrc, MediaSSRC: m.slot()}
			for i := range 250 {
				n.Nacks = append(n.Nacks, rtcp.NackPair{PacketID: uint16(i * 17), LostPackets: 0xffff})
			}
			m.report(n)
		}), nil, ""},
		{"packets of ours that lie", everyFrame(5, func(m *mallory, i int) {
			body := binary.BigEndian.AppendUint32(nil, m.slot())
			body = append(append(body, "OVRL"...), m.noise([]int{16, 12, 20, 0, 16}[i])...)
			m.rtcp(204, 0, body)
		}), nil, ""},
		{"RTCP of noise", everyFrame(10, func(m *mallory, i int) {
			m.rtcp(byte(192+m.rng.IntN(32)), byte(m.rng.IntN(32)), m.noise(4+4*m.rng.IntN(40)))
			b := append([]byte{0x80 | byte(m.rng.IntN(64)), byte(200 + i)}, m.noise(30)...) // any length
			m.report(rtcpBytes(b))
		}), nil, "end"},
		{"bytes that change on the way", everyFrame(4, func(m *mallory, _ int) {
			m.send(m.noise(60), nil)
			m.report(&rtcp.ReceiverReport{SSRC: m.ssrc, Reports: []rtcp.ReceptionReport{{SSRC: m.slot()}}})
		}), func(rng *rand.Rand, b []byte) int {
			switch rng.IntN(4) {
			case 0:
				b[0] |= 0x1f // 15 contributors, an extension, padding
			case 1:
				b[rng.IntN(len(b))] ^= byte(1 << rng.IntN(8))
			case 2:
				return 1 + rng.IntN(len(b))
			}
			return len(b)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				room := w.sfu.NewRoom(sfu.RoomConfig{Relay: func([]byte) {}, OnReport: func() {}})
				room.SetSpeakers(users("anna", "mallory", "bert")) // on a seat, as anybody may be
				anna, bert := w.join(room, "anna", 3), w.join(room, "bert", 3)
				m := w.mallory(room)
				voices := map[*client]*voice{anna: {talker: 'a', level: 30}, bert: {talker: 'b', level: 30}}
				talk(t, time.Second, voices)
				if tt.mangle != nil {
					w.nat.mangle(m.ip, tt.mangle)
				}
				before := heap()
				const seconds = 8
				for range seconds * 50 {
					tt.attack(m)
					for c, v := range voices {
						v.speak(t, c)
					}
					time.Sleep(frame)
				}
				synctest.Wait()
				require.Less(t, heap()-before, int64(maxHeap), "bytes")
				d := w.sfu.Stats().Dropped
				require.Equal(t, tt.sees == "cut", d.Malformed+d.TooLarge+d.TooMany > 0, "%+v", d)
				require.Equal(t, tt.sees == "end", m.peer.Stats().State == "closed")
				talk(t, time.Second, voices)
				synctest.Wait()
				requireHears(t, anna, 'b', (seconds+2)*50)
				requireHears(t, bert, 'a', (seconds+2)*50)
				require.NoError(t, m.pc.GracefulClose())
				require.NoError(t, m.peer.Close())
				anna.close(t)
				bert.close(t)
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

// requireHears checks that every packet of one talker has come, in order and on one slot.
func requireHears(t *testing.T, c *client, talker byte, n int) {
	t.Helper()
	for slot := range 3 {
		rs := c.received(slot)
		if len(rs) == 0 || rs[0].talker != talker {
			continue
		}
		require.Len(t, rs, n)
		requireUnbroken(t, rs)
		for i, r := range rs {
			require.Equal(t, talker, r.talker)
			require.Equal(t, uint32(i), r.counter)
			require.Equal(t, rs[0].seq+uint16(i), r.seq)
			require.Equal(t, rs[0].ts+uint32(i)*960, r.ts)
		}
		return
	}
	require.Fail(t, "nothing heard", "of %c", talker)
}
