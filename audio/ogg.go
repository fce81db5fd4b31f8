package audio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrNotOgg reports bytes that are no Ogg Opus file.
var ErrNotOgg = errors.New("audio: not an Ogg Opus file")

const (
	// Bounds for files from strangers: a packet of one byte decodes to 1920.
	oggMaxPackets = 3600 * 50 // one hour
	oggMaxPacket  = 6 * 1275  // RFC 6716 section 3.2.5: 120 ms in frames of 20 ms

	oggHeaderSize = 27 // RFC 3533 section 6, up to the segment table
	oggSegments   = 26 // offset of its length
	oggFlags      = 5  // offset of the flags
	oggGranule    = 6  // offset of the position of the page's end
	oggContinued  = 1  // flag: the page goes on with the last page's packet
	oggBegins     = 2  // flag: the stream's first page
	oggNoGranule  = math.MaxUint64
)

// OggOpus is an Ogg Opus file taken apart (RFC 7845).
type OggOpus struct {
	Channels int      // of the original, 1 or 2
	PreSkip  int      // samples at 48 kHz to throw away at the beginning, while the decoder settles
	Gain     float64  // factor to apply to what was decoded
	Samples  int      // samples per channel that are left after PreSkip; the last packet may hold more
	Packets  [][]byte // Opus packets in order
}

// ReadOggOpus reads the first Opus stream of an Ogg file, up to one hour of it. A file cut off in the middle gives
// what is whole. Errors are [ErrNotOgg], [ErrFormat] and [ErrNoAudio].
func ReadOggOpus(r io.Reader) (*OggOpus, error) {
	s, err := openOgg(r)
	if err != nil {
		return nil, err
	}
	o := &OggOpus{Channels: s.head.channels, PreSkip: s.head.preSkip, Gain: s.head.gain}
	for {
		packets, _, err := s.next()
		if err == io.EOF {
			break // the end, or damage: what came before is good
		}
		if err != nil {
			return nil, err
		}
		if o.Packets = append(o.Packets, packets...); len(o.Packets) > oggMaxPackets {
			return nil, fmt.Errorf("%w: longer than an hour", ErrFormat)
		}
	}
	if o.Samples = int(s.length()); o.Samples <= 0 {
		return nil, ErrNoAudio
	}
	return o, nil
}

// Decode decodes the whole to 48 kHz mono, without the pre-skip and with the gain. What the codec cannot decode is
// [ErrFormat].
func (o *OggOpus) Decode(codec Codec) ([]int16, error) {
	dec, err := newOggDecoder(codec, 1)
	if err != nil {
		return nil, err
	}
	out := make([]int16, 0, len(o.Packets)*FrameSamples)
	for i, p := range o.Packets {
		pcm, err := dec.decode(p, o.Gain)
		if err != nil {
			return nil, fmt.Errorf("packet %d: %w", i, err)
		}
		out = append(out, pcm...)
	}
	out = out[min(max(o.PreSkip, 0), len(out)):]
	return out[:min(max(o.Samples, 0), len(out))], nil
}

// packetJoiner cuts pages into packets, some of which go on on the next page (RFC 3533 section 5).
type packetJoiner struct {
	part []byte
	open bool
}

// split returns the packets that end on this page. page is the raw page with its header.
func (j *packetJoiner) split(payload, page []byte) (packets [][]byte, err error) {
	table := page[oggHeaderSize : oggHeaderSize+int(page[oggSegments])]
	// A packet whose beginning was lost is left out; one whose end was lost as well.
	skip := page[oggFlags]&oggContinued != 0 && !j.open
	if page[oggFlags]&oggContinued == 0 {
		j.part = nil
	}
	for _, n := range table {
		j.part = append(j.part, payload[:n]...)
		payload = payload[n:]
		if len(j.part) > oggMaxPacket && !bytes.HasPrefix(j.part, []byte("OpusTags")) {
			return nil, fmt.Errorf("%w: an Opus packet of more than %d bytes", ErrFormat, oggMaxPacket)
		}
		if j.open = n == 255; j.open {
			continue
		}
		if len(j.part) > 0 && !skip {
			packets = append(packets, j.part)
		}
		j.part, skip = nil, false
	}
	// Tags may hold a picture of any size; of them only the beginning is needed, to know them by.
	if len(j.part) > oggMaxPacket {
		j.part = j.part[:oggMaxPacket]
	}
	return packets, nil
}
