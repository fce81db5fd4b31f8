package audio_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/audiotest"

	"github.com/stretchr/testify/require"
)

func ramp(n int) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(i%30000 + 1)
	}
	return s
}

// What is written at once is heard in its time, sample by sample, and silence after it.
func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const seconds = 2
		f := audio.NewFeed(1, 300*time.Millisecond) // shorter than what is written
		audiotest.CheckSource(t, f)
		require.NoError(t, f.Start(t.Context()))
		said := ramp(seconds*audio.SampleRate + 100)
		written := make(chan error, 1)
		go func() { written <- f.Write(t.Context(), said) }()
		begun, frame := time.Now(), audio.NewFrame(1)
		var heard []int16
		for len(heard) < len(said) {
			require.NoError(t, f.ReadFrame(t.Context(), frame))
			heard = append(heard, frame...)
		}
		require.NoError(t, <-written)
		require.Equal(t, said, heard[:len(said)])
		require.Equal(t, make([]int16, len(heard)-len(said)), heard[len(said):], "then silence")
		require.Equal(t, 101*audio.FrameDuration, time.Since(begun))
		require.Zero(t, f.Buffered())
		require.NoError(t, f.Drain(t.Context()))

		require.NoError(t, f.Write(t.Context(), ramp(audio.FrameSamples*2)))
		require.Equal(t, 40*time.Millisecond, f.Buffered())
		drained := make(chan error, 1)
		go func() { drained <- f.Drain(t.Context()) }()
		synctest.Wait()
		f.Drop()
		require.NoError(t, <-drained)
		require.NoError(t, f.ReadFrame(t.Context(), frame))
		require.Equal(t, audio.NewFrame(1), frame, "interrupted")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, f.Write(ctx, make([]int16, audio.SampleRate)), context.DeadlineExceeded, "nobody reads")
		require.ErrorIs(t, f.Drain(ctx), context.DeadlineExceeded)
		require.ErrorIs(t, audio.NewFeed(2, 0).Write(ctx, make([]int16, 3)), audio.ErrFrameSize)
		require.ErrorIs(t, audio.NewFeed(3, 0).Start(t.Context()), audio.ErrChannels)
	})
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audio.NewStream(1, 60*time.Millisecond)
		frame := func(v int16) audio.Frame {
			f := audio.NewFrame(1)
			f[0] = v
			return f
		}
		require.NoError(t, s.Put(frame(1)), "forgotten: nobody reads")
		require.ErrorIs(t, s.Put(audio.NewFrame(2)), audio.ErrFrameSize)
		require.ErrorIs(t, s.ReadFrame(t.Context(), frame(0)), audio.ErrNotStarted)
		require.NoError(t, s.Start(t.Context()))
		require.ErrorIs(t, s.Start(t.Context()), audio.ErrStarted)
		for v := range int16(5) {
			require.NoError(t, s.Put(frame(v)))
		}
		got := frame(0)
		for v := int16(2); v < 5; v++ {
			require.NoError(t, s.ReadFrame(t.Context(), got))
			require.Equal(t, v, got[0])
		}
		require.Equal(t, uint64(2), s.Dropped())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.ReadFrame(ctx, got), context.DeadlineExceeded)
		go func() { _ = s.Put(frame(9)) }()
		require.NoError(t, s.ReadFrame(t.Context(), got))
		require.Equal(t, int16(9), got[0])
		require.NoError(t, s.Put(frame(10)))
		s.End()
		require.NoError(t, s.Put(frame(11)), "too late")
		require.NoError(t, s.ReadFrame(t.Context(), got), "what is left")
		require.ErrorIs(t, s.ReadFrame(t.Context(), got), io.EOF)
		require.NoError(t, s.Stop())
	})
}

// A login's speaker that a program reads.
func TestStreamAsSpeaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := audio.NewStream(2, time.Second)
		speaker := s.Speaker()
		audiotest.CheckSink(t, speaker)
		require.NoError(t, s.Start(t.Context()))
		require.NoError(t, speaker.Start(t.Context()))
		f := audio.NewFrame(2)
		f[5] = 7
		require.NoError(t, speaker.WriteFrame(t.Context(), f))
		got := audio.NewFrame(2)
		require.NoError(t, s.ReadFrame(t.Context(), got))
		require.Equal(t, f, got)
	})
}

// An Ogg Opus file passes as it is, packet by packet, in its time.
func TestOggSource(t *testing.T) {
	file := func(packets ...[]byte) *bytes.Buffer {
		var b bytes.Buffer
		w, err := audio.NewOggWriter(&b, 1)
		require.NoError(t, err)
		for _, p := range packets {
			require.NoError(t, w.WritePacket(p))
		}
		require.NoError(t, w.Close())
		return &b
	}
	one, two := []byte{0x78, 1, 2, 3}, []byte{0xf8, 4, 5, 6}
	synctest.Test(t, func(t *testing.T) {
		s, err := audio.NewOggSource(file(one, two), audio.OggOptions{Loop: true})
		require.NoError(t, err)
		require.Equal(t, 1, s.Channels())
		p := make([]byte, audio.MaxPacket)
		_, _, err = s.ReadPacket(t.Context(), p)
		require.ErrorIs(t, err, audio.ErrNotStarted)
		require.NoError(t, s.Start(t.Context()))
		require.ErrorIs(t, s.ReadFrame(t.Context(), audio.NewFrame(1)), audio.ErrPacketsOnly)
		begun := time.Now()
		silence := []byte{0xf8, 0xff, 0xfe} // what players skip at the beginning
		for i, want := range [][]byte{silence, silence, silence, silence, one, two, silence} {
			n, level, err := s.ReadPacket(t.Context(), p)
			require.NoError(t, err)
			require.Equal(t, want, p[:n])
			require.Equal(t, time.Duration(i+1)*audio.FrameDuration, time.Since(begun))
			require.Equal(t, bytes.Equal(want, silence), level == audio.LevelSilence)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err = s.ReadPacket(ended, p)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, s.Stop())
	})
	for name, c := range map[string]struct {
		file io.Reader
		want error
	}{
		"60 ms":            {file(one, []byte{0x18, 3, 1}), audio.ErrFormat},
		"2.5 ms":           {file([]byte{0xe0, 1}), audio.ErrFormat},
		"two of 20 ms":     {file([]byte{0x79, 1, 2}), audio.ErrFormat},
		"no Ogg":           {bytes.NewReader([]byte("RIFF")), audio.ErrNotOgg},
		"nothing":          {bytes.NewReader(nil), audio.ErrNotOgg},
		"nothing in there": {file(), audio.ErrNoAudio},
	} {
		_, err := audio.NewOggSource(c.file, audio.OggOptions{})
		require.ErrorIs(t, err, c.want, name)
	}
	_, err := audio.OpenOggSource("missing.opus", audio.OggOptions{})
	require.ErrorContains(t, err, "missing.opus")
}
