//go:build cgo

package speex

/*
#cgo pkg-config: speexdsp
#cgo noescape speex_echo_cancellation
#cgo nocallback speex_echo_cancellation
#cgo noescape speex_preprocess_run
#cgo nocallback speex_preprocess_run
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>

// The library takes values by pointers to anything, which Go has only in package unsafe.

static int voice_set(SpeexPreprocessState *st, int request, spx_int32_t value) {
	return speex_preprocess_ctl(st, request, &value);
}

static int voice_rate(SpeexEchoState *st, spx_int32_t value) {
	return speex_echo_ctl(st, SPEEX_ECHO_SET_SAMPLING_RATE, &value);
}

static int voice_echo(SpeexPreprocessState *st, SpeexEchoState *echo) {
	return speex_preprocess_ctl(st, SPEEX_PREPROCESS_SET_ECHO_STATE, echo);
}
*/
import "C"

import (
	"errors"
	"math"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// Available says whether this build can process voices.
const Available = true

// lib is SpeexDSP for one voice. Frames are whole ones: the library would take less, which saves delay, but its post filter
// then leaves 5 dB more of the echo.
type lib struct {
	echo  *C.SpeexEchoState
	voice *C.SpeexPreprocessState
	level int
	noise int
}

func open(o Options) (*lib, error) {
	tail := int(o.EchoTail.Seconds() * audio.SampleRate)
	l := &lib{
		echo:  C.speex_echo_state_init_mc(audio.FrameSamples, C.int(tail), 1, C.int(o.FarChannels)),
		voice: C.speex_preprocess_state_init(audio.FrameSamples, audio.SampleRate),
		noise: o.NoiseSuppression,
	}
	if l.echo == nil || l.voice == nil {
		l.close()
		return nil, errors.New("speex: SpeexDSP has no memory for a processor")
	}
	C.voice_rate(l.echo, audio.SampleRate)
	if o.Level != LevelOff {
		l.level = int(math.Round(speexLevel * math.Pow(10, float64(o.Level-speexLevelDBs)/20)))
		if C.voice_set(l.voice, C.SPEEX_PREPROCESS_SET_AGC_TARGET, C.spx_int32_t(l.level)) != 0 {
			l.close()
			return nil, ErrNoGain
		}
	}
	return l, nil
}

// apply switches on what has its bit set, and off the rest.
func (l *lib) apply(bits uint32) {
	var echo *C.SpeexEchoState // the post filter's: it makes softer what the canceller leaves
	if bits&echoBit != 0 {
		echo = l.echo
	}
	C.voice_echo(l.voice, echo)
	noise, filter, gain := 0, C.spx_int32_t(0), C.spx_int32_t(0)
	if bits&noiseBit != 0 {
		noise = l.noise
	}
	if bits&(noiseBit|echoBit) != 0 {
		filter = 1 // noise and echo go through the same filter
	}
	if bits&gainBit != 0 {
		gain = 1
	}
	C.voice_set(l.voice, C.SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, C.spx_int32_t(-noise))
	C.voice_set(l.voice, C.SPEEX_PREPROCESS_SET_DENOISE, filter)
	if l.level != 0 {
		C.voice_set(l.voice, C.SPEEX_PREPROCESS_SET_AGC, gain)
	}
}

// cancel puts near without the echo of far into out.
func (l *lib) cancel(near, far, out audio.Frame) {
	C.speex_echo_cancellation(l.echo, (*C.spx_int16_t)(&near[0]), (*C.spx_int16_t)(&far[0]), (*C.spx_int16_t)(&out[0]))
}

// clean puts the frame before f into f, without noise and at its level.
func (l *lib) clean(f audio.Frame) { C.speex_preprocess_run(l.voice, (*C.spx_int16_t)(&f[0])) }

func (l *lib) close() {
	if l.voice != nil {
		C.speex_preprocess_state_destroy(l.voice)
	}
	if l.echo != nil {
		C.speex_echo_state_destroy(l.echo)
	}
	l.voice, l.echo = nil, nil
}
