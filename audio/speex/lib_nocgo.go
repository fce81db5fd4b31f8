//go:build !cgo

package speex

import "github.com/openvoiceroom/openvoiceroom/audio"

// Available says whether this build can process voices.
const Available = false

// lib is never opened in a build without cgo.
type lib struct{}

func open(Options) (*lib, error)                          { return nil, ErrNoCgo }
func (*lib) apply(uint32)                                 {}
func (*lib) cancel(audio.Frame, audio.Frame, audio.Frame) {}
func (*lib) clean(audio.Frame)                            {}
func (*lib) close()                                       {}
