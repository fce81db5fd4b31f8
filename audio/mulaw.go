package audio

import (
	"fmt"
	"math/bits"
)

// MuLaw is ITU-T G.711 µ-law at 48 kHz mono: one byte per sample, 960 bytes per frame, 384 kbit/s. It is pure Go and
// exists for tests and for builds without cgo. Both ends must use it, for nothing negotiates it: G.711 in RTP (RFC 3551
// section 4.5.14) is at 8 kHz, so browsers and telephones do not understand this one.
var MuLaw Codec = muLaw{}

const (
	muBias       = 132   // G.711: added before the logarithm so that every value has a leading bit
	muClip       = 32635 // the largest magnitude that still fits after the bias
	muConcealMax = 5     // frames until a concealed sound is gone: 100 ms, about as long as a vowel carries
)

type muLaw struct{}

func (muLaw) NewEncoder(cfg EncoderConfig) (Encoder, error) {
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Channels != 1 {
		return nil, fmt.Errorf("%w: µ-law is mono, not %d", ErrChannels, cfg.Channels)
	}
	return muEncoder{}, nil
}

func (muLaw) NewDecoder(channels int) (Decoder, error) {
	if channels != 1 {
		return nil, fmt.Errorf("%w: µ-law is mono, not %d", ErrChannels, channels)
	}
	return &muDecoder{last: NewFrame(1)}, nil
}

// HasFEC reports that no packet carries a copy of another frame.
func (muLaw) HasFEC([]byte) bool { return false }

type muEncoder struct{}

func (muEncoder) Encode(f Frame, dst []byte) (int, error) {
	if err := f.check(1); err != nil {
		return 0, err
	}
	if len(dst) < FrameSamples {
		return 0, fmt.Errorf("%w: %d bytes, want %d", ErrShortBuffer, len(dst), FrameSamples)
	}
	for i, s := range f {
		dst[i] = muCompress(s)
	}
	return FrameSamples, nil
}

// SetBitrate changes nothing: µ-law has one rate.
func (muEncoder) SetBitrate(int) error { return nil }

// SetMaxBandwidth changes nothing: µ-law keeps what the samples hold.
func (muEncoder) SetMaxBandwidth(int) error { return nil }

// SetExpectedLoss changes nothing: µ-law has no redundancy.
func (muEncoder) SetExpectedLoss(int) error { return nil }

type muDecoder struct {
	last Frame // the last good frame, to fade out
	lost int   // frames concealed since
}

func (d *muDecoder) Decode(packet []byte, f Frame) error {
	if err := f.check(1); err != nil {
		return err
	}
	if len(packet) != FrameSamples {
		return fmt.Errorf("%w: %d bytes, a µ-law frame has %d", ErrPacket, len(packet), FrameSamples)
	}
	for i, b := range packet {
		f[i] = muExpand[b]
	}
	copy(d.last, f)
	d.lost = 0
	return nil
}

// DecodeFEC conceals, for the packet carries no copy of the frame before it.
func (d *muDecoder) DecodeFEC(_ []byte, f Frame) error { return d.Conceal(f) }

// Conceal repeats the last frame, ever softer.
func (d *muDecoder) Conceal(f Frame) error {
	if err := f.check(1); err != nil {
		return err
	}
	if d.lost >= muConcealMax {
		clear(f)
		return nil
	}
	const steps = muConcealMax * FrameSamples
	for i, s := range d.last {
		f[i] = int16(int(s) * (steps - d.lost*FrameSamples - i) / steps)
	}
	d.lost++
	return nil
}

func (d *muDecoder) Reset() {
	clear(d.last)
	d.lost = 0
}

// muCompress gives sign, exponent (position of the leading bit) and 4 bits of mantissa, all inverted (G.711 table 2a).
func muCompress(s int16) byte {
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, muClip) + muBias
	exp := bits.Len(uint(v)) - 8
	return ^(sign | byte(exp)<<4 | byte(v>>(exp+3))&0x0f)
}

var muExpand = func() (table [256]int16) {
	for i := range table {
		b := ^byte(i)
		v := (int(b&0x0f)<<3+muBias)<<(b>>4&7) - muBias
		if b&0x80 != 0 {
			v = -v
		}
		table[i] = int16(v)
	}
	return table
}()
