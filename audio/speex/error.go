package speex

import "errors"

var (
	// ErrNoCgo is the answer of a program that was built without cgo. It says how to get one that can process voices.
	ErrNoCgo = errors.New("speex: this program was built without cgo; install a C compiler, pkg-config and SpeexDSP " +
		"(Debian: apt install gcc pkg-config libspeexdsp-dev, macOS: brew install pkg-config speexdsp) " +
		"and build with CGO_ENABLED=1")

	// ErrClosed reports a frame after [Processor.Close].
	ErrClosed = errors.New("speex: the processor is closed")

	// ErrNoGain reports that this build of SpeexDSP computes with integers and has no gain control.
	ErrNoGain = errors.New("speex: this SpeexDSP has no gain control, because it was built for fixed point; " +
		"install one that was built for floating point, or set Options.Level to LevelOff")
)
