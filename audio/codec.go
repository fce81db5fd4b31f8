package audio

import (
	"fmt"
	"slices"
)

// MaxPacket is the size in bytes that a buffer for [Encoder.Encode] should have: a UDP packet's room. An Opus frame has
// at most 1275 bytes (RFC 6716 section 3.4).
const MaxPacket = 1500

// Codec makes encoders and decoders. It is safe for concurrent use; what it makes is not.
//
// A codec may have a method HasFEC(packet []byte) bool that tells whether a packet carries a copy of the frame before
// it, for [JitterConfig]. Without it every packet is taken to have one.
type Codec interface {
	// NewEncoder returns an encoder of its own state. An error says which field of cfg is refused.
	NewEncoder(cfg EncoderConfig) (Encoder, error)
	// NewDecoder returns a decoder for frames of 1 or 2 channels, whatever the sender encoded.
	NewDecoder(channels int) (Decoder, error)
}

// EncoderConfig says how to encode. The zero value is good for speech in mono.
type EncoderConfig struct {
	Channels     int  // 1 or 2; 0 means 1
	Bitrate      int  // bit/s, 6000 to 510000; 0 means the codec's choice
	Complexity   int  // 1 (least CPU) to 10 (best sound); 0 means the codec's choice
	MaxBandwidth int  // the highest frequency that is kept, in Hz: 4000, 6000, 8000, 12000 or 20000; 0 means the last
	ExpectedLoss int  // packet loss to prepare for, in percent, 0 to 100; in-band FEC needs more than 0
	FEC          bool // carry a coarse copy of a frame in the packet after it (RFC 6716 section 2.1.7)
	DTX          bool // send almost nothing in silence (RFC 6716 section 2.1.9)
	Voice        bool // tune for speech rather than for music
}

// WithDefaults returns cfg with the number of channels filled in, or an error that names the field out of range.
// Codecs call it once.
func (cfg EncoderConfig) WithDefaults() (EncoderConfig, error) {
	if cfg.Channels == 0 {
		cfg.Channels = 1
	}
	switch {
	case cfg.Channels < 1 || cfg.Channels > 2:
		return cfg, fmt.Errorf("%w: %d, want 1 or 2", ErrChannels, cfg.Channels)
	case cfg.Bitrate != 0 && (cfg.Bitrate < 6000 || cfg.Bitrate > 510000):
		return cfg, fmt.Errorf("audio: bitrate %d bit/s, want 6000 to 510000", cfg.Bitrate)
	case cfg.Complexity < 0 || cfg.Complexity > 10:
		return cfg, fmt.Errorf("audio: complexity %d, want 1 to 10", cfg.Complexity)
	case !slices.Contains([]int{0, 4000, 6000, 8000, 12000, 20000}, cfg.MaxBandwidth): // RFC 6716 section 2
		return cfg, fmt.Errorf("audio: bandwidth %d Hz, want 4000, 6000, 8000, 12000 or 20000", cfg.MaxBandwidth)
	case cfg.ExpectedLoss < 0 || cfg.ExpectedLoss > 100:
		return cfg, fmt.Errorf("audio: expected loss %d %%, want 0 to 100", cfg.ExpectedLoss)
	}
	return cfg, nil
}

// Encoder turns frames into packets, one for one. It allocates nothing per frame.
type Encoder interface {
	// Encode writes the packet for f to dst and returns its length; dst should have [MaxPacket] bytes. With DTX a
	// length of 2 or less means that the packet need not be sent (RFC 7587 section 3.1.3).
	Encode(f Frame, dst []byte) (n int, err error)
	// SetBitrate changes the bitrate from the next frame on, in bit/s.
	SetBitrate(bitrate int) error
	// SetMaxBandwidth changes the highest frequency that is kept from the next frame on, see [EncoderConfig].
	SetMaxBandwidth(hz int) error
	// SetExpectedLoss tells the encoder the loss that receivers report, in percent.
	SetExpectedLoss(percent int) error
}

// Decoder turns packets into frames. Each call fills exactly one frame of 20 ms; a packet of another duration is
// [ErrPacket]. After an error f holds nothing of use, and the decoder can go on. It allocates nothing per frame.
//
// A decoder may have a method DecodePacket(packet []byte, pcm []int16) (samples int, err error) for the packets of
// files, which last up to 120 ms: it returns the samples per channel. Without it files must have packets of 20 ms.
type Decoder interface {
	// Decode decodes the next packet in order.
	Decode(packet []byte, f Frame) error
	// DecodeFEC makes up the lost frame before the packet next from the copy in it, or conceals if there is none.
	// next itself is then given to Decode.
	DecodeFEC(next []byte, f Frame) error
	// Conceal makes up a frame for which nothing has come. Frames concealed in a row fade out.
	Conceal(f Frame) error
	// Reset forgets the past, for a packet that does not continue the last one (another speaker).
	Reset()
}
