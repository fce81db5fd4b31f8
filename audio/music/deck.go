package music

import (
	"context"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

const (
	// ahead is how many frames are read ahead: a disk may sleep for 320 ms.
	ahead = 16
	// still is for how long nobody must have asked for a frame to count as nobody there.
	still = 200 * time.Millisecond
)

// deck plays one tape to one output: a goroutine reads ahead, the output's goroutine takes frames.
type deck struct {
	tape   *tape
	paused *atomic.Bool
	ring   func() // told, without waiting, when something has ended or somebody is there again

	volume atomic.Int32 // percent
	full   chan *block
	free   chan *block

	mu    sync.Mutex // protects what follows
	order order
	err   error
	wake  chan struct{} // capacity one: there is a new order

	newest    atomic.Uint32 // number of the order
	at        atomic.Int64  // place on the tape that is heard next
	ended     atomic.Bool
	pulled    atomic.Int64 // when a frame was asked for last, in Unix nanoseconds
	underruns atomic.Int64

	// The output's.
	held   *block
	primed uint32 // the order of which something has been heard
	sounds bool   // the last frame was heard
	gain   float32
}

// order says where to go on, and how.
type order struct {
	number uint32
	at     int64
	pitch  float64 // ratio
}

// block is a frame that was read ahead.
type block struct {
	samples audio.Frame
	order   uint32
	end     int64 // place on the tape behind it
	first   bool  // the beginning, which is not to be faded in
	last    bool
}

// newDeck makes a deck that begins at the tape's start. run must be called.
func newDeck(t *tape, paused *atomic.Bool, volume int, ring func()) *deck {
	d := &deck{
		tape: t, paused: paused, ring: ring,
		full: make(chan *block, ahead), free: make(chan *block, ahead), wake: make(chan struct{}, 1),
	}
	for range ahead {
		d.free <- &block{samples: audio.NewFrame(t.Channels())}
	}
	d.volume.Store(int32(volume))
	d.jump(t.start, 1)
	return d
}

// jump makes the deck go on at another place, with a pitch.
func (d *deck) jump(at int64, pitch float64) {
	d.mu.Lock()
	d.order, d.err = order{d.order.number + 1, at, pitch}, nil
	d.at.Store(at)
	d.ended.Store(false)
	d.newest.Store(d.order.number)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *deck) pitch() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.order.pitch
}

// failed returns why the deck has ended, nil at its end.
func (d *deck) failed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// run reads ahead until ctx ends, and closes the file.
func (d *deck) run(ctx context.Context) {
	defer d.tape.Close()
	var (
		now  order
		read func([]int16) (int, error)
		err  error
		done = true
		at   int64
	)
	for {
		free := d.free
		if done {
			free = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
			d.mu.Lock()
			now = d.order
			d.mu.Unlock()
			at, done = now.at, false
			read, err = d.reader(now)
		case b := <-free:
			n := 0
			if err == nil {
				n, err = read(b.samples)
			}
			clear(b.samples[n:])
			b.order, b.first = now.number, now.number == 1 && at == d.tape.start
			at += int64(n / d.tape.Channels())
			b.end, b.last = at, err != nil
			if done = b.last; done && err != io.EOF {
				d.mu.Lock()
				d.err = err
				d.mu.Unlock()
			}
			d.full <- b // it has room for all blocks
		}
	}
}

// reader makes the tape ready for an order.
func (d *deck) reader(o order) (func([]int16) (int, error), error) {
	if err := d.tape.seek(o.at); err != nil {
		return nil, err
	}
	if o.pitch == 1 {
		return d.tape.read, nil
	}
	s, err := newShifter(d.tape.Channels(), o.pitch, d.tape.read)
	if err != nil {
		return nil, err
	}
	return s.Read, nil
}

// next mixes in the next frame; with no mixer it is played to nobody.
func (d *deck) next(m *audio.Mixer, now time.Time) {
	if before := d.pulled.Swap(now.UnixNano()); now.Sub(time.Unix(0, before)) > still {
		d.ring()
	}
	if d.ended.Load() {
		return
	}
	newest, paused := d.newest.Load(), d.paused.Load()
	b, faded := d.take(newest, m)
	switch {
	case faded, paused && !d.sounds: // what comes next begins with a frame of its own
		d.held = b
		return
	case b == nil:
		if d.primed == newest {
			d.underruns.Add(1)
		}
		d.sounds = false
		return
	}
	to := float32(d.volume.Load()) / 100
	from := d.gain
	if !d.sounds {
		from = 0
		if b.first {
			from = to
		}
	}
	d.gain, d.sounds, d.primed = to, !paused, newest
	if paused {
		to = 0
	}
	add(m, b.samples, from, to)
	if d.newest.Load() == newest { // else it is about to go on elsewhere
		d.at.Store(b.end)
		if b.last {
			d.ended.Store(true)
			d.ring()
		}
	}
	d.free <- b
}

// take returns the next frame of the newest order, if it is there. What is left of an order before it is given back; if
// it was being heard, a frame of it fades out.
func (d *deck) take(newest uint32, m *audio.Mixer) (b *block, faded bool) {
	for {
		if b = d.held; b == nil {
			select {
			case b = <-d.full:
			default:
				return nil, faded
			}
		}
		d.held = nil
		if b.order == newest {
			return b, faded
		}
		if d.sounds {
			add(m, b.samples, d.gain, 0)
			d.sounds, faded = false, true
		}
		d.free <- b
	}
}

func add(m *audio.Mixer, f audio.Frame, from, to float32) {
	if m != nil {
		_ = m.AddRamp(f, from, to) // its only error is a wrong size, which a block has not
	}
}

// live tells whether somebody asks for frames.
func (d *deck) live(now time.Time) bool {
	return now.Sub(time.Unix(0, d.pulled.Load())) <= still
}

// ratio is what a pitch of -1 to 1 does to frequencies: an octave down to an octave up.
func ratio(pitch float64) float64 { return math.Exp2(pitch) }
