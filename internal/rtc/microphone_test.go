package rtc

import (
	"errors"
	"testing"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type sink struct {
	down bool // the connection is not up
	last rtp.Header
	n    int
}

func (s *sink) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	if s.down {
		return 0, nil
	}
	s.last = *h
	s.n++
	return 12 + len(payload), nil
}

func (s *sink) Write([]byte) (int, error) { return 0, errors.New("not used") }

func boundMicrophone(s *sink) *microphone {
	m := newMicrophone()
	m.exts = true
	_ = m.hdr.SetExtension(3, m.level[:])
	m.writer = s
	return m
}

func TestMicrophone(t *testing.T) {
	s := &sink{down: true}
	m := boundMicrophone(s)
	seq, ts := m.hdr.SequenceNumber, m.hdr.Timestamp
	require.NoError(t, m.write([]byte{1}, 960, 0, true))
	s.down = false
	require.NoError(t, m.write([]byte{1}, 960, 200, true))
	assert.Equal(t, seq, s.last.SequenceNumber, "what did not go out took no number")
	assert.Equal(t, ts+960, s.last.Timestamp, "but its time has passed")
	assert.True(t, s.last.Marker)
	assert.Equal(t, []byte{127}, s.last.GetExtension(3), "no quieter than silence")
	m.skip(9600)
	require.NoError(t, m.write([]byte{1}, 960, 30, false))
	assert.Equal(t, seq+1, s.last.SequenceNumber)
	assert.Equal(t, ts+2*960+9600, s.last.Timestamp)
	assert.False(t, s.last.Marker)
	m.exts = false
	require.NoError(t, m.write([]byte{1}, 960, 30, false))
	assert.False(t, s.last.Extension)
}

func TestMicrophoneAllocatesNothing(t *testing.T) {
	m := boundMicrophone(&sink{})
	frame := make([]byte, 80)
	assert.Zero(t, testing.AllocsPerRun(1000, func() { _ = m.write(frame, 960, 30, false) }))
}

func BenchmarkWriteAudio(b *testing.B) {
	m := boundMicrophone(&sink{})
	frame := make([]byte, 80)
	b.ReportAllocs()
	for b.Loop() {
		_ = m.write(frame, 960, 30, false)
	}
}
