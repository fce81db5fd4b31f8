// Package portaudio is the sound card: a [Microphone] is an [audio.Source] and a [Speaker] an [audio.Sink], by way of
// PortAudio through cgo.
//
//	mic := portaudio.NewMicrophone(portaudio.Options{}) // the system's default device
//	speaker := portaudio.NewSpeaker(portaudio.Options{Device: "headset", OnLost: func(d portaudio.Device, err error) {
//		log.Print(d.Name, " is gone: ", err)
//	}})
//	eng, err := engine.Login(ctx, engine.Config{Codec: opus.Codec, Microphone: mic, Speaker: speaker, ...})
//
// Without a headset the microphone hears the speaker: package audio/speex takes that out, as Config.VoiceProcessor.
//
// [Devices] lists what there is. A device is chosen by its id, its name or a part of its name, and may be changed while
// it runs: [Microphone.SetDevice], [Speaker.SetDevice].
//
// It is a leaf, imported by programs that have a sound card, so that everything else builds without cgo. Built with
// CGO_ENABLED=0 it still compiles, and every call that needs a card answers [ErrNoCgo].
//
// # What happens when a device fails
//
// A device that cannot be opened is an error of Start: [audio.ErrNoDevice], [audio.ErrDeviceBusy],
// [audio.ErrDeviceDenied] or [audio.ErrDeviceUnavailable]. One that fails later is none: the microphone gives silence
// and the speaker swallows, both at their pace, Options.OnLost is called, and the device is opened again as soon as it
// works, which Options.OnBack tells. What came too late for the card or for the program is counted in [Stats].
//
// # Concurrency
//
// PortAudio is one per process and keeps its list of devices until it is started anew. All calls to it run on one
// goroutine, which exists while anything here is in use. The card's own thread runs C alone and waits for nobody:
// between it and ReadFrame or WriteFrame is a ring without locks. ReadFrame and WriteFrame are used by one goroutine,
// everything else may be called from anywhere, also from OnLost and OnBack.
package portaudio
