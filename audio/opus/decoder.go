//go:build cgo

package opus

import (
	"fmt"

	"github.com/openvoiceroom/openvoiceroom/audio"

	libopus "github.com/hraban/opus"
)

type decoder struct {
	dec      *libopus.Decoder
	channels int
	samples  int
}

func (d *decoder) open() error {
	dec, err := libopus.NewDecoder(audio.SampleRate, d.channels)
	if err != nil {
		return fmt.Errorf("opus: new decoder: %w", err)
	}
	d.dec = dec
	return nil
}

// frame cuts f to exactly 20 ms: the binding decodes up to the capacity, and a packet of 60 ms would otherwise run into
// whatever lies behind f.
func (d *decoder) frame(f audio.Frame) ([]int16, error) {
	if len(f) != d.samples {
		return nil, fmt.Errorf("%w: %d samples, want %d", audio.ErrFrameSize, len(f), d.samples)
	}
	return f[:d.samples:d.samples], nil
}

func (d *decoder) Decode(packet []byte, f audio.Frame) error {
	pcm, err := d.frame(f)
	if err != nil {
		return err
	}
	if len(packet) == 0 {
		return fmt.Errorf("%w: empty", audio.ErrPacket)
	}
	n, err := d.dec.Decode(packet, pcm)
	if err != nil {
		return fmt.Errorf("%w: opus: %w", audio.ErrPacket, err)
	}
	if n != audio.FrameSamples {
		return fmt.Errorf("%w: opus: %d samples instead of %d", audio.ErrPacket, n, audio.FrameSamples)
	}
	return nil
}

// DecodePacket is for files, whose packets may last 2.5 to 120 ms: pcm takes the samples, all channels of up to 120 ms,
// and their number for each channel is returned.
func (d *decoder) DecodePacket(packet []byte, pcm []int16) (int, error) {
	if len(packet) == 0 {
		return 0, fmt.Errorf("%w: empty", audio.ErrPacket)
	}
	// The binding lets libopus write up to the capacity.
	n, err := d.dec.Decode(packet, pcm[:len(pcm):len(pcm)])
	if err != nil {
		return 0, fmt.Errorf("%w: opus: %w", audio.ErrPacket, err)
	}
	return n, nil
}

func (d *decoder) DecodeFEC(next []byte, f audio.Frame) error {
	pcm, err := d.frame(f)
	if err != nil {
		return err
	}
	if len(next) == 0 {
		return fmt.Errorf("%w: empty", audio.ErrPacket)
	}
	if err := d.dec.DecodeFEC(next, pcm); err != nil {
		return fmt.Errorf("%w: opus FEC: %w", audio.ErrPacket, err)
	}
	return nil
}

func (d *decoder) Conceal(f audio.Frame) error {
	pcm, err := d.frame(f)
	if err != nil {
		return err
	}
	if err := d.dec.DecodePLC(pcm); err != nil {
		return fmt.Errorf("opus: conceal: %w", err)
	}
	return nil
}

// Reset replaces the decoder, for the binding has no reset. If that fails, the old one goes on, which sounds
// wrong for a few milliseconds and then right.
func (d *decoder) Reset() {
	_ = d.open()
}
