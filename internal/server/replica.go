package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// replica is a room as this node sees it: its newest entry, the members who are connected here, and their media. It
// lives from the first member's arrival here to the last one's departure, or longer while members of a connected room hear it.
type replica struct {
	srv   *Server
	key   store.Key
	media *sfu.Room
	await func(context.Context, uint64) error // until a version has been delivered
	stops []func()

	closeOnce sync.Once

	network  network
	barrages barrages
	hearing  hearing
	seating  seating
	totals   totals

	refs  int           // guarded by srv.mu
	ready chan struct{} // closed when it is open, or err is set
	err   error

	mu      sync.Mutex // protects what follows; only queueing happens while it is held
	entry   home.Entry
	past    history
	members map[*membership]struct{}
	over    bool // the room has been dismissed
}

// membership is one session's stay in one room.
type membership struct {
	replica *replica
	session *session
	user    signaling.UserInfo // changed under replica.mu; the id never
	peer    *sfu.Peer          // nil without media
	order   uint64             // grows with each stay of the session's
	came    time.Time          // into the room, here

	entering bool // the home has not said yet that it may come in; guarded by replica.mu

	active  bool   // gets events; guarded by replica.mu
	out     bool   // was taken out of the room; guarded by replica.mu
	prev    uint64 // the version it was told last; guarded by replica.mu
	lines   uint64 // the version of the lines that it was told last; guarded by replica.mu
	mute    mute   // guarded by replica.mu
	owed    bool   // it has not been told of all who came and went; guarded by replica.mu
	totals  uint64 // the version of the statistics that it was told last; guarded by replica.mu
	likeSeq uint64 // of the newest message with likes; of the link's reading goroutine

	seating uint64 // the version of connected rooms' seats that it was told last; guarded by replica.mu

	// Guarded by replica.mu, for [Config.MultiLogin]:
	entered  time.Time                  // when this stay began
	lastWord *signaling.KickedOutOfRoom // why it is over, where the room's history does not say so

	slotMu    sync.Mutex
	tellSlots bool
}

// acquire returns the open replica of a room for a member; release it once for each acquire.
func (s *Server) acquire(ctx context.Context, key store.Key) (*replica, error) {
	r, err := s.hold(ctx, key)
	if err == nil {
		r.uses(1)
	}
	return r, err
}

func (s *Server) release(r *replica) {
	r.uses(-1)
	s.unhold(r)
}

// hold returns the open replica of a room; unhold it once for each hold.
func (s *Server) hold(ctx context.Context, key store.Key) (*replica, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, signaling.ErrServer
	}
	r := s.replicas[key]
	first := r == nil
	if first {
		r = &replica{srv: s, key: key, ready: make(chan struct{}), members: map[*membership]struct{}{}}
		r.network.replica, r.network.others = r, map[store.NodeID]*lines{}
		r.hearing.wake = make(chan struct{}, 1)
		r.seating.replica = r
		s.replicas[key] = r
	}
	r.refs++
	s.mu.Unlock()
	if first {
		if r.err = r.open(ctx); r.err != nil {
			s.retire(r) // the next one tries for itself
		}
		close(r.ready)
	}
	<-r.ready
	if r.err != nil {
		s.unhold(r)
		return nil, r.err
	}
	return r, nil
}

func (s *Server) unhold(r *replica) {
	s.mu.Lock()
	r.refs--
	last := r.refs == 0
	if last && s.replicas[r.key] == r {
		delete(s.replicas, r.key)
	}
	s.mu.Unlock()
	if last {
		r.close()
	}
}

// retire makes the next acquire open a new replica: this one's room is over.
func (s *Server) retire(r *replica) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replicas[r.key] == r {
		delete(s.replicas, r.key)
	}
}

// closeReplicas closes what sessions have left open: none, unless one is still opening.
func (s *Server) closeReplicas() {
	s.mu.Lock()
	left := make([]*replica, 0, len(s.replicas))
	for _, r := range s.replicas {
		left = append(left, r)
	}
	clear(s.replicas)
	s.mu.Unlock()
	for _, r := range left {
		<-r.ready
		r.close()
	}
}

