package rtc

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/openvoiceroom/openvoiceroom/internal/redundancy"
)

// levelURI names the header extension for the audio level, RFC 6464.
const levelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

// microphone is the up-link's track. It is ours and not pion's sample track, because that one allocates a packet per frame
// and has no place for the audio level.
type microphone struct {
	ssrc atomic.Uint32 // 0 while unbound

	mu     sync.Mutex
	writer webrtc.TrackLocalWriter // nil while unbound
	ended  bool                    // unbound for good: the connection has ended
	hdr    rtp.Header              // a field: as a local it would escape through the writer
	level  [1]byte                 // the extension's payload, referred to by hdr
	exts   bool                    // the server takes the level extension

	pt      uint8 // Opus alone
	redPT   uint8 // Opus with copies; 0: the server does not take them
	copies  redundancy.Level
	history redundancy.History
}

func newMicrophone() *microphone {
	m := &microphone{}
	m.hdr.Version = 2
	// Random starts, RFC 3550 section 5.1.
	m.hdr.SequenceNumber = uint16(rand.Uint32())
	m.hdr.Timestamp = rand.Uint32()
	return m
}

// SSRC returns the stream's, 0 before there is a connection.
func (m *microphone) SSRC() uint32 { return m.ssrc.Load() }

// write sends one frame and moves the clock on by samples.
func (m *microphone) write(payload []byte, samples uint32, level uint8, marker bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return ErrClosed
	}
	if m.writer == nil {
		m.hdr.Timestamp += samples
		return nil
	}
	m.hdr.Marker = marker
	m.hdr.Extension = m.exts
	m.level[0] = min(level, 127)
	m.hdr.PayloadType = m.pt
	if m.redPT != 0 {
		m.history.Add(m.hdr.SSRC, m.hdr.SequenceNumber, m.hdr.Timestamp, payload)
		if withCopies := m.history.Payload(m.copies, m.pt); withCopies != nil {
			payload, m.hdr.PayloadType = withCopies, m.redPT
		}
	}
	n, err := m.writer.WriteRTP(&m.hdr, payload)
	m.hdr.Timestamp += samples
	if n > 0 {
		// Only what went out takes a number: frames before the connection is up must not look like loss.
		m.hdr.SequenceNumber++
	}
	return err
}

// adapt lets as many copies go along as the way to the server needs. It reports whether any do.
func (m *microphone) adapt(loss, burst float64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.copies = m.copies.Next(loss, burst)
	return m.redPT != 0 && m.copies != redundancy.None
}

// skip moves the clock on without sending.
func (m *microphone) skip(samples uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hdr.Timestamp += samples
}

// Bind implements webrtc.TrackLocal.
func (m *microphone) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	red := uint8(0)
	for _, codec := range c.CodecParameters() {
		if strings.EqualFold(codec.MimeType, mimeRED) {
			red = uint8(codec.PayloadType)
		}
	}
	for _, codec := range c.CodecParameters() {
		if !strings.EqualFold(codec.MimeType, webrtc.MimeTypeOpus) {
			continue
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.hdr.SSRC = uint32(c.SSRC())
		m.ssrc.Store(m.hdr.SSRC)
		m.pt, m.redPT = uint8(codec.PayloadType), red
		m.hdr.ClearExtensions()
		id := extensionID(c.HeaderExtensions(), levelURI)
		m.exts = id != 0
		if m.exts {
			if err := m.hdr.SetExtension(id, m.level[:]); err != nil {
				return webrtc.RTPCodecParameters{}, err
			}
		}
		m.writer = c.WriteStream()
		return codec, nil
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind implements webrtc.TrackLocal. The track is never replaced, so it comes only with the end.
func (m *microphone) Unbind(webrtc.TrackLocalContext) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writer, m.ended = nil, true
	return nil
}

// ID implements webrtc.TrackLocal.
func (*microphone) ID() string { return "mic" }

// RID implements webrtc.TrackLocal.
func (*microphone) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (*microphone) StreamID() string { return "mic" }

// Kind implements webrtc.TrackLocal.
func (*microphone) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }

// extensionID returns the id under which an extension was negotiated, or 0. Ids above 14 need the two-byte form of
// RFC 8285, which nobody negotiates for one extension: they count as absent.
func extensionID(exts []webrtc.RTPHeaderExtensionParameter, uri string) uint8 {
	for _, e := range exts {
		if e.URI == uri && e.ID >= 1 && e.ID <= 14 {
			return uint8(e.ID)
		}
	}
	return 0
}
