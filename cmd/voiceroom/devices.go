package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/openvoiceroom/openvoiceroom/audio/portaudio"
)

type devicesCmd struct {
	JSON bool `name:"json" help:"Print one JSON array and nothing else to standard output."`
}

// Run lists the sound cards. What the system's own libraries complain about goes to standard error.
func (c *devicesCmd) Run(ctx context.Context) error {
	list, err := portaudio.Devices(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		if list == nil {
			list = []portaudio.Device{} // an array, not null
		}
		return json.NewEncoder(os.Stdout).Encode(list)
	}
	return printDevices(os.Stdout, list)
}

func printDevices(w io.Writer, list []portaudio.Device) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "The system shows no sound card. On Linux the user may have to be in the group audio, or the sound server has to run.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tIN\tOUT\tHZ\tDEFAULT FOR")
	for _, d := range list {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\n", d.ID, d.InputChannels, d.OutputChannels, d.SampleRate, defaultFor(d))
	}
	return t.Flush()
}

func defaultFor(d portaudio.Device) string {
	switch {
	case d.DefaultInput && d.DefaultOutput:
		return "microphone, speaker"
	case d.DefaultInput:
		return "microphone"
	case d.DefaultOutput:
		return "speaker"
	}
	return ""
}
