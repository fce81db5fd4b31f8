package engine

import (
	"math/rand/v2"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
)

// sender is the way of each captured frame to the network. Every opening of the device has its own, used by the goroutine
// that captures.
type sender struct {
	mic *Microphone
	complaints

	encoder
	music   sentMusic
	out     audio.Frame // what the others hear, in the encoder's channels
	packet  []byte
	talking bool // something was sent since this user was last heard by nobody; a silence (DTX) belongs to the talk
	silent  int  // packets in a row that say nothing but that there is silence (DTX)

	stream uint32 // for taps
	clock  uint32
}

func newSender(m *Microphone, enc encoder) *sender {
	return &sender{
		mic: m, complaints: complaints{log: m.media.room.log}, encoder: enc, music: m.media.room.music.sent(), out: audio.NewFrame(enc.channels), packet: make([]byte, audio.MaxPacket),
		stream: rand.Uint32(),
	}
}

// newPacketSender returns a sender of packets that are encoded already.
func newPacketSender(m *Microphone) *sender {
	return &sender{mic: m, complaints: complaints{log: m.media.room.log}, music: m.media.room.music.sent(), packet: make([]byte, audio.MaxPacket), stream: rand.Uint32()}
}

// frame takes the next 20 ms from the device; f is changed.
func (s *sender) frame(f audio.Frame) {
	if vp := s.mic.media.room.eng.cfg.VoiceProcessor; vp != nil { // also while muted: it goes on learning the echo
		if err := vp.Process(f); err != nil {
			s.failed("what the microphone hears is sent as it is, with echo and noise", err)
		}
	}
	peer, ok := s.begin()
	if !ok {
		return
	}
	s.adapt()
	s.process(f)
	n, err := s.enc.Encode(s.out, s.packet)
	if err != nil {
		s.failed("a frame could not be encoded", err)
		n = 0
	}
	s.send(peer, n, audio.Level(s.out))
}

// encoded takes the next 20 ms from a device that encodes by itself: a packet of n bytes lies in s.packet.
func (s *sender) encoded(n int, level uint8) {
	if peer, ok := s.begin(); ok {
		s.send(peer, n, level)
	}
}

// begin is false for 20 ms that nobody is to hear.
func (s *sender) begin() (peer *rtc.Peer, ok bool) {
	s.clock += audio.FrameSamples
	peer = s.mic.media.line.Load().peer // another one after a return to another server
	if !s.mic.publishing.Load() {
		peer.Skip(audio.FrameSamples)
		s.talking = false
		s.music.skip()
		return nil, false
	}
	return peer, true
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
	if err := s.music.add(s.out); err != nil {
		s.failed("a frame without music", err)
	}
}

// send sends a packet of n bytes.
func (s *sender) send(peer *rtc.Peer, n int, level uint8) {
	s.mic.meter.add(level)
	if n == 0 || s.saysSilence(n) {
		peer.Skip(audio.FrameSamples)
		return
	}
	if err := peer.WriteAudio(s.packet[:n], audio.FrameSamples, level, !s.talking); err != nil {
		s.log.Debug("a frame could not be sent", "error", err)
	}
	s.mic.media.taps.show(s.mic.media.self, s.stream, s.clock, s.packet[:n])
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
