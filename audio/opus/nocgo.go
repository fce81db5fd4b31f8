//go:build !cgo

package opus

import "github.com/openvoiceroom/openvoiceroom/audio"

// Codec answers every call with [ErrNoCgo], because this program was built without cgo.
var Codec audio.Codec = noCodec{}

// Available says whether this build can encode and decode.
const Available = false

// Version names libopus with its version; without cgo it is empty.
func Version() string { return "" }

type noCodec struct{}

func (noCodec) NewEncoder(audio.EncoderConfig) (audio.Encoder, error) { return nil, ErrNoCgo }
func (noCodec) NewDecoder(int) (audio.Decoder, error)                 { return nil, ErrNoCgo }
