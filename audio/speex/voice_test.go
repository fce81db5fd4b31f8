//go:build cgo

package speex_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/speex"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
)

const second = audio.SampleRate

// level returns the RMS in dBov.
func level(x []int16) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(x))/(32767*32767)+1e-12)
}

// kept returns how much of what was said is in what was heard 20 ms later: its gain, and what there is beside it, in dB.
func kept(said, heard []int16) (gain, clean float64) {
	var sh, ss, hh float64
	for i := range min(len(said), len(heard)-audio.FrameSamples) {
		a, b := float64(said[i]), float64(heard[i+audio.FrameSamples])
		sh, ss, hh = sh+a*b, ss+a*a, hh+b*b
	}
	g := sh / ss
	return 20 * math.Log10(math.Abs(g)), 10 * math.Log10(g*g*ss/(hh-g*g*ss))
}

// later is x as a processor would give it that changes nothing.
func later(x []int16) []int16 { return append(make([]int16, audio.FrameSamples), x...) }

// long repeats speech to some seconds.
func long(x []int16, seconds int) []int16 {
	y := make([]int16, 0, seconds*second)
	for len(y) < cap(y) {
		y = append(y, x[:min(len(x), cap(y)-len(y))]...)
	}
	return y
}

// noise is white, of so many dBov.
func noise(n int, dbov float64) []int16 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]int16, n)
	for i := range x {
		x[i] = int16(math.Round(32767 * math.Pow(10, dbov/20) * r.NormFloat64()))
	}
	return x
}

func sum(parts ...[]int16) []int16 {
	y := make([]int16, len(parts[0]))
	for i := range y {
		v := 0
		for _, p := range parts {
			v += int(p[i])
		}
		y[i] = int16(min(max(v, -32767), 32767))
	}
	return y
}

func scale(x []int16, db float64) []int16 {
	g := math.Pow(10, db/20)
	y := make([]int16, len(x))
	for i, v := range x {
		y[i] = int16(math.Round(min(max(float64(v)*g, -32767), 32767)))
	}
	return y
}

// room is what a microphone hears of a loudspeaker: the sound itself after so many ms and, 20 dB below it in sum, 60
// reflections that fall by 60 dB in 150 ms, all of it 10 dB softer than played. ppm is how much faster the microphone's
// clock is.
func room(x []int16, ms int, seed uint64, ppm float64) []int16 {
	r := rand.New(rand.NewPCG(seed, 1))
	y := make([]float64, len(x))
	add := func(delay int, gain float64) {
		for i := delay; i < len(x); i++ {
			y[i] += gain * float64(x[i-delay])
		}
	}
	add(ms*second/1000, .3)
	for range 60 {
		after := r.IntN(second * 15 / 100)
		add(ms*second/1000+50+after, .3*.05*r.NormFloat64()*math.Exp(-6.9*float64(after)/(.15*second)))
	}
	z := make([]int16, len(x))
	for i := range z {
		at := min(float64(i)*(1-ppm/1e6), float64(len(y)-1))
		k := int(at)
		z[i] = int16(math.Round(y[k] + (at-float64(k))*(y[min(k+1, len(y)-1)]-y[k])))
	}
	return z
}

func open(t testing.TB, o speex.Options) *speex.Processor {
	t.Helper()
	p, err := speex.New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// call processes a whole call of whole frames in mono; without far nothing is played.
func call(t testing.TB, p *speex.Processor, near, far []int16) []int16 {
	t.Helper()
	y := append([]int16(nil), near...)
	for i := 0; i+audio.FrameSamples <= len(y); i += audio.FrameSamples {
		if far != nil {
			require.NoError(t, p.Played(far[i:i+audio.FrameSamples]))
		}
		require.NoError(t, p.Process(y[i:i+audio.FrameSamples]))
	}
	return y
}

// less returns by how many dB a part of the call, in seconds, is softer than it was captured.
func less(mic, out []int16, from, to int) float64 {
	return level(mic[from*second:to*second]) - level(out[from*second:to*second])
}

func TestEchoIsCancelled(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	far := long(speech.Host(), 16)
	for name, c := range map[string]struct {
		ms   int
		opts speex.Options
	}{
		"a fast card":        {20, speex.Options{}},
		"a usual card":       {60, speex.Options{}},
		"a slow card":        {120, speex.Options{}},
		"a very slow card":   {280, speex.Options{EchoTail: 0.4e9}},
		"for a stereo pair":  {60, speex.Options{FarChannels: 2}},
		"the least of noise": {60, speex.Options{NoiseSuppression: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, c.opts)
			p.SetGainControl(false) // it would make what is left louder
			mic := sum(room(far, c.ms, 1, 0), noise(len(far), -70))
			out := call(t, p, mic, far)
			t.Logf("%.1f %.1f %.1f", less(mic, out, 0, 2), less(mic, out, 4, 8), less(mic, out, 8, 16))
			require.Greater(t, less(mic, out, 4, 8), 20.0, "learnt in 4 s")
			require.Greater(t, less(mic, out, 8, 16), 25.0)
		})
	}
}

