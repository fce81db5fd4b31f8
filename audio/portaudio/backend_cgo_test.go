//go:build cgo

package portaudio

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"

	pa "github.com/gordonklaus/portaudio"
)

func TestWhatPortAudioSaysBecomesOurErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"ALSA: in use", pa.DeviceUnavailable, audio.ErrDeviceBusy},
		{"ALSA: in use, as errno", pa.UnanticipatedHostError{Code: -16, Text: "Device or resource busy"}, audio.ErrDeviceBusy},
		{"ALSA: not permitted", pa.UnanticipatedHostError{Code: -13, Text: "Permission denied"}, audio.ErrDeviceDenied},
		{"ALSA: gone", pa.UnanticipatedHostError{Code: -19, Text: "No such device"}, audio.ErrNoDevice},
		{"ALSA: does not open", pa.BadIODeviceCombination, audio.ErrDeviceUnavailable},
		{"WASAPI: in use", pa.UnanticipatedHostError{Code: -2004287478}, audio.ErrDeviceBusy},
		{"WASAPI: gone", pa.UnanticipatedHostError{Code: -2004287484}, audio.ErrNoDevice},
		{"Windows: not permitted", pa.UnanticipatedHostError{Code: -2147024891}, audio.ErrDeviceDenied},
		{"no such device", pa.InvalidDevice, audio.ErrNoDevice},
		{"no default", pa.NoDefaultInputDevice, audio.ErrNoDevice},
		{"another rate, please", pa.InvalidSampleRate, errFormat},
		{"anything else", errors.New("flux"), audio.ErrDeviceUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := fault("open it", c.err)
			require.ErrorIs(t, err, c.want)
			require.ErrorIs(t, err, c.err)
			require.ErrorContains(t, err, "cannot open it")
		})
	}
	require.NoError(t, fault("open it", nil))
}
