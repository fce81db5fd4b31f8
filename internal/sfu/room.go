package sfu

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/pionlog"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// levelTick is how often slots are given to louder speakers while somebody waits for one.
const levelTick = 100 * time.Millisecond

// RoomConfig configures one room's media. The zero value works.
type RoomConfig struct {
	// ID names the room to the members of those that are connected with it ([Room.Hear]).
	ID signaling.RoomID
	// Relay gets the packets of the room's local speakers for the other nodes, which hand them to [Room.FromRelay]. It must
	// not block and must not keep batch, and is not called concurrently. Nil: there are no other nodes.
	Relay func(batch []byte)
	// OnReport is called when there is news of the lines of those who speak ([Room.Network]): while anybody does, a few times
	// a second, from several goroutines. It must not block. May be nil.
	OnReport func()
	// Logger gets the log; nil means the SFU's.
	Logger *slog.Logger
}

// Room forwards between the members of one room.
type Room struct {
	id      signaling.RoomID
	sfu     *SFU
	log     *slog.Logger
	forward *forwarder
	relay   *relay // nil without other nodes

	onReport func()

	connections

	mu       sync.Mutex // guards the following; not taken on the packet path, nor while another room's is held
	closed   bool
	peers    map[*Peer]struct{}
	newest   map[signaling.UserID]*Peer // the connection whose packets count
	speakers []*speaker                 // in the order of the seats
	placed   []*speaker                 // those who are heard here, of other rooms too
	timer    *time.Timer                // runs while somebody waits for a slot
	armed    bool
}

// NewRoom makes a room without members and speakers. Close it, or the SFU.
func (s *SFU) NewRoom(cfg RoomConfig) *Room {
	r := &Room{
		id: cfg.ID, sfu: s, log: s.log, forward: newForwarder(&s.count), onReport: cfg.OnReport,
		peers: map[*Peer]struct{}{}, newest: map[signaling.UserID]*Peer{},
	}
	if cfg.Logger != nil {
		r.log = pionlog.Or(cfg.Logger)
	}
	if cfg.Relay != nil {
		r.relay = newRelay(cfg.Relay, &s.count)
	}
	if !s.addRoom(r) {
		r.closed = true
	}
	return r
}

// Join makes a member's peer from its offer and returns it with an answer and its first slots. onSlots (may be nil) gets
// the list of all slots, in the order of the m-lines, after each later change; it must not block.
//
// The same user may join again while an older peer is still there: the older one goes on receiving until it is closed, but
// only the newest one's packets are forwarded.
//
// Errors: *OfferError if the offer is not acceptable, [ErrClosed] after Close, ctx's error.
func (r *Room) Join(ctx context.Context, user signaling.UserID, offer string, onSlots func([]Slot)) (*Peer, error) {
	p, err := newPeer(ctx, r, user, offer, onSlots)
	if err != nil {
		return nil, err
	}
	if !r.add(p) {
		_ = p.Close()
		return nil, ErrClosed
	}
	return p, nil
}

// SetSpeakers says who is heard, in the order of the seats: those who are seated and not muted. Packets of everybody else
// are dropped from now on, whatever they send. Users on other nodes belong in it too.
func (r *Room) SetSpeakers(users []signaling.UserID) {
	r.mu.Lock()
	known := make(map[signaling.UserID]*speaker, len(r.speakers))
	for _, s := range r.speakers {
		known[s.user] = s
	}
	speakers := make([]*speaker, 0, len(users))
	taken := make(map[signaling.UserID]bool, len(users))
	for _, u := range users {
		if u == "" || taken[u] {
			continue
		}
		taken[u] = true
		s := known[u]
		if s == nil {
			s = newSpeaker(r, u)
		}
		speakers = append(speakers, s)
	}
	if r.closed || slices.Equal(speakers, r.speakers) {
		r.mu.Unlock()
		return
	}
	r.speakers = speakers
	r.audible.Store(&speakers)
	r.unlockAndTell(r.reseat(time.Now(), false))
	r.tellHearers()
}

// FromRelay takes a message that another node's Relay got. What cannot be read is counted and dropped.
func (r *Room) FromRelay(batch []byte) {
	now := time.Now()
	if err := readRelay(batch, func(user []byte, p *packet) { r.ingestRelayed(user, p, now) }); err != nil {
		r.sfu.count.drop(dropRelayBad)
	}
}

// Close ends all peers of the room and waits for their goroutines.
func (r *Room) Close() {
	r.mu.Lock()
	r.closed = true
	peers := make([]*Peer, 0, len(r.peers))
	for p := range r.peers {
		peers = append(peers, p)
	}
	r.speakers = nil
	r.audible.Store(nil)
	r.forward.routes.Store(&routes{})
	for _, s := range r.placed {
		s.place(r, nil)
	}
	r.placed = nil
	if r.timer != nil {
		r.timer.Stop()
	}
	r.mu.Unlock()
	r.Hear(nil)
	r.tellHearers()
	if r.relay != nil {
		r.relay.close()
	}
	var wg sync.WaitGroup
	for _, p := range peers {
		wg.Go(func() { _ = p.Close() })
	}
	wg.Wait()
	r.sfu.removeRoom(r)
}

