package opus

import "errors"

// ErrNoCgo is the answer of a program that was built without cgo. It says how to get one that can do Opus.
var ErrNoCgo = errors.New("opus: this program was built without cgo; install a C compiler, pkg-config and libopus " +
	"(Debian: apt install gcc pkg-config libopus-dev libopusfile-dev, macOS: brew install pkg-config opus opusfile) " +
	"and build with CGO_ENABLED=1")
