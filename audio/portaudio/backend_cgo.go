//go:build cgo

package portaudio

import (
	"errors"
	"fmt"
	"math"

	"github.com/openvoiceroom/openvoiceroom/audio"

	pa "github.com/gordonklaus/portaudio"
)

// Available says whether this build can reach a sound card.
const Available = true

func newBackend() backend { return &library{} }

// library is the real PortAudio.
type library struct {
	abandoned []*thread // of streams that PortAudio could not close, which may go on: they keep what they use
}

func (*library) initialize() error { return fault("start", pa.Initialize()) }

func (*library) terminate() error { return fault("end", pa.Terminate()) }

func (*library) devices() ([]Device, error) {
	infos, err := pa.Devices()
	if err != nil {
		return nil, fault("list the devices", err)
	}
	// No default is no error: there may be no device at all.
	input, _ := pa.DefaultInputDevice()
	output, _ := pa.DefaultOutputDevice()
	list := make([]Device, 0, len(infos))
	for _, i := range infos {
		d := Device{
			Name: i.Name, HostAPI: i.HostApi.Name, InputChannels: i.MaxInputChannels, OutputChannels: i.MaxOutputChannels,
			SampleRate:   int(math.Round(i.DefaultSampleRate)),
			DefaultInput: input != nil && input.Index == i.Index, DefaultOutput: output != nil && output.Index == i.Index,
			index: i.Index,
		}
		d.lat[in].low, d.lat[in].high = i.DefaultLowInputLatency, i.DefaultHighInputLatency
		d.lat[out].low, d.lat[out].high = i.DefaultLowOutputLatency, i.DefaultHighOutputLatency
		list = append(list, d)
	}
	return list, nil
}

// What the systems say when a device is in use or not permitted: errno on Linux, HRESULT on Windows.
const (
	eperm, enoent, eacces, ebusy, enodev = 1, 2, 13, 16, 19

	wasapiInUse   = -0x7776FFF6 // AUDCLNT_E_DEVICE_IN_USE, 0x8889000A
	wasapiInvalid = -0x7776FFFC // AUDCLNT_E_DEVICE_INVALIDATED, 0x88890004
	hresultDenied = -0x7FF8FFFB // E_ACCESSDENIED, 0x80070005
)

// fault turns PortAudio's errors into those of package audio.
func fault(what string, err error) error {
	if err == nil {
		return nil
	}
	kind := audio.ErrDeviceUnavailable
	var host pa.UnanticipatedHostError
	var own pa.Error
	switch {
	case errors.As(err, &host):
		switch code := host.Code; {
		case code == -ebusy || code == wasapiInUse:
			kind = audio.ErrDeviceBusy
		case code == -eacces || code == -eperm || code == hresultDenied:
			kind = audio.ErrDeviceDenied
		case code == -enodev || code == -enoent || code == wasapiInvalid:
			kind = audio.ErrNoDevice
		}
	case errors.As(err, &own):
		switch own {
		case pa.DeviceUnavailable:
			kind = audio.ErrDeviceBusy // on ALSA it is EBUSY and nothing else
		case pa.InvalidDevice, pa.NoDefaultInputDevice, pa.NoDefaultOutputDevice:
			kind = audio.ErrNoDevice
		case pa.InvalidChannelCount, pa.InvalidSampleRate, pa.SampleFormatNotSupported:
			kind = errFormat
		}
	}
	return fmt.Errorf("%w: PortAudio cannot %s: %w", kind, what, err)
}
