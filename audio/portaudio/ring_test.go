package portaudio

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRingIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRing(13)
		require.Len(t, r.buf, 16)
		var model []int16
		next := int16(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			p := make([]int16, rapid.IntRange(0, 20).Draw(t, "n"))
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				for i := range p {
					p[i] = next + int16(i)
				}
				n := r.write(p)
				require.Equal(t, min(len(p), 16-len(model)), n)
				model = append(model, p[:n]...)
				next += int16(n)
			case 1:
				n := r.read(p)
				require.Equal(t, min(len(p), len(model)), n)
				require.Equal(t, model[:n], append(model[:0:0], p[:n]...))
				model = model[n:]
			case 2:
				r.skip(len(p))
				model = model[min(len(p), len(model)):]
			}
			require.Equal(t, len(model), r.len())
			require.Equal(t, 16-len(model), r.room())
		}
	})
}

func TestRingBetweenTwoThreads(t *testing.T) {
	const total = 200_000
	r := newRing(512)
	var wg sync.WaitGroup
	wg.Go(func() {
		p := make([]int16, 100)
		for sent := 0; sent < total; {
			for i := range p {
				p[i] = int16(sent + i)
			}
			n := r.write(p[:min(len(p), total-sent)])
			sent += n
			if n == 0 {
				runtime.Gosched()
			}
		}
	})
	p, wrong := make([]int16, 77), 0
	for got := 0; got < total; {
		n := r.read(p)
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
}
