package effects_test

import (
	"fmt"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/effects"
)

func Example() {
	fx, err := effects.New(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = fx.SetVoiceChanger(effects.VoiceChild)
	_ = fx.SetReverb(effects.ReverbKTV)
	fmt.Printf("%v in %v, %d samples later\n", fx.VoiceChanger(), fx.Reverb(), fx.Delay())

	frame := audio.NewFrame(1)
	for range 50 { // a second, from a microphone
		_ = fx.Process(frame)
	}
	fx.Reset() // at the end of the room
	fmt.Printf("%v, %v\n", fx.VoiceChanger(), fx.Reverb())
	// Output:
	// child in KTV, 768 samples later
	// none, none
}
