package audio

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// jitterScript drives a buffer with one letter per 20 ms of play-out. Packets are named by their index in the stream;
// packet i is sent at i*20 ms and holds the byte i.
type jitterScript struct {
	cfg      JitterConfig
	arrivals map[int][]int // at which 20 ms step which packets come, before that step's Pop
	steps    int
	seq      uint16             // sequence number of packet 0
	ts       uint32             // timestamp of packet 0
	gap      map[int]int        // packets before which the sender was silent for so many frames
	marker   map[int]bool       // packets with the marker
	quiet    bool               // the caller reports quiet
	seqOf    func(i int) uint16 // instead of seq+i
	dtx      map[int]bool       // packets that say that silence follows: all others have more bytes
	copies   []int              // each packet brings copies of those so far before it
}

// onTime lets packets from..to come at step i+late, each at its own.
func onTime(from, to, late int) map[int][]int {
	m := map[int][]int{}
	for i := from; i <= to; i++ {
		m[i+late] = append(m[i+late], i)
	}
	return m
}

func without(m map[int][]int, lost ...int) map[int][]int {
	for step, ps := range m {
		kept := ps[:0]
		for _, p := range ps {
			if !strings.Contains(fmt.Sprint(lost), fmt.Sprint(p)) {
				kept = append(kept, p)
			}
		}
		m[step] = kept
	}
	return m
}

func move(m map[int][]int, packet, step int) map[int][]int {
	without(m, packet)
	m[step] = append(m[step], packet)
	return m
}

// at returns packet i's timestamp.
func (s jitterScript) at(i int) uint32 {
	ts := s.ts + uint32(i)*FrameSamples
	for before, frames := range s.gap {
		if i >= before {
			ts += uint32(frames) * FrameSamples
		}
	}
	return ts
}

// run returns what was popped: "." silence, "~" the background, "c" conceal, "f3" FEC from packet 3, "3" packet 3, "3!" with reset.
func (s jitterScript) run() (string, JitterStats) {
	b := NewJitterBuffer(s.cfg)
	var out []string
	for step := range s.steps {
		now := epoch.Add(time.Duration(step) * FrameDuration)
		for _, i := range s.arrivals[step] {
			ts, seq := s.at(i), s.seq+uint16(i)
			if s.seqOf != nil {
				seq = s.seqOf(i)
			}
			payload := []byte{byte(i), 0, 0}
			if s.dtx[i] {
				payload = payload[:1]
			}
			b.Push(seq, ts, s.marker[i], payload, now)
			for _, d := range s.copies {
				if i >= d {
					b.PushCopy(s.at(i-d), ts-s.at(i-d), []byte{byte(i - d), 0, 0}, now)
				}
			}
		}
		payload, kind, reset := b.Pop(now)
		word := map[Kind]string{Silence: ".", Conceal: "c", Comfort: "~", FEC: "f", Packet: ""}[kind]
		if payload != nil {
			word += fmt.Sprint(payload[0])
		}
		if reset {
			word += "!"
		}
		out = append(out, word)
		b.Quiet(s.quiet)
	}
	return strings.Join(out, " "), b.Stats()
}