// With the gain control, which sees only what is left, echo must not be brought up again.
func TestEchoIsNotBroughtUpAgain(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	far := long(speech.Host(), 16)
	mic := sum(room(far, 60, 1, 0), noise(len(far), -70))
	out := call(t, open(t, speex.Options{}), mic, far)
	t.Logf("%.1f %.1f %.1f", less(mic, out, 0, 2), less(mic, out, 4, 8), less(mic, out, 8, 16))
	require.Greater(t, less(mic, out, 8, 16), 15.0)
}

func TestAnEchoBeyondTheTailStays(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	far := long(speech.Host(), 8)
	p := open(t, speex.Options{})
	p.SetGainControl(false)
	mic := room(far, 280, 1, 0)
	require.Less(t, less(mic, call(t, p, mic, far), 4, 8), 12.0, "this is what EchoTail is for")
}

func TestStereoEchoNeedsBothChannels(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	l, r := sum(scale(long(speech.Host(), 12), -3), scale(long(speech.Guest(), 12), -14)), sum(scale(long(speech.Host(), 12), -14), scale(long(speech.Guest(), 12), -3))
	mic := sum(room(l, 60, 1, 0), room(r, 62, 2, 0))
	var left [3]float64
	for channels := 1; channels <= 2; channels++ {
		p := open(t, speex.Options{FarChannels: channels})
		p.SetGainControl(false)
		out, far := append([]int16(nil), mic...), audio.NewFrame(2)
		for i := 0; i < len(out); i += audio.FrameSamples {
			for k := range audio.FrameSamples {
				far[2*k], far[2*k+1] = l[i+k], r[i+k]
			}
			require.NoError(t, p.Played(far))
			require.NoError(t, p.Process(out[i:i+audio.FrameSamples]))
		}
		left[channels] = less(mic, out, 6, 12)
	}
	t.Logf("%.1f %.1f", left[1], left[2])
	require.Greater(t, left[1], 6.0)
	require.Greater(t, left[2], left[1]+4)
}

func TestWhoSpeaksAtTheSameTimeIsHeard(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	far := long(speech.Host(), 20)
	near := make([]int16, len(far))
	guest := speech.Guest()
	copy(near[10*second:], guest)
	near = scale(near, -6)
	mic := sum(room(far, 60, 1, 0), near, noise(len(far), -70))
	p := open(t, speex.Options{})
	p.SetGainControl(false)
	out := call(t, p, mic, far)
	from, to := 10*second, 10*second+len(guest)
	gain, clean := kept(near[from:to], out[from:])
	_, before := kept(near[from:to], later(mic[from:to]))
	t.Logf("gain %.1f, clean %.1f, before %.1f", gain, clean, before)
	require.InDelta(t, 0, gain, 2, "as loud as it was said")
	require.Greater(t, clean, before+3, "and more of it than of the echo")
	require.Greater(t, less(mic, out, 19, 20), 25.0, "nor has the canceller forgotten the room")
}

