package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
)

const (
	// tryFrames is for how long the cards are tried, in frames: a second.
	tryFrames = 50
	// wakeFrames is how long a microphone may be silent before that is worth a word.
	wakeFrames = 3 * tryFrames
	// tryTone is what the speaker plays, quietly.
	tryTone, tryAmplitude = 440.0, 0.05
)

// sound looks at the sound card. Without a microphone one can still listen, so each has its own result.
func (e *exam) sound(ctx context.Context) {
	s := e.cfg.Sound
	if s == nil {
		e.skip(e.cfg.NoSound, "devices", "speaker", "microphone")
		return
	}
	if _, ok := check(ctx, e, "devices", s.devices); !ok {
		e.skip("There is no device to try.", "speaker", "microphone")
		return
	}
	check(ctx, e, "speaker", s.trySpeaker)
	check(ctx, e, "microphone", s.tryMicrophone)
}

func (s *Sound) devices(ctx context.Context) (Result, struct{}) {
	mics, speakers, err := s.List(ctx)
	none := struct{}{}
	switch {
	case err != nil:
		return bad("The sound system cannot be asked: "+err.Error()+".", ""), none
	case len(mics)+len(speakers) == 0:
		return bad("The system shows no sound card.", "On Linux your user may have to be in the group audio, or the sound server has to run."), none
	case len(mics) == 0:
		return warn(fmt.Sprintf("There is no microphone; %s.", listed("speaker", speakers)), "You can listen. Plug in a microphone to speak."), none
	case len(speakers) == 0:
		return warn(fmt.Sprintf("There is no speaker; %s.", listed("microphone", mics)), "You can speak and hear nobody. Plug in a speaker."), none
	}
	return fine("Found %s and %s.", listed("microphone", mics), listed("speaker", speakers)), none
}

func listed(what string, names []string) string {
	if len(names) == 1 {
		return "1 " + what + ": " + names[0]
	}
	return fmt.Sprintf("%d %ss: %s", len(names), what, strings.Join(names, ", "))
}

// advice says what to do about a card that does not open.
func advice(err error) string {
	switch {
	case errors.Is(err, audio.ErrDeviceDenied):
		return "Allow this program, or the terminal it runs in, to use the device in the system's settings; on Linux be in the group audio."
	case errors.Is(err, audio.ErrDeviceBusy):
		return "Another program uses it: close that, or use a sound server (PipeWire, PulseAudio) that shares it."
	case errors.Is(err, audio.ErrNoDevice):
		return "Plug one in, or choose another one as the system's default."
	case errors.Is(err, audio.ErrDeviceUnavailable):
		return "Plug it out and in again, or choose another device."
	}
	return ""
}

// trySpeaker plays a quiet tone, and sees whether the card takes it at its pace.
func (s *Sound) trySpeaker(ctx context.Context) (r Result, _ struct{}) {
	none := struct{}{}
	if err := s.Speaker.Start(ctx); err != nil {
		return bad("The speaker does not open: "+err.Error()+".", advice(err)), none
	}
	defer func() { r = stopped(r, "speaker", s.Speaker.Stop()) }()
	frame := audio.NewFrame(s.Speaker.Channels())
	began := time.Now()
	for i := range tryFrames {
		for k := range frame {
			at := float64(i*audio.FrameSamples + k/s.Speaker.Channels())
			frame[k] = int16(tryAmplitude * math.MaxInt16 * math.Sin(2*math.Pi*tryTone*at/audio.SampleRate))
		}
		if err := s.Speaker.WriteFrame(ctx, frame); err != nil {
			return bad("The speaker opens and does not play: "+err.Error()+".", "Plug it out and in again, or choose another device."), none
		}
	}
	took := time.Since(began)
	r = fine("It has played a quiet tone for a second: %s.", s.Opened(true))
	r.Figures = map[string]float64{"played_ms": tryFrames * 20, "took_ms": float64(took.Milliseconds())}
	return r, none
}

// tryMicrophone listens for a second, from the first sound on.
func (s *Sound) tryMicrophone(ctx context.Context) (r Result, _ struct{}) {
	none := struct{}{}
	if err := s.Microphone.Start(ctx); err != nil {
		return bad("The microphone does not open: "+err.Error()+".", advice(err)), none
	}
	defer func() { r = stopped(r, "microphone", s.Microphone.Stop()) }()
	channels := s.Microphone.Channels()
	frame := audio.NewFrame(channels)
	var heard []int16
	zero := true
	for heardFor := 0; heardFor < tryFrames && len(heard) < wakeFrames*audio.FrameSamples; heardFor++ {
		if err := s.Microphone.ReadFrame(ctx, frame); err != nil {
			return bad("The microphone opens and gives nothing: "+err.Error()+".", "Plug it out and in again, or choose another device."), none
		}
		for k := 0; k < len(frame); k += channels {
			heard = append(heard, frame[k])
			zero = zero && frame[k] == 0
		}
		if zero {
			heardFor = 0 // some take a while to wake up
		}
	}
	if zero {
		r = warn("It opens and gives nothing but digital silence: "+s.Opened(false)+".",
			"Is it muted, by a switch or in the system's mixer? Is it the right one? voiceroom devices lists what there is.")
	} else {
		_, level := hearing.Silent(heard)
		r = fine("It hears something, up to %.0f dBFS: %s. Speech is around -30.", level, s.Opened(false))
		r.Figures = map[string]float64{"loudest_dbfs": level}
	}
	return r, none
}

