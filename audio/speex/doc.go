// Package speex cleans a voice with SpeexDSP through cgo: echo cancellation, noise suppression and gain control behind
// [audio.VoiceProcessor].
//
//	voice, err := speex.New(speex.Options{})
//	...
//	defer voice.Close()
//	engine.Config{Microphone: mic, Speaker: speaker, VoiceProcessor: voice}
//
// It is a leaf, imported by programs with a sound card. A bot, or somebody with a headset and a mixing desk, needs none.
// Built with CGO_ENABLED=0 the package still compiles, and [New] answers [ErrNoCgo].
//
// # What to expect
//
// Figures are of the tests and benchmarks beside this file, for speech in a small room and the default [Options].
//
//   - The voice is heard 20 ms later, whatever is switched on: a frame is changed together with half of the one after it.
//   - Echo falls by more than 20 dB within 4 s of the other side's speech, and by more than 30 dB after that. While both
//     sides speak, most of what is said here remains.
//   - Microphone and loudspeaker of one card have one clock. Two cards drift apart, by 20 to 100 ppm as a rule; how fast is
//     known after a minute of both, and until then 100 ppm leave the canceller about 7 dB.
//   - An echo that comes later than [Options.EchoTail] after it was given to the loudspeaker is not cancelled. The tail
//     has to cover the buffers of both cards, see portaudio.Stats, and the reverberation of the room.
//   - One processor takes about 1 % of a core.
//
// # Stereo
//
// A voice is one point: what is captured in stereo is mixed to mono, processed, and given back in the middle. Two channels
// that are cleaned each by itself would wander from side to side. For music in stereo use no processor.
//
// What is played in stereo counts as mono unless [Options.FarChannels] is 2: most rooms are voices in the middle. Where
// the two sides differ, as with music, a canceller for both of them removes more of it, at half as much work again.
package speex
