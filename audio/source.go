package audio

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"time"
)

// PCMOptions says how a [PCMSource] plays. The zero value plays mono once and then ends.
type PCMOptions struct {
	Channels int  // of the samples, 1 or 2; 0 means 1
	Loop     bool // begin again at the end, for ever
	Silence  bool // after the end give silence rather than io.EOF, as a microphone would
}

// PCMSource plays samples from memory at the pace of a microphone: a frame is there 20 ms after it was begun. Every
// Start plays from the beginning. It never leaves samples out: a reader that is late hears them later.
type PCMSource struct {
	device
	samples []int16
	opts    PCMOptions
	pos     int
}

var _ Source = (*PCMSource)(nil)

// NewPCMSource returns a source of samples at 48 kHz, which it keeps and never changes. Wrong numbers of channels are
// refused by Start.
func NewPCMSource(samples []int16, opts PCMOptions) *PCMSource {
	if opts.Channels == 0 {
		opts.Channels = 1
	}
	return &PCMSource{samples: samples, opts: opts}
}

// Channels returns 1 or 2.
func (s *PCMSource) Channels() int { return min(max(s.opts.Channels, 1), 2) }

// Start begins at the first sample.
func (s *PCMSource) Start(ctx context.Context) error {
	if s.opts.Channels != s.Channels() {
		return fmt.Errorf("%w: %d, want 1 or 2", ErrChannels, s.opts.Channels)
	}
	s.pos = 0
	return s.start(ctx)
}

// ReadFrame gives the next 20 ms; the last frame is filled up with silence.
func (s *PCMSource) ReadFrame(ctx context.Context, f Frame) error {
	if err := s.ready(f, s.Channels()); err != nil {
		return err
	}
	ended := s.pos >= len(s.samples) && (!s.opts.Loop || len(s.samples) == 0)
	if ended && !s.opts.Silence {
		return io.EOF
	}
	if _, err := s.pacer.Wait(ctx); err != nil {
		return err
	}
	s.begun(time.Now())
	n := copy(f, s.samples[min(s.pos, len(s.samples)):])
	s.pos += n
	for s.opts.Loop && n < len(f) && len(s.samples) > 0 {
		s.pos = copy(f[n:], s.samples)
		n += s.pos
	}
	clear(f[n:])
	return nil
}

// Started returns when the first frame since Start was read, or the zero time before. Sample i was heard then plus i/48 ms.
// It may be called from any goroutine, also after Stop.
func (s *PCMSource) Started() time.Time { return s.startedAt() }

// Stop ends the play.
func (s *PCMSource) Stop() error { return s.stop() }

// ToneSource plays a sine for ever, in mono.
type ToneSource struct {
	device
	step      float64 // radians a sample
	phase     float64
	amplitude float64
}

var _ Source = (*ToneSource)(nil)

// NewToneSource returns a source of a tone of hz, with an amplitude from 0 to 1 of full scale.
func NewToneSource(hz, amplitude float64) *ToneSource {
	return &ToneSource{step: 2 * math.Pi * hz / SampleRate, amplitude: min(max(amplitude, 0), 1) * fullScale}
}

// Channels returns 1.
func (*ToneSource) Channels() int { return 1 }

// Start begins at phase 0.
func (s *ToneSource) Start(ctx context.Context) error {
	s.phase = 0
	return s.start(ctx)
}

// ReadFrame gives the next 20 ms of the tone.
func (s *ToneSource) ReadFrame(ctx context.Context, f Frame) error {
	if err := s.ready(f, 1); err != nil {
		return err
	}
	if _, err := s.pacer.Wait(ctx); err != nil {
		return err
	}
	s.begun(time.Now())
	for i := range f {
		f[i] = int16(math.Round(s.amplitude * math.Sin(s.phase)))
		s.phase = math.Mod(s.phase+s.step, 2*math.Pi)
	}
	return nil
}

// Started returns when the first frame since Start was read, or the zero time before.
func (s *ToneSource) Started() time.Time { return s.startedAt() }

// Stop ends the tone.
func (s *ToneSource) Stop() error { return s.stop() }

// NewSilenceSource returns a source that is silent for ever, in mono: a bot's microphone.
func NewSilenceSource() *PCMSource { return NewPCMSource(nil, PCMOptions{Silence: true}) }

// PacketSource is a [Source] whose sound has been encoded already, such as an Ogg Opus file's. It is sent as it is, so
// neither a codec nor cgo is needed for it, and nothing can be done to it: no volume, no effect, no music.
type PacketSource interface {
	Source
	// ReadPacket writes the next 20 ms, one Opus packet, to dst, which has at least [MaxPacket] bytes, and returns its
	// length and its level in -dBov (RFC 6464), which is a guess where nothing was decoded. A length of 0 is silence.
	// All else is as for ReadFrame, which such a source may refuse.
	ReadPacket(ctx context.Context, dst []byte) (n int, level uint8, err error)
}

// device is what paced sources and sinks share: started or not, and since when.
type device struct {
	pacer *Pacer

	mu      sync.Mutex // protects what is below
	running bool
	first   time.Time
}

func (d *device) start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running {
		return ErrStarted
	}
	d.running, d.first = true, time.Time{}
	d.pacer = NewPacer(FrameDuration)
	return nil
}

func (d *device) stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = false
	return nil
}

func (d *device) ready(f Frame, channels int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.running {
		return ErrNotStarted
	}
	return f.check(channels)
}

// begun notes the time of the first frame and reports whether this is it.
func (d *device) begun(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.first.IsZero() {
		return false
	}
	d.first = now
	return true
}

func (d *device) startedAt() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.first
}
