package audio

// VoiceProcessor makes of what a microphone has captured what should be heard of it: without the echo of the
// loudspeaker, with less noise, at an even level. Package audio/speex has one.
//
// The contract:
//   - Process and Played are called by two goroutines, that of the microphone and that of the loudspeaker. Each calls
//     every 20 ms, by the clock of its own card, and neither waits for the other: the processor keeps what has been
//     played until it is needed, so much of it as the clocks of two cards need.
//   - Each may be called without the other, which may pause, stop or never begin: a muted loudspeaker is silence.
//   - Neither allocates, and neither keeps a reference to its frame.
//   - What is played is heard by the microphone only later, after the buffers of both cards and the way through the
//     room. How much later is for the processor to know.
//
// A processor belongs to one microphone and one loudspeaker, so to one login.
type VoiceProcessor interface {
	// Channels returns how many channels the captured frames have, 1 or 2. It never changes.
	Channels() int
	// Process changes near, the next 20 ms that were captured, in place. [ErrFrameSize]: it is not one frame of so many
	// channels, and is left as it was.
	Process(near Frame) error
	// Played tells of the next 20 ms that are given to the loudspeaker, in mono or stereo, and does not change them.
	// [ErrFrameSize]: it is neither.
	Played(far Frame) error
}
