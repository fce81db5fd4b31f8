package portaudio

import "time"

// backend is PortAudio as this package needs it. All calls come from one goroutine.
type backend interface {
	initialize() error
	terminate() error
	devices() ([]Device, error)
	// open opens a stream and gives it the function that its thread is to call.
	open(d Device, dir direction, p params, callback func(samples []int16, trouble bool)) (stream, error)
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
