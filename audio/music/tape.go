package music

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// sound is where samples come from: an [audio.Track], or a short sound in memory.
type sound interface {
	Channels() int
	Read(dst []int16) (n int, err error)
	SeekSample(at int64) error
	Close() error
}

// tape is a part of a sound, played once or again and again without a seam. Places on it are samples from the sound's
// beginning and go on counting when it begins again.
type tape struct {
	sound
	start, end int64
	loops      int // after the first time; -1 for ever

	at   int64 // of the next sample
	wrap bool  // the sound is at its end, and goes on at start
}

func (t *tape) length() int64 { return t.end - t.start }

// total is where the tape ends.
func (t *tape) total() int64 {
	if t.loops < 0 || int64(t.loops) >= math.MaxInt64/2/t.length() {
		return math.MaxInt64
	}
	return t.start + int64(t.loops+1)*t.length()
}

// place is where a place on the tape is in the sound.
func (t *tape) place(at int64) int64 { return t.start + (at-t.start)%t.length() }

func (t *tape) seek(at int64) error {
	t.at, t.wrap = min(max(at, t.start), t.total()), false
	return t.SeekSample(t.place(t.at))
}

// read fills dst; less only at the end, io.EOF with n = 0.
func (t *tape) read(dst []int16) (n int, err error) {
	channels := int64(t.Channels())
	idle := false // a whole time has given nothing: the file has shrunk
	for n < len(dst) {
		if t.at >= t.total() {
			break
		}
		if t.wrap {
			t.wrap = false
			if err := t.SeekSample(t.start); err != nil {
				return n, err
			}
		}
		left := t.length() - (t.at-t.start)%t.length()
		part := dst[n:]
		k, err := t.Read(part[:min(int64(len(part)), left*channels)])
		if err != nil && err != io.EOF {
			return n, err
		}
		n += k
		t.at += int64(k) / channels
		switch {
		case err == io.EOF && idle:
			return n, audio.ErrNoAudio
		case err == io.EOF: // a little earlier than it was said
			idle = left == t.length()
			t.at += left
			t.wrap = true
		default:
			idle = false
			t.wrap = int64(k) == left*channels
		}
	}
	if n == 0 && len(dst) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// shortMax bounds a short sound, which is in memory as a whole.
const shortMax = time.Minute

// memory is a short sound. Its samples are shared, its place is not.
type memory struct {
	samples  []int16
	channels int
	at       int
}

func (m *memory) Channels() int { return m.channels }
func (*memory) Close() error    { return nil }

func (m *memory) Read(dst []int16) (int, error) {
	if m.at >= len(m.samples) {
		return 0, io.EOF
	}
	n := copy(dst, m.samples[m.at:])
	m.at += n
	return n, nil
}

func (m *memory) SeekSample(at int64) error {
	m.at = int(min(at*int64(m.channels), int64(len(m.samples))))
	return nil
}

// load reads a short sound.
func load(t *audio.Track) (*memory, error) {
	if t.Duration() > shortMax {
		return nil, fmt.Errorf("%w: a short sound is at most %v long, this one %v; play it without Short", audio.ErrFormat, shortMax, t.Duration().Round(time.Second))
	}
	m := &memory{channels: t.Channels()}
	part := make([]int16, 4096)
	for {
		n, err := t.Read(part)
		m.samples = append(m.samples, part[:n]...)
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
