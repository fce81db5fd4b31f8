package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

var (
	// ErrNotWAV reports bytes that are no RIFF WAVE file.
	ErrNotWAV = errors.New("audio: not a WAV file")

	// ErrNoAudio reports a file without a single sample.
	ErrNoAudio = errors.New("audio: no audio in the file")

	// ErrFormat reports a file of a kind that cannot be read; the text says which kind.
	ErrFormat = errors.New("audio: unsupported format")
)

const (
	wavPCM        = 1
	wavFloat      = 3
	wavExtensible = 0xfffe
	wavMinRate    = 8000
	wavMaxRate    = 192000
	wavMaxChans   = 8
)

// WAV is a decoded WAV file.
type WAV struct {
	Rate     int     // samples per second and channel
	Channels int     // 1 to 8
	Samples  []int16 // interleaved
}

// Mono returns the samples mixed down to one channel by their mean.
func (w WAV) Mono() []int16 {
	if w.Channels == 1 {
		return w.Samples
	}
	out := make([]int16, len(w.Samples)/w.Channels)
	for i := range out {
		sum := 0
		for _, s := range w.Samples[i*w.Channels : (i+1)*w.Channels] {
			sum += int(s)
		}
		out[i] = int16(sum / w.Channels)
	}
	return out
}

// ReadWAV decodes a whole WAV file: PCM of 8, 16, 24 or 32 bits or float of 32 or 64, plain or WAVE_FORMAT_EXTENSIBLE, 8 to
// 192 kHz, 1 to 8 channels. It takes sizes in the file as a claim: a data chunk that ends early, or that says 0 or
// 0xffffffff as streaming writers do, is what is there. Errors are [ErrNotWAV], [ErrFormat] and [ErrNoAudio].
func ReadWAV(data []byte) (WAV, error) {
	format, at, size, err := findWAV(bytes.NewReader(data))
	if err != nil {
		return WAV{}, err
	}
	body := data[at : at+size]
	out := make([]int16, len(body)/format.width())
	format.decode(out, body)
	return WAV{Rate: format.rate, Channels: format.channels, Samples: out}, nil
}

// wavMaxChunks bounds the search for the sound in a file that has none.
const wavMaxChunks = 1000

// findWAV returns what the samples are and where they lie: size bytes, whole samples of all channels, at least one.
func findWAV(r io.ReadSeeker) (format wavFormat, at, size int64, err error) {
	total, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return format, 0, 0, err
	}
	if _, err = r.Seek(0, io.SeekStart); err != nil {
		return format, 0, 0, err
	}
	var head [40]byte
	if _, err := io.ReadFull(r, head[:12]); err != nil || string(head[:4]) != "RIFF" || string(head[8:12]) != "WAVE" {
		return format, 0, 0, ErrNotWAV
	}
	known := false
	pos := int64(12)
	for range wavMaxChunks {
		if pos+8 > total {
			return format, 0, 0, ErrNoAudio
		}
		if _, err := r.Seek(pos, io.SeekStart); err != nil {
			return format, 0, 0, err
		}
		if _, err := io.ReadFull(r, head[:8]); err != nil {
			return format, 0, 0, err
		}
		id, claim := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
		pos += 8
		size := min(claim, total-pos)
		switch id {
		case "fmt ":
			body := head[:min(size, int64(len(head)))]
			if _, err := io.ReadFull(r, body); err != nil {
				return format, 0, 0, err
			}
			if format, err = parseWAVFormat(body); err != nil {
				return format, 0, 0, err
			}
			known = true
		case "data":
			if !known {
				return format, 0, 0, fmt.Errorf("%w: its data comes before its format", ErrNotWAV)
			}
			if claim == 0 {
				size = total - pos
			}
			if size -= size % int64(format.width()*format.channels); size == 0 {
				return format, 0, 0, ErrNoAudio
			}
			return format, pos, size, nil
		}
		pos += claim + claim&1 // chunks are padded to even sizes (RIFF)
	}
	return format, 0, 0, ErrNoAudio
}

type wavFormat struct {
	tag, channels, bits int
	rate                int
	mask                uint32 // which loudspeakers the channels are for; 0 if the file does not say
}

// width is the number of bytes of a sample.
func (f wavFormat) width() int { return f.bits / 8 }

func parseWAVFormat(b []byte) (wavFormat, error) {
	if len(b) < 16 {
		return wavFormat{}, fmt.Errorf("%w: its format is cut off", ErrNotWAV)
	}
	le := binary.LittleEndian
	f := wavFormat{tag: int(le.Uint16(b)), channels: int(le.Uint16(b[2:])), rate: int(le.Uint32(b[4:])), bits: int(le.Uint16(b[14:]))}
	if f.tag == wavExtensible {
		if len(b) < 26 {
			return f, fmt.Errorf("%w: its format is cut off", ErrNotWAV)
		}
		f.mask = le.Uint32(b[20:])
		f.tag = int(le.Uint16(b[24:])) // the first two bytes of the sub-format's GUID
	}
	switch {
	case f.tag == wavPCM && (f.bits == 8 || f.bits == 16 || f.bits == 24 || f.bits == 32), f.tag == wavFloat && (f.bits == 32 || f.bits == 64):
	default:
		return f, fmt.Errorf("%w: WAV format %#x with %d bits, want PCM of 8, 16, 24 or 32 bits or float of 32 or 64", ErrFormat, f.tag, f.bits)
	}
	if f.channels < 1 || f.channels > wavMaxChans {
		return f, fmt.Errorf("%w: %d channels, want 1 to %d", ErrFormat, f.channels, wavMaxChans)
	}
	if f.rate < wavMinRate || f.rate > wavMaxRate {
		return f, fmt.Errorf("%w: %d Hz, want %d to %d", ErrFormat, f.rate, wavMinRate, wavMaxRate)
	}
	return f, nil
}

// decode converts as many samples as dst holds.
func (f wavFormat) decode(dst []int16, b []byte) {
	width := f.width()
	le := binary.LittleEndian
	for i := range dst {
		s := b[i*width:]
		switch {
		case f.tag == wavFloat && width == 8:
			dst[i] = fromFloat(math.Float64frombits(le.Uint64(s)) * (fullScale + 1))
		case f.tag == wavFloat:
			dst[i] = fromFloat(float64(math.Float32frombits(le.Uint32(s))) * (fullScale + 1))
		case width == 1:
			dst[i] = int16(int(s[0])-128) << 8 // 8 bits are unsigned, all others signed
		default:
			dst[i] = int16(le.Uint16(s[width-2:])) // the two upper bytes
		}
	}
}

// fromFloat rounds and clips; what is not a number is silence.
func fromFloat(v float64) int16 {
	if math.IsNaN(v) {
		return 0
	}
	return int16(math.Round(min(max(v, -fullScale-1), fullScale)))
}
