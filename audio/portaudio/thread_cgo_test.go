//go:build cgo

package portaudio

import (
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// cardThread is what the card's thread does with a line.
func cardThread(t testing.TB, l *line) func(samples []int16, trouble bool) {
	th := newThread(nil, l)
	t.Cleanup(th.free)
	return th.call
}

// All that the thread calls is here: nothing that could allocate, lock, log or wait.
func TestTheCardsThreadCallsNothingElse(t *testing.T) {
	source, err := os.ReadFile("thread.c")
	require.NoError(t, err)
	thread, _, found := strings.Cut(string(source), "// What follows is called by the program.")
	require.True(t, found)
	thread = regexp.MustCompile(`//[^\n]*`).ReplaceAllString(thread, "")
	var called []string
	for _, m := range regexp.MustCompile(`(\w+)\s*\(`).FindAllStringSubmatch(thread, -1) {
		called = append(called, m[1])
	}
	slices.Sort(called)
	require.Equal(t, []string{
		"__atomic_fetch_add", "__atomic_load_n", "__atomic_store_n", "beat", "captured", "if", "least", "memcpy", "memset", "played",
	}, slices.Compact(called))
}

// The thread does what the fake cards' goroutines do, with which the rest is tested.
func TestTheCardsThreadIsAsTheFakes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := direction(rapid.IntRange(0, 1).Draw(rt, "direction"))
		channels := rapid.IntRange(1, 3).Draw(rt, "channels")
		lines := [2]*line{testLine(t, dir, channels), testLine(t, dir, channels)}
		for _, l := range lines {
			l.buf = l.buf[:64] // it wraps early
		}
		th := newThread(nil, lines[0])
		defer th.free()
		calls := [2]func([]int16, bool){th.call, lines[1].callback()}
		next := int16(0)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			n := rapid.IntRange(0, 40).Draw(rt, "frames") * channels
			p := make([]int16, n)
			for i := range p {
				next++
				p[i] = next
			}
			what, trouble := rapid.IntRange(0, 3).Draw(rt, "what"), rapid.Bool().Draw(rt, "trouble")
			var got [2][]int16
			for i, l := range lines {
				q := slices.Clone(p)
				switch {
				case what > 1: // the card's
					calls[i](q, trouble)
				case what == 1 && dir == in:
					q = q[:l.read(q)]
				case what == 1:
					l.write(q)
					l.fed.Store(1)
				default:
					l.skipOf(dir, n)
				}
				got[i] = q
			}
			require.Equal(rt, got[1], got[0])
			a, b := lines[0], lines[1]
			require.Equal(rt, b.len(), a.len())
			require.Equal(rt, b.beats.Load(), a.beats.Load())
			require.Equal(rt, b.period.Load(), a.period.Load())
			require.Equal(rt, b.counts.overruns.Load(), a.counts.overruns.Load())
			require.Equal(rt, b.counts.underruns.Load(), a.counts.underruns.Load())
		}
	})
}

// skipOf drops what waits where this side reads.
func (l *line) skipOf(dir direction, n int) {
	if dir == in {
		l.skip(n)
	}
}

// While the program reads on one thread, the card's writes on another.
func TestRingBetweenGoAndC(t *testing.T) {
	const total = 400_000
	l := testLine(t, in, 1)
	l.buf = l.buf[:512]
	call := cardThread(t, l)
	var wg sync.WaitGroup
	wg.Go(func() {
		p := make([]int16, 100)
		for sent := 0; sent < total; {
			for i := range p {
				p[i] = int16(sent + i)
			}
			if l.room() < len(p) {
				runtime.Gosched()
				continue
			}
			call(p, false)
			sent += len(p)
		}
	})
	p, wrong := make([]int16, 77), 0
	for got := 0; got < total; {
		n := l.read(p)
		for i, v := range p[:n] {
			if v != int16(got+i) {
				wrong++
			}
		}
		got += n
		if n == 0 {
			runtime.Gosched()
		}
	}
	wg.Wait()
	require.Zero(t, wrong)
	require.Zero(t, l.counts.overruns.Load())
}
