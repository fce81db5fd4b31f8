package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// wavFile builds a file by hand, so that the reader is not only tested against our writer.
func wavFile(tag, channels, rate, bits int, extensible bool, data []byte) []byte {
	le := binary.LittleEndian
	fmtTag := tag
	if extensible {
		fmtTag = wavExtensible
	}
	b := []byte("RIFF\xff\xff\xff\xffWAVELIST\x03\x00\x00\x00abc\x00fmt ")
	size := 16
	if extensible {
		size = 40
	}
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint16(b, uint16(fmtTag))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	if extensible {
		b = append(b, 22, 0, byte(bits), 0, 0, 0, 0, 0, byte(tag), 0)
		b = append(b, make([]byte, 14)...)
	}
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func TestReadWAVFormats(t *testing.T) {
	le := binary.LittleEndian
	half := int32(-1 << 30)
	for _, tt := range []struct {
		name      string
		tag, bits int
		sample    []byte // minus half of full scale
	}{
		{"8 bits", wavPCM, 8, []byte{64}},
		{"16 bits", wavPCM, 16, le.AppendUint16(nil, uint16(half>>16))},
		{"24 bits", wavPCM, 24, le.AppendUint32(nil, uint32(half))[1:]},
		{"32 bits", wavPCM, 32, le.AppendUint32(nil, uint32(half))},
		{"float", wavFloat, 32, le.AppendUint32(nil, math.Float32bits(-0.5))},
	} {
		for _, extensible := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				w, err := ReadWAV(wavFile(tt.tag, 2, 44100, tt.bits, extensible, bytes.Repeat(tt.sample, 6)))
				require.NoError(t, err)
				require.Equal(t, WAV{Rate: 44100, Channels: 2, Samples: []int16{-16384, -16384, -16384, -16384, -16384, -16384}}, w)
				require.Equal(t, []int16{-16384, -16384, -16384}, w.Mono())
			})
		}
	}
}

func TestReadWAVLies(t *testing.T) {
	good := wavFile(wavPCM, 1, 16000, 16, false, []byte{1, 0, 2, 0})
	size := len(good) - 8
	for _, claim := range []uint32{0, 0xffffffff, 1 << 31, 5} {
		binary.LittleEndian.PutUint32(good[size:], claim)
		w, err := ReadWAV(good)
		require.NoError(t, err)
		require.Equal(t, []int16{1, 2}, w.Samples, claim)
	}
	for name, tt := range map[string]struct {
		data []byte
		err  error
	}{
		"empty":             {nil, ErrNotWAV},
		"text":              {[]byte("hello, this is no sound at all"), ErrNotWAV},
		"no data chunk":     {good[:size-4], ErrNoAudio},
		"no samples":        {wavFile(wavPCM, 1, 16000, 16, false, nil), ErrNoAudio},
		"half a sample":     {wavFile(wavPCM, 1, 16000, 16, false, []byte{1}), ErrNoAudio},
		"MP3 in WAV":        {wavFile(0x55, 1, 16000, 16, false, []byte{1, 2}), ErrFormat},
		"12 bits":           {wavFile(wavPCM, 1, 16000, 12, false, []byte{1, 2}), ErrFormat},
		"no channels":       {wavFile(wavPCM, 0, 16000, 16, false, []byte{1, 2}), ErrFormat},
		"1 MHz":             {wavFile(wavPCM, 1, 1000000, 16, false, []byte{1, 2}), ErrFormat},
		"data before fmt":   {[]byte("RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00ab"), ErrNotWAV},
		"format is cut off": {[]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00ab"), ErrNotWAV},
	} {
		_, err := ReadWAV(tt.data)
		require.ErrorIs(t, err, tt.err, name)
	}
}

func TestWAVRoundTrip(t *testing.T) {
	pcm := sine(5000, 440, SampleRate, 9000)
	var buf bytes.Buffer
	require.NoError(t, WriteWAV(&buf, pcm, SampleRate, 2))
	w, err := ReadWAV(buf.Bytes())
	require.NoError(t, err)
	require.Equal(t, WAV{Rate: SampleRate, Channels: 2, Samples: pcm}, w)

	f, err := os.Create(filepath.Join(t.TempDir(), "a.wav"))
	require.NoError(t, err)
	ww, err := NewWAVWriter(f, SampleRate, 2)
	require.NoError(t, err)
	require.NoError(t, ww.Write(pcm[:1000]))
	unfinished, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	w, err = ReadWAV(unfinished)
	require.NoError(t, err, "after a crash")
	require.Equal(t, pcm[:1000], w.Samples)
	require.NoError(t, ww.Write(pcm[1000:]))
	require.NoError(t, ww.Close())
	require.NoError(t, f.Close())
	whole, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	require.Equal(t, buf.Bytes(), whole, "both writers write the same")

	require.ErrorIs(t, WriteWAV(&buf, pcm, SampleRate, 0), ErrChannels)
	require.ErrorIs(t, WriteWAV(&buf, pcm, 5, 1), ErrFormat)
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	var wav bytes.Buffer
	require.NoError(t, WriteWAV(&wav, make([]int16, 3200), 16000, 2))
	// The content decides, not the name.
	pcm, err := LoadFile(write("a.ogg", wav.Bytes()), nil)
	require.NoError(t, err)
	require.Len(t, pcm, 4800)
	pcm, err = LoadFile(write("b.wav", oggFile(t, 10, 20)), toyCodec{})
	require.NoError(t, err)
	require.Len(t, pcm, 6*FrameSamples)

	for name, tt := range map[string]struct {
		path  string
		codec Codec
		is    error
		says  string
	}{
		"missing":           {filepath.Join(dir, "nowhere"), nil, fs.ErrNotExist, "nowhere"},
		"a folder":          {dir, nil, nil, dir},
		"empty":             {write("empty", nil), nil, ErrNoAudio, "empty"},
		"no audio":          {write("text", []byte("hello")), nil, ErrFormat, "ffmpeg"},
		"Ogg, no codec":     {write("c.ogg", oggFile(t, 10, 20)), nil, ErrFormat, "opus.Codec"},
		"Ogg, broken codec": {write("d.ogg", oggFile(t, 10, 20)), brokenCodec{}, errBroken, "cgo"},
	} {
		_, err := LoadFile(tt.path, tt.codec)
		require.Error(t, err, name)
		require.ErrorContains(t, err, tt.says, name)
		if tt.is != nil {
			require.ErrorIs(t, err, tt.is, name)
		}
	}
}

var errBroken = errors.New("no cgo")

type brokenCodec struct{}

func (brokenCodec) NewEncoder(EncoderConfig) (Encoder, error) { return nil, errBroken }
func (brokenCodec) NewDecoder(int) (Decoder, error)           { return nil, errBroken }

func FuzzReadWAV(f *testing.F) {
	f.Add(wavFile(wavPCM, 1, 16000, 16, false, []byte{1, 0, 2, 0}))
	f.Add(wavFile(wavFloat, 8, 48000, 32, true, make([]byte, 64)))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := ReadWAV(data)
		if err != nil {
			return
		}
		if len(w.Samples) == 0 || len(w.Samples) > len(data) || len(w.Samples)%w.Channels != 0 {
			t.Fatalf("%d samples of %d channels from %d bytes", len(w.Samples), w.Channels, len(data))
		}
		w.Mono()
	})
}
