//go:build !cgo

package portaudio

// Available says whether this build can reach a sound card.
const Available = false

func newBackend() backend { return noCgo{} }

// noCgo answers for a build that has no PortAudio.
type noCgo struct{}

func (noCgo) initialize() error          { return ErrNoCgo }
func (noCgo) terminate() error           { return nil }
func (noCgo) devices() ([]Device, error) { return nil, ErrNoCgo }
func (noCgo) open(Device, *line) (stream, error) {
	return nil, ErrNoCgo
}
