package audio

import (
	"fmt"
	"io"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
)

const (
	// pion writes a pre-skip of 80 ms, RFC 7845's advice for streams cut out of longer ones (section 4.2). So a
	// stream that begins here begins with as much silence, or its first words would be skipped.
	oggPreSkip = 3840
	// opusLookahead is how much later libopus gives a sample back than it got it, at 48 kHz: 6.5 ms.
	opusLookahead = 312
)

// opusSilence is 20 ms of digital silence: an empty CELT fullband frame, for any decoder.
var opusSilence = []byte{0xf8, 0xff, 0xfe}

// OggWriter writes Opus packets to an Ogg file as they come (RFC 7845). One goroutine uses it.
type OggWriter struct {
	w     *oggwriter.Writer
	track *oggwriter.Track
}

// NewOggWriter writes the headers, and the silence that players skip, for 1 or 2 channels. If w is an [io.Closer],
// [OggWriter.Close] closes it.
func NewOggWriter(w io.Writer, channels int) (*OggWriter, error) {
	o, err := newOggWriter(w, channels)
	if err != nil {
		return nil, err
	}
	for range oggPreSkip / FrameSamples {
		if err := o.WritePacket(opusSilence); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func newOggWriter(w io.Writer, channels int) (*OggWriter, error) {
	if channels != 1 && channels != 2 {
		return nil, fmt.Errorf("%w: %d, want 1 or 2", ErrChannels, channels)
	}
	// pion's many-track writer, for only that one marks the end of the stream.
	ogg, err := oggwriter.NewWriter(w, oggwriter.WithSampleRate(SampleRate), oggwriter.WithChannelCount(uint16(channels)))
	if err != nil {
		return nil, fmt.Errorf("audio: write Ogg Opus: %w", err)
	}
	track, err := ogg.NewTrack(0)
	if err != nil {
		return nil, fmt.Errorf("audio: write Ogg Opus: %w", err)
	}
	return &OggWriter{w: ogg, track: track}, nil
}

// WritePacket appends one Opus packet of any duration. Where a packet is missing, write the silence yourself: an Ogg
// file has no gaps.
func (o *OggWriter) WritePacket(packet []byte) error {
	if len(packet) == 0 {
		return fmt.Errorf("%w: empty", ErrPacket)
	}
	if err := o.track.WriteRTP(&rtp.Packet{Payload: packet}); err != nil {
		return fmt.Errorf("audio: write Ogg Opus: %w", err)
	}
	return nil
}

// WriteSilence appends 20 ms of silence.
func (o *OggWriter) WriteSilence() error { return o.WritePacket(opusSilence) }

// Close ends the stream.
func (o *OggWriter) Close() error {
	if err := o.w.Close(); err != nil {
		return fmt.Errorf("audio: close Ogg Opus: %w", err)
	}
	return nil
}

// WriteOggOpus encodes 48 kHz mono samples with an Opus codec and writes the whole file, filled up to 20 ms. Read back,
// the samples are where they were. If w is an [io.Closer] it is closed at the end.
func WriteOggOpus(w io.Writer, samples []int16, codec Codec) error {
	if codec == nil {
		return fmt.Errorf("%w: an Ogg Opus file needs a codec (opus.Codec, built with cgo)", ErrFormat)
	}
	enc, err := codec.NewEncoder(EncoderConfig{Channels: 1, Bitrate: 48000})
	if err != nil {
		return fmt.Errorf("audio: write Ogg Opus: %w", err)
	}
	ogg, err := newOggWriter(w, 1)
	if err != nil {
		return err
	}
	f, packet := NewFrame(1), make([]byte, MaxPacket)
	const lead = oggPreSkip - opusLookahead
	for pos := -lead; pos < len(samples)+opusLookahead; pos += FrameSamples {
		clear(f)
		if end := pos + FrameSamples; end > 0 && pos < len(samples) {
			copy(f[max(-pos, 0):], samples[max(pos, 0):min(end, len(samples))])
		}
		n, err := enc.Encode(f, packet)
		if err != nil {
			return fmt.Errorf("audio: write Ogg Opus: %w", err)
		}
		if err := ogg.WritePacket(packet[:n]); err != nil {
			return err
		}
	}
	return ogg.Close()
}
