package audio

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// loadMaxBytes bounds a file: 50 minutes of 48 kHz mono in 32 bits.
const loadMaxBytes = 512 << 20

// LoadFile reads a WAV or Ogg Opus file, told apart by content, as 48 kHz mono. codec is for Ogg Opus and may be nil if
// only WAV is expected.
//
// Errors name the file: fs.ErrNotExist and the like, [ErrNoAudio] for an empty file, [ErrFormat] for what is neither or
// needs a codec that is not there. Each says what to do.
func LoadFile(path string, codec Codec) ([]int16, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("audio: load: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, loadMaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("audio: load: %w", err)
	}
	if len(data) > loadMaxBytes {
		return nil, fmt.Errorf("audio: load %s: %w: more than %d MB", path, ErrFormat, loadMaxBytes>>20)
	}
	samples, err := decodeFile(data, codec)
	if err != nil {
		return nil, fmt.Errorf("audio: load %s: %w", path, err)
	}
	return samples, nil
}

func decodeFile(data []byte, codec Codec) ([]int16, error) {
	switch {
	case len(data) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrNoAudio)
	case bytes.HasPrefix(data, []byte("RIFF")):
		wav, err := ReadWAV(data)
		if err != nil {
			return nil, err
		}
		return Resample(wav.Mono(), wav.Rate, SampleRate)
	case bytes.HasPrefix(data, []byte("OggS")):
		ogg, err := ReadOggOpus(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return ogg.Decode(codec)
	}
	return nil, fmt.Errorf("%w: neither WAV nor Ogg Opus; convert it: ffmpeg -i IN -ar 48000 -ac 1 OUT.wav", ErrFormat)
}
