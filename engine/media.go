package engine

import (
	"context"
	"log/slog"
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

// media is one room's media session: the microphone, and the line to the server, which is a new one after a return to
// another server.
type media struct {
	room      *Room
	mic       *Microphone
	gains     gains
	taps      taps
	listeners listeners
	line      atomic.Pointer[line]
	next      atomic.Pointer[line] // while it is being negotiated

	begun bool // the server has answered the offer; set and read by Enter only
	gone  bool // it is not to be played any more; guarded by the player's turn

	connected   chan struct{}
	connectOnce sync.Once
	restarting  atomic.Bool

	watch watch

	mu   sync.Mutex // protects over and the change of line
	over bool       // no line may follow
}

// line is one connection for media, and what is received on it.
type line struct {
	peer *rtc.Peer
	ears []*ear // by slot
	taps *taps

	mu    sync.Mutex // protects what follows
	heard map[who]*ear
	told  bool // a notification has said who is heard: newer than the answer to the join, even if it came before
}

func newMedia(r *Room) (*media, error) {
	m := &media{room: r, connected: make(chan struct{})}
	m.mic = newMicrophone(m)
	m.gains.playout.Store(100)
	l, err := m.newLine()
	if err != nil {
		return nil, err
	}
	m.line.Store(l)
	return m, nil
}

// self is this user, for taps.
func (m *media) self() who { return who{user: m.room.eng.cfg.UserID} }

// newLine makes an offer for a connection.
func (m *media) newLine() (*line, error) {
	l := &line{heard: map[who]*ear{}, taps: &m.taps}
	var buffer audio.JitterConfig
	if c, ok := m.room.eng.cfg.Codec.(interface{ HasFEC(packet []byte) bool }); ok {
		buffer.HasFEC = c.HasFEC
	}
	for range slots {
		l.ears = append(l.ears, &ear{buffer: audio.NewJitterBuffer(buffer)})
	}
	peer, err := rtc.New(rtc.Config{
		Net: m.room.eng.cfg.Network.Net, Slots: slots, Logger: m.room.log, OnPacket: l.packet, OnCopy: l.copied,
		OnState: func(s rtc.State) { m.stateChanged(l, s) }, OnLoss: l.lossReported(m.mic),
	})
	l.peer = peer
	return l, err
}

// close ends the connection, if there is one.
func (l *line) close(log *slog.Logger) {
	if l == nil {
		return
	}
	if err := l.peer.Close(); err != nil {
		log.Debug("media closed", "error", err)
	}
}

// begin connects and starts to play. It does not wait for the connection: audio begins when it is up.
func (m *media) begin(ctx context.Context, res signaling.JoinResult) error {
	m.begun = true
	l := m.line.Load()
	switch err := l.peer.Answer(ctx, res.Answer); {
	case err == nil:
		l.setSlots(res.Slots, false)
	case l == m.line.Load(): // else a return has put another in its place
		return err
	}
	m.room.mu.Lock()
	m.room.spawn(m.reportVolumes)
	m.room.spawn(m.watchNetwork)
	m.room.mu.Unlock()
	return m.room.eng.player.add(ctx, m)
}

// change connects a new line and ends the old one: the server has answered its offer. What is said goes over the new
// one at once, and what comes over the old one is not missed.
func (m *media) change(ctx context.Context, l *line, res signaling.JoinResult) error {
	err := l.peer.Answer(ctx, res.Answer)
	if err == nil {
		l.setSlots(res.Slots, false)
	}
	m.mu.Lock()
	over := m.over
	old := l
	if !over && err == nil {
		old = m.line.Swap(l)
		m.networkChanged(nil) // another server says it anew
	}
	m.mu.Unlock()
	old.close(m.room.log)
	return err
}

func (l *line) packet(slot int, h *rtp.Header, payload []byte, now time.Time) {
	if slot < len(l.ears) && len(payload) > 0 {
		e := l.ears[slot]
		e.ssrc.Store(h.SSRC)
		e.buffer.Push(h.SequenceNumber, h.Timestamp, h.Marker, payload, now)
		// What is missing comes, if asked for, with the packet after the next round trip.
		if trip := l.peer.RoundTrip(); trip > 0 {
			if e.asked = e.buffer.Missing(e.asked[:0], trip+audio.FrameDuration, now); len(e.asked) > 0 {
				l.peer.Ask(slot, e.asked)
			}
		}
		l.taps.show(e.speaker, h.SSRC, h.Timestamp, payload)
		if level, ok := l.peer.Level(h); ok {
			e.meter.add(level)
		}
		e.active.Store(true)
	}
}

func (l *line) copied(slot int, ts, age uint32, payload []byte, now time.Time) {
	if slot < len(l.ears) {
		e := l.ears[slot]
		e.buffer.PushCopy(ts, age, payload, now)
		l.taps.show(e.speaker, e.ssrc.Load(), ts, payload)
	}
}

// lossReported returns what takes the server's reports about the microphone.
func (*line) lossReported(mic *Microphone) func(share float64) {
	e := firstExpectation
	return func(share float64) {
		e = e.next(share)
		mic.expected.Store(int32(e.percent))
	}
}

func (m *media) stateChanged(l *line, s rtc.State) {
	m.room.log.Debug("media", "state", s)
	switch s {
	case rtc.StateConnected:
		m.connectOnce.Do(func() { close(m.connected) })
	case rtc.StateDisconnected:
		m.room.eng.link.Probe() // perhaps the whole server is gone, and the connection does not know it
	case rtc.StateFailed:
		m.revive(l)
	}
}

// check restarts a connection that has lost its path. The way to the server may be another than before.
func (m *media) check() {
	l := m.line.Load()
	if s := l.peer.State(); s == rtc.StateDisconnected || s == rtc.StateFailed {
		m.revive(l)
	}
}

func (m *media) revive(l *line) {
	if l == m.line.Load() && m.restarting.CompareAndSwap(false, true) {
		m.room.mu.Lock()
		m.room.spawn(func() { m.restart(l) })
		m.room.mu.Unlock()
	}
}

// restart revives a connection whose path has died: everything negotiated stays.
func (m *media) restart(l *line) {
	defer m.restarting.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), snapshotWait)
	defer cancel()
	offer, err := l.peer.RestartOffer()
	if err == nil {
		var res signaling.RestartResult
		params := signaling.RestartParams{RoomID: m.room.id, Offer: offer}
		if err = m.room.eng.call(ctx, signaling.MethodRestartMedia, params, &res); err == nil {
			err = l.peer.Answer(ctx, res.Answer)
		}
	}
	if err != nil && l == m.line.Load() {
		m.room.log.Warn("media could not be restarted", "error", err)
	}
}

