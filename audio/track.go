package audio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Track is a sound file that is read as it plays: WAV (see [ReadWAV]), Ogg Opus or MP3 (MPEG 1 and 2, layer III), told
// apart by content. It gives 48 kHz, mono or stereo; what has more channels is mixed down to stereo. A long file is
// never in memory as a whole. One goroutine uses it.
type Track struct {
	src    trackSource
	closer io.Closer

	raw  []int16      // from the file
	out  []int16      // at 48 kHz, not read yet
	skip int64        // samples per channel of what comes that lie before the place that was sought
	rate []*Resampler // one a channel; nil at 48 kHz
	side [2][]int16   // one channel's samples, before and after its resampler
	wide []int16      // what out is a part of
	end  bool         // the file has nothing more
}

// trackMaxPhases bounds the resampler's table: 11025 Hz needs 640 phases, 44101 Hz would need 48000.
const trackMaxPhases = 1000

// trackSource is a file's sound at its own rate.
type trackSource interface {
	sampleRate() int
	channels() int // 1 or 2
	length() int64 // samples per channel
	// read fills dst as far as it can: n is a multiple of the channels, and 0 only with an error, io.EOF at the end.
	read(dst []int16) (n int, err error)
	// seek makes the next read begin at a sample, 0 to length.
	seek(sample int64) error
}

// OpenTrack opens a file. codec is for Ogg Opus and may be nil if none is expected. Errors are as for [LoadFile].
func OpenTrack(path string, codec Codec) (*Track, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("audio: open: %w", err)
	}
	t, err := NewTrack(f, codec)
	if err != nil {
		return nil, fmt.Errorf("audio: open %s: %w", path, errors.Join(err, f.Close()))
	}
	t.closer = f
	return t, nil
}

// NewTrack is [OpenTrack] for what is open already. The track keeps r until it is not used any more, and closes nothing.
func NewTrack(r io.ReadSeeker, codec Codec) (*Track, error) {
	start := make([]byte, 4)
	n, err := io.ReadFull(r, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrNoAudio)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	t := &Track{raw: make([]int16, 2*2048)}
	switch {
	case bytes.HasPrefix(start, []byte("RIFF")):
		t.src, err = newWAVSource(r)
	case bytes.HasPrefix(start, []byte("OggS")):
		t.src, err = newOggSource(r, codec)
	default:
		t.src, err = newMP3Source(r)
	}
	if err != nil {
		return nil, err
	}
	if from := t.src.sampleRate(); from != SampleRate {
		if SampleRate/gcd(from, SampleRate) > trackMaxPhases {
			return nil, fmt.Errorf("%w: %d Hz, which is no usual rate; convert it: ffmpeg -i IN -ar 48000 OUT.wav", ErrFormat, from)
		}
		for range t.src.channels() {
			rs, err := NewResampler(from, SampleRate)
			if err != nil {
				return nil, err
			}
			t.rate = append(t.rate, rs)
		}
	}
	return t, nil
}

// Channels returns 1 or 2.
func (t *Track) Channels() int { return t.src.channels() }

// Duration returns how long the file plays. In a file that is damaged in the middle it may be less.
func (t *Track) Duration() time.Duration {
	return time.Duration(float64(t.src.length()) / float64(t.src.sampleRate()) * float64(time.Second))
}

// Read fills dst with interleaved samples. n is less than len(dst) only at the end or with an error, and io.EOF comes
// with n = 0. A file that cannot be read on is [ErrFormat], or the file's own error. A length of dst that is no
// multiple of the channels is [ErrFrameSize].
func (t *Track) Read(dst []int16) (n int, err error) {
	if len(dst)%t.Channels() != 0 {
		return 0, fmt.Errorf("%w: %d samples for %d channels", ErrFrameSize, len(dst), t.Channels())
	}
	for n < len(dst) {
		if len(t.out) == 0 {
			if err := t.fill(); err != nil {
				if err == io.EOF && n > 0 {
					err = nil
				}
				return n, err
			}
			continue
		}
		k := copy(dst[n:], t.out)
		t.out = t.out[k:]
		n += k
	}
	return n, nil
}

// Seek makes the next Read begin at a place, to the sample. Places outside the file are its beginning and its end.
func (t *Track) Seek(at time.Duration) error {
	if at >= t.Duration() {
		rate := int64(t.src.sampleRate())
		return t.SeekSample((t.src.length()*SampleRate + rate - 1) / rate)
	}
	return t.SeekSample(int64(max(at, 0).Seconds()*SampleRate + 0.5))
}

// SeekSample is [Track.Seek] in samples at 48 kHz.
func (t *Track) SeekSample(at int64) error {
	at = max(at, 0)
	t.out, t.skip, t.end = nil, 0, false
	from := at
	if t.rate != nil {
		r := t.rate[0]
		// The filter hears what comes before, from a sample on that is one at both rates.
		up, down := int64(r.up), int64(r.down)
		from = max(at*down/up-2*int64(r.half), 0) / down * down
		t.skip = at - from/down*up
		for _, r := range t.rate {
			r.Reset()
		}
	}
	return t.src.seek(min(from, t.src.length()))
}

// Close closes the file that [OpenTrack] has opened.
func (t *Track) Close() error {
	if t.closer == nil {
		return nil
	}
	return t.closer.Close()
}

// fill gets more from the file, perhaps nothing yet.
func (t *Track) fill() error {
	if t.end {
		return io.EOF
	}
	n, err := t.src.read(t.raw)
	if err != nil && err != io.EOF {
		return err
	}
	t.end = err == io.EOF
	t.out = t.raw[:n]
	if t.rate != nil {
		t.resample(t.raw[:n])
	}
	drop := min(t.skip*int64(t.Channels()), int64(len(t.out)))
	t.out = t.out[drop:]
	t.skip -= drop / int64(t.Channels())
	return nil
}

// resample replaces out by in at 48 kHz.
func (t *Track) resample(in []int16) {
	channels := len(t.rate)
	for c, r := range t.rate {
		before := t.side[0][:0]
		for i := c; i < len(in); i += channels {
			before = append(before, in[i])
		}
		after := r.Resample(t.side[1][:0], before)
		if t.end {
			after = r.Flush(after)
		}
		t.side = [2][]int16{before, after}
		if c == 0 {
			if need := len(after) * channels; cap(t.wide) < need {
				t.wide = make([]int16, need)
			}
			t.out = t.wide[:len(after)*channels]
		}
		for i, s := range after {
			t.out[i*channels+c] = s
		}
	}
}
