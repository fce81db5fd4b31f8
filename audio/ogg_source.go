package audio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"
)

// OggSource plays an Ogg Opus file as it is, without decoding: a bot's voice that needs neither a codec nor cgo.
type OggSource struct {
	device
	packets  [][]byte
	channels int
	loop     bool
	pos      int
}

var _ PacketSource = (*OggSource)(nil)

// OggOptions says how an [OggSource] plays. The zero value plays once and then ends.
type OggOptions struct {
	Loop bool // begin again at the end, for ever
}

// oggLevel is the level that is told of an encoded packet: usual speech. Packets of silence are told as silence.
const oggLevel = 25

// NewOggSource takes an Ogg Opus file. Packets that are not of 20 ms are [ErrFormat], and the message says how to make such
// a file; other errors are those of [ReadOggOpus].
func NewOggSource(r io.Reader, opts OggOptions) (*OggSource, error) {
	ogg, err := ReadOggOpus(r)
	if err != nil {
		return nil, err
	}
	for i, p := range ogg.Packets {
		if d := PacketDuration(p); d != FrameDuration || len(p) > MaxPacket {
			return nil, fmt.Errorf("%w: packet %d has %v and %d bytes; only packets of 20 ms can be sent as they are, such as opusenc --framesize 20 makes", ErrFormat, i, d, len(p))
		}
	}
	return &OggSource{packets: ogg.Packets, channels: ogg.Channels, loop: opts.Loop}, nil
}

// OpenOggSource is [NewOggSource] of a file. Errors name it.
func OpenOggSource(path string, opts OggOptions) (*OggSource, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("audio: %w", err)
	}
	s, err := NewOggSource(bytes.NewReader(data), opts)
	if err != nil {
		return nil, fmt.Errorf("audio: %s: %w", path, err)
	}
	return s, nil
}

// Channels returns the file's, 1 or 2.
func (s *OggSource) Channels() int { return s.channels }

// Start begins at the beginning.
func (s *OggSource) Start(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return err
	}
	s.pos = 0
	return nil
}

// ReadPacket gives the next packet in its time.
func (s *OggSource) ReadPacket(ctx context.Context, dst []byte) (n int, level uint8, err error) {
	if err := s.ready(make(Frame, 0), 0); err != nil {
		return 0, 0, err
	}
	if s.pos == len(s.packets) {
		if !s.loop {
			return 0, 0, io.EOF
		}
		s.pos = 0
	}
	if _, err := s.pacer.Wait(ctx); err != nil {
		return 0, 0, err
	}
	s.begun(time.Now())
	p := s.packets[s.pos]
	if len(dst) < len(p) {
		return 0, 0, ErrShortBuffer
	}
	s.pos++
	if len(p) <= dtxSize || bytes.Equal(p, opusSilence) {
		return copy(dst, p), LevelSilence, nil
	}
	return copy(dst, p), oggLevel, nil
}

// ReadFrame is [ErrPacketsOnly].
func (s *OggSource) ReadFrame(context.Context, Frame) error { return ErrPacketsOnly }

// Started returns when the first packet since Start was read, or the zero time before.
func (s *OggSource) Started() time.Time { return s.startedAt() }

// Stop ends the play.
func (s *OggSource) Stop() error { return s.stop() }

// PacketDuration returns how long an Opus packet sounds (RFC 6716 section 3.1), 0 for what is none.
func PacketDuration(p []byte) time.Duration {
	if len(p) == 0 {
		return 0
	}
	frames := 1
	switch p[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(p) < 2 {
			return 0
		}
		frames = int(p[1] & 0x3f)
	}
	var frame time.Duration
	switch config := p[0] >> 3; {
	case config < 12: // speech
		frame = [...]time.Duration{10, 20, 40, 60}[config%4] * time.Millisecond
	case config < 16: // both
		frame = [...]time.Duration{10, 20}[config%2] * time.Millisecond
	default: // music
		frame = [...]time.Duration{2500, 5000, 10000, 20000}[config%4] * time.Microsecond
	}
	return time.Duration(frames) * frame
}
