package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hajimehoshi/go-mp3"
)

// mp3Source reads an MP3 file as it plays. It finds the frames itself and hands them to the decoder one by one, because
// the decoder ends at damage, jumps without the frames that a place needs, and panics at some garbage. A damaged frame
// is silence.
type mp3Source struct {
	r     io.ReadSeeker
	index *mp3Index

	next int   // frame
	pos  int64 // of the next sample for the reader, from the sound's beginning
	drop int64 // samples of what is decoded next that lie before it
	pcm  []int16

	dec       *mp3.Decoder // nil after damage
	feed      bytes.Reader
	reservoir int   // bytes of main data that the decoder has kept
	expected  int64 // where the next frame is, unless something is between
	frame     [mp3MaxFrame]byte
	out       []byte // of the decoder: always stereo, 16 bits
	mixed     []int16
	kept      []byte // main data of MPEG 2, see repack
	packed    [mp3MaxFrame]byte
}

// mp3PreRoll is how many frames before a place are decoded: the main data of one may begin 511 bytes earlier, which is
// up to 7 frames of the smallest that there are in stereo, and two frames overlap.
const mp3PreRoll = 10

func newMP3Source(r io.ReadSeeker) (trackSource, error) {
	x, err := indexMP3(r)
	if err != nil {
		return nil, err
	}
	s := &mp3Source{r: r, index: x, out: make([]byte, 4*x.first.samples())}
	return s, s.seek(0)
}

func (s *mp3Source) sampleRate() int { return s.index.first.rate() }
func (s *mp3Source) length() int64   { return s.index.total }

func (s *mp3Source) channels() int {
	if s.index.first.mono() {
		return 1
	}
	return 2
}

func (s *mp3Source) seek(sample int64) error {
	at := sample + s.index.skip
	per := int64(s.index.first.samples())
	s.next = int(max(at/per-mp3PreRoll, 0))
	s.pos, s.drop = sample, at-int64(s.next)*per
	s.pcm, s.dec, s.reservoir, s.kept = nil, nil, 0, nil
	return nil
}

func (s *mp3Source) read(dst []int16) (n int, err error) {
	channels := s.channels()
	dst = dst[:min(int64(len(dst)), max(s.index.total-s.pos, 0)*int64(channels))]
	if len(dst) == 0 {
		return 0, io.EOF
	}
	for n < len(dst) {
		if len(s.pcm) == 0 {
			if err := s.decode(); err != nil {
				if err == io.EOF && n > 0 {
					err = nil
				}
				return n, err
			}
			early := min(s.drop, int64(len(s.pcm)/channels))
			s.drop -= early
			s.pcm = s.pcm[early*int64(channels):]
			continue
		}
		k := copy(dst[n:], s.pcm)
		s.pcm = s.pcm[k:]
		s.pos += int64(k / channels)
		n += k
	}
	return n, nil
}

// decode gets the next frame's samples.
func (s *mp3Source) decode() error {
	if s.next >= len(s.index.places) {
		return io.EOF
	}
	if _, err := s.r.Seek(s.index.places[s.next], io.SeekStart); err != nil {
		return err
	}
	head := s.frame[:mp3HeaderSize]
	if _, err := io.ReadFull(s.r, head); err != nil {
		return end(err) // the file has become shorter
	}
	h := mp3Header(binary.BigEndian.Uint32(head))
	if !h.ok() || (h^s.index.first)&mp3Same != 0 {
		return fmt.Errorf("%w: the MP3 file has changed while it was read", ErrFormat)
	}
	place := s.index.places[s.next]
	if place != s.expected {
		s.reservoir = 0
	}
	s.expected = place + int64(h.size())
	frame := s.frame[:h.size()]
	if _, err := io.ReadFull(s.r, frame[mp3HeaderSize:]); err != nil {
		return end(err)
	}
	s.next++
	if !s.play(h, frame) {
		clear(s.out)
	}
	s.mixed = s.mixed[:0]
	for i := 0; i < len(s.out); i += 4 {
		l, r := int16(binary.LittleEndian.Uint16(s.out[i:])), int16(binary.LittleEndian.Uint16(s.out[i+2:]))
		if s.channels() == 1 {
			s.mixed = append(s.mixed, int16((int(l)+int(r))/2))
		} else {
			s.mixed = append(s.mixed, l, r)
		}
	}
	s.pcm = s.mixed
	return nil
}

