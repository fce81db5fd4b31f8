// Package opus is the Opus codec (RFC 6716) behind [audio.Codec]: libopus through cgo.
//
// It is a leaf, imported by programs that hear or speak, so that everything else builds without cgo:
//
//	engine.Config{Codec: opus.Codec}
//
// Built with CGO_ENABLED=0 the package still compiles, and its [Codec] answers [ErrNoCgo].
package opus
