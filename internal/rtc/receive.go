package rtc

import (
	"errors"
	"io"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/openvoiceroom/openvoiceroom/audio/red"
)

// maxReadErrors bounds how many packets in a row may be unreadable before a slot is given up; it exists only so that an
// error that repeats without a packet cannot spin.
const maxReadErrors = 1000

// onTrack starts the goroutine that reads a slot.
func (p *Peer) onTrack(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	tr := r.RTPTransceiver()
	if tr == nil {
		return
	}
	slot, ok := p.mids[tr.Mid()]
	if !ok {
		p.cfg.Logger.Warn("media on an m-line that is no slot", "mid", tr.Mid())
		return
	}
	in := p.NewReader(slot, extensionID(r.GetParameters().HeaderExtensions, levelURI))
	p.goOwned(func() { p.read(in, t) })
}

// read hands a slot's packets over until the peer closes.
func (p *Peer) read(in *Reader, t *webrtc.TrackRemote) {
	buf := make([]byte, receiveMTU)
	for failed := 0; failed < maxReadErrors; {
		n, _, err := t.Read(buf)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || p.ctx.Err() != nil {
				return
			}
			failed++
			continue
		}
		failed = 0
		in.Take(buf[:n], time.Now())
	}
	p.cfg.Logger.Warn("slot given up: its packets cannot be read", "slot", in.slot)
}

// Reader makes of what comes for one slot what OnPacket and OnCopy get. The connection has one for each slot; one
// goroutine uses it.
type Reader struct {
	peer   *Peer
	slot   int
	header rtp.Header
	copies []red.Copy
}

// NewReader returns a reader for packets whose audio level is the header extension levelID, 0 if they have none.
func (p *Peer) NewReader(slot int, levelID uint8) *Reader {
	if levelID != 0 {
		p.levelID.Store(uint32(levelID))
	}
	return &Reader{peer: p, slot: slot, copies: make([]red.Copy, 0, red.MaxCopies)}
}

// Take takes a packet that has come at the time now: RTP as it is after decryption. What is malformed is left out.
func (r *Reader) Take(packet []byte, now time.Time) {
	h, p := &r.header, r.peer
	payload, ok := payloadOf(h, packet)
	if !ok {
		return
	}
	p.received(r.slot, h.SSRC, h.SequenceNumber, now)
	r.copies = r.copies[:0]
	if h.PayloadType == redPT {
		var pt uint8
		var err error
		if payload, pt, r.copies, err = red.Parse(payload, r.copies); err != nil || pt != opusPT {
			return
		}
	}
	p.cfg.OnPacket(r.slot, h, payload, now)
	for _, c := range r.copies {
		p.cfg.OnCopy(r.slot, h.Timestamp-c.Age, c.Age, c.Payload, now)
	}
}

// payloadOf parses a packet into h and returns the payload without padding (RFC 3550 section 5.1); false if the packet is
// malformed or nothing but padding.
func payloadOf(h *rtp.Header, b []byte) ([]byte, bool) {
	n, err := h.Unmarshal(b)
	if err != nil || h.Version != 2 || n > len(b) {
		return nil, false
	}
	payload := b[n:]
	if h.Padding {
		if len(payload) == 0 {
			return nil, false
		}
		pad := int(payload[len(payload)-1])
		if pad == 0 || pad > len(payload) {
			return nil, false
		}
		payload = payload[:len(payload)-pad]
		h.Padding = false
	}
	return payload, len(payload) > 0
}
