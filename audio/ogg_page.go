package audio

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// oggPages finds the pages of an Ogg file (RFC 3533 section 6). Damage between them is passed over.
type oggPages struct {
	r    *bufio.Reader
	at   int64 // of what is read next, in the file
	page []byte
}

// oggMaxPage is the size of a page with 255 segments of 255 bytes.
const oggMaxPage = oggHeaderSize + 255 + 255*255

var oggCapture = []byte("OggS\x00") // with the version

func newOggPages(r io.Reader, at int64) *oggPages {
	return &oggPages{r: bufio.NewReaderSize(r, oggMaxPage), at: at}
}

// next returns the next whole page, until the next call, and its place in the file. io.EOF is the end.
func (p *oggPages) next() (page []byte, at int64, err error) {
	for {
		b, err := p.r.Peek(oggHeaderSize)
		if len(b) < oggHeaderSize {
			return nil, 0, end(err)
		}
		if !bytes.HasPrefix(b, oggCapture) {
			b, _ = p.r.Peek(p.r.Buffered())
			skip := len(b) - len(oggCapture) + 1
			if i := bytes.Index(b[1:], oggCapture); i >= 0 {
				skip = i + 1
			}
			p.discard(skip)
			continue
		}
		size := oggHeaderSize + int(b[oggSegments])
		if b, err = p.r.Peek(size); len(b) == size {
			for _, n := range b[oggHeaderSize:] {
				size += int(n)
			}
			b, err = p.r.Peek(size)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		if len(b) < size || oggCRC(b) != binary.LittleEndian.Uint32(b[oggChecksum:]) {
			p.discard(len(oggCapture)) // this is no page; one may begin inside
			continue
		}
		p.page, at = append(p.page[:0], b...), p.at
		p.discard(size)
		return p.page, at, nil
	}
}

func (p *oggPages) discard(n int) {
	k, _ := p.r.Discard(n) // it is in the buffer
	p.at += int64(k)
}

// end makes io.EOF of every way in which a file may end.
func end(err error) error {
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

const oggChecksum = 22 // offset of the checksum

// oggTable is the CRC of one byte: polynomial 0x04c11db7, not reflected (RFC 3533 section 6, item 7).
var oggTable = func() (table [256]uint32) {
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			crc = crc<<1 ^ crc>>31*0x04c11db7
		}
		table[i] = crc
	}
	return table
}()

func oggCRC(page []byte) uint32 {
	crc := uint32(0)
	for i, b := range page {
		if i >= oggChecksum && i < oggChecksum+4 {
			b = 0
		}
		crc = crc<<8 ^ oggTable[byte(crc>>24)^b]
	}
	return crc
}

// oggHead is what an Opus stream says about itself (RFC 7845 section 5.1).
type oggHead struct {
	channels, preSkip int
	gain              float64
}

func parseOggHead(b []byte) (h oggHead, err error) {
	if len(b) < 19 || b[8]&0xf0 != 0 {
		return h, fmt.Errorf("%w: its Opus header is damaged or of a later version", ErrFormat)
	}
	le := binary.LittleEndian
	h = oggHead{channels: int(b[9]), preSkip: int(le.Uint16(b[10:]))}
	if mapping := b[18]; mapping != 0 || h.channels < 1 || h.channels > 2 {
		return h, fmt.Errorf("%w: Opus in %d channels of mapping %d, want mono or stereo", ErrFormat, h.channels, mapping)
	}
	// A signed Q7.8 number of dB that every player must apply.
	h.gain = math.Pow(10, float64(int16(le.Uint16(b[16:])))/(20*256))
	return h, nil
}

// oggStream is the first Opus stream of an Ogg file, page by page.
type oggStream struct {
	head   oggHead
	serial [4]byte
	pages  *oggPages
	join   packetJoiner

	samples     int64 // in the packets so far
	first, last uint64
	started     bool
}

// openOgg reads up to the stream's header.
func openOgg(r io.Reader) (*oggStream, error) {
	s := &oggStream{pages: newOggPages(r, 0)}
	for {
		page, _, err := s.pages.next()
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err == io.EOF || page[oggFlags]&oggBegins == 0 { // the headers of all streams come first
			return nil, fmt.Errorf("%w: no Opus stream in it; convert it: ffmpeg -i IN OUT.wav", ErrNotOgg)
		}
		body := page[oggHeaderSize+int(page[oggSegments]):]
		if !bytes.HasPrefix(body, []byte("OpusHead")) {
			continue
		}
		s.serial = oggSerial(page)
		s.head, err = parseOggHead(body)
		return s, err
	}
}

func oggSerial(page []byte) [4]byte { return [4]byte(page[14:18]) }

// next returns the packets that end on the next page, which is at a place in the file.
func (s *oggStream) next() (packets [][]byte, at int64, err error) {
	for {
		page, at, err := s.pages.next()
		if err != nil {
			return nil, 0, err
		}
		if oggSerial(page) != s.serial {
			continue // another stream in the same file
		}
		all, err := s.join.split(page[oggHeaderSize+int(page[oggSegments]):], page)
		if err != nil {
			return nil, 0, err
		}
		added := uint64(0)
		for _, p := range all {
			if !bytes.HasPrefix(p, []byte("OpusTags")) {
				packets = append(packets, p)
				added += uint64(opusSamples(p))
			}
		}
		s.samples += int64(added)
		if granule := binary.LittleEndian.Uint64(page[oggGranule:]); added > 0 && granule != oggNoGranule {
			if !s.started {
				// A stream cut out of a longer one does not begin at 0 (RFC 7845 section 4.3).
				s.started = true
				s.first = granule - min(added, granule)
			}
			s.last = granule
		}
		return packets, at, nil
	}
}

// length is the number of samples in what next has returned, without the pre-skip and what the last page says is too
// much.
func (s *oggStream) length() int64 {
	n := s.samples
	if s.last > s.first && s.last-s.first < uint64(n) {
		n = int64(s.last - s.first)
	}
	return n - int64(s.head.preSkip)
}

// opusSamples is how long a packet is, in samples at 48 kHz (RFC 6716 section 3.1); 0 if it cannot be Opus.
func opusSamples(packet []byte) int {
	if len(packet) == 0 {
		return 0
	}
	config, count := packet[0]>>3, 1
	switch packet[0] & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(packet) < 2 {
			return 0
		}
		count = int(packet[1] & 0x3f)
	}
	frame := 120 << (config & 3) // 2.5 to 20 ms
	switch {
	case config < 12:
		frame = []int{480, 960, 1920, 2880}[config&3]
	case config < 16:
		frame = 480 << (config & 1)
	}
	if n := frame * count; n <= opusMaxSamples {
		return n
	}
	return 0
}

// opusMaxSamples is the longest packet: 120 ms.
const opusMaxSamples = 5760
