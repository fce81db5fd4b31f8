package portaudio

import "sync/atomic"

// ring carries samples from one goroutine or thread to one other. Neither side locks, waits or allocates.
type ring struct {
	buf []int16 // its length is a power of two
	*shared
}

// shared is what a line has in common with the card's thread, which knows nothing of Go (thread.c): there is no pointer in it.
type shared struct {
	head, tail word // of the ring
	beats      word // calls of the card's thread: it is alive while they grow
	period     word // samples per channel in its largest call
	fed        word // not 0: a speaker has been given something; from now on silence is an underrun
}

// word is a number that Go and C change and read as a whole.
type word struct{ v uint64 }

func (w *word) Load() uint64        { return atomic.LoadUint64(&w.v) }
func (w *word) Store(v uint64)      { atomic.StoreUint64(&w.v, v) }
func (w *word) Add(n uint64) uint64 { return atomic.AddUint64(&w.v, n) }

func newRing(atLeast int) ring {
	n := 1
	for n < atLeast {
		n *= 2
	}
	return ring{make([]int16, n), new(shared)}
}

// len returns how many samples wait. For the reader there are at least as many, for the writer at most.
func (r *ring) len() int { return int(r.tail.Load() - r.head.Load()) }

// room returns how many samples fit.
func (r *ring) room() int { return len(r.buf) - r.len() }

// write takes as much of p as fits and returns how much that was.
func (r *ring) write(p []int16) int {
	tail := r.tail.Load()
	p = p[:min(len(p), len(r.buf)-int(tail-r.head.Load()))]
	at := int(tail) & (len(r.buf) - 1)
	n := copy(r.buf[at:], p)
	copy(r.buf, p[n:])
	r.tail.Store(tail + uint64(len(p)))
	return len(p)
}

// read fills p as far as it can and returns how far that was.
func (r *ring) read(p []int16) int {
	head := r.head.Load()
	p = p[:min(len(p), int(r.tail.Load()-head))]
	at := int(head) & (len(r.buf) - 1)
	n := copy(p, r.buf[at:])
	copy(p[n:], r.buf)
	r.head.Store(head + uint64(len(p)))
	return len(p)
}

// skip drops the oldest n samples, or all there are; the reader calls it.
func (r *ring) skip(n int) {
	head := r.head.Load()
	r.head.Store(head + uint64(min(n, int(r.tail.Load()-head))))
}
