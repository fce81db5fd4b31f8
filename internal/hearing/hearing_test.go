package hearing

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"

	"github.com/stretchr/testify/require"
)

func delayed(s []int16, ms int) []int16 { return append(make([]int16, ms*48), s...) }

func scaled(s []int16, db float64) []int16 {
	out := make([]int16, len(s))
	for i, v := range s {
		out[i] = int16(float64(v) * math.Pow(10, db/20))
	}
	return out
}

// holes silences n frames of 20 ms out of every of them, beginning somewhere within a frame.
func holes(s []int16, n, of int) []int16 {
	out := append([]int16(nil), s...)
	for i := 300; i < len(out); i += of * audio.FrameSamples {
		clear(out[i:min(i+n*audio.FrameSamples, len(out))])
	}
	return out
}

func TestCompare(t *testing.T) {
	said := speech.Host()
	cut := delayed(said, 80)
	late := append(append([]int16(nil), cut[:4*48000]...), make([]int16, 40*48)...)
	for _, tt := range []struct {
		name  string
		heard []int16
		ok    bool
		delay float64
	}{
		{"identical", said, true, 0},
		{"delayed by 52 ms", delayed(said, 52), true, 52},
		{"delay grows by 40 ms in the call", append(late, cut[4*48000:]...), true, 100},
		{"delayed by more than looked for", delayed(said, 700), false, -1},
		{"another speaker", speech.Guest(), false, -1},
		{"both speakers at once", mixed(said, speech.Guest()), false, -1},
		{"10 % missing", holes(delayed(said, 60), 1, 10), false, 60},
		{"second half missing", said[:len(said)/2], false, -1},
		{"6 dB softer", scaled(said, -6), false, 0},
		{"2 dB softer", scaled(said, -2), true, 0},
		{"30 dB softer", scaled(said, -30), false, -1},
		{"silence", make([]int16, len(said)), false, -1},
		{"nothing", nil, false, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Compare(said, tt.heard, Options{})
			t.Logf("%+v", r)
			require.Equal(t, tt.ok, r.OK)
			require.Equal(t, tt.ok, r.Reason == "")
			if tt.delay >= 0 {
				require.InDelta(t, tt.delay, r.DelayMS, 21)
			}
		})
	}
}

func mixed(a, b []int16) []int16 {
	out := append([]int16(nil), a...)
	for i := range min(len(a), len(b)) {
		out[i] += b[i]
	}
	return out
}

func TestCompareMeasures(t *testing.T) {
	said := speech.Guest()
	require.Equal(t, Report{Correlation: 1, OK: true}, Compare(said, said, Options{}))
	require.InDelta(t, 52, Compare(said, delayed(said, 52), Options{}).DelayMS, 0.1)
	require.InDelta(t, -6, Compare(said, scaled(said, -6), Options{}).LevelDB, 0.1)

	r := Compare(said, holes(said, 5, 50), Options{})
	require.InDelta(t, 10, r.MissingPct, 4)
	require.InDelta(t, 7, r.Gaps, 2, "a hole of 100 ms each second")
	require.Zero(t, Compare(said, holes(said, 1, 10), Options{}).Gaps, "20 ms are no gap")
}

func TestCompareNothingToJudge(t *testing.T) {
	voice := speech.Host()
	require.Contains(t, Compare(nil, voice, Options{}).Reason, "too little was said")
	require.Contains(t, Compare(make([]int16, 96000), voice, Options{}).Reason, "nothing was said")
	require.Contains(t, Compare(voice, make([]int16, 96000), Options{}).Reason, "nothing was heard")
}

func TestReportJSON(t *testing.T) {
	b, err := json.Marshal(Report{Correlation: 0.987, LevelDB: -0.4, MissingPct: 0.2, Gaps: 1, DelayMS: 63.5, OK: true})
	require.NoError(t, err)
	require.JSONEq(t, `{"correlation":0.987,"level_db":-0.4,"missing_pct":0.2,"gaps":1,"delay_ms":63.5,"ok":true}`, string(b))
	_, err = json.Marshal(Compare(speech.Host(), nil, Options{}))
	require.NoError(t, err)
}

func TestSilent(t *testing.T) {
	silent, level := Silent(nil)
	require.True(t, silent)
	require.Equal(t, floor, level)

	quiet := make([]int16, 96000)
	for i := range quiet {
		quiet[i] = int16(i % 3)
	}
	silent, _ = Silent(quiet)
	require.True(t, silent, "a dithered zero")

	copy(quiet[50000:], speech.Host()[20000:22000])
	silent, level = Silent(quiet)
	require.False(t, silent, "40 ms of a voice in 2 s")
	require.Greater(t, level, -50.0)
}

func TestToneLevel(t *testing.T) {
	tone := make([]int16, 9600)
	for i := range tone {
		tone[i] = int16(math.Round(0.5 * 32768 * math.Sin(2*math.Pi*440*float64(i)/48000)))
	}
	require.InDelta(t, -6, ToneLevel(tone, 440), 0.1)
	require.Less(t, ToneLevel(tone, 660), -70.0)
	require.Equal(t, floor, ToneLevel(nil, 440))
	require.Equal(t, floor, ToneLevel(make([]int16, 960), 440))
}

func BenchmarkCompare(b *testing.B) {
	said := speech.Host()
	heard := delayed(said, 120)
	for b.Loop() {
		Compare(said, heard, Options{})
	}
}
