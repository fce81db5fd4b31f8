package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/effects"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Microphone is this user's microphone in one room. Two things are kept apart, as in the documents: whether the device
// is open, and whether what it hears is published. Publishing needs a seat whose audio is not locked.
//
// A source that ends (io.EOF) or fails closes the microphone: the others are told that this user is not heard any more,
// and Open starts the source anew.
type Microphone struct {
	media *media

	// publishing is read with each frame. It is set after the server has agreed, and cleared before it is asked.
	publishing atomic.Bool
	meter      meter                             // of what is published
	monitor    monitor                           // of what is published, for this user's own ear
	volume     atomic.Int32                      // of what is captured, in per cent
	quality    atomic.Int32                      // an AudioQuality
	effects    atomic.Pointer[effects.Processor] // nil until somebody asks for it
	expected   atomic.Int32                      // loss, in per cent, that the encoder prepares for

	turn chan struct{} // capacity one: full while a verb is at work, so that verbs take effect in their order

	mu     sync.Mutex // protects what follows
	muted  bool
	wanted bool     // a verb has asked the server to publish, and it has agreed
	open   *capture // nil while the device is closed, or about to be
	ending *capture // the last one that was open: its device may still be in use
}

// capture is one opening of the device.
type capture struct {
	cancel context.CancelFunc
	freed  chan struct{} // closed when the device is free again
}

// encodes tells whether a microphone gives packets: nothing can be done to them, nor mixed in.
func encodes(src audio.Source) bool {
	_, ok := src.(audio.PacketSource)
	return ok
}

func newMicrophone(media *media) *Microphone {
	m := &Microphone{media: media, turn: make(chan struct{}, 1)}
	m.expected.Store(int32(firstExpectation.percent))
	m.quality.Store(int32(AudioQualityDefault))
	m.volume.Store(100)
	m.monitor.volume.Store(100)
	return m
}

// Microphone returns this user's microphone in the room. Without media there is none: nil (see [Config.Codec]).
func (r *Room) Microphone() *Microphone {
	if r.media == nil {
		return nil
	}
	return r.media.mic
}

// Effects returns the voice changer and the reverb of this user's voice in this room: what is chosen there is heard by the
// others. Another room begins without (documents, AudioEffectStore). [signaling.ErrNoMic] means that there is no
// microphone.
func (m *Microphone) Effects() (*effects.Processor, error) {
	src := m.media.room.eng.cfg.Microphone
	if src == nil {
		return nil, signaling.ErrNoMic
	}
	if encodes(src) {
		return nil, signaling.WithOp("Effects", signaling.Errorf(ErrInvalidParameter.Code, "this microphone gives packets that are encoded already; decode them first"))
	}
	p, err := effects.New(src.Channels())
	if err != nil {
		return nil, err
	}
	m.effects.CompareAndSwap(nil, p) // the first one stays
	return m.effects.Load(), nil
}

// Open opens the device and publishes, unless muted. Opening an open microphone publishes
// what an audio lock has silenced and released since, and else does nothing.
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
	open, ending, muted := m.open != nil, m.ending, m.muted
	m.mu.Unlock()
	if open && muted {
		return nil
	}
	if open {
		return m.announce(ctx, true) // a seat's audio lock may have silenced it meanwhile
	}
	if err := ending.wait(ctx); err != nil {
		return err
	}
	var enc encoder
	if !encodes(cfg.Microphone) {
		var err error
		if enc, err = newEncoder(cfg.Codec, m.AudioQuality(), int(m.expected.Load())); err != nil {
			return &Error{Code: signaling.ErrMicStartFailed.Code, Err: err}
		}
	}
	if err := cfg.Microphone.Start(ctx); err != nil {
		return notOpened(err)
	}
	if err := m.begin(cfg.Microphone, enc); err != nil {
		return err
	}
	if muted {
		return nil
	}
	if err := m.announce(ctx, true); err != nil {
		m.shut()
		return err
	}
	return nil
}

// notOpened gives the documents' codes to what a source says when it does not start.
func notOpened(err error) error {
	e := &Error{Code: signaling.ErrMicStartFailed.Code, Err: err}
	switch {
	case errors.Is(err, audio.ErrStarted):
		e.Code, e.Message = signaling.ErrMicOccupied.Code, "another room of this login uses the microphone"
	case errors.Is(err, audio.ErrDeviceDenied):
		e.Code = signaling.ErrMicNotAuthorized.Code
	case errors.Is(err, audio.ErrDeviceBusy):
		e.Code = signaling.ErrMicOccupied.Code
	case errors.Is(err, audio.ErrNoDevice):
		e.Code, e.Message = signaling.ErrNoMic.Code, "the microphone that was asked for is not there"
	case errors.Is(err, audio.ErrDeviceUnavailable):
		e.Code = signaling.ErrMicUnavailable.Code
	}
	return e
}

// begin captures from a source that has been started, or stops it: the seat or the room may have gone meanwhile.
func (m *Microphone) begin(src audio.Source, enc encoder) error {
	ctx, cancel := context.WithCancel(context.Background())
	c := &capture{cancel: cancel, freed: make(chan struct{})}
	r := m.media.room
	r.mu.Lock()
	err := m.allowed()
	if err == nil {
		m.mu.Lock()
		m.open = c
		m.mu.Unlock()
		r.wg.Go(func() { m.capture(ctx, c, src, enc) })
	}
	r.mu.Unlock()
	if err != nil {
		cancel()
		m.stop(src)
	}
	return err
}

