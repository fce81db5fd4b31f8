package stagetest

import "github.com/openvoiceroom/openvoiceroom/audio"

// codec is the test server's µ-law, which is mono, for bots that ask for stereo: both sides are heard as one.
type codec struct{ audio.Codec }

func (c codec) NewEncoder(cfg audio.EncoderConfig) (audio.Encoder, error) {
	stereo := cfg.Channels == 2
	cfg.Channels = 1
	enc, err := c.Codec.NewEncoder(cfg)
	if err != nil || !stereo {
		return enc, err
	}
	return &folding{Encoder: enc, mono: audio.NewFrame(1)}, nil
}

type folding struct {
	audio.Encoder
	mono audio.Frame
}

func (f *folding) Encode(frame audio.Frame, dst []byte) (int, error) {
	if err := audio.Convert(f.mono, frame); err != nil {
		return 0, err
	}
	return f.Encoder.Encode(f.mono, dst)
}