// With a sound card of its own for either direction, the canceller is shown what was played at the microphone's pace.
func TestTwoCardsEcho(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	for _, ppm := range []float64{-100, 30} { // how much faster the microphone's clock is
		synctest.Test(t, func(t *testing.T) {
			p := open(t, speex.Options{})
			p.SetGainControl(false)
			far := long(speech.Host(), 92)
			mic := sum(room(far, 60, 1, ppm), noise(len(far), -70))
			begin, out := time.Now(), append([]int16(nil), mic...)
			tick := float64(audio.FrameDuration) // of the loudspeaker's clock
			i := 0
			for k := 0; k+audio.FrameSamples <= 90*second; k += audio.FrameSamples {
				captured := begin.Add(time.Duration(tick * float64(k+audio.FrameSamples) / audio.FrameSamples / (1 + ppm/1e6)))
				for ; !begin.Add(time.Duration(tick*float64(i)/audio.FrameSamples)).After(captured) && i+audio.FrameSamples <= len(far); i += audio.FrameSamples {
					time.Sleep(time.Until(begin.Add(time.Duration(tick * float64(i) / audio.FrameSamples))))
					require.NoError(t, p.Played(far[i:i+audio.FrameSamples]))
				}
				time.Sleep(time.Until(captured))
				require.NoError(t, p.Process(out[k:k+audio.FrameSamples]))
			}
			t.Logf("%v ppm: %.1f before, %.1f after", ppm, less(mic, out, 40, 58), less(mic, out, 75, 90))
			require.Greater(t, less(mic, out, 75, 90), 25.0)
		})
	}
}

// A hiccup of a card moves the echo by a frame; clocks that differ move it all the time.
func TestTheEchoMoves(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	far := long(speech.Host(), 20)
	hum := noise(len(far), -70)
	still := room(far, 60, 1, 0)
	moved := append(append([]int16(nil), still[:10*second]...), still[10*second-audio.FrameSamples:]...)[:len(still)]
	for name, c := range map[string]struct {
		mic   []int16
		least float64
	}{
		"by 20 ms, once": {moved, 20},
		"by 20 ppm":      {room(far, 60, 1, 20), 12},
		"by 100 ppm":     {room(far, 60, 1, 100), 3},
		"by -100 ppm":    {room(far, 60, 1, -100), 3},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, speex.Options{})
			p.SetGainControl(false)
			mic := sum(c.mic, hum)
			out := call(t, p, mic, far)
			t.Logf("%.1f %.1f", less(mic, out, 10, 12), less(mic, out, 14, 20))
			require.Greater(t, less(mic, out, 14, 20), c.least)
		})
	}
}

func TestNoiseFallsAndSpeechStays(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	said := append(scale(long(speech.Guest(), 14), -6), make([]int16, 2*second)...)
	plain := open(t, speex.Options{})
	plain.SetGainControl(false)
	plain.SetNoiseSuppression(false)
	want := call(t, plain, said, nil) // without what lies below voices, which always goes
	for name, c := range map[string]struct{ dbov, better float64 }{"a fan": {-55, 1}, "a train": {-43, 2}} {
		t.Run(name, func(t *testing.T) {
			mic := sum(said, noise(len(said), c.dbov))
			plain, p := open(t, speex.Options{}), open(t, speex.Options{})
			for _, p := range []*speex.Processor{plain, p} {
				p.SetGainControl(false)
			}
			plain.SetNoiseSuppression(false)
			noisy, out := call(t, plain, mic, nil), call(t, p, mic, nil)
			from, to := 6*second, 14*second
			_, before := kept(want[from:to], later(noisy[from:to]))
			gain, clean := kept(want[from:to], later(out[from:to]))
			t.Logf("gain %.1f, clean %.1f before %.1f, pause %.1f", gain, clean, before, less(mic, out, 15, 16))
			require.InDelta(t, 0, gain, 0.5)
			require.Greater(t, less(mic, out, 15, 16), 15.0, "in a pause")
			require.Greater(t, clean, before+c.better, "in speech")
		})
	}
}

func TestQuietAndLoudSpeechBecomeEven(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	for name, voice := range map[string][]int16{"a man": speech.Host(), "a woman": speech.Guest()} {
		for _, c := range []struct{ db, want, within float64 }{
			{0, -24, 1.5}, {-12, -24, 1.5}, {-20, -24, 1.5}, {-30, -27, 2}, {+20, -24, 4},
		} {
			said := sum(scale(long(voice, 16), c.db), noise(16*second, -80))
			out := call(t, open(t, speex.Options{}), said, nil)
			loudest := 0
			for _, v := range out {
				loudest = max(loudest, int(v), -int(v))
			}
			t.Logf("%s %+.0f dB: %.1f becomes %.1f, at most %d", name, c.db, level(said), level(out[6*second:]), loudest)
			require.InDelta(t, c.want, level(out[6*second:]), c.within)
			require.Less(t, loudest, 32000, "no clipping")
		}
	}
	said := long(speech.Host(), 12)
	require.InDelta(t, -35, level(call(t, open(t, speex.Options{Level: -35}), said, nil)[6*second:]), 1.5)
	require.InDelta(t, level(said[6*second:]), level(call(t, open(t, speex.Options{Level: speex.LevelOff}), said, nil)[6*second:]), 0.5)
}

