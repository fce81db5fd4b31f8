package sfu

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/openvoiceroom/openvoiceroom/internal/redundancy"
	"github.com/openvoiceroom/openvoiceroom/internal/report"
)

// mimeRED is redundant audio data, RFC 2198.
const mimeRED = "audio/red"

// levelURI names the header extension for the audio level, RFC 6464.
const levelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

const (
	maxAhead  = 256 // packets (5 s) that a source's numbers may jump forward before it counts as a new numbering
	maxBehind = 64  // packets: SRTP's replay window, what is later is dropped by the receiver anyway

	// firstAway is how far behind the first number of a numbering is kept: beyond everything that is compared with it, and
	// near enough that numbers which wrap (every 22 minutes of talk) do not bring it before what is sent.
	firstAway = 1 << 12
)

// slot is one down-link stream of one member: a webrtc.TrackLocal with one SSRC for life, into which the packets of
// changing speakers are written so that the receiver sees one unbroken stream.
//
// Sequence numbers continue and never go back, or SRTP's replay protection silences the slot for good. Timestamps continue
// by the clock. Header extensions carry the receiver's ids, each offer chooses its own.
type slot struct {
	id          string
	mid         string
	down        *downlink               // the member's, for all of its slots
	ssrc        atomic.Uint32           // 0 while unbound
	takesCopies atomic.Bool             // redPT is not 0
	occupant    atomic.Pointer[speaker] // whose packets are taken; nil: nobody's
	copies      atomic.Uint32           // redundancy.Level: the earlier packets that go along

	mu     sync.Mutex              // guards the following; held during a write
	writer webrtc.TrackLocalWriter // nil while unbound
	hdr    rtp.Header              // a field: as a local it would escape, 96 bytes a packet
	pt     uint8                   // Opus alone
	redPT  uint8                   // Opus with copies (RFC 2198); 0: the receiver does not take them
	level  [1]byte                 // the extension's payload, referred to by hdr
	exts   bool                    // the receiver takes the level extension

	started bool      // something was sent
	from    *speaker  // whose numbering the offsets belong to
	stream  uint32    // and which of the speaker's
	seqOff  uint16    // added to the source's numbers
	tsOff   uint32    // added to the source's timestamps
	first   uint16    // the first number of this numbering, as sent: what would be before it belongs to another speaker; it follows in long talk
	lastSeq uint16    // the highest number sent
	lastTS  uint32    // the timestamp that went with it
	lastAt  time.Time // when
	asked   []uint16  // numbers of packets that the receiver misses, to go along with the next one
	sent    uint64
	octets  uint32        // of the payloads sent
	holes   report.Counts // numbers that were never sent: what is lost of them is not the receiver's loss

	reported struct { // guarded by down.mu: what its receiver has last reported
		any  bool
		high uint32
		lost int32
	}
}

func newSlot(id, mid string) *slot {
	s := &slot{id: id, mid: mid, down: &downlink{}}
	s.hdr.Version = 2
	return s
}