func (r *replica) open(ctx context.Context) error {
	r.media = r.srv.media.NewRoom(sfu.RoomConfig{ID: r.key.Room, Relay: r.relay(), OnReport: r.network.arm, Logger: r.srv.log})
	stopMedia, err := r.srv.cfg.Store.Subscribe(store.Topic{Kind: store.KindMedia, App: r.key.App, Room: r.key.Room}, r.relayed)
	if err != nil {
		return &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	r.stops = append(r.stops, stopMedia)
	await, stop, err := r.srv.node.Follow(ctx, r.key, r.deliver)
	if err != nil {
		if err == store.ErrNotFound {
			return signaling.ErrRoomNotExist
		}
		return &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	r.await = await
	r.stops = append(r.stops, stop)
	stopChat, err := r.srv.cfg.Store.Subscribe(store.Topic{Kind: store.KindBarrage, App: r.key.App, Room: r.key.Room}, r.barraged)
	if err != nil {
		return &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	r.stops = append(r.stops, stopChat)
	return nil
}

func (r *replica) close() {
	r.closeOnce.Do(func() {
		for _, stop := range r.stops {
			stop()
		}
		r.network.close()
		r.seating.close()
		r.closeTotals()
		r.media.Close()
	})
}

// add makes a membership known before the home is asked, so that a node that announces its members never leaves out
// one that is just coming in.
func (r *replica) add(m *membership) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[m] = struct{}{}
}

// letIn notes that the home has let a member in. behind says that the room has a newer home by now, which may have been told
// that this is not sure.
func (r *replica) letIn(m *membership, epoch uint64) (behind bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.entering = false
	return r.entry.Epoch > epoch
}

func (r *replica) remove(m *membership) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, m)
	m.active = false
}

// admit starts the flow of events to a member; the snapshot is what they continue. A member who comes back is also told
// what has happened since the version it saw last, unless that is too long ago.
func (r *replica) admit(ctx context.Context, m *membership, since uint64) (s signaling.Snapshot, missed *signaling.RoomEvents, err error) {
	if since > 0 {
		r.reach(ctx, since)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.over:
		return s, nil, signaling.ErrRoomNotExist
	case m.out: // taken out again before it was quite in
		return s, nil, signaling.ErrNotInRoom
	}
	if since > 0 {
		if events, known := r.past.visible(m.user.UserID, since); known {
			missed = &signaling.RoomEvents{RoomID: r.key.Room, Version: r.entry.Version, Prev: since, Events: events}
		}
	}
	m.active, m.prev = true, r.entry.Version
	return r.view(m), missed, nil
}

// snapshot is what a member may see now; its events continue from there.
func (r *replica) snapshot(m *membership) signaling.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.active, m.prev = !m.out && !r.over, r.entry.Version
	return r.view(m)
}

// view is what a member may see of the newest entry; r.mu is held.
func (r *replica) view(m *membership) signaling.Snapshot {
	s := r.entry.State.View(m.user, r.entry.Version, r.entry.Members)
	s.MutedUntil, s.Statistics = m.mute.until, r.entry.State.Statistics(time.Now())
	m.totals = r.totals.version
	return s
}

func (r *replica) list() []home.Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]home.Member, 0, len(r.members))
	for m := range r.members {
		if !m.out {
			list = append(list, m.memberLocked())
		}
	}
	return list
}

func (r *replica) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// deliver passes an entry on to the members here. It is called in order and one at a time, and only queues.
func (r *replica) deliver(e home.Entry, complete bool) {
	r.mu.Lock()
	r.entry = e
	r.past.add(e, complete)
	r.over = e.State.Dismissed != 0
	over := r.over
	d := r.delivery(complete)
	var expelled []*membership
	r.tally(&e)
	for m := range r.members {
		if complete && quiet(e) {
			break // it concerns nobody: a crowd's likes come every second
		}
		m.mute.follow(e, complete, m.user.UserID)
		if m.active {
			d.to(m)
		}
		if !m.out && expels(e.Events, m.user.UserID) {
			m.active, m.out = false, true
			expelled = append(expelled, m)
		}
	}
	r.mu.Unlock()
	r.srv.metrics.events.Add(float64(d.sent))
	for _, m := range expelled {
		r.srv.spawn(m.endMedia) // not here: it waits for goroutines
	}
	if r.media != nil {
		r.media.SetSpeakers(e.State.Speakers())
		r.reseat(e.State.Seats)
		r.connect(standing{created: e.State.Info.CreateTime, over: over, connected: e.State.ConnectedWith()})
	}
	if over {
		r.srv.retire(r)
		r.srv.spawn(r.media.Close) // not here: it waits for goroutines that may be waiting for a lock of the caller's
	}
}

// expels reports whether one of the events takes a user out of the room.
func expels(events []room.Event, u signaling.UserID) bool {
	return slices.ContainsFunc(events, func(ev room.Event) bool {
		_, kicked := ev.Event.(signaling.KickedOutOfRoom)
		return kicked && slices.Contains(ev.To, u)
	})
}

// isOut reports whether the member was taken out of the room.
func (m *membership) isOut() bool {
	m.replica.mu.Lock()
	defer m.replica.mu.Unlock()
	return m.out
}
