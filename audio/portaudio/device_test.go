package portaudio

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

func cards() []Device {
	list := []Device{
		{Name: "Built-in", HostAPI: "ALSA", InputChannels: 2, OutputChannels: 2, DefaultOutput: true},
		{Name: "USB Headset", HostAPI: "ALSA", InputChannels: 1, OutputChannels: 2, DefaultInput: true},
		{Name: "USB Headset", HostAPI: "ALSA", InputChannels: 1, OutputChannels: 2},
		{Name: "Monitor", HostAPI: "ALSA", OutputChannels: 8},
		{Name: "Built-in", HostAPI: "JACK", InputChannels: 2},
	}
	identify(list)
	return list
}

func TestACardThatMayNotBeOpenedIsNotMissing(t *testing.T) {
	nodes := []string{"/dev/snd/pcmC0D0c", "/dev/snd/pcmC1D0c"}
	none := func(string) bool { return false }
	require.NotErrorIs(t, deniedBy(nil, none, audio.ErrNoDevice), audio.ErrDeviceDenied)
	require.NotErrorIs(t, deniedBy(nodes, func(n string) bool { return n == nodes[1] }, audio.ErrNoDevice), audio.ErrDeviceDenied)
	err := deniedBy(nodes, none, audio.ErrNoDevice)
	require.ErrorIs(t, err, audio.ErrDeviceDenied)
	require.ErrorContains(t, err, "group audio")
	require.ErrorIs(t, denied(in, audio.ErrDeviceBusy), audio.ErrDeviceBusy)
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name, want string
		dir        direction
		id         string
		says       []string
	}{
		{"default input", "", in, "ALSA:USB Headset", nil},
		{"default output", "", out, "ALSA:Built-in", nil},
		{"by id", "JACK:Built-in", in, "JACK:Built-in", nil},
		{"the second of a name", "ALSA:USB Headset#2", out, "ALSA:USB Headset#2", nil},
		{"by name", "built-IN", out, "ALSA:Built-in", nil},
		{"by a part of it", "monit", out, "ALSA:Monitor", nil},
		{"several of a name", "Built-in", in, "", []string{`"Built-in" could be any of these input devices`, "ALSA:Built-in, JACK:Built-in"}},
		{"several by a part", "head", out, "", []string{"ALSA:USB Headset, ALSA:USB Headset#2"}},
		{"none", "webcam", in, "", []string{`no input device is called "webcam"`, "ALSA:USB Headset", "JACK:Built-in"}},
		{"one that only plays", "Monitor", in, "", []string{`no input device is called "Monitor"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := choose(cards(), c.dir, c.want)
			if c.id != "" {
				require.NoError(t, err)
				require.Equal(t, c.id, d.ID)
				return
			}
			require.ErrorIs(t, err, audio.ErrNoDevice)
			for _, s := range c.says {
				require.ErrorContains(t, err, s)
			}
		})
	}
	_, err := choose(nil, in, "")
	require.ErrorIs(t, err, audio.ErrNoDevice)
	require.ErrorContains(t, err, "no input device")
	_, err = choose(cards()[3:], in, "")
	require.ErrorContains(t, err, "no default input device; name one of: JACK:Built-in")
}