// Close stops publishing and frees the device. Closing a closed microphone does nothing.
func (m *Microphone) Close(ctx context.Context) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	if !m.shut() {
		m.mu.Lock()
		ending := m.ending
		m.mu.Unlock()
		return ending.wait(ctx) // the seat has gone and is closing it
	}
	return ignoreNotOnSeat(m.announce(ctx, false))
}

// SetMuted stops publishing and leaves the device open, or publishes again. A muted microphone stays muted when it is
// closed and opened.
func (m *Microphone) SetMuted(ctx context.Context, muted bool) error {
	if muted {
		m.want(false) // at once, whatever is at work
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
	open := m.open != nil
	m.mu.Unlock()
	switch {
	case muted:
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
	return m.allowed()
}

// allowed is mayPublish with the room's mu held.
func (m *Microphone) allowed() error {
	r := m.media.room
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
	if !on {
		m.want(false)
	}
	r := m.media.room
	err := r.Call(ctx, signaling.MethodSetAudio, signaling.AudioParams{CommandID: rand.Text(), RoomID: r.id, On: on}, nil)
	if err == nil {
		m.want(on)
	}
	return err
}

func (m *Microphone) want(on bool) {
	r := m.media.room
	r.mu.Lock()
	defer r.mu.Unlock()
	m.mu.Lock()
	m.wanted = on
	m.mu.Unlock()
	m.seatChanged(r.mySeat())
}

// seatChanged follows what the server says about this user's seat (nil: none). Off the seats the device is freed; the
// documents' apps do it by hand. The room's mu is held.
func (m *Microphone) seatChanged(seat *SeatInfo) {
	m.mu.Lock()
	m.publishing.Store(m.wanted && seat != nil && seat.Mic == MicOn)
	m.mu.Unlock()
	if seat == nil {
		if c := m.take(); c != nil {
			c.cancel() // what waits for the device waits for the rest
		}
	}
}

// take makes the microphone count as closed and returns what was open, nil when nothing was.
func (m *Microphone) take() *capture {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.publishing.Store(false)
	m.wanted = false
	c := m.open
	if c != nil {
		m.open, m.ending = nil, c
	}
	return c
}

// shut ends capture, waits until the device is free, and reports whether it was open.
func (m *Microphone) shut() bool {
	c := m.take()
	if c == nil {
		return false
	}
	c.cancel()
	<-c.freed
	return true
}

// wait returns when the device is free; nil never used it.
func (c *capture) wait(ctx context.Context) error {
	if c == nil {
		return nil
	}
	select {
	case <-c.freed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// capture runs until it is cancelled or the source ends, and frees the device.
func (m *Microphone) capture(ctx context.Context, c *capture, src audio.Source, enc encoder) {
	m.run(ctx, src, enc)
	m.stop(src)
	m.mu.Lock()
	alone := m.open == c // nobody closes it: the source has ended
	if alone {
		m.open, m.wanted = nil, false
		m.publishing.Store(false)
	}
	m.mu.Unlock()
	c.cancel()
	close(c.freed)
	if alone {
		m.ended()
	}
}

// lastWords is how long the last packets have to arrive: what is announced to the server may overtake them.
const lastWords = 200 * time.Millisecond

// ended tells the others that nothing more comes, unless the microphone has been opened again meanwhile.
func (m *Microphone) ended() {
	r := m.media.room
	select {
	case <-time.After(lastWords):
	case <-r.done:
		return
	}
	select {
	case m.turn <- struct{}{}:
	case <-r.done:
		return
	}
	defer m.unlock()
	ctx, cancel := context.WithTimeout(context.Background(), snapshotWait)
	defer cancel()
	m.mu.Lock()
	reopened := m.open != nil
	m.mu.Unlock()
	if reopened {
		return
	}
	if err := ignoreNotOnSeat(m.announce(ctx, false)); err != nil {
		r.log.Debug("the microphone's end was not told", "error", err)
	}
}

func (m *Microphone) stop(src audio.Source) {
	if err := src.Stop(); err != nil {
		m.media.room.log.Warn("microphone", "error", err)
	}
}

// run captures and sends until its context or the source ends.
func (m *Microphone) run(ctx context.Context, src audio.Source, enc encoder) {
	var err error
	if packets, encodes := src.(audio.PacketSource); encodes {
		err = m.runPackets(ctx, packets)
	} else {
		frame := audio.NewFrame(src.Channels())
		s := newSender(m, enc)
		for err == nil {
			if err = src.ReadFrame(ctx, frame); err == nil {
				s.frame(frame)
			}
		}
	}
	if ctx.Err() == nil && !errors.Is(err, io.EOF) {
		m.media.room.log.Warn("the microphone failed; StartMicrophone tries again", "error", err)
	}
}

func (m *Microphone) runPackets(ctx context.Context, src audio.PacketSource) error {
	s := newPacketSender(m)
	for {
		n, level, err := src.ReadPacket(ctx, s.packet)
		if err != nil {
			return err
		}
		s.encoded(n, level)
	}
}