// setSlots notes who is heard on which slot.
func (l *line) setSlots(list []signaling.Slot, notified bool) {
	mids := l.peer.MIDs()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told && !notified {
		return
	}
	l.told = notified
	clear(l.heard)
	speakers := make([]*who, len(l.ears))
	for _, s := range list {
		if i, known := mids[s.MID]; known && s.UserID != "" && i < len(l.ears) {
			w := who{s.RoomID, s.UserID}
			l.heard[w] = l.ears[i]
			speakers[i] = &w
			l.occupied(i, w)
		}
	}
	for i, e := range l.ears {
		e.from.Store(speakers[i])
	}
}

func (r *Room) slotsChanged(list []signaling.Slot) {
	if r.media != nil {
		r.media.line.Load().setSlots(list, true)
		if next := r.media.next.Load(); next != nil {
			next.setSlots(list, true) // the answer to its join may come later
		}
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

// AudioStats returns what has been received from a user who is heard now, of a connected room too; ok is false for others.
func (r *Room) AudioStats(u UserID) (stats audio.JitterStats, ok bool) {
	if r.media == nil {
		return stats, false
	}
	l := r.media.line.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	for w, e := range l.heard {
		if w.user == u {
			return e.buffer.Stats(), true
		}
	}
	return stats, false
}

func (m *media) close() {
	m.mic.shut()
	m.room.eng.player.remove(m)
	m.listeners.end()
	m.mu.Lock()
	m.over = true
	l := m.line.Load()
	m.mu.Unlock()
	l.close(m.room.log)
}
