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

	// ErrPacket reports a packet that the codec cannot decode: damaged, or not of 20 ms.
	ErrPacket = errors.New("audio: bad packet")

	// ErrShortBuffer reports a destination too small for the packet.
	ErrShortBuffer = errors.New("audio: buffer too small for the packet")
)
