package portaudio

import "errors"

var (
	// ErrNoCgo is the answer of a program that was built without cgo. It says how to get one that has a sound card.
	ErrNoCgo = errors.New("portaudio: this program was built without cgo; install a C compiler, pkg-config and PortAudio " +
		"(Debian: apt install gcc pkg-config portaudio19-dev, macOS: brew install pkg-config portaudio) " +
		"and build with CGO_ENABLED=1")

	// ErrStuck reports that PortAudio, or the driver under it, has not come back from a call for [stuckAfter].
	// Nothing in this process can reach a sound card until it does.
	ErrStuck = errors.New("portaudio: the sound system does not answer; unplug the device or restart the program")
)

// errFormat reports a device that works, but not with these channels or at this rate.
var errFormat = errors.New("portaudio: the device refuses the format")
