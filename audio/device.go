package audio

import "context"

// Source is where sound comes from: a sound card, a file, a generator, a bot.
//
// A source keeps its own time, so a caller needs no ticker: it reads in a loop and gets a frame every 20 ms.
//
// The contract, which audiotest checks:
//   - Channels is 1 or 2 and never changes.
//   - Start may be called again after Stop, any number of times. Its ctx bounds the call to Start only. A second Start
//     without a Stop is [ErrStarted].
//   - ReadFrame is called by one goroutine, between Start and Stop; otherwise it is [ErrNotStarted]. f must hold
//     exactly one frame ([ErrFrameSize]). It blocks until 20 ms of sound are there or ctx ends (then the context's
//     error, and the source can still be read). io.EOF means that nothing more comes until the next Start.
//   - Stop is called when no ReadFrame is running: end its ctx and wait for it first. Stop of a stopped source does
//     nothing and is no error.
//   - A source keeps no reference to f.
type Source interface {
	// Channels returns how many channels its frames have, 1 or 2.
	Channels() int
	// Start opens the source.
	Start(ctx context.Context) error
	// ReadFrame fills f with the next 20 ms.
	ReadFrame(ctx context.Context, f Frame) error
	// Stop closes the source.
	Stop() error
}

// Sink is where sound goes: a sound card, a file, a bot's ear.
//
// A sink keeps the time as a [Source] does: WriteFrame takes the frame and then blocks until the next one is wanted, so
// that the next frame is made as late as possible and play-out adds no delay of its own. The rest of the contract is
// Source's, with WriteFrame for ReadFrame; if ctx ends while WriteFrame waits, f was taken.
type Sink interface {
	// Channels returns how many channels its frames have, 1 or 2.
	Channels() int
	// Start opens the sink.
	Start(ctx context.Context) error
	// WriteFrame plays f and returns when the sink wants the next frame.
	WriteFrame(ctx context.Context, f Frame) error
	// Stop closes the sink.
	Stop() error
}
