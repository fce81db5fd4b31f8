package server

import (
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// relay returns what sends this node's speakers to the other nodes. The node's id goes before the packets: the bus
// brings a node its own messages too.
func (r *replica) relay() func(batch []byte) {
	topic := store.Topic{Kind: store.KindMedia, App: r.key.App, Room: r.key.Room}
	head := append([]byte{byte(len(r.srv.id))}, r.srv.id...)
	var buf []byte
	return func(batch []byte) {
		if r.srv.node.Alone() {
			return
		}
		buf = append(append(buf[:0], head...), batch...)
		if err := r.srv.cfg.Store.Publish(topic, buf); err != nil {
			r.srv.metrics.relayErrors.Inc()
		}
	}
}

// relayed takes the speakers of another node, and what it says of their lines.
func (r *replica) relayed(data []byte) {
	if len(data) < 1 || len(data) < 1+int(data[0]) {
		return
	}
	from, batch := store.NodeID(data[1:1+data[0]]), data[1+data[0]:]
	switch {
	case from == r.srv.id:
	case len(batch) > 0 && batch[0] == linesVersion:
		r.network.heard(from, batch[1:])
	default:
		r.media.FromRelay(batch)
	}
}

// startMedia negotiates a member's media. The first slots are in the answer to the join; later ones are notifications,
// which begin when tellSlots is set.
func (m *membership) startMedia(peer *sfu.Peer) []signaling.Slot {
	m.slotMu.Lock()
	defer m.slotMu.Unlock()
	m.peer, m.tellSlots = peer, true
	return toSlots(peer.Slots())
}

// endMedia closes the member's connection, if there is one. It waits for its goroutines, and may run more than once.
func (m *membership) endMedia() {
	m.slotMu.Lock()
	peer := m.peer
	m.tellSlots = false
	m.slotMu.Unlock()
	if peer == nil {
		return
	}
	if err := peer.Close(); err != nil {
		m.session.log.Debug("media", "error", err)
	}
}

// onSlots passes on who is heard where.
func (m *membership) onSlots(list []sfu.Slot) {
	m.slotMu.Lock()
	defer m.slotMu.Unlock()
	if m.tellSlots {
		m.session.notify(signaling.NotifySlots, signaling.SlotsChanged{RoomID: m.replica.key.Room, Slots: toSlots(list)})
	}
}

// retellSlots tells a client that was away who is heard where now.
func (m *membership) retellSlots() {
	m.replica.network.newcomer()
	m.replica.seating.arm()
	m.slotMu.Lock()
	defer m.slotMu.Unlock()
	if m.peer != nil && m.tellSlots {
		m.session.notify(signaling.NotifySlots, signaling.SlotsChanged{RoomID: m.replica.key.Room, Slots: toSlots(m.peer.Slots())})
	}
}

func toSlots(list []sfu.Slot) []signaling.Slot {
	out := make([]signaling.Slot, len(list))
	for i, s := range list {
		out[i] = signaling.Slot{MID: s.MID, RoomID: s.Room, UserID: s.User}
	}
	return out
}
