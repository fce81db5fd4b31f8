package home

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// For the app's server, the log says when the connection of a member is lost while the room waits for them, and when
// it is back (documents: HeartbeatInterrupt, HeartbeatRecover). A client may be away from its node, or its node be gone.

// rosterBytes bounds a [Roster] in the log, beside the events and the state.
const rosterBytes = 32 << 10

// Roster lists who is in a room after an entry. It is in the log from time to time, so that a new home can tell the
// app's server who has gone together with the old one.
type Roster struct {
	Users  []signaling.UserID `json:"users,omitempty"`
	Silent []signaling.UserID `json:"silent,omitempty"` // those of them whose connections were lost
}

// Heartbeat says that the client of one of this node's members is away, or back, as m.Away has it. It does not wait:
// what is said of a session later counts.
func (n *Node) Heartbeat(key store.Key, m Member) {
	m.Node = n.cfg.ID
	req := request{Key: key, Heartbeat: &m, Seq: n.seq.Add(1)}
	n.spawn(func() { n.insist(req) })
}

// heartbeat takes a node's word for a session's client.
func (h *home) heartbeat(t *turn, c call, m Member) {
	p := h.present[m.User.UserID]
	i := p.find(m.Session)
	switch {
	case i < 0 && t.now.Before(h.gatherUntil): // its node has not said yet that it has them
		t.add(c, func(Entry) reply { return reply{Moved: true} })
		return
	case i >= 0 && p.sessions[i].heard <= c.Seq:
		p.sessions = slices.Clone(p.sessions)
		p.sessions[i].away, p.sessions[i].heard = m.Away, c.Seq
		h.present[m.User.UserID] = p
		h.pulse(t, m.User.UserID)
	}
	t.add(c, func(Entry) reply { return reply{} })
}

// pulse tells when the last connection of a member is lost, and when one is back.
func (h *home) pulse(t *turn, u signaling.UserID) {
	p := h.present[u]
	up := slices.ContainsFunc(p.sessions, func(s session) bool { return !s.away && !h.down[s.node] })
	switch {
	case up && h.silent[u]:
		if !h.unhush(t, u) {
			t.tellHeartbeat(u, true)
		}
	case !up && len(p.sessions) > 0:
		h.hush(t, u)
	}
}

// hush tells that a member's connections are lost, once.
func (h *home) hush(t *turn, u signaling.UserID) {
	if !h.silent[u] && h.wanted() {
		h.silent[u] = true
		t.tellHeartbeat(u, false)
	}
}

// unhush is the end of that. It reports whether the loss was so short that nobody has been told.
func (h *home) unhush(t *turn, u signaling.UserID) (unsaid bool) {
	if !h.silent[u] {
		return false
	}
	delete(h.silent, u)
	for i, ev := range t.events {
		if ev.Heartbeat == nil || ev.Heartbeat.Recovered || !slices.Contains(ev.Heartbeat.Users, u) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(ev.Heartbeat.Users), func(x signaling.UserID) bool { return x == u })
		t.events[i].Heartbeat = &room.Heartbeat{Users: rest}
		if len(rest) == 0 {
			t.events = slices.Delete(t.events, i, i+1)
		}
		return true
	}
	return false
}

// gathered is the end of the time in which a new home waits for the nodes to say whom they have.
func (h *home) gathered(t *turn) {
	if h.gatherUntil.IsZero() || t.now.Before(h.gatherUntil) {
		return
	}
	for u := range h.away {
		if t.full() {
			return // the rest in the next turn
		}
		if _, here := h.present[u]; !here {
			h.hush(t, u)
		}
	}
	h.gatherUntil = time.Time{}
}

func (t *turn) tellHeartbeat(u signaling.UserID, recovered bool) {
	if !t.state.Exists() {
		return
	}
	e := room.Event{Heartbeat: &room.Heartbeat{Users: []signaling.UserID{u}, Recovered: recovered}}
	t.size += size(e)
	if n := len(t.events); n > 0 {
		if last := t.events[n-1].Heartbeat; last != nil && last.Recovered == recovered {
			e.Heartbeat.Users = append(slices.Clip(last.Users), u)
			t.events[n-1] = e
			return
		}
	}
	t.events = append(t.events, e)
}

// roster lists who is here, unless they are too many for an entry.
func (h *home) roster() *Roster {
	r := &Roster{}
	size := 0
	add := func(list []signaling.UserID, u signaling.UserID) []signaling.UserID {
		size += len(u) + 3
		return append(list, u)
	}
	for u := range h.present {
		r.Users = add(r.Users, u)
	}
	for u := range h.away {
		if _, here := h.present[u]; !here {
			r.Users = add(r.Users, u)
		}
	}
	for u := range h.silent {
		r.Silent = add(r.Silent, u)
	}
	if size > rosterBytes/6 { // encoding/json may write a byte as six
		if b, err := json.Marshal(r); err != nil || len(b) > rosterBytes {
			return nil
		}
	}
	return r
}

// census is who was in a room by its log.
type census struct {
	users    map[signaling.UserID]bool // whether their connections were lost
	complete bool                      // nobody else was there
}

// takeCensus reads a log. created names the room: others had its id before.
func takeCensus(list []store.Entry, created int64) census {
	c := census{users: map[signaling.UserID]bool{}}
	for _, raw := range list {
		var e struct { // the seats and requests beside it are large
			Events []room.Event
			Roster *Roster
			State  struct {
				Info struct{ CreateTime int64 }
			}
		}
		if json.Unmarshal(raw.Data, &e) != nil || e.State.Info.CreateTime != created {
			continue
		}
		for _, ev := range e.Events {
			c.hear(ev)
		}
		if e.Roster != nil {
			clear(c.users)
			c.complete = true
			for _, u := range e.Roster.Users {
				c.users[u] = false
			}
			for _, u := range e.Roster.Silent {
				c.users[u] = true
			}
		}
	}
	return c
}

func (c census) hear(ev room.Event) {
	if ev.For == room.ForMembers {
		return // a digest
	}
	switch e := ev.Event.(type) {
	case signaling.UsersEntered:
		for _, u := range e.Users {
			c.users[u.UserID] = false
		}
	case signaling.UsersLeft:
		for _, u := range e.Users {
			delete(c.users, u.UserID)
		}
	}
	if ev.Heartbeat != nil {
		for _, u := range ev.Heartbeat.Users {
			c.users[u] = !ev.Heartbeat.Recovered
		}
	}
}
