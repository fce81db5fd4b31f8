package audio

import (
	"errors"
	"io"
	"math"
	"math/bits"
)

// wavSource reads a WAV file as it plays.
type wavSource struct {
	r        io.ReadSeeker
	format   wavFormat
	at, size int64 // of the samples, in bytes
	pos      int64 // of the next one to read, from at on
	mix      [][2]float64

	bytes   []byte
	samples []int16
}

func newWAVSource(r io.ReadSeeker) (trackSource, error) {
	format, at, size, err := findWAV(r)
	if err != nil {
		return nil, err
	}
	s := &wavSource{r: r, format: format, at: at, size: size}
	if format.channels > 2 {
		s.mix = downmix(format.channels, format.mask)
	}
	return s, s.seek(0)
}

func (s *wavSource) sampleRate() int { return s.format.rate }
func (s *wavSource) channels() int   { return min(s.format.channels, 2) }
func (s *wavSource) block() int64    { return int64(s.format.width() * s.format.channels) }
func (s *wavSource) length() int64   { return s.size / s.block() }

func (s *wavSource) seek(sample int64) error {
	s.pos = sample * s.block()
	_, err := s.r.Seek(s.at+s.pos, io.SeekStart)
	return err
}

func (s *wavSource) read(dst []int16) (int, error) {
	blocks := min(int64(len(dst)/s.channels()), (s.size-s.pos)/s.block())
	if blocks == 0 {
		return 0, io.EOF
	}
	if want := int(blocks * s.block()); cap(s.bytes) < want {
		s.bytes = make([]byte, want)
		s.samples = make([]int16, want/s.format.width())
	}
	b := s.bytes[:blocks*s.block()]
	n, err := io.ReadFull(s.r, b)
	s.pos += int64(n)
	blocks = int64(n) / s.block()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	if blocks == 0 { // the file has become shorter
		return 0, io.EOF
	}
	b = b[:blocks*s.block()]
	if s.mix == nil {
		dst = dst[:len(b)/s.format.width()]
		s.format.decode(dst, b)
		return len(dst), nil
	}
	all := s.samples[:len(b)/s.format.width()]
	s.format.decode(all, b)
	for i := range int(blocks) {
		var l, r float64
		for c, v := range all[i*s.format.channels : (i+1)*s.format.channels] {
			l += s.mix[c][0] * float64(v)
			r += s.mix[c][1] * float64(v)
		}
		dst[2*i], dst[2*i+1] = fromFloat(l), fromFloat(r)
	}
	return 2 * int(blocks), nil
}

// Loudspeakers of WAVE_FORMAT_EXTENSIBLE, by their bit.
const (
	frontLeft = iota
	frontRight
	frontCentre
	lowFrequency
	backLeft
	backRight
	leftOfCentre
	rightOfCentre
	_ // back centre
	sideLeft
	sideRight
)

// usualMask says for which loudspeakers 3 to 8 channels are where the file does not: the layouts that files have.
var usualMask = [wavMaxChans + 1]uint32{3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3f, 7: 0x13f, 8: 0x63f}

// downmix returns the share of each channel in the left and the right (ITU-R BS.775: centre and surround 3 dB softer,
// no low frequency effects), scaled so that nothing can be too loud.
func downmix(channels int, mask uint32) [][2]float64 {
	if bits.OnesCount32(mask) < channels {
		mask = usualMask[channels]
	}
	mix := make([][2]float64, channels)
	var sum [2]float64
	for c := range mix {
		speaker := bits.TrailingZeros32(mask)
		mask &= mask - 1
		switch speaker {
		case frontLeft:
			mix[c] = [2]float64{1, 0}
		case frontRight:
			mix[c] = [2]float64{0, 1}
		case backLeft, sideLeft, leftOfCentre:
			mix[c] = [2]float64{math.Sqrt2 / 2, 0}
		case backRight, sideRight, rightOfCentre:
			mix[c] = [2]float64{0, math.Sqrt2 / 2}
		case lowFrequency:
		case frontCentre:
			mix[c] = [2]float64{math.Sqrt2 / 2, math.Sqrt2 / 2}
		default: // back centre, ceilings, and what nobody knows
			mix[c] = [2]float64{0.5, 0.5}
		}
		sum[0] += mix[c][0]
		sum[1] += mix[c][1]
	}
	if most := max(sum[0], sum[1]); most > 0 {
		for c := range mix {
			mix[c][0] /= most
			mix[c][1] /= most
		}
	}
	return mix
}
