//go:build cgo

package portaudio

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"

	pa "github.com/gordonklaus/portaudio"
)

// Available says whether this build can reach a sound card.
const Available = true

func newBackend() backend { return &library{} }

// library is the real PortAudio.
type library struct {
	numbered bool
}

// minPointer is what checkptr, which comes with -race, takes for the least pointer that there can be.
const minPointer = 4096

func (l *library) initialize() error {
	if err := pa.Initialize(); err != nil {
		return fault("start", err)
	}
	// The binding numbers its streams from 0 and hands the number to C as a pointer, at which checkptr ends the
	// program. Each try to open a stream takes a number, also one that asks for nothing.
	for i := 0; i < minPointer && !l.numbered; i++ {
		_, _ = pa.OpenStream(pa.StreamParameters{})
	}
	l.numbered = true
	return nil
}

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

func (*library) open(d Device, dir direction, p params, callback func([]int16, bool)) (stream, error) {
	infos, err := pa.Devices()
	if err != nil || d.index >= len(infos) {
		return nil, fault("list the devices", errors.Join(err, audio.ErrNoDevice))
	}
	side := pa.StreamDeviceParameters{Device: infos[d.index], Channels: p.channels, Latency: p.latency}
	want := pa.StreamParameters{SampleRate: float64(p.rate), FramesPerBuffer: pa.FramesPerBufferUnspecified}
	trouble := pa.InputOverflow
	if dir == in {
		want.Input = side
	} else {
		want.Output, trouble = side, pa.OutputUnderflow
	}
	s, err := pa.OpenStream(want, func(samples []int16, _ pa.StreamCallbackTimeInfo, flags pa.StreamCallbackFlags) {
		callback(samples, flags&trouble != 0)
	})
	if err != nil {
		return nil, fault("open "+d.ID, err)
	}
	return &cardStream{s, dir}, nil
}

type cardStream struct {
	*pa.Stream
	dir direction
}

func (s *cardStream) start() error { return fault("start the device", s.Stream.Start()) }

func (s *cardStream) latency() time.Duration {
	info := s.Stream.Info()
	if info == nil {
		return 0
	}
	if s.dir == in {
		return info.InputLatency
	}
	return info.OutputLatency
}

// close does not wait until the card has played everything, which some drivers never finish.
func (s *cardStream) close() error {
	_ = s.Stream.Abort() // a stream that has failed or was never started is no matter
	return fault("close the device", s.Stream.Close())
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
