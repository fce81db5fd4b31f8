// Package effects changes a voice before it is sent: the documents' eleven voice changers and eleven reverbs, for frames
// of 1 or 2 channels. It is arithmetic on frames, without cgo and without a room.
//
//	fx, err := effects.New(1)
//	err = fx.SetVoiceChanger(effects.VoiceChild)
//	err = fx.SetReverb(effects.ReverbKTV)
//	for { // every 20 ms
//		err = mic.ReadFrame(frame)
//		err = fx.Process(frame) // in place
//	}
//
// # How
//
// Pitch and formants are changed in the time domain: the voice is cut at its own periods into grains of two periods, which
// are laid down again at another distance (the pitch) and read at another speed (the formants). One grain has to be
// heard before it can be repeated, which costs [Processor.Delay] = 16 ms; nothing else here delays the voice. Reverbs are
// feedback delay networks; the times in this package are RT60, the time in which a reverb decays by 60 dB at 500 to 1000 Hz.
//
// # Promises
//
// With neither a changer nor a reverb a frame stays as it is, bit for bit. With one, it keeps the level of speech within
// 3 dB, bends what would be too loud instead of cutting it off, and any samples at all are allowed. Silence stays silence
// once a reverb has decayed. A change begins with the next frame, fades over the one behind it, and is then complete; what
// is chosen meanwhile waits for that.
//
// Concurrency: one goroutine calls Process. Everything else may be called from anywhere at any time. Process never
// allocates, locks or waits; the setters allocate what the new effect needs.
package effects
