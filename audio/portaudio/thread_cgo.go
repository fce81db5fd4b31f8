//go:build cgo

package portaudio

/*
#cgo pkg-config: portaudio-2.0
#include "thread.h"
*/
import "C"

import (
	"runtime"
	"time"

	pa "github.com/gordonklaus/portaudio"
)

// thread is what a card's thread, which is C's, has of a line, and the stream that it belongs to.
type thread struct {
	lib  *library
	line *C.ovr_line
	pins runtime.Pinner // what they share stays where it is
}

func newThread(lib *library, l *line) *thread {
	t := &thread{lib: lib, line: C.ovr_new()}
	if t.line == nil {
		panic("out of memory") // as Go does
	}
	t.pins.Pin(l.shared)
	t.pins.Pin(l.counts)
	t.pins.Pin(&l.buf[0])
	missed, output := &l.counts.overruns, C.int(0)
	if l.dir == out {
		missed, output = &l.counts.underruns, 1
	}
	*t.line = C.ovr_line{
		head: (*C.uint64_t)(&l.head.v), tail: (*C.uint64_t)(&l.tail.v), beats: (*C.uint64_t)(&l.beats.v),
		missed: (*C.uint64_t)(&missed.v), period: (*C.uint64_t)(&l.period.v), fed: (*C.uint64_t)(&l.fed.v),
		buf: (*C.int16_t)(&l.buf[0]), mask: C.uint64_t(len(l.buf) - 1), channels: C.uint64_t(l.channels), output: output,
	}
	return t
}

// free is for when the thread calls no more.
func (t *thread) free() {
	t.pins.Unpin()
	C.ovr_free(t.line)
}

// call does what the card's thread does with some samples. Tests call it.
func (t *thread) call(samples []int16, trouble bool) {
	flag := C.int(0)
	if trouble {
		flag = 1
	}
	if len(samples) == 0 {
		C.ovr_call(t.line, nil, 0, flag)
		return
	}
	C.ovr_call(t.line, (*C.int16_t)(&samples[0]), C.ulong(len(samples)/int(t.line.channels)), flag)
}

func (lib *library) open(d Device, l *line) (stream, error) {
	t := newThread(lib, l)
	if err := paError(C.ovr_open(t.line, C.PaDeviceIndex(d.index), C.double(l.params.rate), C.double(l.params.latency.Seconds()))); err != nil {
		t.free()
		return nil, fault("open "+d.ID, err)
	}
	return t, nil
}

func (t *thread) start() error { return fault("start the device", paError(C.ovr_start(t.line))) }

func (t *thread) latency() time.Duration {
	return time.Duration(float64(C.ovr_latency(t.line)) * float64(time.Second))
}

func (t *thread) close() error {
	if err := paError(C.ovr_close(t.line)); err != nil {
		t.lib.abandoned = append(t.lib.abandoned, t) // it may go on
		return fault("close the device", err)
	}
	t.free()
	return nil
}

// paError returns what PortAudio's answer means, as the binding has it.
func paError(code C.PaError) error {
	switch code {
	case C.paNoError:
		return nil
	case C.paUnanticipatedHostError:
		info := C.Pa_GetLastHostErrorInfo()
		return pa.UnanticipatedHostError{HostApiType: pa.HostApiType(info.hostApiType), Code: int(info.errorCode), Text: C.GoString(info.errorText)}
	}
	return pa.Error(code)
}
