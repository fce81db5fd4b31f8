package portaudio_test

import (
	"context"
	"fmt"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/portaudio"
)

// An echo: what the default microphone hears goes to the headset, if there is one.
func Example() {
	ctx := context.Background()
	mic := portaudio.NewMicrophone(portaudio.Options{})
	if err := mic.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer mic.Stop()
	speaker := portaudio.NewSpeaker(portaudio.Options{Device: "headset"})
	if err := speaker.Start(ctx); err != nil {
		fmt.Println(err) // it says which devices there are
		return
	}
	defer speaker.Stop()
	for f := audio.NewFrame(1); ; {
		if err := mic.ReadFrame(ctx, f); err != nil {
			return
		}
		if err := speaker.WriteFrame(ctx, f); err != nil {
			return
		}
	}
}

func ExampleDevices() {
	list, err := portaudio.Devices(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	for _, d := range list {
		fmt.Println(d.ID, d.InputChannels, d.OutputChannels, d.DefaultInput, d.DefaultOutput)
	}
}