func TestJitterBuffer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		s     jitterScript
		want  string
		stats JitterStats // Received, Played, Delay and Target are not compared
	}{
		{"nothing ever comes", jitterScript{steps: 4}, ". . . .", JitterStats{}},
		{"steady stream starts after 40 ms", jitterScript{arrivals: onTime(0, 5, 0), steps: 7}, ". . 0 1 2 3 4", JitterStats{}},
		{"one lost is recovered from the next", jitterScript{arrivals: without(onTime(0, 9, 0), 3), steps: 9}, ". . 0 1 2 f4 4 5 6", JitterStats{Lost: 1, FEC: 1}},
		{"two lost are concealed and recovered", jitterScript{arrivals: without(onTime(0, 9, 0), 3, 4), steps: 9, cfg: JitterConfig{StartDelay: 60 * time.Millisecond}}, ". . . 0 1 2 c f5 5", JitterStats{Lost: 2, FEC: 1, Concealed: 1}},
		{"a packet without a copy of the lost one", jitterScript{arrivals: without(onTime(0, 9, 0), 3), steps: 9, cfg: JitterConfig{HasFEC: func(p []byte) bool { return p[0] != 4 }}}, ". . 0 1 2 c 4 5 6", JitterStats{Lost: 1, Concealed: 1}},
		{"timestamps that go back are no reason to stop", jitterScript{arrivals: onTime(0, 9, 0), steps: 8, gap: map[int]int{3: -50}}, ". . 0 1 2 3 4 5", JitterStats{}},
		{"three in the wrong order", jitterScript{arrivals: map[int][]int{0: {0}, 1: {1}, 4: {4, 3, 2}, 5: {5}, 6: {6}}, steps: 8}, ". . 0 1 2 3 4 5", JitterStats{}},
		{"a copy comes before FEC", jitterScript{arrivals: without(onTime(0, 9, 0), 3), steps: 9, copies: []int{1}}, ". . 0 1 2 3 4 5 6", JitterStats{Lost: 0, Copies: 1}},
		{"two lost, one copy: the other from its FEC", jitterScript{arrivals: without(onTime(0, 9, 0), 3, 4), steps: 9, copies: []int{1}, cfg: JitterConfig{StartDelay: 60 * time.Millisecond}}, ". . . 0 1 2 f4 4 5", JitterStats{Lost: 1, FEC: 1, Copies: 1}},
		{"two lost, two copies", jitterScript{arrivals: without(onTime(0, 9, 0), 3, 4), steps: 9, copies: []int{2, 1}, cfg: JitterConfig{StartDelay: 60 * time.Millisecond}}, ". . . 0 1 2 3 4 5", JitterStats{Copies: 2}},
		{"three lost, two copies: the first from the next one's FEC", jitterScript{arrivals: without(onTime(0, 9, 0), 3, 4, 5), steps: 10, copies: []int{2, 1}, cfg: JitterConfig{StartDelay: 80 * time.Millisecond}}, ". . . . 0 1 2 f4 4 5", JitterStats{Lost: 1, FEC: 1, Copies: 2}},
		{"a copy of what is there changes nothing", jitterScript{arrivals: onTime(0, 9, 0), steps: 8, copies: []int{2, 1}}, ". . 0 1 2 3 4 5", JitterStats{}},
		{"a copy that is older than all", jitterScript{arrivals: onTime(3, 9, 0), steps: 9, copies: []int{3, 2, 1}}, ". . . . . 3 4 5 6", JitterStats{}},
		{"a packet behind its copy", jitterScript{arrivals: move(onTime(0, 9, 0), 3, 5), steps: 8, copies: []int{1}}, ". . 0 1 2 3 4 5", JitterStats{Copies: 1, Duplicate: 1}},
		{"copies across silence", jitterScript{arrivals: map[int][]int{0: {0}, 3: {2}, 4: {3}, 5: {4}}, gap: map[int]int{2: 1}, steps: 8, copies: []int{1}}, ". . 0 1 . 2 3 4", JitterStats{Copies: 1}},
		{"copies where numbers wrap", jitterScript{arrivals: without(onTime(0, 9, 0), 2, 4), steps: 9, seq: 65534, ts: 1<<32 - 2*FrameSamples, copies: []int{1}}, ". . 0 1 2 3 4 5 6", JitterStats{Copies: 2}},
		{"neighbours swapped", jitterScript{arrivals: move(onTime(0, 9, 0), 3, 4), steps: 8}, ". . 0 1 2 3 4 5", JitterStats{}},
		{"first two swapped", jitterScript{arrivals: map[int][]int{0: {1}, 1: {0}, 2: {2}, 3: {3}}, steps: 5}, ". 0 1 2 3", JitterStats{}},
		{"duplicates, waiting and played", jitterScript{arrivals: map[int][]int{0: {0, 0}, 1: {1}, 2: {2}, 3: {3, 0}}, steps: 5}, ". . 0 1 2", JitterStats{Duplicate: 2}},
		{"a late packet makes the delay longer", jitterScript{arrivals: move(onTime(0, 9, 0), 3, 6), steps: 9}, ". . 0 1 2 f4 c 4 5", JitterStats{Lost: 1, Late: 1, FEC: 1, Concealed: 1}},
		{"everything late by 60 ms from 3 on", jitterScript{arrivals: map[int][]int{0: {0}, 1: {1}, 2: {2}, 6: {3}, 7: {4}, 8: {5}}, steps: 10}, ". . 0 1 2 c 3 4 5 c", JitterStats{Concealed: 2}},
		{"lost while waiting costs no time twice", jitterScript{arrivals: map[int][]int{0: {0}, 1: {1}, 2: {2}, 6: {4}, 7: {5}}, steps: 8}, ". . 0 1 2 c 4 5", JitterStats{Lost: 1, Concealed: 1}},
		{"sender stops: conceal five, then silence", jitterScript{arrivals: onTime(0, 2, 0), steps: 13}, ". . 0 1 2 c c c c c . . .", JitterStats{Concealed: 5}},
		{"sequence and timestamp wrap", jitterScript{arrivals: without(onTime(0, 9, 0), 3), steps: 9, seq: 65534, ts: 1<<32 - 2*FrameSamples}, ". . 0 1 2 f4 4 5 6", JitterStats{Lost: 1, FEC: 1}},
		{"marker after silence resets", jitterScript{arrivals: map[int][]int{0: {0}, 1: {1}, 2: {2}, 13: {3}, 14: {4}, 15: {5}}, gap: map[int]int{3: 10}, marker: map[int]bool{3: true}, steps: 18}, ". . 0 1 2 c c c c c . . . . . 3! 4 5", JitterStats{Concealed: 5}},
		{"marker at once resets and loses no time", jitterScript{arrivals: onTime(0, 9, 0), marker: map[int]bool{3: true}, steps: 8}, ". . 0 1 2 3! 4 5", JitterStats{}},
		{"short DTX gap is silence", jitterScript{arrivals: map[int][]int{0: {0}, 1: {1}, 4: {2}, 5: {3}, 6: {4}}, gap: map[int]int{2: 2}, steps: 9}, ". . 0 1 . . 2 3 4", JitterStats{}},
		{"DTX: the background goes on", jitterScript{arrivals: map[int][]int{0: {0}, 1: {1}, 6: {2}, 7: {3}, 8: {4}}, dtx: map[int]bool{1: true}, gap: map[int]int{2: 4}, steps: 11}, ". . 0 1 ~ ~ ~ ~ 2 3 4", JitterStats{Comfort: 4}},
		{"DTX: a sign of life between two silences", jitterScript{arrivals: map[int][]int{0: {0}, 1: {1}, 6: {2}, 7: {3}}, dtx: map[int]bool{1: true, 3: true}, gap: map[int]int{2: 4}, steps: 13}, ". . 0 1 ~ ~ ~ ~ 2 3 ~ ~ ~", JitterStats{Comfort: 7}},
		{"DTX whose beginning is lost is concealed and then silent", jitterScript{arrivals: map[int][]int{0: {0}, 10: {2}, 11: {3}}, gap: map[int]int{2: 8}, dtx: map[int]bool{1: true}, steps: 13}, ". . 0 c c c c c . . . . 2!", JitterStats{Lost: 1, Concealed: 5}},
		{"lost marker resets all the same", jitterScript{arrivals: map[int][]int{0: {0}, 1: {1}, 4: {3}, 5: {4}, 6: {5}}, gap: map[int]int{2: 1}, steps: 8}, ". . 0 1 c c 3! 4", JitterStats{Lost: 1, Concealed: 2}},
		{"a heap after a stall is cut to 200 ms", jitterScript{arrivals: map[int][]int{0: {0}, 1: {1}, 2: {2}, 20: {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}}, steps: 23}, ". . 0 1 2 c c c c c . . . . . . . . . . 3 10 11", JitterStats{Concealed: 5, Dropped: 6}},
		{"a stray number is left out", jitterScript{arrivals: onTime(0, 9, 0), steps: 8, seqOf: func(i int) uint16 {
			if i == 3 {
				return 30000
			}
			return uint16(i)
		}}, ". . 0 1 2 f4 4 5", JitterStats{Late: 1, Lost: 1, FEC: 1}},
		{"two in a row are another stream", jitterScript{arrivals: onTime(0, 12, 0), steps: 9, seqOf: func(i int) uint16 {
			if i >= 3 {
				return 30000 + uint16(i)
			}
			return uint16(i)
		}}, ". . 0 1 . . 4! 5 6", JitterStats{Late: 1}},
		{"far ahead after an outage", jitterScript{arrivals: map[int][]int{0: {0}, 1: {1}, 2: {200}, 3: {201}, 4: {202}}, steps: 6, seq: 100}, ". . . . 200! 201", JitterStats{Dropped: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, stats := tt.s.run()
			require.Equal(t, tt.want, got)
			stats.Received, stats.Played, stats.Delay, stats.Target = 0, 0, 0, 0
			stats.Gaps, stats.Faded, stats.Jitter = 0, 0, 0 // see TestGaps, TestFaded and TestJitterIsMeasured
			require.Equal(t, tt.stats, stats)
		})
	}
}

// Where nothing is played (a bot without a codec) nothing is asked for: nobody would hear it. Where play-out has stopped that
// is known after as many packets as there is room for.
func TestMissingWithoutPlayOut(t *testing.T) {
	for _, pops := range []int{0, 20} {
		b := NewJitterBuffer(JitterConfig{})
		asked := 0
		for i := range 1000 {
			now := epoch.Add(time.Duration(i) * FrameDuration)
			if i%10 != 0 {
				b.Push(uint16(i), uint32(i)*FrameSamples, false, []byte{1, 2, 3}, now)
				asked += len(b.Missing(nil, 0, now))
			}
			if i < pops {
				b.Pop(now)
			}
		}
		require.LessOrEqual(t, asked, (pops+jitterSlots)/10*min(pops, 1), "%d pops", pops)
		require.Equal(t, pops > 0, asked > 0, "%d pops", pops)
	}
}