// ingest takes one packet from a peer's connection.
func (r *Room) ingest(p *Peer, pkt *packet, now time.Time) {
	from, ok := r.forward.permitted(p.user)
	if !ok {
		r.sfu.count.drop(dropNotSpeaker)
		return
	}
	if p.superseded.Load() {
		r.sfu.count.drop(dropSuperseded)
		return
	}
	r.sfu.count.in.Add(1)
	from.local.Store(now.UnixNano())
	r.forward.forward(from, pkt, now)
	if r.relay != nil {
		r.relay.add(p.user, pkt, now)
	}
}

// ingestRelayed takes one packet from another node. What the user sends to this node goes first: two numberings at once
// would restart each other with every packet.
func (r *Room) ingestRelayed(user []byte, pkt *packet, now time.Time) {
	from, ok := r.forward.permittedBytes(user)
	if !ok {
		r.sfu.count.drop(dropNotSpeaker)
		return
	}
	if now.UnixNano()-from.local.Load() < localFreshNs {
		r.sfu.count.drop(dropSuperseded)
		return
	}
	r.sfu.count.relayIn.Add(1)
	r.forward.forward(from, pkt, now)
}

// add makes p a member.
func (r *Room) add(p *Peer) bool {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return false
	}
	if old := r.newest[p.user]; old != nil {
		old.superseded.Store(true)
	}
	r.newest[p.user] = p
	r.peers[p] = struct{}{}
	changed := r.reseat(time.Now(), false)
	// Join's caller gets the first slots with the answer.
	p.skipFirst()
	r.unlockAndTell(changed)
	return true
}

// remove forgets p.
func (r *Room) remove(p *Peer) {
	r.mu.Lock()
	if _, ok := r.peers[p]; !ok {
		r.mu.Unlock()
		return
	}
	delete(r.peers, p)
	if r.newest[p.user] == p {
		delete(r.newest, p.user)
		r.promote(p.user)
	}
	r.unlockAndTell(r.reseat(time.Now(), false))
}

// promote lets another connection of a user count, if there is one. The lock is held.
func (r *Room) promote(user signaling.UserID) {
	for p := range r.peers {
		if p.user == user {
			r.newest[user] = p
			p.superseded.Store(false)
			return
		}
	}
}

// reseat brings all members' slots and the routes up to date and returns whose slots have changed. With levels only
// members with a waiting speaker are looked at. The lock is held.
func (r *Room) reseat(now time.Time, levels bool) []*Peer {
	if r.closed {
		return nil
	}
	speakers := r.everybody()
	all := make([]heardUser, len(speakers))
	bySource := make(map[source]*speaker, len(speakers))
	for i, s := range speakers {
		all[i] = heardUser{r.source(s), s.loudness(now)}
		bySource[all[i].source] = s
	}
	others := make([]heardUser, 0, len(all))
	var changed []*Peer
	anyWaiting := false
	for p := range r.peers {
		if levels && !p.waiting {
			continue
		}
		others = others[:0]
		for _, h := range all {
			if h.user != p.user {
				others = append(others, h)
			}
		}
		s, moved, waiting := assign(p.seating, others, now)
		p.seating, p.waiting = s, waiting
		anyWaiting = anyWaiting || waiting
		// Also without a move: a user who was struck off and put back in one call is another speaker.
		p.occupy(bySource)
		if moved {
			changed = append(changed, p)
		}
	}
	if !levels || len(changed) > 0 {
		r.publish(speakers)
	}
	if anyWaiting && !r.armed {
		r.armed = true
		if r.timer == nil {
			r.timer = time.AfterFunc(levelTick, r.tick)
		} else {
			r.timer.Reset(levelTick)
		}
	}
	return changed
}

// publish replaces the routes, and where the speakers are heard in this room. The slots' occupants are set already, so a
// packet that still takes an old way finds the slot not its own. The lock is held.
func (r *Room) publish(speakers []*speaker) {
	slots := make(map[*speaker][]*slot, len(speakers))
	for p := range r.peers {
		for _, s := range p.slots {
			if sp := s.occupant.Load(); sp != nil {
				slots[sp] = append(slots[sp], s)
			}
		}
	}
	for _, s := range r.placed {
		if len(slots[s]) == 0 || !slices.Contains(speakers, s) {
			s.place(r, nil)
		}
	}
	r.placed = r.placed[:0]
	for _, s := range speakers {
		if len(slots[s]) > 0 {
			s.place(r, slots[s])
			r.placed = append(r.placed, s)
		}
	}
	next := make(routes, len(r.speakers))
	for _, s := range r.speakers {
		next[s.user] = s
	}
	r.forward.routes.Store(&next)
}

// tick looks for louder speakers while somebody waits for a slot. Nobody waiting, nothing runs.
func (r *Room) tick() {
	r.mu.Lock()
	r.armed = false
	r.unlockAndTell(r.reseat(time.Now(), true))
}

// unlockAndTell releases the lock and tells the changed peers' observers.
func (r *Room) unlockAndTell(changed []*Peer) {
	r.mu.Unlock()
	for _, p := range changed {
		p.tell()
	}
}
