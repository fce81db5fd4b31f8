package portaudio

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// Device is a sound card, or a part of one, as the system shows it.
type Device struct {
	ID             string `json:"id"`       // of host API and name: the same after a restart, as long as the system names it so
	Name           string `json:"name"`     // for people
	HostAPI        string `json:"host_api"` // ALSA, Core Audio, Windows WASAPI, ...
	InputChannels  int    `json:"input_channels"`
	OutputChannels int    `json:"output_channels"`
	SampleRate     int    `json:"sample_rate"` // its default, in Hz
	DefaultInput   bool   `json:"default_input"`
	DefaultOutput  bool   `json:"default_output"`

	index int // PortAudio's, until the next rescan
	lat   [2]struct{ low, high time.Duration }
}

// direction is which way sound goes through a card.
type direction int

const (
	in direction = iota
	out
)

func (d direction) String() string {
	if d == in {
		return "input"
	}
	return "output"
}

func (d Device) channels(dir direction) int {
	if dir == in {
		return d.InputChannels
	}
	return d.OutputChannels
}

func (d Device) isDefault(dir direction) bool {
	if dir == in {
		return d.DefaultInput
	}
	return d.DefaultOutput
}

// Devices lists the devices. While a microphone or a speaker is open the list is the one from when PortAudio was
// started, for it keeps that; [Rescan] looks again.
func Devices(ctx context.Context) ([]Device, error) { return process.devices(ctx, false) }

// Rescan starts PortAudio anew, so that devices that have been plugged in meanwhile are found, and lists the devices.
// What is open is interrupted for some tens of milliseconds.
func Rescan(ctx context.Context) ([]Device, error) { return process.devices(ctx, true) }

// identify gives each device its id; the second of a name gets a number.
func identify(list []Device) {
	seen := map[string]int{}
	for i := range list {
		id := list[i].HostAPI + ":" + list[i].Name
		seen[id]++
		if n := seen[id]; n > 1 {
			id = fmt.Sprintf("%s#%d", id, n)
		}
		list[i].ID = id
	}
}

// choose finds the one device that is meant. Its errors say what there is.
func choose(list []Device, dir direction, want string) (Device, error) {
	var usable []Device
	for _, d := range list {
		if d.channels(dir) > 0 {
			usable = append(usable, d)
		}
	}
	if len(usable) == 0 {
		return Device{}, fmt.Errorf("%w: the system shows no %s device", audio.ErrNoDevice, dir)
	}
	for _, same := range []func(Device) bool{
		func(d Device) bool { return want == "" && d.isDefault(dir) || d.ID == want },
		func(d Device) bool { return want != "" && strings.EqualFold(d.Name, want) },
		func(d Device) bool {
			return want != "" && strings.Contains(strings.ToLower(d.Name), strings.ToLower(want))
		},
	} {
		var found []Device
		for _, d := range usable {
			if same(d) {
				found = append(found, d)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return Device{}, fmt.Errorf("%w: %q could be any of these %s devices: %s", audio.ErrNoDevice, want, dir, names(found))
		}
	}
	if want == "" {
		return Device{}, fmt.Errorf("%w: the system has no default %s device; name one of: %s", audio.ErrNoDevice, dir, names(usable))
	}
	return Device{}, fmt.Errorf("%w: no %s device is called %q; there are: %s", audio.ErrNoDevice, dir, want, names(usable))
}

// names lists devices for a message, not endlessly.
func names(list []Device) string {
	const most = 20
	var b strings.Builder
	for i, d := range list {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(list)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(d.ID)
	}
	return b.String()
}
