package audio

import "errors"

var (
	// ErrFrameSize reports a frame whose length does not fit the channels it is used with.
	ErrFrameSize = errors.New("audio: wrong frame size")

	// ErrNotStarted reports a read or write before Start or after Stop.
	ErrNotStarted = errors.New("audio: not started")

	// ErrStarted reports a second Start without a Stop in between.
	ErrStarted = errors.New("audio: already started")

	// ErrChannels reports a number of channels that is not supported.
	ErrChannels = errors.New("audio: unsupported number of channels")

	// ErrPacketsOnly reports that a source of packets cannot give frames, for nothing decodes them.
	ErrPacketsOnly = errors.New("audio: this source gives Opus packets only")

	// ErrPacket reports a packet that the codec cannot decode: damaged, or not of 20 ms.
	ErrPacket = errors.New("audio: bad packet")

	// ErrShortBuffer reports a destination too small for the packet.
	ErrShortBuffer = errors.New("audio: buffer too small for the packet")
)

// Why a device does not open. Sources and sinks of devices wrap these; package engine gives them the documents' codes.
var (
	// ErrNoDevice reports that there is no device, or none of the name asked for, or several.
	ErrNoDevice = errors.New("audio: no such device")

	// ErrDeviceBusy reports that another program has the device.
	ErrDeviceBusy = errors.New("audio: the device is in use")

	// ErrDeviceDenied reports that the system does not let this program use the device.
	ErrDeviceDenied = errors.New("audio: the device may not be used")

	// ErrDeviceUnavailable reports a device that is there and does not work.
	ErrDeviceUnavailable = errors.New("audio: the device does not work")
)
