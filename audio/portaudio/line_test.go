package portaudio

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

func testLine(t testing.TB, dir direction, channels int) *line {
	t.Helper()
	l, err := newLine(dir, Device{}, params{channels: channels, rate: 44100}, 1, new(counts))
	require.NoError(t, err)
	return l
}

// The card's thread may be given no reason to be late, whatever the other side does or does not do.
func TestTheCardsThreadNeitherAllocatesNorWaits(t *testing.T) {
	buf := make([]int16, 480)
	for name, c := range map[string]struct {
		dir  direction
		work func(l *line) // of the other side
	}{
		"microphone, read":           {in, func(l *line) { l.skip(480) }},
		"microphone, nobody reads":   {in, func(*line) {}},
		"speaker, written to":        {out, func(l *line) { l.write(buf) }},
		"speaker, nobody writes":     {out, func(*line) {}},
		"speaker, begun and starved": {out, func(l *line) { l.fed.Store(1) }},
	} {
		t.Run(name, func(t *testing.T) {
			l := testLine(t, c.dir, 1)
			call := cardThread(t, l)
			// It runs on this goroutine: if it waited for the other side, it would wait for ever.
			require.Zero(t, testing.AllocsPerRun(1000, func() {
				c.work(l)
				call(buf, false)
			}))
			require.Equal(t, uint64(1001), l.beats.Load())
			require.Equal(t, uint64(480), l.period.Load())
		})
	}
}

func TestWhatDoesNotFitIsCounted(t *testing.T) {
	mic := testLine(t, in, 2)
	captured := cardThread(t, mic)
	whole := make([]int16, len(mic.ring.buf))
	captured(whole, false)
	require.Zero(t, mic.counts.overruns.Load())
	captured(whole[:2], false)
	require.Equal(t, uint64(1), mic.counts.overruns.Load())
	mic.skip(4)
	captured(whole[:2], true)
	require.Equal(t, uint64(2), mic.counts.overruns.Load(), "the card lost some")

	// Six channels do not go evenly into a ring: it takes whole frames, or left would be right from then on.
	wide := testLine(t, in, 6)
	captured = cardThread(t, wide)
	for range len(wide.buf)/60 + 2 {
		captured(make([]int16, 60), false)
	}
	require.Greater(t, wide.len(), len(wide.buf)-6)
	require.Zero(t, wide.len()%6)
	require.Equal(t, uint64(2), wide.counts.overruns.Load())

	speaker := testLine(t, out, 1)
	played := cardThread(t, speaker)
	p := []int16{7, 7, 7}
	played(p, false)
	require.Equal(t, []int16{0, 0, 0}, p)
	require.Zero(t, speaker.counts.underruns.Load(), "nothing was to be played yet")
	speaker.fed.Store(1)
	speaker.write([]int16{1, 2})
	p = []int16{7, 7, 7}
	played(p, false)
	require.Equal(t, []int16{1, 2, 0}, p)
	require.Equal(t, uint64(1), speaker.counts.underruns.Load())
}

// tone returns n frames of a sine on the first two channels; the second has half of it.
func tone(n, channels, rate int, hz float64) []int16 {
	list := make([]int16, n*channels)
	for i := range n {
		v := 16000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))
		list[i*channels] = int16(math.Round(v))
		if channels > 1 {
			list[i*channels+1] = int16(math.Round(v / 2))
		}
	}
	return list
}

func snr(want, got []int16) float64 {
	var signal, noise float64
	for i := range want {
		d := float64(want[i]) - float64(got[i])
		signal += float64(want[i]) * float64(want[i])
		noise += d * d
	}
	return 10 * math.Log10(signal/max(noise, 1))
}

func TestToneThroughTheConverter(t *testing.T) {
	for _, c := range []struct {
		name             string
		from, to         int
		fromRate, toRate int
	}{
		{"mono as it is", 1, 1, 48000, 48000},
		{"card of 44.1 kHz to frames", 1, 1, 44100, 48000},
		{"frames to a card of 44.1 kHz", 1, 1, 48000, 44100},
		{"stereo from 44.1 kHz", 2, 2, 44100, 48000},
		{"stereo to 96 kHz", 2, 2, 48000, 96000},
		{"mono from 16 kHz for stereo", 1, 2, 16000, 48000},
		{"stereo frames to a card of 44.1 kHz and 8 channels", 2, 8, 48000, 44100},
		{"a card of 6 channels to stereo", 6, 2, 44100, 48000},
	} {
		t.Run(c.name, func(t *testing.T) {
			conv, err := newConverter(c.from, c.to, c.fromRate, c.toRate)
			require.NoError(t, err)
			const seconds = 4
			src := tone(seconds*c.fromRate, c.from, c.fromRate, 1000)
			var got []int16
			for step := c.fromRate / 50 * c.from; len(src) > 0; src = src[min(step, len(src)):] {
				got = conv.convert(got, src[:min(step, len(src))])
			}
			// What the filter still holds is not there; otherwise the length is kept over any time.
			require.InDelta(t, seconds*c.toRate, len(got)/c.to, 200)
			require.LessOrEqual(t, len(got)/c.to, seconds*c.toRate)
			want := tone(len(got)/c.to, c.to, c.toRate, 1000)
			if c.from == 1 && c.to > 1 {
				want = remap(nil, tone(len(got)/c.to, 1, c.toRate, 1000), 1, c.to)
			}
			edge := c.toRate / 100 * c.to
			require.Greater(t, snr(want[edge:], got[edge:]), 60.0)
		})
	}
	_, err := newConverter(1, 1, 96001, 48000)
	require.ErrorIs(t, err, audio.ErrFormat)
}

func TestRemap(t *testing.T) {
	for _, c := range []struct {
		name      string
		from, to  int
		src, want []int16
	}{
		{"mono to both sides", 1, 2, []int16{1, 2}, []int16{1, 1, 2, 2}},
		{"mono to the first two of four", 1, 4, []int16{5}, []int16{5, 5, 0, 0}},
		{"stereo to its mean", 2, 1, []int16{10, 20, 32767, 32767}, []int16{15, 32767}},
		{"the first two of four", 4, 2, []int16{1, 2, 3, 4}, []int16{1, 2}},
		{"the mean of the first two of four", 4, 1, []int16{1, 3, 9, 9}, []int16{2}},
		{"stereo to four", 2, 4, []int16{1, 2}, []int16{1, 2, 0, 0}},
		{"as it is", 2, 2, []int16{1, 2}, []int16{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, remap(nil, c.src, c.from, c.to)) })
	}
}
