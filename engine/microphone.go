package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Microphone is this user's microphone in one room. Two things are kept apart, as in the documents: whether the device
// is open, and whether what it hears is published. Publishing needs a seat whose audio is not locked.
type Microphone struct {
	media *media

	// publishing is read with each frame. It is set after the server has agreed, and cleared before it is asked.
	publishing atomic.Bool

	turn chan struct{} // capacity one: full while a verb is at work, so that verbs take effect in their order

	mu      sync.Mutex // protects what follows
	open    bool
	muted   bool
	stop    context.CancelFunc // ends capture
	capture sync.WaitGroup
}

// Microphone returns this user's microphone in the room. Without a codec there is none: nil.
func (r *Room) Microphone() *Microphone {
	if r.media == nil {
		return nil
	}
	return r.media.mic
}

// voice is how the microphone is encoded until the quality can be chosen: the documents' AudioQuality Default.
var voice = audio.EncoderConfig{Bitrate: 50_000, FEC: true, ExpectedLoss: 5, Voice: true}

// Open opens the device and publishes, unless muted. Opening an open microphone does nothing.
func (m *Microphone) Open(ctx context.Context) error {
	cfg := &m.media.room.eng.cfg
	if cfg.Microphone == nil {
		return signaling.ErrNoMic
	}
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	if err := m.mayPublish(); err != nil {
		return err
	}
	m.mu.Lock()
	open, muted := m.open, m.muted
	m.mu.Unlock()
	if open {
		return nil
	}
	voice := voice
	voice.Channels = cfg.Microphone.Channels()
	enc, err := cfg.Codec.NewEncoder(voice)
	if err != nil {
		return &Error{Code: signaling.ErrMicStartFailed.Code, Err: err}
	}
	if err := cfg.Microphone.Start(ctx); err != nil {
		if errors.Is(err, audio.ErrStarted) {
			return &Error{Code: signaling.ErrMicOccupied.Code, Message: "another room of this login uses the microphone", Err: err}
		}
		return &Error{Code: signaling.ErrMicStartFailed.Code, Err: err}
	}
	capture, cancel := context.WithCancel(context.Background())
	m.mu.Lock()
	m.open, m.stop = true, cancel
	m.capture.Go(func() { m.run(capture, cfg.Microphone, enc) })
	m.mu.Unlock()
	if muted {
		return nil
	}
	if err := m.announce(ctx, true); err != nil {
		m.shut()
		return err
	}
	return nil
}

// Close stops publishing and frees the device. Closing a closed microphone does nothing.
func (m *Microphone) Close(ctx context.Context) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	m.mu.Lock()
	open := m.open
	m.mu.Unlock()
	if !open {
		return nil
	}
	m.shut()
	return ignoreNotOnSeat(m.announce(ctx, false))
}

// SetMuted stops publishing and leaves the device open, or publishes again. A muted microphone stays muted when it is
// closed and opened.
func (m *Microphone) SetMuted(ctx context.Context, muted bool) error {
	if muted {
		m.publishing.Store(false) // at once, whatever is at work
	}
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	if !muted {
		if err := m.mayPublish(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.muted = muted
	open := m.open
	m.mu.Unlock()
	switch {
	case muted:
		m.publishing.Store(false)
		return ignoreNotOnSeat(m.announce(ctx, false))
	case open:
		return m.announce(ctx, true)
	}
	return nil
}

func (m *Microphone) lock(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (m *Microphone) unlock() { <-m.turn }

func ignoreNotOnSeat(err error) error {
	if errors.Is(err, ErrNotOnSeat) {
		return nil // off the seats nobody is heard anyway
	}
	return err
}

// mayPublish gives the reason at once where the replica knows it. The server decides all the same.
func (m *Microphone) mayPublish() error {
	r := m.media.room
	r.mu.Lock()
	defer r.mu.Unlock()
	switch seat := r.mySeat(); {
	case r.over:
		return ErrNotInRoom
	case seat == nil:
		return signaling.Errorf(ErrNotOnSeat.Code, "take a seat first: only seated users are heard")
	case seat.AudioLocked:
		return ErrSeatAudioLocked
	}
	return nil
}

// announce tells the server whether this user is to be heard.
func (m *Microphone) announce(ctx context.Context, on bool) error {
	r := m.media.room
	err := r.Call(ctx, signaling.MethodSetAudio, signaling.AudioParams{CommandID: rand.Text(), RoomID: r.id, On: on}, nil)
	if err == nil {
		m.publishing.Store(on)
	}
	return err
}

// seatChanged follows what the server says about this user's seat (nil: none). Off the seats the device is freed; the
// documents' apps do it by hand. The room's mu is held.
func (m *Microphone) seatChanged(seat *SeatInfo) {
	if seat == nil || seat.Mic != MicOn {
		m.publishing.Store(false)
	}
	m.mu.Lock()
	open := m.open
	m.mu.Unlock()
	if seat == nil && open {
		m.media.room.spawn(m.shut)
	}
}

// shut ends capture and closes the device, once. It waits for both.
func (m *Microphone) shut() {
	m.publishing.Store(false)
	m.mu.Lock()
	stop := m.stop
	m.stop = nil
	m.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	m.capture.Wait()
	m.mu.Lock()
	m.open = false
	m.mu.Unlock()
	if err := m.media.room.eng.cfg.Microphone.Stop(); err != nil {
		m.media.room.log.Warn("microphone", "error", err)
	}
}

// run captures, encodes and sends until its context or the source ends.
func (m *Microphone) run(ctx context.Context, src audio.Source, enc audio.Encoder) {
	frame := audio.NewFrame(src.Channels())
	packet := make([]byte, audio.MaxPacket)
	peer, log := m.media.peer, m.media.room.log
	talking := false
	for {
		if err := src.ReadFrame(ctx, frame); err != nil {
			if ctx.Err() == nil && !errors.Is(err, io.EOF) {
				log.Warn("the microphone failed", "error", err)
			}
			return
		}
		if !m.publishing.Load() {
			peer.Skip(audio.FrameSamples)
			talking = false
			continue
		}
		n, err := enc.Encode(frame, packet)
		if err != nil {
			log.Warn("a frame could not be encoded", "error", err)
			peer.Skip(audio.FrameSamples)
			continue
		}
		if err := peer.WriteAudio(packet[:n], audio.FrameSamples, audio.Level(frame), !talking); err != nil {
			log.Debug("a frame could not be sent", "error", err)
		}
		talking = true
	}
}
