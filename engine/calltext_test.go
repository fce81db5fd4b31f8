package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// made is a report of rows of 2 s.
func made(line func(i int, l *LineRow), speakers map[UserID]func(i int, r *SpeakerRow)) CallReport {
	begin := time.Date(2026, 11, 23, 10, 2, 0, 0, time.UTC)
	r := CallReport{RoomID: "r", UserID: "bert", Begin: begin, End: begin.Add(time.Minute), Seconds: 2}
	for i := range 30 {
		l := LineRow{Begin: begin.Add(time.Duration(2*i) * time.Second), Seconds: 2, RoundTrip: 60, Sent: 100}
		line(i, &l)
		r.Line = append(r.Line, l)
	}
	for _, u := range []UserID{"alice", "carl"} {
		change := speakers[u]
		if change == nil {
			continue
		}
		s := SpeakerReport{UserID: u, Total: SpeakerRow{
			Begin: begin, Seconds: 60, Packets: 3000, UpLoss: 1, DownLoss: 3.26, Concealed: 0.4, Delay: 112.4, R: 89.6, MOS: 4.33,
		}}
		for i := range 30 {
			row := SpeakerRow{Begin: begin.Add(time.Duration(2*i) * time.Second), Seconds: 2, Packets: 100, Buffer: 45, Delay: 110, Jitter: 3}
			change(i, &row)
			s.Rows = append(s.Rows, row)
		}
		r.Speakers = append(r.Speakers, s)
	}
	return r
}

func between(from, to int, change func(*SpeakerRow)) func(int, *SpeakerRow) {
	return func(i int, r *SpeakerRow) {
		if i >= from && i < to {
			change(r)
		}
	}
}

func TestCallReportInWords(t *testing.T) {
	nothing := func(int, *LineRow) {}
	own := func(from, to int, change func(*LineRow)) func(int, *LineRow) {
		return func(i int, l *LineRow) {
			if i >= from && i < to {
				change(l)
			}
		}
	}
	type speakers = map[UserID]func(int, *SpeakerRow)
	fine := between(0, 0, nil)
	head := "bert in room r, 10:02:00 to 10:03:00\n"
	alice := "alice: MOS 4.3 (R 90), 112 ms from mouth to ear, 4.3 % lost, 0.4 % made up\n"
	both := head + alice + strings.Replace(alice, "alice", "carl", 1)
	for _, tt := range []struct {
		name     string
		line     func(int, *LineRow)
		speakers speakers
		want     string
	}{
		{"nobody", nothing, nil, head + "Nobody was heard.\nNothing was wrong.\n"},
		{"nothing", nothing, speakers{"alice": fine}, head + alice + "Nothing was wrong.\n"},
		{
			"lost on the own line", nothing,
			speakers{"alice": between(5, 20, func(r *SpeakerRow) { r.DownLoss, r.Concealed = 12, 3 }), "carl": between(5, 20, func(r *SpeakerRow) { r.DownLoss = 12 })},
			both + "10:02:10-10:02:40: 12 % of the packets were lost on the way to you, on your own line; 3.0 % of what alice said was made up.\n",
		},
		{
			"lost on the speaker's line",
			nothing,
			speakers{"alice": between(5, 20, func(r *SpeakerRow) { r.UpLoss, r.Concealed = 4, 2.5 }), "carl": fine},
			both + "10:02:10-10:02:40: 4.0 % of the packets from alice were lost between alice and the server; 2.5 % of what alice said was made up.\n",
		},
		{
			"repaired by the server, which looks irregular",
			nothing,
			speakers{"alice": between(5, 20, func(r *SpeakerRow) { r.SpeakerLoss, r.Jitter, r.Buffer = 12, 30, 120 }), "carl": fine},
			both + "10:02:10-10:02:40: 12 % of the packets from alice were lost between alice and the server; nothing was made up.\n",
		},
		{
			"repaired by the server, and not heard", nothing,
			speakers{"alice": between(5, 20, func(r *SpeakerRow) { r.SpeakerLoss = 12 })},
			head + alice + "Nothing was wrong.\n",
		},
		{
			"one speaker irregular", nothing,
			speakers{"alice": between(5, 20, func(r *SpeakerRow) { r.Late, r.Jitter, r.Buffer, r.Concealed = 3, 61.4, 180, 2 }), "carl": fine},
			both + "10:02:10-10:02:40: packets from alice came irregularly, by 61 ms: up to 180 ms were waited for them; 2.0 % of what alice said was made up.\n",
		},
		{
			"so irregular that it looks like a loss", nothing,
			speakers{"alice": between(5, 20, func(r *SpeakerRow) { r.SpeakerLoss, r.UpLoss, r.Jitter, r.Buffer, r.Concealed = 3, 1, 61, 120, 2 })},
			head + alice + "10:02:10-10:02:40: packets from alice came irregularly, by 61 ms: up to 120 ms were waited for them; 2.0 % of what alice said was made up.\n",
		},
		{
			"everybody irregular", nothing,
			speakers{"alice": between(5, 20, func(r *SpeakerRow) { r.Jitter, r.Buffer = 40, 150 }), "carl": between(5, 20, func(r *SpeakerRow) { r.Jitter, r.Buffer = 44, 140 })},
			both + "10:02:10-10:02:40: packets came irregularly from everybody, by 44 ms, so probably on your own line: up to 150 ms were waited for them; nothing was made up.\n",
		},
		{
			"a long way", nothing, speakers{"alice": between(0, 30, func(r *SpeakerRow) { r.Delay = 320 })},
			head + alice + "10:02:00-10:03:00: what alice said took up to 320 ms from mouth to ear: the way is long.\n",
		},
		{
			"the device", own(3, 6, func(l *LineRow) { l.Unplayed = 12 }),
			speakers{"alice": between(3, 6, func(r *SpeakerRow) { r.Concealed, r.Late, r.Jitter, r.Buffer = 5, 4, 30, 200 })},
			head + alice + "10:02:06-10:02:12: this device was too slow: for 12 % of the time it had nothing ready to play.\n",
		},
		{
			"no path, and what was missed comes to light behind it", own(3, 6, func(l *LineRow) { l.Down = true }),
			speakers{"alice": between(6, 7, func(r *SpeakerRow) { r.Packets, r.DownLoss, r.Concealed = 400, 75, 75 })},
			head + alice + "10:02:06-10:02:12: your connection for media was gone: you heard nobody, and nobody heard you.\n",
		},
		{
			"the own microphone, twice", func(i int, l *LineRow) {
				if i%20 < 3 {
					l.UpLoss = 5.04
				}
			},
			speakers{"alice": fine},
			head + alice + "10:02:00-10:02:06: 5.0 % of your packets were lost on the way to the server; others may have heard gaps.\n" +
				"10:02:40-10:02:46: 5.0 % of your packets were lost on the way to the server; others may have heard gaps.\n",
		},
		{
			"nobody knows", nothing, speakers{"alice": between(3, 4, func(r *SpeakerRow) { r.Concealed = 4 })},
			head + alice + "10:02:06-10:02:08: 4.0 % of what alice said was made up, and no loss, delay or slowness says why.\n",
		},
		{
			"nothing but a little slowness", own(3, 4, func(l *LineRow) { l.Unplayed = 2 }),
			speakers{"alice": between(3, 4, func(r *SpeakerRow) { r.Concealed = 4 })},
			head + alice + "10:02:06-10:02:08: this device was too slow: for 2.0 % of the time it had nothing ready to play.\n",
		},
		{
			"nothing but a little jitter", nothing, speakers{"alice": between(3, 4, func(r *SpeakerRow) { r.Concealed, r.Jitter = 4, 7 })},
			head + alice + "10:02:06-10:02:08: packets from alice came irregularly, by 7 ms: up to 45 ms were waited for them; 4.0 % of what alice said was made up.\n",
		},
		{
			"too little to say", func(i int, l *LineRow) { l.Sent, l.UpLoss = 3, 33.33 },
			speakers{"alice": between(0, 30, func(r *SpeakerRow) { r.Packets, r.DownLoss, r.Concealed, r.Late = 4, 25, 25, 25 })},
			head + alice + "Nothing was wrong.\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, made(tt.line, tt.speakers).String())
		})
	}
}

