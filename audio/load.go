package audio

import (
	"errors"
	"fmt"
	"io"
)

// loadMax bounds what is kept in memory, in samples: an hour.
const loadMax = 3600 * SampleRate

// LoadFile reads a whole sound file as 48 kHz mono; see [Track] for the kinds. codec is for Ogg Opus and may be nil if
// none is expected. A [Track] does not keep the file in memory.
//
// Errors name the file: fs.ErrNotExist and the like, [ErrNoAudio] for a file without sound, [ErrFormat] for what is
// no such file, is damaged, longer than an hour, or needs a codec that is not there. Each says what to do.
func LoadFile(path string, codec Codec) ([]int16, error) {
	t, err := OpenTrack(path, codec)
	if err != nil {
		return nil, err
	}
	samples, err := t.mono()
	if err = errors.Join(err, t.Close()); err != nil {
		return nil, fmt.Errorf("audio: load %s: %w", path, err)
	}
	return samples, nil
}

func (t *Track) mono() ([]int16, error) {
	channels := t.Channels()
	in := make([]int16, 4096)
	var out []int16
	for {
		n, err := t.Read(in)
		for i := 0; i+channels <= n; i += channels {
			sum := 0
			for _, s := range in[i : i+channels] {
				sum += int(s)
			}
			out = append(out, int16(sum/channels))
		}
		switch {
		case len(out) > loadMax:
			return nil, fmt.Errorf("%w: longer than an hour; read it as it plays, with OpenTrack", ErrFormat)
		case err == io.EOF && len(out) == 0:
			return nil, ErrNoAudio
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, err
		}
	}
}
