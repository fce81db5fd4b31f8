package engine

import (
	"log/slog"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
)

// sender is the way of each captured frame to the network. Every opening of the device has its own, used by the goroutine
// that captures.
type sender struct {
	mic *Microphone
	log *slog.Logger

	encoder
	out     audio.Frame // what the others hear, in the encoder's channels
	packet  []byte
	talking bool // the frame before this one was sent
	silent  int  // packets in a row that say nothing but that there is silence (DTX)
	broken  bool // an error has been logged: there are 50 frames a second
}

func newSender(m *Microphone, enc encoder) *sender {
	return &sender{
		mic: m, log: m.media.room.log, encoder: enc, out: audio.NewFrame(enc.channels), packet: make([]byte, audio.MaxPacket),
	}
}

// frame takes the next 20 ms from the device; f is changed.
func (s *sender) frame(f audio.Frame) {
	peer := s.mic.media.line.Load().peer // another one after a return to another server
	if !s.mic.publishing.Load() {
		peer.Skip(audio.FrameSamples)
		s.talking = false
		return
	}
	s.adapt()
	s.process(f)
	s.send(peer)
}

// process makes of what was captured what the others hear.
func (s *sender) process(f audio.Frame) {
	audio.Amplify(f, int(s.mic.volume.Load()))
	if fx := s.mic.effects.Load(); fx != nil {
		if err := fx.Process(f); err != nil {
			s.log.Debug("a frame without effects", "error", err)
		}
	}
	s.mic.monitor.put(f)
	if err := audio.Convert(s.out, f); err != nil {
		s.failed("a frame of the wrong size", err)
	}
}

func (s *sender) send(peer *rtc.Peer) {
	n, err := s.enc.Encode(s.out, s.packet)
	if err != nil {
		s.failed("a frame could not be encoded", err)
		peer.Skip(audio.FrameSamples)
		return
	}
	level := audio.Level(s.out)
	s.mic.meter.add(level)
	if s.saysSilence(n) {
		peer.Skip(audio.FrameSamples)
		return
	}
	if err := peer.WriteAudio(s.packet[:n], audio.FrameSamples, level, !s.talking); err != nil {
		s.log.Debug("a frame could not be sent", "error", err)
	}
	s.talking = true
}

// silences is how many of the packets that begin a silence are sent, so that one may be lost.
const silences = 2

// saysSilence returns true for a packet that need not be sent: the listener knows that there is silence (RFC 7587
// section 3.1.3).
func (s *sender) saysSilence(size int) bool {
	if size > 2 {
		s.silent = 0
		return false
	}
	s.silent++
	return s.silent > silences
}

func (s *sender) failed(what string, err error) {
	if !s.broken {
		s.broken = true
		s.log.Warn(what, "error", err)
	}
}

// adapt gives the encoder the quality that is wanted, and prepares it for as much loss as there is.
func (s *sender) adapt() {
	if want := AudioQuality(s.mic.quality.Load()); want != s.quality {
		s.step(want)
	}
	now := int(s.mic.expected.Load())
	if now == s.expected {
		return
	}
	s.expected = now
	if err := s.enc.SetExpectedLoss(now); err != nil {
		s.log.Warn("the encoder cannot prepare for loss", "error", err)
	}
}

// step goes one quality nearer to the one that is wanted. From music to speech it takes two frames: Opus goes without a
// hole from music to voice coding within one encoder only, and the one that is for both voice and the whole range is that
// of the quality between.
func (s *sender) step(want AudioQuality) {
	q := s.quality + 1
	if want < s.quality {
		q = s.quality - 1
	}
	from, to := qualities[s.quality], qualities[q]
	var err error
	if from.Voice == to.Voice && from.Channels == to.Channels {
		if err = s.enc.SetBitrate(to.Bitrate); err == nil {
			err = s.enc.SetMaxBandwidth(to.MaxBandwidth)
		}
	} else {
		var next encoder
		if next, err = newEncoder(s.mic.media.room.eng.cfg.Codec, q, s.expected); err == nil {
			s.change(next)
		}
	}
	if err != nil {
		s.failed("the audio quality stays as it was", err)
	}
	s.quality = q // it is not tried with every frame
}

// change goes on with another encoder. It first hears what the others have heard last, or the change would click.
func (s *sender) change(next encoder) {
	out := audio.NewFrame(next.channels)
	err := audio.Convert(out, s.out)
	if err == nil {
		_, err = next.enc.Encode(out, s.packet)
	}
	if err != nil {
		s.log.Debug("the encoder begins without a past", "error", err)
	}
	s.encoder, s.out = next, out
}
