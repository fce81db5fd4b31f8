package sfu_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/pionlog"
	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestStates(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		var mu sync.Mutex
		var states []rtc.State
		anna := dial(t, rtc.Config{Net: w.net("1.2.3.50"), OnState: func(s rtc.State) {
			mu.Lock()
			defer mu.Unlock()
			states = append(states, s)
		}}, room, "anna")
		w.lossy.Store(100)
		time.Sleep(time.Minute)
		require.ErrorIs(t, anna.rtc.Connected(t.Context()), rtc.ErrFailed)
		w.lossy.Store(0)
		anna.restart(t)
		time.Sleep(time.Second)
		require.NoError(t, anna.rtc.Connected(t.Context()))
		require.NoError(t, anna.server.Close())
		time.Sleep(time.Second)
		require.ErrorIs(t, anna.rtc.Connected(t.Context()), rtc.ErrClosed, "the server has ended it")
		require.ErrorIs(t, anna.rtc.WriteAudio([]byte{1}, 960, 0, false), rtc.ErrClosed)
		_, err := anna.rtc.RestartOffer()
		require.ErrorIs(t, err, rtc.ErrClosed)
		require.NoError(t, anna.rtc.Close())
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, []rtc.State{
			rtc.StateConnecting, rtc.StateConnected, rtc.StateDisconnected, rtc.StateFailed,
			rtc.StateConnecting, rtc.StateConnected, rtc.StateClosed,
		}, states)
	})
}

// Members come and go while others talk and the seats change.
func TestChurn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		var wg sync.WaitGroup
		for i := range 6 {
			user := fmt.Sprintf("user%d", i)
			net := w.net(fmt.Sprintf("1.2.3.%d", 60+i))
			wg.Go(func() {
				for range 5 {
					c := dial(t, rtc.Config{Net: net, Slots: 3}, room, user)
					talk(t, time.Second, map[*client]*voice{c: {talker: byte(i), level: uint8(20 * i)}})
					for slot := range 3 {
						for j, r := range c.received(slot) {
							require.NotEqual(t, byte(i), r.talker, "hears itself")
							if j > 0 {
								require.Positive(t, int16(r.seq-c.received(slot)[j-1].seq))
							}
						}
					}
					c.close(t)
				}
			})
		}
		stop := make(chan struct{})
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(3, 3))
			for {
				select {
				case <-stop:
					return
				case <-time.After(70 * time.Millisecond):
				}
				var s []signaling.UserID
				for i := range rng.IntN(7) {
					s = append(s, signaling.UserID(fmt.Sprintf("user%d", i)))
				}
				rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
				room.SetSpeakers(s)
			}
		})
		time.Sleep(10 * time.Second)
		close(stop)
		wg.Wait()
		require.Zero(t, w.sfu.Stats().Peers)
		require.NotZero(t, w.sfu.Stats().Out)
	})
}

// SFU.Close ends what its users have forgotten.
func TestCloseEndsAll(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		anna := w.join(room, "anna", 2)
		require.NoError(t, w.sfu.Close())
		time.Sleep(time.Second)
		require.ErrorIs(t, anna.rtc.Connected(t.Context()), rtc.ErrClosed)
		_, err := w.sfu.NewRoom(sfu.RoomConfig{}).Join(t.Context(), "bert", anna.rtc.Offer(), nil)
		require.ErrorIs(t, err, sfu.ErrClosed)
		require.NoError(t, anna.rtc.Close())
	})
}

