package audio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/pion/webrtc/v4/pkg/media/oggreader"
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
	oggContinued  = 1  // flag: the page goes on with the last page's packet
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
	tap := &oggTap{r: r}
	reader, header, err := oggreader.NewWith(tap)
	if err != nil || !bytes.HasPrefix(tap.page, []byte("OggS")) {
		return nil, fmt.Errorf("%w: %v", ErrNotOgg, err)
	}
	if header.ChannelMap != 0 || header.Channels < 1 || header.Channels > 2 {
		return nil, fmt.Errorf("%w: Opus in %d channels of mapping %d, want mono or stereo", ErrFormat, header.Channels, header.ChannelMap)
	}
	o := &OggOpus{
		Channels: int(header.Channels),
		PreSkip:  int(header.PreSkip),
		// RFC 7845 section 5.1: a signed Q7.8 number of dB that every player must apply.
		Gain: math.Pow(10, float64(int16(header.OutputGain))/(20*256)),
	}
	if err := o.readPages(reader, tap); err != nil {
		return nil, err
	}
	return o, nil
}

// readPages collects the packets and the stream's length from the granule positions.
func (o *OggOpus) readPages(reader *oggreader.OggReader, tap *oggTap) error {
	serial := tap.serial()
	var (
		pages       packetJoiner
		first, last uint64
		started     bool
	)
	for {
		tap.page = tap.page[:0]
		payload, page, err := reader.ParseNextPage()
		if err != nil {
			break // the end, or damage: what came before is good
		}
		if !bytes.HasPrefix(tap.page, []byte("OggS")) {
			break
		}
		if tap.serial() != serial {
			continue // another stream in the same file
		}
		packets, err := pages.split(payload, tap.page)
		if err != nil {
			return err
		}
		before := len(o.Packets)
		for _, p := range packets {
			if !bytes.HasPrefix(p, []byte("OpusTags")) {
				o.Packets = append(o.Packets, p)
			}
		}
		if len(o.Packets) > oggMaxPackets {
			return fmt.Errorf("%w: longer than an hour", ErrFormat)
		}
		added := uint64(len(o.Packets)-before) * FrameSamples
		if added == 0 || page.GranulePosition == oggNoGranule {
			continue
		}
		if !started {
			// A stream cut out of a longer one does not begin at 0 (RFC 7845 section 4.3).
			started = true
			first = page.GranulePosition - min(added, page.GranulePosition)
		}
		last = page.GranulePosition
	}
	o.Samples = len(o.Packets)*FrameSamples - o.PreSkip
	if last > first && last-first < uint64(len(o.Packets)*FrameSamples) {
		o.Samples = int(last-first) - o.PreSkip
	}
	if o.Samples <= 0 {
		return ErrNoAudio
	}
	return nil
}

// Decode decodes the whole to 48 kHz mono, without the pre-skip and with the gain. Packets that are not of 20 ms are
// [ErrFormat].
func (o *OggOpus) Decode(codec Codec) ([]int16, error) {
	if codec == nil {
		return nil, fmt.Errorf("%w: an Ogg Opus file needs a codec (opus.Codec, built with cgo); or convert it to WAV: opusdec in.opus out.wav", ErrFormat)
	}
	dec, err := codec.NewDecoder(1)
	if err != nil {
		return nil, fmt.Errorf("audio: decode Ogg Opus: %w", err)
	}
	out := make([]int16, 0, len(o.Packets)*FrameSamples)
	f := NewFrame(1)
	for i, p := range o.Packets {
		if err := dec.Decode(p, f); err != nil {
			if errors.Is(err, ErrPacket) {
				return nil, fmt.Errorf("%w: packet %d: %w; only packets of 20 ms can be read, such as opusenc --framesize 20 makes", ErrFormat, i, err)
			}
			return nil, fmt.Errorf("audio: decode Ogg Opus: %w", err)
		}
		out = append(out, f...)
	}
	out = out[min(max(o.PreSkip, 0), len(out)):]
	out = out[:min(max(o.Samples, 0), len(out))]
	if o.Gain != 1 {
		for i, s := range out {
			out[i] = fromFloat(float64(s) * o.Gain)
		}
	}
	return out, nil
}

// oggTap keeps the page that is being read, because pion's reader returns a page's payload without the segment table,
// and most files put many packets into a page.
type oggTap struct {
	r    io.Reader
	page []byte
}

func (t *oggTap) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.page = append(t.page, p[:n]...)
	return n, err
}

func (t *oggTap) serial() [4]byte { return [4]byte(t.page[14:18]) }

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
