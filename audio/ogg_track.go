package audio

import (
	"errors"
	"fmt"
	"io"
	"sort"
)

// oggSource reads an Ogg Opus file as it plays. Positions count from the stream's first sample, pre-skip included.
type oggSource struct {
	r      io.ReadSeeker
	stream *oggStream
	dec    *oggDecoder
	marks  []oggMark
	total  int64

	packets [][]byte
	pcm     []int16 // decoded, not read yet
	pos     int64   // of the next sample of pcm, or of the next packet
	from    int64   // what lies before it is not for the reader
}

// oggMark is a page to which a search can jump: no packet goes on there from the page before.
type oggMark struct{ at, pos int64 }

const (
	oggMarkEvery = SampleRate // a mark a second
	oggPreRoll   = 3840       // samples to decode before a place that is sought (RFC 7845 section 4.6)
)

func newOggSource(r io.ReadSeeker, codec Codec) (trackSource, error) {
	stream, err := openOgg(r)
	if err != nil {
		return nil, err
	}
	s := &oggSource{r: r, stream: stream}
	if s.dec, err = newOggDecoder(codec, stream.head.channels); err != nil {
		return nil, err
	}
	for { // once through the file: how long it is and where
		open, before := stream.join.open, stream.samples
		packets, at, err := stream.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if n := len(s.marks); !open && len(packets) > 0 && (n == 0 || before-s.marks[n-1].pos >= oggMarkEvery) {
			s.marks = append(s.marks, oggMark{at, before})
		}
	}
	s.total = stream.length()
	if s.total <= 0 || len(s.marks) == 0 {
		return nil, ErrNoAudio
	}
	return s, s.seek(0)
}

func (*oggSource) sampleRate() int { return SampleRate }
func (s *oggSource) channels() int { return s.stream.head.channels }
func (s *oggSource) length() int64 { return s.total }

func (s *oggSource) seek(sample int64) error {
	s.from = sample + int64(s.stream.head.preSkip)
	i := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].pos > max(s.from-oggPreRoll, 0) })
	mark := s.marks[max(i-1, 0)]
	if _, err := s.r.Seek(mark.at, io.SeekStart); err != nil {
		return err
	}
	s.stream.pages, s.stream.join = newOggPages(s.r, mark.at), packetJoiner{}
	s.packets, s.pcm, s.pos = nil, nil, mark.pos
	s.dec.dec.Reset()
	return nil
}

func (s *oggSource) read(dst []int16) (n int, err error) {
	channels := s.channels()
	left := (s.total + int64(s.stream.head.preSkip) - max(s.pos, s.from)) * int64(channels)
	dst = dst[:min(int64(len(dst)), max(left, 0))]
	if len(dst) == 0 {
		return 0, io.EOF
	}
	for n < len(dst) {
		if early := min((s.from-s.pos)*int64(channels), int64(len(s.pcm))); early > 0 {
			s.pcm = s.pcm[early:]
			s.pos += early / int64(channels)
		}
		if len(s.pcm) == 0 {
			if err := s.decode(); err != nil {
				if err == io.EOF && n > 0 {
					err = nil
				}
				return n, err
			}
			continue
		}
		k := copy(dst[n:], s.pcm)
		s.pcm = s.pcm[k:]
		s.pos += int64(k / channels)
		n += k
	}
	return n, nil
}

func (s *oggSource) decode() error {
	for len(s.packets) == 0 {
		var err error
		if s.packets, _, err = s.stream.next(); err != nil {
			return err
		}
	}
	pcm, err := s.dec.decode(s.packets[0], s.stream.head.gain)
	if err != nil {
		return err
	}
	s.pcm, s.packets = pcm, s.packets[1:]
	return nil
}

// packetDecoder is what a [Decoder] may be besides, for files: it decodes a packet of any duration to pcm, which has
// room for 120 ms, and returns the samples per channel. A damaged packet is [ErrPacket].
type packetDecoder interface {
	DecodePacket(packet []byte, pcm []int16) (samples int, err error)
}

// oggDecoder decodes the packets of files.
type oggDecoder struct {
	dec      Decoder
	channels int
	pcm      []int16
}

func newOggDecoder(codec Codec, channels int) (*oggDecoder, error) {
	if codec == nil {
		return nil, fmt.Errorf("%w: an Ogg Opus file needs a codec (opus.Codec, built with cgo); or convert it to WAV: opusdec in.opus out.wav", ErrFormat)
	}
	dec, err := codec.NewDecoder(channels)
	if err != nil {
		return nil, fmt.Errorf("audio: decode Ogg Opus: %w", err)
	}
	return &oggDecoder{dec, channels, make([]int16, opusMaxSamples*channels)}, nil
}

// decode returns a packet's samples, until the next call.
func (d *oggDecoder) decode(packet []byte, gain float64) ([]int16, error) {
	n := FrameSamples
	var err error
	any, ok := d.dec.(packetDecoder)
	if ok {
		n, err = any.DecodePacket(packet, d.pcm)
	} else {
		err = d.dec.Decode(packet, d.pcm[:n*d.channels])
	}
	switch {
	case errors.Is(err, ErrPacket) && ok:
		return nil, fmt.Errorf("%w: %w; ffmpeg -i IN OUT.wav may save what is good", ErrFormat, err)
	case errors.Is(err, ErrPacket):
		return nil, fmt.Errorf("%w: %w; this codec takes packets of 20 ms, such as opusenc --framesize 20 makes", ErrFormat, err)
	case err != nil:
		return nil, fmt.Errorf("audio: decode Ogg Opus: %w", err)
	}
	out := d.pcm[:n*d.channels]
	if gain != 1 {
		for i, s := range out {
			out[i] = fromFloat(float64(s) * gain)
		}
	}
	return out, nil
}
