//go:build cgo

package opus_test

import (
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
)

// FuzzDecode feeds strangers' packets to one decoder: errors are fine, a frame overrun or a crash is not.
func FuzzDecode(f *testing.F) {
	enc, dec := pair(f, audio.EncoderConfig{FEC: true, ExpectedLoss: 10})
	good := packets(f, enc, speech.Host()[48000:48000+5*audio.FrameSamples], 1)
	for _, p := range good {
		f.Add(p)
	}
	f.Add([]byte{0xfb, 0x83, 1, 2, 3})
	f.Fuzz(func(t *testing.T, p []byte) {
		wide := make(audio.Frame, 2*audio.FrameSamples)
		for i := range wide {
			wide[i] = 77
		}
		frame := wide[:audio.FrameSamples]
		_ = dec.Decode(p, frame)
		_ = dec.DecodeFEC(p, frame)
		if err := dec.Conceal(frame); err != nil {
			t.Fatal(err)
		}
		if wide[audio.FrameSamples] != 77 {
			t.Fatal("wrote behind the frame")
		}
		if err := dec.Decode(good[0], frame); err != nil {
			t.Fatalf("a good packet after it: %v", err)
		}
	})
}