// play decodes a frame to out; false means that this cannot be.
func (s *mp3Source) play(h mp3Header, frame []byte) (ok bool) {
	body := h.body()
	data := len(frame) - body - h.sideInfo()
	if data < 0 {
		return false
	}
	begin := int(frame[body]) // how many bytes before this frame its main data begins
	if h.mpeg1() == 1 {
		begin = begin<<1 | int(frame[body+1])>>7
	}
	if begin > s.reservoir { // a frame before it is missing: it becomes one without sound, whose data is kept
		clear(frame[body:][:h.sideInfo()])
		if begin = s.reservoir; h.mpeg1() == 1 {
			frame[body], frame[body+1] = byte(begin>>1), byte(begin<<7)
		}
	}
	s.reservoir = min(s.reservoir+data, mp3Reservoir)
	if h.mpeg1() == 0 {
		frame, ok = s.repack(h, frame, begin)
		if !ok {
			return false
		}
	}
	if err := s.feedDecoder(frame); err != nil {
		s.dec, s.reservoir = nil, 0
		return false
	}
	return true
}

// mp3Reservoir is the most that main data may begin before its frame: 9 bits of MPEG 1 say it.
const mp3Reservoir = 511

var errMP3 = errors.New("audio: the MP3 decoder cannot read a frame")

// feedDecoder gives one frame to the decoder and takes one from it.
func (s *mp3Source) feedDecoder(frame []byte) (err error) {
	defer func() {
		if recover() != nil { // go-mp3 indexes its tables by what it reads
			err = errMP3
		}
	}()
	s.feed.Reset(frame)
	if s.dec == nil {
		if s.dec, err = mp3.NewDecoder(onlyReader{&s.feed}); err != nil {
			return err
		}
	}
	if _, err := io.ReadFull(s.dec, s.out); err != nil || s.feed.Len() > 0 {
		return errMP3
	}
	return nil
}

// onlyReader hides that there is a Seek: the decoder would look for more frames with it.
type onlyReader struct{ io.Reader }

// repack makes a frame of MPEG 2 that needs no frame before it and is not padded: go-mp3 takes padded ones for a byte
// shorter than they are, and from then on finds the main data of others in the wrong place. It reports whether
// the main data fits.
func (s *mp3Source) repack(h mp3Header, frame []byte, begin int) ([]byte, bool) {
	side := frame[h.body():][:h.sideInfo()]
	own := frame[h.body()+h.sideInfo():]
	have := min(begin, len(s.kept))
	data := append(append([]byte(nil), s.kept[len(s.kept)-have:]...), own...)
	s.kept = append(s.kept, own...)
	s.kept = s.kept[max(0, len(s.kept)-mp3Reservoir):]

	used := min((mp3MainBits(h, side)+7)/8, len(data))
	for rate := mp3Header(1); rate < 15; rate++ {
		g := h&^0xf200 | rate<<12 | 1<<16 // not padded, no checksum
		if g.size()-mp3HeaderSize-len(side) < used || g.size() > len(s.packed) {
			continue
		}
		out := s.packed[:g.size()]
		clear(out)
		binary.BigEndian.PutUint32(out, uint32(g))
		copy(out[mp3HeaderSize:], side)
		out[mp3HeaderSize] = 0
		copy(out[mp3HeaderSize+len(side):], data[:used])
		return out, true
	}
	return nil, false
}

// mp3MainBits is how many bits of main data the side information of an MPEG 2 frame speaks of.
func mp3MainBits(h mp3Header, side []byte) int {
	channels, at := 2, 8+2 // main_data_begin, private bits
	if h.mono() {
		channels, at = 1, 8+1
	}
	sum := 0
	for range channels {
		for i := range 12 { // part2_3_length
			bit := at + i
			sum += int(side[bit/8]>>(7-bit%8)&1) << (11 - i)
		}
		at += 63
	}
	return sum
}
