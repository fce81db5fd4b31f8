package effects

import (
	"fmt"
	"math"
	"sync"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// Processor applies one voice changer and, behind it, one reverb. See the package's comment for who may call what.
type Processor struct {
	voice, room stage
	x           [][]float32 // the frame, a slice for each channel, in units of int16

	mu     sync.Mutex // the setters', never Process's
	chosen VoiceChanger
	reverb Reverb
	resets int
}

// New returns a processor for frames of 1 or 2 channels that changes nothing yet. Any other number is
// [audio.ErrChannels].
func New(channels int) (*Processor, error) {
	if channels != 1 && channels != 2 {
		return nil, fmt.Errorf("effects: %w: %d, want 1 or 2", audio.ErrChannels, channels)
	}
	p := &Processor{x: buffers(channels, audio.FrameSamples)}
	p.voice.init(channels)
	p.room.init(channels)
	return p, nil
}

// SetVoiceChanger chooses what becomes of the voice from one of the next frames on. A number that is none is
// [ErrUnknown] and changes nothing.
func (p *Processor) SetVoiceChanger(v VoiceChanger) error {
	if err := v.check(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if v != p.chosen {
		p.voice.want.Store(&choice{newVoice(v, len(p.x)), p.resets})
		p.chosen = v
	}
	return nil
}

// SetReverb chooses the room from one of the next frames on; what still sounds in the old one fades with it. A number
// that is none is [ErrUnknown] and changes nothing.
func (p *Processor) SetReverb(r Reverb) error {
	if err := r.check(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r != p.reverb {
		p.room.want.Store(&choice{newReverb(r, len(p.x)), p.resets})
		p.reverb = r
	}
	return nil
}

// VoiceChanger returns what was chosen last.
func (p *Processor) VoiceChanger() VoiceChanger {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.chosen
}

// Reverb returns what was chosen last.
func (p *Processor) Reverb() Reverb {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reverb
}

// Reset is for the end of a room: no changer, no reverb, and nothing of the past is heard. It does not fade.
func (p *Processor) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resets++
	p.voice.want.Store(&choice{nil, p.resets})
	p.room.want.Store(&choice{nil, p.resets})
	p.chosen, p.reverb = VoiceNone, ReverbNone
}

// Delay returns by how many samples the voice comes later with the changer that was chosen last: 0, or 768 (16 ms) if it
// changes pitch or formants. A reverb delays nothing: the voice itself passes, the room follows.
func (p *Processor) Delay() int { return p.voice.want.Load().delay() }

// Process applies the effects to f in place. f must have the processor's channels, else it is [audio.ErrFrameSize] and
// stays as it is.
func (p *Processor) Process(f audio.Frame) error {
	channels := len(p.x)
	if len(f) != channels*audio.FrameSamples {
		return fmt.Errorf("effects: %w: %d samples where %d channel(s) need %d", audio.ErrFrameSize, len(f), channels, channels*audio.FrameSamples)
	}
	voice, room := p.voice.turn(), p.room.turn()
	if !voice && !room {
		return nil
	}
	for c, x := range p.x {
		for i := range x {
			x[i] = float32(f[i*channels+c])
		}
	}
	if voice {
		p.voice.process(p.x)
	}
	if room {
		p.room.process(p.x)
	}
	for c, x := range p.x {
		for i, v := range x {
			f[i*channels+c] = limit(v)
		}
	}
	return nil
}

// The limiter is that of the mixer: everything below the knee passes, what is above it bends towards full scale.
const (
	fullScale = 32767
	knee      = 24000
	headway   = fullScale - knee
)

// limit maps a sample to int16 without a corner and without ever reaching full scale.
func limit(v float32) int16 {
	switch {
	case v > knee:
		over := v - knee
		v = knee + over*headway/(over+headway)
	case v < -knee:
		over := -knee - v
		v = -knee - over*headway/(over+headway)
	}
	return int16(math.Round(float64(v)))
}

func buffers(channels, n int) [][]float32 {
	x := make([][]float32, channels)
	for c := range x {
		x[c] = make([]float32, n)
	}
	return x
}
