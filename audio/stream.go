package audio

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Stream hands frames from where they are made to a program that reads them as a [Source], such as what one user says. Its
// writer never waits: a reader that is too slow loses the oldest frames, which are counted.
type Stream struct {
	channels int
	ready    chan struct{} // capacity one: there is something to read

	mu      sync.Mutex // protects what follows
	running bool
	ended   bool
	frames  []Frame // a ring
	first   int
	n       int
	dropped uint64
}

var _ Source = (*Stream)(nil)

// NewStream returns an empty stream of frames of 1 or 2 channels (any other number is taken as the nearer of the two) that
// holds so much sound, at least 20 ms.
func NewStream(channels int, capacity time.Duration) *Stream {
	s := &Stream{channels: min(max(channels, 1), 2), ready: make(chan struct{}, 1)}
	s.frames = make([]Frame, max(1, int(capacity/FrameDuration)))
	for i := range s.frames {
		s.frames[i] = NewFrame(s.channels)
	}
	return s
}

// Channels returns 1 or 2.
func (s *Stream) Channels() int { return s.channels }

// Put appends a frame, which is copied. While nobody reads (before Start, after Stop) it is forgotten. A frame of another
// size is [ErrFrameSize].
func (s *Stream) Put(f Frame) error {
	if err := f.check(s.channels); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running || s.ended {
		return nil
	}
	if s.n == len(s.frames) {
		s.first = (s.first + 1) % len(s.frames)
		s.n--
		s.dropped++
	}
	copy(s.frames[(s.first+s.n)%len(s.frames)], f)
	s.n++
	s.wake()
	return nil
}

// End says that nothing more comes: ReadFrame gives what is left, and then io.EOF.
func (s *Stream) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.wake()
}

func (s *Stream) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Dropped returns how many frames the reader has lost by being too slow.
func (s *Stream) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// Start begins to keep frames. What came before is not read.
func (s *Stream) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return ErrStarted
	}
	s.running, s.n = true, 0
	return nil
}

// ReadFrame waits for the next frame.
func (s *Stream) ReadFrame(ctx context.Context, f Frame) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		ok, err := s.take(f)
		if ok || err != nil {
			return err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Stream) take(f Frame) (ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.running:
		return false, ErrNotStarted
	case f.check(s.channels) != nil:
		return false, f.check(s.channels)
	case s.n > 0:
		copy(f, s.frames[s.first])
		s.first = (s.first + 1) % len(s.frames)
		s.n--
		return true, nil
	case s.ended:
		return false, io.EOF
	}
	return false, nil
}

// Stop ends the reading.
func (s *Stream) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	return nil
}

// Speaker returns a [Sink] that plays into the stream, at the pace of a loudspeaker: what a login hears, for a program.
func (s *Stream) Speaker() Sink { return &streamSpeaker{nullSink{channels: s.channels}, s} }

type streamSpeaker struct {
	nullSink
	stream *Stream
}

func (s *streamSpeaker) WriteFrame(ctx context.Context, f Frame) error {
	if err := s.ready(f, s.channels); err != nil {
		return err
	}
	if err := s.stream.Put(f); err != nil {
		return err
	}
	return s.nullSink.WriteFrame(ctx, f)
}

// NewNullSink returns a loudspeaker of 1 or 2 channels that nobody hears (another number is refused by Start): what a bot
// needs so that the streams of single users run.
func NewNullSink(channels int) Sink { return &nullSink{channels: channels} }

type nullSink struct {
	device
	channels int
}

func (s *nullSink) Channels() int { return min(max(s.channels, 1), 2) }

func (s *nullSink) Start(ctx context.Context) error {
	if s.channels != s.Channels() {
		return fmt.Errorf("%w: %d, want 1 or 2", ErrChannels, s.channels)
	}
	return s.start(ctx)
}

func (s *nullSink) WriteFrame(ctx context.Context, f Frame) error {
	if err := s.ready(f, s.channels); err != nil {
		return err
	}
	_, err := s.pacer.Wait(ctx)
	return err
}

func (s *nullSink) Stop() error { return s.stop() }
