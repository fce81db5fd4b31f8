package recording

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
)

func TestClock(t *testing.T) {
	const f = 960
	type step struct {
		stream, ts uint32
		now, want  int64
	}
	for name, steps := range map[string][]step{
		"steady":                     {{1, 0, 10, 10}, {1, f, 11, 11}, {1, 2 * f, 12, 12}},
		"jitter does not move":       {{1, 0, 10, 10}, {1, f, 14, 11}, {1, 2 * f, 14, 12}, {1, 3 * f, 14, 13}},
		"wraps":                      {{1, 1<<32 - f, 10, 10}, {1, 0, 11, 11}, {1, f, 12, 12}},
		"a repair comes late":        {{1, 0, 10, 10}, {1, 2 * f, 12, 12}, {1, f, 20, 11}},
		"another stream":             {{1, 0, 10, 10}, {2, 777, 11, 11}, {2, 777 + f, 12, 12}},
		"after silence, as it is":    {{1, 0, 10, 10}, {1, 30 * f, 44, 44}, {1, 31 * f, 45, 45}},
		"a clock that is too fast":   {{1, 0, 10, 10}, {1, 9 * f, 13, 13}, {1, 10 * f, 14, 14}},
		"far too late":               {{1, 0, 10, 10}, {1, f, 50, 50}},
		"repairs of before it began": {{1, 3 * f, 10, 10}, {1, f, 11, 8}, {1, 2 * f, 11, 9}, {1, 0, 11, 7}},
		"not quite a frame":          {{1, 0, 10, 10}, {1, f - 3, 11, 11}, {1, 2*f + 4, 12, 12}},
	} {
		var c clock
		for i, s := range steps {
			require.Equal(t, s.want, c.place(s.stream, s.ts, s.now), "%s, step %d", name, i)
		}
	}
}

// What is written: a letter for a packet (capitals begin with another user), "c" what a decoder makes up, "." silence.
func TestTrack(t *testing.T) {
	say := func(user engine.UserID, payload ...byte) engine.Packet {
		return engine.Packet{User: user, Payload: payload}
	}
	for name, c := range map[string]struct {
		packets map[int64]engine.Packet
		want    string
	}{
		"nothing":               {nil, "........"},
		"speech":                {map[int64]engine.Packet{2: say("a", 0x78, 1, 1), 3: say("a", 0x78, 1, 1)}, "..AA...."},
		"one is lost":           {map[int64]engine.Packet{0: say("a", 0x78, 1, 1), 2: say("a", 0x78, 1, 1)}, "AcA....."},
		"five are lost":         {map[int64]engine.Packet{0: say("a", 0x78, 1, 1), 6: say("a", 0x78, 1, 1)}, "AcccccA."},
		"six are a silence":     {map[int64]engine.Packet{0: say("a", 0x78, 1, 1), 7: say("a", 0x78, 1, 1)}, "A......A"},
		"DTX":                   {map[int64]engine.Packet{0: say("a", 0x78, 1, 1), 1: say("a", 0x78)}, "AAcccccc"},
		"somebody else":         {map[int64]engine.Packet{0: say("a", 0x78, 1, 1), 1: say("b", 0x78, 1, 1), 2: say("b", 0x78, 1, 1)}, "ABB....."},
		"nothing to go on from": {map[int64]engine.Packet{3: say("a", 0x78, 1, 1)}, "...A...."},
	} {
		var tr track
		for at, p := range c.packets {
			p.Stream, p.Timestamp = uint32(at)+1, 0 // placed where it comes
			tr.put(p, at, 0)
		}
		var got strings.Builder
		for at := range int64(8) {
			payload, k, _ := tr.next(at)
			switch k {
			case silence:
				require.Nil(t, payload)
				got.WriteByte('.')
			case conceal:
				require.Equal(t, []byte{0x78}, payload)
				got.WriteByte('c')
			case packet:
				got.WriteString(strings.ToUpper(string(tr.user)))
			}
		}
		require.Equal(t, c.want, got.String(), name)
	}
}

// A frame that a decoder makes up is as long as any, of whatever frames the speaker's packets are.
func TestEmptyFrames(t *testing.T) {
	for config := range byte(32) {
		for _, packet := range [][]byte{{config << 3}, {config<<3 | 1}, {config<<3 | 3, 2}, {config<<3 | 3, 4}, {config<<3 | 3, 8}} {
			if audio.PacketDuration(packet) == audio.FrameDuration {
				require.Equal(t, audio.FrameDuration, audio.PacketDuration(empty(packet[0])), "% x", packet)
			}
		}
	}
}

func TestTrackRefuses(t *testing.T) {
	var tr track
	p := engine.Packet{User: "a", Stream: 1, Payload: []byte{0x78, 1, 1}}
	tr.put(p, 5, 10) // written already
	p.Stream = 2
	tr.put(p, 10+held, 10) // too far ahead to have a place
	p.Stream = 3
	tr.put(p, 20, 10)
	again := p
	again.Payload = []byte{0x78, 9, 9}
	tr.put(again, 20, 10)
	for at := int64(10); at < 10+held; at++ {
		_, payload := tr.take(at)
		require.Equal(t, at == 20, payload != nil, at)
		if payload != nil {
			require.Equal(t, p.Payload, payload, "the first one counts")
		}
	}
}

// What is repaired may be older than the recording.
func TestBeforeTheRecording(t *testing.T) {
	var tr track
	p := engine.Packet{User: "a", Stream: 1, Timestamp: 960 * 100, Payload: []byte{0x78, 1, 1}}
	tr.put(p, 0, 0)
	for range 3 {
		p.Timestamp -= 960
		tr.put(p, 1, 0)
	}
	for at := range int64(held) {
		_, payload := tr.take(at)
		require.Equal(t, at == 0, payload != nil, at)
	}
}

// Three hours of music without a pause from a clock that is off: each repair is one frame, and the track stays in time.
func TestDrift(t *testing.T) {
	const frameCount = 3 * 3600 * 50
	for _, ppm := range []float64{-100, -20, 0, 20, 100} {
		var tr track
		period := float64(audio.FrameDuration) / (1 + ppm/1e6)
		var sent, packets, missing, written, off int64
		for at := range int64(frameCount) {
			now := time.Duration(at) * audio.FrameDuration
			for ; float64(sent)*period <= float64(now); sent++ {
				tr.put(engine.Packet{User: "a", Stream: 1, Timestamp: uint32(sent) * 960, Payload: []byte{0x78, 1, 1}}, at, written)
				off = max(off, tr.clock.newest-at, at-tr.clock.newest)
			}
			if at < writeLate {
				continue
			}
			switch _, k, _ := tr.next(written); k {
			case packet:
				packets++
			case conceal:
				missing++
			case silence:
				require.Fail(t, "a hole", "%v ppm, frame %d", ppm, written)
			}
			written++
		}
		require.LessOrEqual(t, off, int64(mostOff+1), "%v ppm", ppm)
		require.InDelta(t, max(0, -ppm)*frameCount/1e6, missing, 4, "%v ppm", ppm)
		require.InDelta(t, sent-writeLate, packets, max(0, ppm)*frameCount/1e6+4, "%v ppm", ppm)
	}
}
