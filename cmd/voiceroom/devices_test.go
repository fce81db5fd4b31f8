//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio/portaudio"
)

func TestDevicesAreATable(t *testing.T) {
	var b strings.Builder
	require.NoError(t, printDevices(&b, []portaudio.Device{
		{ID: "ALSA:Built-in", InputChannels: 2, OutputChannels: 2, SampleRate: 48000, DefaultInput: true, DefaultOutput: true},
		{ID: "ALSA:USB Headset", InputChannels: 1, OutputChannels: 2, SampleRate: 44100},
	}))
	require.Equal(t, ""+
		"ID                IN  OUT  HZ     DEFAULT FOR\n"+
		"ALSA:Built-in     2   2    48000  microphone, speaker\n"+
		"ALSA:USB Headset  1   2    44100  \n", b.String())
	b.Reset()
	require.NoError(t, printDevices(&b, nil))
	require.Contains(t, b.String(), "no sound card")
}

// A machine without a card, as a CI is, has an empty list, and that is no failure.
func TestDevicesWithoutACard(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "asound.conf")
	require.NoError(t, os.WriteFile(conf, []byte("pcm.nowhere { type hw card 31 }\n"), 0o600))
	t.Setenv("ALSA_CONFIG_PATH", conf)
	out, log, status := run(t, "devices", "--json")
	if !portaudio.Available {
		require.NotEqual(t, 0, status)
		require.Contains(t, log, "portaudio19-dev")
		return
	}
	require.Equal(t, 0, status, log)
	var list []map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &list), out)
	require.NotNil(t, list)
	for _, d := range list { // a desktop has some, by other ways than ALSA
		require.Equal(t, []string{"default_input", "default_output", "host_api", "id", "input_channels", "name", "output_channels", "sample_rate"}, keys(d))
	}
	out, log, status = run(t, "devices")
	require.Equal(t, 0, status, log)
	require.NotEmpty(t, out)
}
