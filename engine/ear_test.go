package engine

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// A packet that cannot be decoded is made up like one that is lost, and told.
func TestDamagedPacketIsMadeUp(t *testing.T) {
	e := &ear{buffer: audio.NewJitterBuffer(audio.JitterConfig{})}
	enc, err := audio.MuLaw.NewEncoder(audio.EncoderConfig{})
	require.NoError(t, err)
	loud, now := audio.NewFrame(1), time.Unix(1, 0)
	for i := range loud {
		loud[i] = 8000
	}
	packet := make([]byte, audio.MaxPacket)
	n, err := enc.Encode(loud, packet)
	require.NoError(t, err)
	e.active.Store(true)
	damaged := 0
	for i := range 20 {
		payload := packet[:n]
		if i == 10 {
			payload = packet[:7]
		}
		e.buffer.Push(uint16(i), uint32(i)*audio.FrameSamples, i == 0, payload, now)
		f, err := e.next(audio.MuLaw, 1, now)
		if err != nil {
			require.ErrorIs(t, err, audio.ErrPacket)
			require.NotNil(t, f)
			require.Less(t, audio.Level(f), uint8(30), "it goes on like the sound before")
			damaged++
		}
		now = now.Add(audio.FrameDuration)
	}
	require.Equal(t, 1, damaged)
	require.Equal(t, uint64(0), e.buffer.Stats().Concealed, "nothing was lost")
}

func TestComplaintsAreMadeOnceOfAKind(t *testing.T) {
	c := complaints{log: slog.New(slog.DiscardHandler)}
	for range 3 {
		c.failed("one", audio.ErrPacket)
		c.failed("other", audio.ErrPacket)
		c.failed("nothing", nil)
	}
	require.Equal(t, []string{"one", "other"}, c.told)
}
