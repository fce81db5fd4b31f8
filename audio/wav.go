package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
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

// ReadWAV decodes a whole WAV file: PCM of 8, 16, 24 or 32 bits or 32-bit float, plain or WAVE_FORMAT_EXTENSIBLE, 8 to
// 192 kHz, 1 to 8 channels. It takes sizes in the file as a claim: a data chunk that ends early, or that says 0 or
// 0xffffffff as streaming writers do, is what is there. Errors are [ErrNotWAV], [ErrFormat] and [ErrNoAudio].
func ReadWAV(data []byte) (WAV, error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return WAV{}, ErrNotWAV
	}
	var (
		format wavFormat
		known  bool
	)
	for rest := data[12:]; len(rest) >= 8; {
		id, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		body := rest[:min(size, int64(len(rest)))]
		switch id {
		case "fmt ":
			var err error
			if format, err = parseWAVFormat(body); err != nil {
				return WAV{}, err
			}
			known = true
		case "data":
			if !known {
				return WAV{}, fmt.Errorf("%w: its data comes before its format", ErrNotWAV)
			}
			if size == 0 {
				body = rest
			}
			return format.decode(body)
		}
		// Chunks are padded to even sizes (RIFF).
		rest = rest[min(size+size&1, int64(len(rest))):]
	}
	return WAV{}, ErrNoAudio
}

type wavFormat struct {
	tag, channels, bits int
	rate                int
}

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
		f.tag = int(le.Uint16(b[24:])) // the first two bytes of the sub-format's GUID
	}
	switch {
	case f.tag == wavPCM && (f.bits == 8 || f.bits == 16 || f.bits == 24 || f.bits == 32), f.tag == wavFloat && f.bits == 32:
	default:
		return f, fmt.Errorf("%w: WAV format %#x with %d bits, want PCM or 32-bit float", ErrFormat, f.tag, f.bits)
	}
	if f.channels < 1 || f.channels > wavMaxChans {
		return f, fmt.Errorf("%w: %d channels, want 1 to %d", ErrFormat, f.channels, wavMaxChans)
	}
	if f.rate < wavMinRate || f.rate > wavMaxRate {
		return f, fmt.Errorf("%w: %d Hz, want %d to %d", ErrFormat, f.rate, wavMinRate, wavMaxRate)
	}
	return f, nil
}

func (f wavFormat) decode(b []byte) (WAV, error) {
	width := f.bits / 8
	n := len(b) / (width * f.channels) * f.channels
	if n == 0 {
		return WAV{}, ErrNoAudio
	}
	le := binary.LittleEndian
	out := make([]int16, n)
	for i := range out {
		s := b[i*width:]
		switch {
		case f.tag == wavFloat:
			out[i] = fromFloat(float64(math.Float32frombits(le.Uint32(s))) * (fullScale + 1))
		case width == 1:
			out[i] = int16(int(s[0])-128) << 8 // 8 bits are unsigned, all others signed
		default:
			out[i] = int16(le.Uint16(s[width-2:])) // the two upper bytes
		}
	}
	return WAV{Rate: f.rate, Channels: f.channels, Samples: out}, nil
}

// fromFloat rounds and clips; what is not a number is silence.
func fromFloat(v float64) int16 {
	if math.IsNaN(v) {
		return 0
	}
	return int16(math.Round(min(max(v, -fullScale-1), fullScale)))
}