func TestNoiseAloneIsNotBroughtUp(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	hiss := noise(60*second, -56)
	out := call(t, open(t, speex.Options{}), hiss, nil)
	for s := range 59 {
		require.Greater(t, less(hiss, out, s, s+1), -9.0, "second %d", s)
	}
	require.Greater(t, less(hiss, out, 30, 60), 3.0)
}

func TestSilenceStaysSilence(t *testing.T) {
	silence := make([]int16, 4*second)
	require.Equal(t, silence, call(t, open(t, speex.Options{}), silence, nil))
	require.Equal(t, silence, call(t, open(t, speex.Options{}), silence, silence))
	out := call(t, open(t, speex.Options{}), silence, speech.Host()[:4*second])
	require.Less(t, level(out), -90.0, "a headset: nothing of the other side comes through")
}

func TestWithoutALoudspeakerSpeechPasses(t *testing.T) {
	p := open(t, speex.Options{})
	p.SetGainControl(false)
	said := speech.Guest()[:7*second]
	out := call(t, p, said, nil)
	gain, clean := kept(said, out)
	report := hearing.Compare(said, out, hearing.Options{})
	require.InDelta(t, 0, gain, 1)
	require.Greater(t, clean, 9.0, "what lies below voices is turned, and goes")
	require.True(t, report.OK, "%+v", report)
}

func TestEachIsSwitchedByItself(t *testing.T) {
	far := long(speech.Host(), 8)
	mic := sum(room(far, 60, 1, 0), noise(len(far), -55))
	p := open(t, speex.Options{})
	p.SetEchoCancellation(false)
	p.SetNoiseSuppression(false)
	p.SetGainControl(false)
	out := call(t, p, mic, far)
	for i := audio.FrameSamples; i < len(out); i++ {
		require.InDelta(t, mic[i-audio.FrameSamples], out[i], 2, "with everything off it is what it was, 20 ms later")
	}
	p.SetEchoCancellation(true)
	call(t, p, mic, far)
	out = call(t, p, mic, far)
	require.Greater(t, less(mic, out, 0, 8), 15.0)
	p.SetEchoCancellation(false)
	p.SetNoiseSuppression(true)
	require.Less(t, less(mic, call(t, p, mic, far), 0, 8), 2.0, "noise suppression leaves the echo")
	p.SetNoiseSuppression(false)
	p.SetGainControl(true)
	quiet := scale(far, -20)
	call(t, p, quiet, nil)
	require.InDelta(t, -24, level(call(t, p, quiet, nil)), 2)
	p.SetGainControl(false)
	require.InDelta(t, level(quiet), level(call(t, p, quiet, nil)), 1)

	off := open(t, speex.Options{Level: speex.LevelOff})
	off.SetGainControl(true)
	off.SetNoiseSuppression(false)
	require.InDelta(t, level(quiet), level(call(t, off, quiet, nil)), 1)
}

func TestStereoIsMixedToTheMiddle(t *testing.T) {
	p := open(t, speex.Options{Channels: 2})
	p.SetGainControl(false)
	p.SetNoiseSuppression(false)
	require.Equal(t, 2, p.Channels())
	said, f := speech.Guest(), audio.NewFrame(2)
	var heard []int16
	for i := 0; i+audio.FrameSamples <= 4*second; i += audio.FrameSamples {
		for k := range audio.FrameSamples {
			f[2*k], f[2*k+1] = said[i+k], 0
		}
		require.NoError(t, p.Process(f))
		for k := range audio.FrameSamples {
			require.Equal(t, f[2*k], f[2*k+1])
			heard = append(heard, f[2*k])
		}
	}
	gain, _ := kept(said[:4*second], heard)
	require.InDelta(t, -6.7, gain, 0.5)
}
