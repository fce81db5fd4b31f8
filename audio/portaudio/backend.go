package portaudio

import "time"

// backend is PortAudio as this package needs it. All calls come from one goroutine.
type backend interface {
	initialize() error
	terminate() error
	devices() ([]Device, error)
	// open opens a stream for a line, whose ring its thread fills or empties.
	open(d Device, l *line) (stream, error)
}

// params are how a device is opened.
type params struct {
	channels int
	rate     int
	latency  time.Duration
}

// stream is an open device. close may be called on one that has not been started.
type stream interface {
	start() error
	latency() time.Duration
	close() error
}