// A client that is not ours: pion's defaults, the microphone offered sendrecv, with reports about what it receives.
func TestForeignClient(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna"))
		anna := w.join(room, "anna", 1)

		var s webrtc.SettingEngine
		s.SetNet(w.net("1.2.3.70"))
		s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
		s.LoggerFactory = pionlog.Factory(nil)
		// Payload types and ids of its own, as Firefox has.
		m := &webrtc.MediaEngine{}
		opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}
		require.NoError(t, m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: opus, PayloadType: 109}, webrtc.RTPCodecTypeAudio))
		for _, uri := range []string{sdp.SDESMidURI, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"} {
			require.NoError(t, m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeAudio))
		}
		registry := &interceptor.Registry{}
		require.NoError(t, webrtc.ConfigureRTCPReports(registry))
		pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(registry)).
			NewPeerConnection(webrtc.Configuration{})
		require.NoError(t, err)
		mic, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "m", "m")
		require.NoError(t, err)
		_, err = pc.AddTrack(mic)
		require.NoError(t, err)
		for range 2 {
			_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{
				Direction: webrtc.RTPTransceiverDirectionRecvonly,
			})
			require.NoError(t, err)
		}
		heard := make(chan webrtc.SSRC, 1)
		var read sync.WaitGroup
		var types atomic.Uint32
		var mid string
		pc.OnTrack(func(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
			mid = r.RTPTransceiver().Mid()
			heard <- tr.SSRC()
			read.Go(func() { // pion counts what is read
				for b := make([]byte, 1500); ; {
					if _, _, err := tr.Read(b); err != nil {
						return
					}
					var h rtp.Header
					if _, err := h.Unmarshal(b); err == nil && len(h.GetExtension(2)) == 1 {
						types.Store(uint32(h.PayloadType))
					}
				}
			})
		})
		offer, err := pc.CreateOffer(nil)
		require.NoError(t, err)
		require.NoError(t, pc.SetLocalDescription(offer))
		peer, err := room.Join(t.Context(), "foreign", offer.SDP, nil)
		require.NoError(t, err)
		require.NoError(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: peer.Answer()}))
		time.Sleep(time.Second)
		talk(t, time.Second, map[*client]*voice{anna: {talker: 'a'}})
		synctest.Wait()
		select {
		case <-heard:
		case <-time.After(time.Second):
			t.Fatal("no track: its packets are of a type that was not negotiated")
		}
		assert.Equal(t, []sfu.Slot{{MID: "1", User: "anna"}, {MID: "2"}}, peer.Slots(), "nobody on the microphone's m-line")
		assert.Equal(t, "1", mid)
		_, share := anna.prepares()
		assert.Zero(t, share)
		w.down.Store(10)
		talk(t, 30*time.Second, map[*client]*voice{anna: {talker: 'a'}})
		w.down.Store(0)
		synctest.Wait()
		assert.Equal(t, uint32(109), types.Load(), "the client's own payload type, and the audio level under its own id")
		share, burst := peer.DownLoss()
		assert.InDelta(t, 0.1, share, 0.05)
		assert.InDelta(t, 1, burst, 0.1, "a receiver report does not tell how losses lie")
		_, share = anna.prepares()
		assert.InDelta(t, 0.1, share, 0.05, "the speaker prepares for the worst listener's loss")
		require.NoError(t, pc.GracefulClose())
		read.Wait()
		require.NoError(t, peer.Close())
		anna.close(t)
	})
}

// BenchmarkForwardPeers forwards to real PeerConnections on loopback: rewriting, SRTP and one system call for each.
func BenchmarkForwardPeers(b *testing.B) {
	const n = 20
	s := onLoopback(b, sfu.Config{})
	room := s.NewRoom(sfu.RoomConfig{})
	room.SetSpeakers(users("anna"))
	var clients []*client
	for i := range n {
		clients = append(clients, dial(b, rtc.Config{Slots: 1}, room, fmt.Sprint(i)))
	}
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
	defer cancel()
	for _, c := range clients {
		require.NoError(b, c.rtc.Connected(ctx))
	}
	payload := make([]byte, 80)
	var msg []byte
	seq := uint16(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		msg = sfu.RelayPacket(msg, "anna", seq, payload)
		room.FromRelay(msg)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/receiver")
	b.StopTimer()
	for _, c := range clients {
		c.close(b)
	}
}
