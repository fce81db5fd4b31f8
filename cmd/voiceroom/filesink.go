package main

import (
	"context"
	"errors"
	"os"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// fileSink is a speaker that writes a WAV file, at the pace of a real one.
type fileSink struct {
	file  *os.File
	wav   *audio.WAVWriter
	pacer *audio.Pacer // nil: not started
}

func newFileSink(name string) (*fileSink, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	w, err := audio.NewWAVWriter(f, audio.SampleRate, 1)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &fileSink{file: f, wav: w}, nil
}

// Channels returns 1.
func (*fileSink) Channels() int { return 1 }

// Start begins, or goes on behind what is there.
func (s *fileSink) Start(ctx context.Context) error {
	if s.pacer != nil {
		return audio.ErrStarted
	}
	s.pacer = audio.NewPacer(audio.FrameDuration)
	return ctx.Err()
}

// WriteFrame writes f and returns when the next one is wanted.
func (s *fileSink) WriteFrame(ctx context.Context, f audio.Frame) error {
	switch {
	case s.pacer == nil:
		return audio.ErrNotStarted
	case len(f) != audio.FrameSamples:
		return audio.ErrFrameSize
	}
	if err := s.wav.Write(f); err != nil {
		return err
	}
	_, err := s.pacer.Wait(ctx)
	return err
}

// Stop pauses; close ends the file.
func (s *fileSink) Stop() error {
	s.pacer = nil
	return nil
}

func (s *fileSink) close() error { return errors.Join(s.wav.Close(), s.file.Close()) }