func stopped(r Result, what string, err error) Result {
	if err != nil && r.Status == OK {
		return warn("The "+what+" works, and does not close: "+err.Error()+".", "")
	}
	return r
}

// codec encodes and decodes a tone.
func (e *exam) codec(ctx context.Context) {
	if e.cfg.Codec == nil {
		e.skip("No codec is looked at.", "codec")
		return
	}
	check(ctx, e, "codec", func(context.Context) (Result, struct{}) { return tryCodec(e.cfg.CodecName, e.cfg.Codec), struct{}{} })
}

// voice has a voice cleaned.
func (e *exam) voice(ctx context.Context) {
	if e.cfg.Voice == nil {
		e.skip("Nothing that cleans voices is looked at.", "echo")
		return
	}
	check(ctx, e, "echo", func(context.Context) (Result, struct{}) { return tryVoice(e.cfg.Voice), struct{}{} })
}

// tryVoice shows a processor a voice that it plays itself: an echo. After a second, less of it must be left.
func tryVoice(open func() (audio.VoiceProcessor, func() error, error)) (r Result) {
	p, end, err := open()
	if err != nil {
		return bad("Echo and noise cannot be taken out: "+err.Error()+".", "voiceroom join --raw does without; use a headset then.")
	}
	defer func() { r = stopped(r, "echo cancellation", end()) }()
	said, heard := audio.NewFrame(1), audio.NewFrame(p.Channels())
	noise := uint32(1)
	var left []int16
	for range 2 * tryFrames {
		for k := range said {
			noise = noise*1664525 + 1013904223 // the same each time
			said[k] = int16(int32(noise) >> 19)
		}
		for k := range heard {
			heard[k] = said[k/p.Channels()]
		}
		if err = p.Played(said); err == nil {
			err = p.Process(heard)
		}
		if err != nil {
			return bad("Echo and noise cannot be taken out: "+err.Error()+".", "voiceroom join --raw does without; use a headset then.")
		}
		left = append(left[:0], heard...)
	}
	_, before := hearing.Silent(said)
	_, after := hearing.Silent(left)
	r = fine("An echo is %.0f dB softer after two seconds.", before-after)
	r.Figures = map[string]float64{"echo_loss_db": before - after}
	if before-after < 6 {
		return bad("The echo cancellation does not work: an echo stays as loud as it was.", "Install SpeexDSP anew, or use voiceroom join --raw with a headset.")
	}
	return r
}

func tryCodec(name string, codec audio.Codec) Result {
	const broken = "The codec does not work: "
	enc, err := codec.NewEncoder(audio.EncoderConfig{Channels: 1})
	if err != nil {
		return bad(broken+err.Error()+".", "")
	}
	dec, err := codec.NewDecoder(1)
	if err != nil {
		return bad(broken+err.Error()+".", "")
	}
	in, out, packet := audio.NewFrame(1), audio.NewFrame(1), make([]byte, audio.MaxPacket)
	var heard []int16
	bytes := 0
	for i := range tryFrames {
		for k := range in {
			in[k] = int16(8000 * math.Sin(2*math.Pi*tryTone*float64(i*audio.FrameSamples+k)/audio.SampleRate))
		}
		n, err := enc.Encode(in, packet)
		if err == nil {
			bytes += n
			err = dec.Decode(packet[:n], out)
		}
		if err != nil {
			return bad(broken+err.Error()+".", "")
		}
		heard = append(heard, out...)
	}
	want := 20 * math.Log10(8000.0/32768)
	level := hearing.ToneLevel(heard[len(heard)/2:], tryTone)
	if math.Abs(level-want) > 6 {
		return bad(fmt.Sprintf("The codec does not give back what it was given: a tone comes out with %.0f dBFS instead of %.0f.", level, want),
			"Install libopus anew (Debian: apt install --reinstall libopus0).")
	}
	r := fine("A tone goes through %s and comes back, with %d kbit/s.", name, bytes*8/(tryFrames*20))
	r.Figures = map[string]float64{"kbit_s": float64(bytes * 8 / (tryFrames * 20))}
	return r
}