// The names of the fields are for other programs: they do not change by accident.
func TestCallReportJSON(t *testing.T) {
	r := made(func(i int, l *LineRow) { l.UpLoss, l.Unplayed, l.Down = 1.25, 6, i == 0 }, nil)
	r.Line = r.Line[:1]
	row := SpeakerRow{
		Begin: r.Begin, Seconds: 2, Packets: 100, SpeakerLoss: 3, UpLoss: 2, DownLoss: 1, Late: 4, Copies: 5, FEC: 6, Concealed: 7,
		Buffer: 60, Delay: 120, Jitter: 9.5, Drift: -12.5, R: 80.1, MOS: 4.02,
	}
	r.Speakers = []SpeakerReport{{UserID: "alice", Total: row, Rows: []SpeakerRow{row}}}
	b, err := json.MarshalIndent(r, "", "  ")
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/callreport.json")
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(want)), string(b))
	var again CallReport
	require.NoError(t, json.Unmarshal(b, &again))
	require.Equal(t, r, again)
}

// A call of many hours has no more rows than one of minutes, and they add up to the same.
func TestCallLogIsBounded(t *testing.T) {
	began := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	c := callLog{room: "r", user: "bert", began: began, every: NetworkInterval}
	const looks = 20_000 // 11 hours
	for i := range looks {
		at := began.Add(time.Duration(i)*NetworkInterval + time.Duration(i%7)*time.Millisecond)
		var list []heardRow
		if i%3 != 0 {
			list = append(list, heardRow{"alice", hearing{expected: 100, lost: 10, played: 90, missing: 10, gaps: 5, weight: 90, delay: 90 * 0.05}})
		}
		if i < 600 { // somebody each 6 s
			list = append(list, heardRow{UserID(fmt.Sprint("u", i/6)), hearing{expected: 1, weight: 1}})
		}
		c.add(row{begin: at, length: NetworkInterval, sent: 100, sentLost: 1, trip: 60 * time.Millisecond}, list, nil)
		require.LessOrEqual(t, len(c.rows), maxRows)
	}
	r := c.report(began.Add(looks * NetworkInterval))
	require.Equal(t, 256.0, r.Seconds)
	require.Greater(t, len(r.Line), maxRows/2)
	sent := 0
	for i, l := range r.Line {
		sent += l.Sent
		require.InDelta(t, 256, l.Seconds, 257)
		require.Equal(t, 1.0, l.UpLoss)
		if i > 0 {
			require.WithinDuration(t, r.Line[i-1].Begin.Add(256*time.Second), l.Begin, time.Second)
		}
	}
	require.Equal(t, looks*100, sent)
	require.LessOrEqual(t, len(r.Speakers), maxHeard)
	alice := r.Speakers[len(r.Speakers)-1]
	require.Equal(t, UserID("alice"), alice.UserID, "heard last")
	require.Equal(t, 1_333_300, alice.Total.Packets)
	require.Equal(t, 10.0, alice.Total.DownLoss)
	require.Equal(t, 10.0, alice.Total.Concealed)
	require.Equal(t, 50.0, alice.Total.Buffer)
	require.LessOrEqual(t, len(alice.Rows), maxRows)
}
