package audio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// WriteWAV writes a whole WAV file of 16-bit PCM. samples are interleaved.
func WriteWAV(w io.Writer, samples []int16, rate, channels int) error {
	if uint64(len(samples))*2 > math.MaxUint32-36 {
		return fmt.Errorf("%w: a WAV file has at most 4 GB", ErrFormat)
	}
	header, err := wavHeader(rate, channels, uint32(len(samples)*2))
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("audio: write WAV: %w", err)
	}
	if _, err := w.Write(wavBytes(nil, samples)); err != nil {
		return fmt.Errorf("audio: write WAV: %w", err)
	}
	return nil
}

func wavBytes(dst []byte, samples []int16) []byte {
	for _, s := range samples {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(s))
	}
	return dst
}

func wavHeader(rate, channels int, size uint32) ([]byte, error) {
	if channels < 1 || channels > wavMaxChans {
		return nil, fmt.Errorf("%w: %d, want 1 to %d", ErrChannels, channels, wavMaxChans)
	}
	if rate < wavMinRate || rate > wavMaxRate {
		return nil, fmt.Errorf("%w: %d Hz, want %d to %d", ErrFormat, rate, wavMinRate, wavMaxRate)
	}
	var b bytes.Buffer
	le := binary.LittleEndian
	b.WriteString("RIFF")
	b.Write(le.AppendUint32(nil, size+36))
	b.WriteString("WAVEfmt ")
	b.Write(le.AppendUint32(nil, 16))
	for _, v := range []uint16{wavPCM, uint16(channels)} {
		b.Write(le.AppendUint16(nil, v))
	}
	b.Write(le.AppendUint32(nil, uint32(rate)))
	b.Write(le.AppendUint32(nil, uint32(rate*channels*2)))
	for _, v := range []uint16{uint16(channels * 2), 16} {
		b.Write(le.AppendUint16(nil, v))
	}
	b.WriteString("data")
	b.Write(le.AppendUint32(nil, size))
	return b.Bytes(), nil
}

// WAVWriter writes a WAV file of 16-bit PCM as the sound comes. One goroutine uses it.
type WAVWriter struct {
	w              io.WriteSeeker
	rate, channels int
	size           uint32
	buf            []byte
}

// NewWAVWriter writes the header, whose sizes say 0 until [WAVWriter.Close] ([ReadWAV] reads such a file all the same).
func NewWAVWriter(w io.WriteSeeker, rate, channels int) (*WAVWriter, error) {
	header, err := wavHeader(rate, channels, 0)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(header); err != nil {
		return nil, fmt.Errorf("audio: write WAV: %w", err)
	}
	return &WAVWriter{w: w, rate: rate, channels: channels}, nil
}

// Write appends interleaved samples. A file that would pass 4 GB is [ErrFormat] and stays whole.
func (w *WAVWriter) Write(samples []int16) error {
	if uint64(w.size)+uint64(len(samples))*2 > math.MaxUint32-36 {
		return fmt.Errorf("%w: a WAV file has at most 4 GB", ErrFormat)
	}
	w.buf = wavBytes(w.buf[:0], samples)
	n, err := w.w.Write(w.buf)
	w.size += uint32(n)
	if err != nil {
		return fmt.Errorf("audio: write WAV: %w", err)
	}
	return nil
}

// Close writes the sizes into the header. It does not close the file.
func (w *WAVWriter) Close() error {
	header, err := wavHeader(w.rate, w.channels, w.size)
	if err != nil {
		return err
	}
	if _, err := w.w.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("audio: close WAV: %w", err)
	}
	if _, err := w.w.Write(header); err != nil {
		return fmt.Errorf("audio: close WAV: %w", err)
	}
	if _, err := w.w.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("audio: close WAV: %w", err)
	}
	return nil
}
