// Package audio holds the client's sound without sound cards and without cgo: frames, the [Source] and [Sink] that
// devices, files and bots implement, the [Codec] interfaces, a [Mixer], a level meter, a [JitterBuffer], a resampler,
// and WAV and Ogg Opus files.
//
//	pcm, err := audio.LoadFile("hello.wav", opus.Codec) // 48 kHz mono
//	mic := audio.NewPCMSource(pcm, audio.PCMOptions{})  // behaves like a microphone
//	speaker := audio.NewRecorder(1)                     // behaves like a loudspeaker and keeps what it was given
//
// A frame is 20 ms of interleaved int16 at 48 kHz. One format everywhere keeps every buffer's size known.
//
// Concurrency: a value has one user at a time unless its documentation says otherwise. [JitterBuffer] has two (the
// network pushes, play-out pops), and what a [PCMSource] or a [Recorder] reports about itself may be asked from anywhere.
// No function here starts a goroutine.
//
// Errors begin with "audio:" and can be told apart with errors.Is and the package's Err values.
package audio
