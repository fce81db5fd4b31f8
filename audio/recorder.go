package audio

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Recorder is a [Sink] that keeps what it is given, at the pace of a loudspeaker. Where its writer was more than 100 ms
// late it keeps the silence that a listener would have heard, so that sample i always belongs to Started plus i/48 ms.
//
// Start forgets the last recording. Samples, Started and Underruns may be called from any goroutine, also after Stop.
type Recorder struct {
	device
	channels int

	keep      sync.Mutex // protects what is below
	samples   []int16
	underruns int
}

var _ Sink = (*Recorder)(nil)

// NewRecorder returns a recorder for frames of 1 or 2 channels; another number is refused by Start.
func NewRecorder(channels int) *Recorder { return &Recorder{channels: channels} }

// Channels returns 1 or 2.
func (r *Recorder) Channels() int { return min(max(r.channels, 1), 2) }

// Start begins an empty recording.
func (r *Recorder) Start(ctx context.Context) error {
	if r.channels != r.Channels() {
		return fmt.Errorf("%w: %d, want 1 or 2", ErrChannels, r.channels)
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	r.keep.Lock()
	defer r.keep.Unlock()
	r.samples, r.underruns = nil, 0
	return nil
}

// WriteFrame keeps f and returns when the next frame is wanted.
func (r *Recorder) WriteFrame(ctx context.Context, f Frame) error {
	if err := r.ready(f, r.Channels()); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.begun(time.Now()) {
		r.pacer = NewPacer(FrameDuration) // the schedule begins with the first frame, not with Start
	}
	r.append(f)
	missed, err := r.pacer.Wait(ctx)
	if missed > 0 {
		r.append(make([]int16, missed*len(f)))
		r.keep.Lock()
		r.underruns += missed
		r.keep.Unlock()
	}
	return err
}

func (r *Recorder) append(samples []int16) {
	r.keep.Lock()
	defer r.keep.Unlock()
	r.samples = append(r.samples, samples...)
}

// Samples returns a copy of what was heard since Start, interleaved.
func (r *Recorder) Samples() []int16 {
	r.keep.Lock()
	defer r.keep.Unlock()
	return append([]int16(nil), r.samples...)
}

// Started returns when the first frame was written, or the zero time before.
func (r *Recorder) Started() time.Time { return r.startedAt() }

// Underruns returns how many frames of silence were kept because the writer was late.
func (r *Recorder) Underruns() int {
	r.keep.Lock()
	defer r.keep.Unlock()
	return r.underruns
}

// Stop ends the recording and keeps it.
func (r *Recorder) Stop() error { return r.stop() }
