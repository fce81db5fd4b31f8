package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// slots is how many speakers can be heard at once. With more in the room the server picks the loudest.
const slots = 10

// media is one room's media session: the connection, the microphone, and what is received.
type media struct {
	room *Room
	peer *rtc.Peer
	mic  *Microphone
	ears []*ear // by slot

	begun bool // the server has answered the offer; set and read by Enter only
	gone  bool // it is not to be played any more; guarded by the player's turn

	connected   chan struct{}
	connectOnce sync.Once
	restarting  atomic.Bool

	mu    sync.Mutex // protects what follows
	heard map[UserID]*ear
	told  bool // a notification has said who is heard: newer than the answer to the join, even if it came before
}

// ear is one slot's way from packets to frames.
type ear struct {
	buffer *audio.JitterBuffer
	active atomic.Bool // a packet has come: before that there is nothing to decode

	// Of the player's goroutine:
	decoder audio.Decoder
	frame   audio.Frame
}

func newMedia(r *Room) (*media, error) {
	m := &media{room: r, connected: make(chan struct{}), heard: map[UserID]*ear{}}
	for range slots {
		m.ears = append(m.ears, &ear{buffer: audio.NewJitterBuffer(audio.JitterConfig{})})
	}
	m.mic = &Microphone{media: m, turn: make(chan struct{}, 1)}
	peer, err := rtc.New(rtc.Config{
		Net: r.eng.cfg.Network.Net, Slots: slots, Logger: r.log, OnPacket: m.packet, OnState: m.stateChanged,
	})
	if err != nil {
		return nil, err
	}
	m.peer = peer
	return m, nil
}

// begin connects and starts to play. It does not wait for the connection: audio begins when it is up.
func (m *media) begin(ctx context.Context, res signaling.JoinResult) error {
	m.begun = true
	if err := m.peer.Answer(ctx, res.Answer); err != nil {
		return err
	}
	m.setSlots(res.Slots, false)
	return m.room.eng.player.add(ctx, m)
}

func (m *media) packet(slot int, h *rtp.Header, payload []byte) {
	if slot < len(m.ears) && len(payload) > 0 {
		e := m.ears[slot]
		e.buffer.Push(h.SequenceNumber, h.Timestamp, h.Marker, payload, time.Now())
		e.active.Store(true)
	}
}

func (m *media) stateChanged(s rtc.State) {
	m.room.log.Debug("media", "state", s)
	switch s {
	case rtc.StateConnected:
		m.connectOnce.Do(func() { close(m.connected) })
	case rtc.StateFailed:
		if m.restarting.CompareAndSwap(false, true) {
			m.room.mu.Lock()
			m.room.spawn(m.restart)
			m.room.mu.Unlock()
		}
	}
}

// restart revives a connection whose path has died: everything negotiated stays.
func (m *media) restart() {
	defer m.restarting.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), snapshotWait)
	defer cancel()
	offer, err := m.peer.RestartOffer()
	if err == nil {
		var res signaling.RestartResult
		params := signaling.RestartParams{RoomID: m.room.id, Offer: offer}
		if err = m.room.eng.call(ctx, signaling.MethodRestartMedia, params, &res); err == nil {
			err = m.peer.Answer(ctx, res.Answer)
		}
	}
	if err != nil {
		m.room.log.Warn("media could not be restarted", "error", err)
	}
}

// setSlots notes who is heard on which slot.
func (m *media) setSlots(list []signaling.Slot, notified bool) {
	mids := m.peer.MIDs()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told && !notified {
		return
	}
	m.told = notified
	clear(m.heard)
	for _, s := range list {
		if i, known := mids[s.MID]; known && s.UserID != "" && i < len(m.ears) {
			m.heard[s.UserID] = m.ears[i]
		}
	}
}

func (r *Room) slotsChanged(list []signaling.Slot) {
	if r.media != nil {
		r.media.setSlots(list, true)
	}
}

// Connected waits until media flows. Joining does not need it: audio begins by itself.
func (r *Room) Connected(ctx context.Context) error {
	if r.media == nil {
		return signaling.ErrMediaNotNegotiated
	}
	select {
	case <-r.media.connected:
		return nil
	case <-r.done:
		return ErrNotInRoom
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// AudioStats returns what has been received from a user who is heard now; ok is false for others.
func (r *Room) AudioStats(u UserID) (stats audio.JitterStats, ok bool) {
	if r.media == nil {
		return stats, false
	}
	r.media.mu.Lock()
	defer r.media.mu.Unlock()
	if e := r.media.heard[u]; e != nil {
		return e.buffer.Stats(), true
	}
	return stats, false
}

func (m *media) close() {
	m.mic.shut()
	m.room.eng.player.remove(m)
	if err := m.peer.Close(); err != nil {
		m.room.log.Debug("media closed", "error", err)
	}
}

// next decodes 20 ms; nil is silence.
func (e *ear) next(codec audio.Codec, channels int, now time.Time) (audio.Frame, error) {
	if !e.active.Load() {
		return nil, nil
	}
	payload, kind, reset := e.buffer.Pop(now)
	if kind == audio.Silence {
		return nil, nil
	}
	if e.decoder == nil {
		d, err := codec.NewDecoder(channels)
		if err != nil {
			return nil, err
		}
		e.decoder, e.frame = d, audio.NewFrame(channels)
	}
	if reset {
		e.decoder.Reset()
	}
	var err error
	switch kind {
	case audio.Packet:
		err = e.decoder.Decode(payload, e.frame)
	case audio.FEC:
		err = e.decoder.DecodeFEC(payload, e.frame)
	case audio.Conceal:
		err = e.decoder.Conceal(e.frame)
	}
	if err != nil {
		return nil, err // a damaged packet is 20 ms of silence
	}
	e.buffer.Quiet(audio.Level(e.frame) > quietLevel)
	return e.frame, nil
}

// quietLevel is the level, in -dBov, below which a dropped frame goes unnoticed.
const quietLevel = 50
