package engine

import (
	"log/slog"
	"sync"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/internal/redundancy"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
)

// What a client may cost, in per cent of a core, echo cancellation and pion's network and encryption left out.
const (
	listenerGoal = 3.0 // ten speakers, from their RTP packets to the mixed frame
	speakerGoal  = 2.5 // from the captured frame to the RTP packet
)

// The identifiers that a negotiation would find.
const (
	pathOpus  = 111
	pathRED   = 63
	pathLevel = 1
	levelURI  = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
)

// wire is what a microphone's track is bound to in place of a connection: it makes the bytes of each RTP packet, which
// would be encrypted next.
type wire struct {
	packet [audio.MaxPacket]byte
	n      int // of the last packet, 0 when none was sent
	err    error
}

func (w *wire) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	n, err := h.MarshalTo(w.packet[:])
	w.n, w.err = n+copy(w.packet[n:], payload), err
	return w.n, err
}

func (*wire) Write([]byte) (int, error) { return 0, webrtc.ErrConnectionClosed }

func (*wire) CodecParameters() []webrtc.RTPCodecParameters {
	return []webrtc.RTPCodecParameters{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, PayloadType: pathOpus},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/red"}, PayloadType: pathRED},
	}
}

func (*wire) HeaderExtensions() []webrtc.RTPHeaderExtensionParameter {
	return []webrtc.RTPHeaderExtensionParameter{{URI: levelURI, ID: pathLevel}}
}
func (*wire) SSRC() webrtc.SSRC                       { return 1 }
func (*wire) SSRCRetransmission() webrtc.SSRC         { return 0 }
func (*wire) SSRCForwardErrorCorrection() webrtc.SSRC { return 0 }
func (w *wire) WriteStream() webrtc.TrackLocalWriter  { return w }
func (*wire) ID() string                              { return "wire" }
func (*wire) RTCPReader() interceptor.RTCPReader      { return nil }

// pathMedia is a room's media as Enter makes it, without a server: nothing is connected, and the microphone publishes.
func pathMedia(t testing.TB) *media {
	t.Helper()
	if !opus.Available {
		t.Skip("built without Opus (cgo): there is nothing to measure")
	}
	log := slog.New(slog.DiscardHandler)
	// The devices are never started: they say what the room has, a microphone and a speaker.
	cfg := Config{Codec: opus.Codec, UserID: "me", Microphone: audio.NewSilenceSource(), Speaker: audio.NewNullSink(1)}
	r := &Room{eng: &Engine{cfg: cfg, log: log}, log: log}
	r.music = newMusic(r)
	m, err := newMedia(r)
	require.NoError(t, err)
	t.Cleanup(func() {
		r.music.player.Close()
		require.NoError(t, m.line.Load().peer.Close())
	})
	m.mic.publishing.Store(true)
	m.mic.expected.Store(0) // as it is when nothing has been lost for some time
	return m
}

// pass is how many frames are said before they are said again.
const pass = 390

// speaker is the way from captured frames to packets.
type speaker struct {
	*sender
	said     []int16
	at       int
	captured audio.Frame
	wire     wire
}

// newSpeaker returns one of the ten.
func newSpeaker(t testing.TB, m *media, q AudioQuality, i int) *speaker {
	t.Helper()
	m.mic.quality.Store(int32(q))
	enc, err := newEncoder(opus.Codec, q, 0)
	require.NoError(t, err)
	s := &speaker{sender: newSender(m.mic, enc), captured: audio.NewFrame(1)}
	s.said = [2][]int16{speech.Host(), speech.Guest()}[i%2][:pass*audio.FrameSamples]
	s.at = i * 25 * audio.FrameSamples // so that ten do not say the same at once
	_, err = m.line.Load().peer.Microphone().Bind(&s.wire)
	require.NoError(t, err)
	return s
}

// speak sends the next 20 ms, over and over, and returns the packet, nil for none.
func (s *speaker) speak() []byte {
	copy(s.captured, s.said[s.at:])
	s.at = (s.at + audio.FrameSamples) % len(s.said)
	s.wire.n = 0
	s.frame(s.captured)
	return s.wire.packet[:s.wire.n]
}

var (
	onceSaid    sync.Once
	saidPackets [slots][][]byte
)

// said returns the packets, or nothing where there is silence, of ten who speak.
func said(t testing.TB) [slots][][]byte {
	t.Helper()
	m := pathMedia(t)
	onceSaid.Do(func() {
		for i := range slots {
			s := newSpeaker(t, m, AudioQualityDefault, i)
			for range pass {
				saidPackets[i] = append(saidPackets[i], append([]byte(nil), s.speak()...))
			}
			require.NoError(t, s.wire.err)
		}
	})
	return saidPackets
}

// pathQualities are the names of the audio qualities.
var pathQualities = []string{"speech", "default", "music"}

// withCopies returns a packet of RTP as the server sends it on to a listener who loses packets: with copies of those
// before it (RFC 2198). It is a copy itself.
func withCopies(t testing.TB, h *redundancy.History, level redundancy.Level, n int, packet []byte) []byte {
	t.Helper()
	if len(packet) == 0 {
		return nil
	}
	var head rtp.Header
	at, err := head.Unmarshal(packet)
	require.NoError(t, err)
	h.Add(1, head.SequenceNumber, uint32(n*audio.FrameSamples), packet[at:])
	copies := h.Payload(level, pathOpus)
	if copies == nil {
		return append([]byte(nil), packet...)
	}
	packet = append(append([]byte(nil), packet[:at]...), copies...)
	packet[1] = packet[1]&0x80 | pathRED
	return packet
}
