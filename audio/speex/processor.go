package speex

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// Processor is an [audio.VoiceProcessor]. All methods may be called at any time by any goroutine; Process by one at a
// time, or the frames come in no order.
type Processor struct {
	opts Options
	far  *far
	want atomic.Uint32 // what is switched on, one bit each

	mu   sync.Mutex // protects what follows, while a frame is processed
	lib  *lib       // nil: closed
	has  uint32     // what lib knows to be switched on
	near audio.Frame
	ref  audio.Frame
	out  audio.Frame
	free runtime.Cleanup
}

var _ audio.VoiceProcessor = (*Processor)(nil)

const (
	echoBit = 1 << iota
	noiseBit
	gainBit

	unknown = 1 << 31 // lib has not been told
)

// New returns a processor with everything on. [ErrNoCgo]: this program was built without cgo. Close frees its memory.
func New(o Options) (*Processor, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	l, err := open(o)
	if err != nil {
		return nil, err
	}
	p := &Processor{
		opts: o, far: newFar(o.FarChannels), lib: l, near: audio.NewFrame(1), ref: audio.NewFrame(o.FarChannels),
		out: audio.NewFrame(1), has: unknown,
	}
	p.want.Store(echoBit | noiseBit | gainBit)
	if o.Level == LevelOff {
		p.want.Store(echoBit | noiseBit)
	}
	p.free = runtime.AddCleanup(p, (*lib).close, l)
	return p, nil
}

// Channels returns [Options.Channels].
func (p *Processor) Channels() int { return p.opts.Channels }

// SetEchoCancellation switches it on or off, from the next frame on. Switched on again, it goes on with what it has learnt.
func (p *Processor) SetEchoCancellation(on bool) { p.set(echoBit, on) }

// SetNoiseSuppression switches it on or off, from the next frame on.
func (p *Processor) SetNoiseSuppression(on bool) { p.set(noiseBit, on) }

// SetGainControl switches it on or off, from the next frame on. With [LevelOff] it stays off.
func (p *Processor) SetGainControl(on bool) { p.set(gainBit, on && p.opts.Level != LevelOff) }

func (p *Processor) set(bit uint32, on bool) {
	if on {
		p.want.Or(bit)
	} else {
		p.want.And(^bit)
	}
}

// Played implements [audio.VoiceProcessor]. It waits for nothing but a copy of a frame.
func (p *Processor) Played(f audio.Frame) error {
	if err := p.far.push(f, time.Now()); err != nil {
		return fmt.Errorf("speex: what is played is neither mono nor stereo: %w", err)
	}
	return nil
}

// Process implements [audio.VoiceProcessor]. What it leaves in f was captured 20 ms before. [ErrClosed]: nothing can be
// processed any more.
func (p *Processor) Process(f audio.Frame) error {
	if f.Channels() != p.opts.Channels {
		return fmt.Errorf("%w: %d samples were captured, want %d for %d channel(s)", audio.ErrFrameSize, len(f), p.opts.Channels*audio.FrameSamples, p.opts.Channels)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lib == nil {
		return ErrClosed
	}
	if want := p.want.Load(); want != p.has {
		p.lib.apply(want)
		p.has = want
	}
	if err := audio.Convert(p.near, f); err != nil {
		return err
	}
	p.far.pop(p.ref, time.Now())
	if p.has&echoBit == 0 {
		copy(p.out, p.near)
	} else {
		p.lib.cancel(p.near, p.ref, p.out)
	}
	p.lib.clean(p.out)
	return audio.Convert(f, p.out)
}

// Close frees what the library holds. Close of a closed processor does nothing and is no error.
func (p *Processor) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lib != nil {
		p.free.Stop()
		p.lib.close()
		p.lib = nil
	}
	return nil
}
