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
	if id := extensionID(r.GetParameters().HeaderExtensions, levelURI); id != 0 {
		p.levelID.Store(uint32(id))
	}
	p.goOwned(func() { p.read(slot, t) })
}

// read hands a slot's packets over until the peer closes.
func (p *Peer) read(slot int, t *webrtc.TrackRemote) {
	buf := make([]byte, receiveMTU)
	var h rtp.Header
	copies := make([]red.Copy, 0, red.MaxCopies)
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
		if payload, ok := payloadOf(&h, buf[:n]); ok {
			p.received(slot, h.SSRC, h.SequenceNumber, time.Now())
			copies = copies[:0]
			if h.PayloadType == redPT {
				var pt uint8
				if payload, pt, copies, err = red.Parse(payload, copies); err != nil || pt != opusPT {
					continue
				}
			}
			p.cfg.OnPacket(slot, &h, payload)
			for _, c := range copies {
				p.cfg.OnCopy(slot, h.Timestamp-c.Age, c.Age, c.Payload)
			}
		}
	}
	p.cfg.Logger.Warn("slot given up: its packets cannot be read", "slot", slot)
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
