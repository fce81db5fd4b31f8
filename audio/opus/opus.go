//go:build cgo

package opus

import (
	"fmt"

	"github.com/openvoiceroom/openvoiceroom/audio"

	libopus "github.com/hraban/opus"
)

// Codec is Opus at 48 kHz with frames of 20 ms, in mono or stereo.
var Codec audio.Codec = codec{}

// Available says whether this build can encode and decode.
const Available = true

// Version names libopus with its version; without cgo it is empty.
func Version() string { return libopus.Version() }

const (
	// The codec's choices. 32 kbit/s is where mono speech becomes transparent (RFC 7587 section 3.1.1 gives 28 to 40
	// for fullband speech); complexity 9 is libopus's own default.
	defaultBitrate    = 32000
	defaultComplexity = 9
)

// bandwidths has RFC 6716's names for the highest frequency in Hz (section 2).
var bandwidths = map[int]libopus.Bandwidth{
	0: libopus.Fullband, 4000: libopus.Narrowband, 6000: libopus.Mediumband, 8000: libopus.Wideband,
	12000: libopus.SuperWideband, 20000: libopus.Fullband,
}

type codec struct{}

func (codec) NewEncoder(cfg audio.EncoderConfig) (audio.Encoder, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Bitrate == 0 {
		cfg.Bitrate = defaultBitrate * cfg.Channels
	}
	if cfg.Complexity == 0 {
		cfg.Complexity = defaultComplexity
	}
	application := libopus.AppAudio
	if cfg.Voice {
		application = libopus.AppVoIP
	}
	enc, err := libopus.NewEncoder(audio.SampleRate, cfg.Channels, application)
	if err != nil {
		return nil, fmt.Errorf("opus: new encoder: %w", err)
	}
	for _, set := range []struct {
		what string
		err  error
	}{
		{"bitrate", enc.SetBitrate(cfg.Bitrate)},
		{"complexity", enc.SetComplexity(cfg.Complexity)},
		{"bandwidth", enc.SetMaxBandwidth(bandwidths[cfg.MaxBandwidth])},
		{"expected loss", enc.SetPacketLossPerc(cfg.ExpectedLoss)},
		{"FEC", enc.SetInBandFEC(cfg.FEC)},
		{"DTX", enc.SetDTX(cfg.DTX)},
	} {
		if set.err != nil {
			return nil, fmt.Errorf("opus: set %s: %w", set.what, set.err)
		}
	}
	return &encoder{enc: enc, samples: audio.FrameSamples * cfg.Channels}, nil
}

// HasFEC is for [audio.JitterConfig].
func (codec) HasFEC(packet []byte) bool { return HasFEC(packet) }

func (codec) NewDecoder(channels int) (audio.Decoder, error) {
	if channels != 1 && channels != 2 {
		return nil, fmt.Errorf("%w: %d, want 1 or 2", audio.ErrChannels, channels)
	}
	d := &decoder{channels: channels, samples: audio.FrameSamples * channels}
	if err := d.open(); err != nil {
		return nil, err
	}
	return d, nil
}

type encoder struct {
	enc     *libopus.Encoder
	samples int
}

func (e *encoder) Encode(f audio.Frame, dst []byte) (int, error) {
	if len(f) != e.samples {
		return 0, fmt.Errorf("%w: %d samples, want %d", audio.ErrFrameSize, len(f), e.samples)
	}
	if len(dst) == 0 {
		return 0, audio.ErrShortBuffer
	}
	// The binding lets libopus write up to the capacity, so it is cut to what the caller gave.
	n, err := e.enc.Encode(f, dst[:len(dst):len(dst)])
	if err != nil {
		return 0, fmt.Errorf("opus: encode: %w", err)
	}
	return n, nil
}

func (e *encoder) SetBitrate(bitrate int) error {
	if err := e.enc.SetBitrate(bitrate); err != nil {
		return fmt.Errorf("opus: set bitrate %d: %w", bitrate, err)
	}
	return nil
}

func (e *encoder) SetMaxBandwidth(hz int) error {
	bandwidth, known := bandwidths[hz]
	if !known {
		return fmt.Errorf("opus: bandwidth %d Hz, want 4000, 6000, 8000, 12000 or 20000", hz)
	}
	if err := e.enc.SetMaxBandwidth(bandwidth); err != nil {
		return fmt.Errorf("opus: set bandwidth %d Hz: %w", hz, err)
	}
	return nil
}

func (e *encoder) SetExpectedLoss(percent int) error {
	if err := e.enc.SetPacketLossPerc(percent); err != nil {
		return fmt.Errorf("opus: set expected loss %d %%: %w", percent, err)
	}
	return nil
}
