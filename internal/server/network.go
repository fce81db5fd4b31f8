package server

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/netquality"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	// linesVersion begins a message about lines among a room's media messages between nodes; behind it is JSON.
	linesVersion = 2
	repeatLines  = 10 * time.Second // for nodes that have come since, and for what the bus loses
	forgetLines  = 30 * time.Second // of a node that does not repeat them
)

// network tells a room's members how the lines of those on the seats are. It looks every 2 s while there is something to
// see, and does nothing while nobody speaks: reports about media begin it, and it ends when all they have said is old.
type network struct {
	replica *replica
	armed   atomic.Bool   // a look is due
	version atomic.Uint64 // of what is told; 0: nothing yet

	mu        sync.Mutex // protects what follows; held during a look, which only queues
	closed    bool
	timer     *time.Timer
	levels    map[signaling.UserID]netquality.Level // of those whose media is here
	changes   uint64                                // of levels
	published time.Time
	others    map[store.NodeID]*lines
	list      []signaling.NetworkInfo // of everybody known
}

// lines is what one node says of those on the seats whose media it has.
type lines struct {
	Changes uint64                  `json:"changes"`
	Users   []signaling.NetworkInfo `json:"users,omitempty"`

	at   time.Time
	seen uint64 // the changes that have been told here
}

// arm lets a look come within an interval. It is called while somebody speaks, from whoever reads packets.
func (n *network) arm() {
	if n.armed.CompareAndSwap(false, true) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.set()
	}
}

// set starts the timer; the lock is held.
func (n *network) set() {
	switch {
	case n.closed:
	case n.timer == nil:
		n.timer = time.AfterFunc(netquality.Interval, n.look)
	default:
		n.timer.Reset(netquality.Interval)
	}
}

// newcomer lets somebody hear what the others have heard before.
func (n *network) newcomer() {
	if n.version.Load() > 0 {
		n.arm()
	}
}

func (n *network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.timer != nil {
		n.timer.Stop()
	}
}

// look takes the figures, tells the members and the other nodes what has changed, and looks again later if there is anything.
func (n *network) look() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.armed.Store(false) // what comes from now on is for the next look
	now := time.Now()
	seats := n.replica.seated()
	own, changed := n.measure(seats)
	n.publish(own, changed, now)
	others, changedThere := n.elsewhere(seats, now)
	n.list = append(own, others...)
	if changed || changedThere {
		n.version.Add(1)
	}
	n.replica.tellLines(n.version.Load(), n.list)
	if len(n.list)+len(n.others) > 0 && n.armed.CompareAndSwap(false, true) {
		n.set()
	}
}

// measure returns the lines of those on the seats who have media here, as far as they are known.
func (n *network) measure(seats []signaling.UserID) (own []signaling.NetworkInfo, changed bool) {
	levels := make(map[signaling.UserID]netquality.Level, len(seats))
	for _, u := range seats {
		f, here := n.replica.media.Network(u)
		if !here {
			continue
		}
		was := n.levels[u]
		l := was.Next(f)
		levels[u] = l
		changed = changed || l != was
		if l.Quality() != signaling.NetworkUnknown {
			own = append(own, l.Info(u, f))
		}
	}
	n.levels = levels
	if changed {
		n.changes++
	}
	return own, changed
}

// publish tells the other nodes, when there is news and from time to time.
func (n *network) publish(own []signaling.NetworkInfo, changed bool, now time.Time) {
	r := n.replica
	if r.srv.node.Alone() || !changed && (len(own) == 0 || now.Sub(n.published) < repeatLines) {
		return
	}
	n.published = now
	data, err := json.Marshal(lines{Changes: n.changes, Users: own})
	if err != nil {
		r.srv.log.Error("lines not encoded", "error", err)
		return
	}
	b := append([]byte{byte(len(r.srv.id))}, r.srv.id...)
	b = append(append(b, linesVersion), data...)
	topic := store.Topic{Kind: store.KindMedia, App: r.key.App, Room: r.key.Room}
	if err := r.srv.cfg.Store.Publish(topic, b); err != nil {
		r.srv.metrics.relayErrors.Inc()
	}
}

// heard takes what another node says.
func (n *network) heard(from store.NodeID, data []byte) {
	l := &lines{}
	if err := json.Unmarshal(data, l); err != nil {
		n.replica.srv.log.Warn("lines of another node not understood", "from", from, "error", err)
		return
	}
	n.mu.Lock()
	l.at = time.Now()
	if was := n.others[from]; was != nil {
		l.seen = was.seen
	}
	n.others[from] = l
	n.mu.Unlock()
	n.arm()
}

// elsewhere returns the lines of those on the seats whose media is at other nodes. Somebody whose media is here too has moved.
func (n *network) elsewhere(seats []signaling.UserID, now time.Time) (list []signaling.NetworkInfo, changed bool) {
	sits := make(map[signaling.UserID]bool, len(seats))
	for _, u := range seats {
		_, here := n.levels[u]
		sits[u] = !here
	}
	for id, l := range n.others {
		if now.Sub(l.at) > forgetLines {
			delete(n.others, id)
			changed = changed || len(l.Users) > 0
			continue
		}
		changed = changed || l.seen != l.Changes
		l.seen = l.Changes
		for _, u := range l.Users {
			if sits[u.UserID] {
				sits[u.UserID] = false // of two nodes only one is believed
				list = append(list, u)
			}
		}
	}
	return list, changed
}

// seated returns who sits, in the order of the seats.
func (r *replica) seated() (users []signaling.UserID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.entry.State.Seats {
		if s.UserID != "" {
			users = append(users, s.UserID)
		}
	}
	return users
}

// tellLines tells those members of the lines who have not heard of this version.
func (r *replica) tellLines(version uint64, list []signaling.NetworkInfo) {
	var b []byte
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.members {
		if !m.active || m.lines == version {
			continue
		}
		first := m.lines == 0
		m.lines = version
		if first && len(list) == 0 {
			continue // that is what it thinks anyway
		}
		if b == nil {
			var err error
			b, err = signaling.EncodeNotification(signaling.NotifyNetwork, signaling.NetworkChanged{
				RoomID: r.key.Room, Users: append([]signaling.NetworkInfo{}, list...),
			})
			if err != nil {
				r.srv.log.Error("lines not encoded", "error", err)
				return
			}
		}
		m.session.send(b)
	}
}
