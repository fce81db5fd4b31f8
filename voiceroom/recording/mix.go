package recording

import (
	"errors"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// mixChannels and mixBitrate are what music needs; speech takes less of it.
const (
	mixChannels = 2
	mixBitrate  = 96_000
)

// mix is the file in which all seats are heard.
type mix struct {
	codec    audio.Codec
	decoders map[int]audio.Decoder // by seat
	enc      audio.Encoder
	mixer    *audio.Mixer
	one, all audio.Frame
	packet   []byte
	file     *oggFile
}

func newMix(path string, codec audio.Codec) (*mix, error) {
	enc, err := codec.NewEncoder(audio.EncoderConfig{Channels: mixChannels, Bitrate: mixBitrate})
	if err != nil {
		return nil, err
	}
	file, err := create(path, mixChannels, 0)
	if err != nil {
		return nil, err
	}
	return &mix{
		codec: codec, enc: enc, file: file, decoders: map[int]audio.Decoder{}, mixer: audio.NewMixer(mixChannels),
		one: audio.NewFrame(mixChannels), all: audio.NewFrame(mixChannels), packet: make([]byte, audio.MaxPacket),
	}, nil
}

// add mixes in 20 ms of a seat. A packet that cannot be decoded is silence.
func (m *mix) add(seat int, payload []byte, k kind, fresh bool) error {
	if k == silence {
		return nil
	}
	dec := m.decoders[seat]
	if dec == nil {
		var err error
		if dec, err = m.codec.NewDecoder(mixChannels); err != nil {
			return err
		}
		m.decoders[seat] = dec
	} else if fresh {
		dec.Reset()
	}
	var err error
	if k == packet {
		err = dec.Decode(payload, m.one)
	} else {
		err = dec.Conceal(m.one)
	}
	if errors.Is(err, audio.ErrPacket) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.mixer.Add(m.one, 100)
}

// write appends 20 ms of what was added.
func (m *mix) write() error {
	if err := m.mixer.Mix(m.all); err != nil {
		return err
	}
	n, err := m.enc.Encode(m.all, m.packet)
	if err != nil {
		return err
	}
	return m.file.WritePacket(m.packet[:n])
}
