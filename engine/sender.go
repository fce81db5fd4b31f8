package engine

import (
	"log/slog"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
)

// sender is the way of each captured frame to the network. Every opening of the device has its own, used by the goroutine
// that captures.
type sender struct {
	mic    *Microphone
	log    *slog.Logger
	enc    audio.Encoder
	packet []byte

	expected int32 // loss, in per cent, that enc prepares for
	talking  bool  // the frame before this one was sent
	broken   bool  // an error has been logged: there are 50 frames a second
}

func newSender(m *Microphone, enc audio.Encoder) *sender {
	return &sender{mic: m, log: m.media.room.log, enc: enc, packet: make([]byte, audio.MaxPacket), expected: -1}
}

// frame takes the next 20 ms from the device; f is changed.
func (s *sender) frame(f audio.Frame) {
	peer := s.mic.media.line.Load().peer // another one after a return to another server
	if !s.mic.publishing.Load() {
		peer.Skip(audio.FrameSamples)
		s.talking = false
		return
	}
	s.process(f)
	s.send(peer, f)
}

// process makes of what was captured what the others hear.
func (s *sender) process(f audio.Frame) {
	if fx := s.mic.effects.Load(); fx != nil {
		if err := fx.Process(f); err != nil {
			s.log.Debug("a frame without effects", "error", err)
		}
	}
}

func (s *sender) send(peer *rtc.Peer, f audio.Frame) {
	s.adapt()
	n, err := s.enc.Encode(f, s.packet)
	if err != nil {
		if !s.broken {
			s.broken = true
			s.log.Warn("a frame could not be encoded", "error", err)
		}
		peer.Skip(audio.FrameSamples)
		return
	}
	level := audio.Level(f)
	s.mic.meter.add(level)
	if err := peer.WriteAudio(s.packet[:n], audio.FrameSamples, level, !s.talking); err != nil {
		s.log.Debug("a frame could not be sent", "error", err)
	}
	s.talking = true
}

// adapt prepares the encoder for as much loss as there is.
func (s *sender) adapt() {
	now := s.mic.expected.Load()
	if now == s.expected {
		return
	}
	s.expected = now
	if err := s.enc.SetExpectedLoss(int(now)); err != nil {
		s.log.Warn("the encoder cannot prepare for loss", "error", err)
	}
}