// write sends one packet of from at now. It reports why it did not.
func (s *slot) write(from *speaker, p *packet, now time.Time) (drop, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writer == nil {
		return dropUnsent, false
	}
	// Routes are read without a lock, so a packet may be on its way to a slot that has just changed hands.
	if s.occupant.Load() != from {
		return dropStale, false
	}
	marker := p.marker
	if !s.started || s.from != from || s.stream != p.stream || s.jumped(p.seq) {
		s.begin(from, p, now)
		marker = true
	}
	seq := p.seq + s.seqOff
	if s.started {
		if ahead := int16(seq - s.lastSeq); ahead <= 0 && (ahead <= -maxBehind || int16(seq-s.first) < 0) {
			return dropStale, false
		}
	}
	s.hdr.SequenceNumber = seq
	s.hdr.Timestamp = p.ts + s.tsOff
	s.hdr.Marker = marker
	payload := p.payload
	s.hdr.PayloadType = s.pt
	if len(s.asked) > 0 {
		if withCopies := s.answer(from, seq); withCopies != nil {
			payload, s.hdr.PayloadType = withCopies, s.redPT
		}
	} else if l := redundancy.Level(s.copies.Load()); l != redundancy.None && s.redPT != 0 && seq-s.first > l.Reach() {
		// Nothing goes along from before this numbering: the receiver would take it for another speaker's.
		if withCopies := from.history.Payload(l, s.pt); withCopies != nil {
			payload, s.hdr.PayloadType = withCopies, s.redPT
		}
	}
	s.hdr.Extension = s.exts && p.hasLevel
	s.level[0] = p.level
	n, err := s.writer.WriteRTP(&s.hdr, payload)
	if err != nil || n == 0 {
		// Not connected yet, or no longer. Nothing reached the receiver if this was a stream's first packet, but its
		// number is spent: SRTP may have seen it.
		if err != nil {
			s.advance(seq, now)
		}
		return dropUnsent, false
	}
	s.advance(seq, now)
	s.sent++
	s.octets += uint32(len(payload))
	return 0, true
}

// jumped reports whether a number cannot belong to the current numbering. A jump of half the number space would otherwise
// make SRTP guess a wrong roll-over count at the receiver, for the rest of the slot's life.
func (s *slot) jumped(seq uint16) bool {
	ahead := int16(seq + s.seqOff - s.lastSeq)
	return ahead > maxAhead || ahead < -maxAhead
}

// begin lays another numbering behind what was sent: the next number, and the timestamp by the clock, in whole frames and
// at least one.
func (s *slot) begin(from *speaker, p *packet, now time.Time) {
	if s.started {
		gap := uint32(max(1, now.Sub(s.lastAt)/(20*time.Millisecond))) * frameTicks
		s.seqOff = s.lastSeq + 1 - p.seq
		s.tsOff = s.lastTS + gap - p.ts
	} else {
		s.seqOff, s.tsOff = 0, 0
	}
	s.from, s.stream = from, p.stream
	s.first = p.seq + s.seqOff
	s.asked = s.asked[:0]
}

func (s *slot) advance(seq uint16, now time.Time) {
	if s.started && int16(seq-s.lastSeq) <= 0 {
		s.holes.Lost-- // it is late, but sent
		return
	}
	if hole := seq - s.lastSeq - 1; s.started && hole > 0 {
		s.holes.Lost += uint32(hole)
		s.holes.Runs++
	}
	s.started = true
	s.lastSeq, s.lastTS, s.lastAt = seq, s.hdr.Timestamp, now
	if s.lastSeq-s.first > 2*firstAway {
		s.first = s.lastSeq - firstAway
	}
}

// Bind implements webrtc.TrackLocal.
func (s *slot) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
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
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hdr.SSRC = uint32(c.SSRC())
		s.ssrc.Store(s.hdr.SSRC)
		s.pt, s.redPT = uint8(codec.PayloadType), red
		s.takesCopies.Store(red != 0)
		s.hdr.ClearExtensions()
		id := extensionID(c.HeaderExtensions(), levelURI)
		s.exts = id != 0
		if s.exts {
			if err := s.hdr.SetExtension(id, s.level[:]); err != nil {
				return webrtc.RTPCodecParameters{}, err
			}
		}
		s.writer = c.WriteStream()
		return codec, nil
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind implements webrtc.TrackLocal.
func (s *slot) Unbind(webrtc.TrackLocalContext) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writer = nil
	return nil
}

// ID implements webrtc.TrackLocal.
func (s *slot) ID() string { return s.id }

// RID implements webrtc.TrackLocal.
func (*slot) RID() string { return "" }

// StreamID implements webrtc.TrackLocal. Each slot is a stream of its own, or browsers would synchronise them.
func (s *slot) StreamID() string { return s.id }

// Kind implements webrtc.TrackLocal.
func (*slot) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }

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
