package engine

import (
	"fmt"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// AudioQuality is how the microphone is encoded (documents, TUIAudioQuality).
type AudioQuality int32

const (
	// AudioQualitySpeech is for voices over narrow lines: up to 8 kHz of sound, mono, 16 kbit/s.
	AudioQualitySpeech AudioQuality = 0
	// AudioQualityDefault is for talk: the whole range, mono, 50 kbit/s.
	AudioQualityDefault AudioQuality = 1
	// AudioQualityMusic is for songs: the whole range, stereo, 128 kbit/s, silence sent like everything else.
	AudioQualityMusic AudioQuality = 2
)

// qualities are the documents' channels and bit rates. In-band copies and DTX are Opus's speech part's; music has neither.
var qualities = [...]audio.EncoderConfig{
	AudioQualitySpeech:  {Channels: 1, Bitrate: 16_000, MaxBandwidth: 8000, FEC: true, DTX: true, Voice: true},
	AudioQualityDefault: {Channels: 1, Bitrate: 50_000, FEC: true, DTX: true, Voice: true},
	AudioQualityMusic:   {Channels: 2, Bitrate: 128_000},
}

// encoder is an encoder and what it is set to.
type encoder struct {
	enc      audio.Encoder
	quality  AudioQuality
	channels int
	expected int // loss, in per cent, that it prepares for
}

func newEncoder(codec audio.Codec, q AudioQuality, expectedLoss int) (encoder, error) {
	cfg := qualities[q]
	cfg.ExpectedLoss = expectedLoss
	enc, err := codec.NewEncoder(cfg)
	return encoder{enc: enc, quality: q, channels: cfg.Channels, expected: expectedLoss}, err
}

// SetAudioQuality changes how the microphone is encoded, from the next frame on and without a gap (documents,
// updateAudioQuality). A room begins with [AudioQualityDefault]. Others are [ErrInvalidParameter], and so is one that the
// codec does not have.
func (m *Microphone) SetAudioQuality(q AudioQuality) error {
	if q < 0 || int(q) >= len(qualities) {
		return signaling.WithOp("SetAudioQuality", signaling.Errorf(ErrInvalidParameter.Code, "audio quality %d; there are 0 (speech), 1 (default) and 2 (music)", q))
	}
	if codec := m.media.room.eng.cfg.Codec; codec != nil { // that of a microphone that is open is made where the frames are
		if _, err := newEncoder(codec, q, 0); err != nil {
			return &Error{Code: ErrInvalidParameter.Code, Op: "SetAudioQuality", Message: fmt.Sprintf("the codec does not have audio quality %d", q), Err: err}
		}
	}
	m.quality.Store(int32(q))
	return nil
}

// AudioQuality returns what SetAudioQuality has chosen.
func (m *Microphone) AudioQuality() AudioQuality { return AudioQuality(m.quality.Load()) }
