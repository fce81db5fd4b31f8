package home

import (
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// turn is one batch being decided: the state after it, what to append, and the answers that wait for the append.
type turn struct {
	state   room.State
	changed bool // more than presence: append now
	events  []room.Event
	done    []Done
	calls   []call
	answers []func(e Entry) reply
}

func (t *turn) add(c call, f func(Entry) reply) {
	t.calls, t.answers = append(t.calls, c), append(t.answers, f)
}

func (t *turn) refuseAll(r reply) {
	for _, c := range t.calls {
		c.answer(r)
	}
}

// decide applies a batch and what is due to the state. Presence (h.present, h.away) changes at once: it is soft, and
// who is present stays so when an append fails.
func (h *home) decide(batch []call) *turn {
	now := time.Now()
	t := &turn{state: h.entry.State, events: slices.Clone(h.pending)}
	for _, c := range batch {
		switch {
		case c.Command != nil:
			h.command(t, c, *c.Command, now)
		case c.Enter != nil:
			h.enter(t, c, *c.Enter)
		case c.Exit != nil:
			h.exit(t, *c.Exit, now)
			t.add(c, ok)
		case c.Announce != nil:
			h.announced(t, *c.Announce, now)
			t.add(c, ok)
		case c.nodeDown != "":
			h.lost(c.nodeDown, now)
			t.add(c, ok)
		default:
			t.add(c, ok)
		}
		if c.verify {
			t.changed = true // an append is the one sure test
		}
	}
	h.overdue(t, now)
	if len(t.events) > 0 && h.flushAt.IsZero() {
		h.flushAt = now.Add(presenceDelay)
	}
	return t
}

func ok(Entry) reply { return reply{} }

func (h *home) command(t *turn, c call, cmd room.Command, now time.Time) {
	if d, repeated := h.done[doneKey(cmd)]; repeated && cmd.ID != "" {
		t.add(c, func(Entry) reply { return reply{Outcome: d.out} })
		return
	}
	if _, leaves := cmd.Action.(room.Leave); leaves {
		h.leave(t, c, cmd, now)
		return
	}
	if m, here := h.present[cmd.By.UserID]; here {
		cmd.By.UserName, cmd.By.AvatarURL = m.User.UserName, m.User.AvatarURL
	} else if cmd.By.UserID != "" {
		t.add(c, func(Entry) reply { return refusal(signaling.ErrNotInRoom) })
		return
	}
	out, err := h.apply(t, cmd, now)
	if err != nil {
		t.add(c, func(Entry) reply { return refusal(err) })
		return
	}
	t.add(c, func(e Entry) reply { out.Version = e.Version; return reply{Outcome: out} })
}

// apply runs one command through the rules and notes its outcome.
func (h *home) apply(t *turn, cmd room.Command, now time.Time) (Outcome, error) {
	next, events, err := room.Apply(t.state, cmd, now)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Version: h.entry.Version}
	if take, isTake := cmd.Action.(room.TakeSeat); isTake {
		seat, seated := next.SeatOf(cmd.By.UserID)
		out.Index, out.Pending = seat, !seated
		if !seated {
			out.Index = take.Index
		}
	}
	if len(events) > 0 {
		out.Version = h.entry.Version + 1
		t.state, t.changed = next, true
		t.events = append(t.events, events...)
		if cmd.ID != "" {
			t.done = append(t.done, Done{ID: doneKey(cmd), Outcome: out})
		}
	}
	return out, nil
}

// doneKey is what an outcome is remembered under. Clients choose the ids, so one must not meet another's.
func doneKey(cmd room.Command) string { return string(cmd.By.UserID) + "\x00" + cmd.ID }

func (h *home) enter(t *turn, c call, m Member) {
	switch _, here := h.present[m.User.UserID]; {
	case !t.state.Exists():
		t.add(c, func(Entry) reply { return refusal(signaling.ErrRoomNotExist) })
		return
	case !here && len(h.present) >= h.node.cfg.MemberLimit:
		t.add(c, func(Entry) reply { return refusal(signaling.ErrRoomFull) })
		return
	}
	h.arrive(t, m, true)
	t.add(c, func(e Entry) reply {
		e.Events, e.Done, e.Members = nil, nil, len(h.present)
		return reply{Entry: &e}
	})
}

// arrive makes somebody present. A member whom a new home had not known, or who was away, never left for the others:
// tell is then false.
func (h *home) arrive(t *turn, m Member, tell bool) {
	u := m.User
	u.Role = t.state.RoleOf(u.UserID)
	m.User = u
	_, here := h.present[u.UserID]
	_, wasAway := h.away[u.UserID]
	h.present[u.UserID] = m
	delete(h.away, u.UserID)
	if tell && !here && !wasAway {
		t.tellPresence(signaling.UsersEntered{Users: []signaling.UserInfo{u}, Count: len(h.present)})
	}
}

func (h *home) leave(t *turn, c call, cmd room.Command, now time.Time) {
	out, err := h.apply(t, cmd, now)
	if err != nil {
		t.add(c, func(Entry) reply { return refusal(err) })
		return
	}
	h.gone(t, cmd.By)
	t.add(c, func(e Entry) reply { out.Version = e.Version; return reply{Outcome: out} })
}

// exit is a session that ended without a word. A session that was replaced by a later one of the same user changes
// nothing.
func (h *home) exit(t *turn, m Member, now time.Time) {
	if h.present[m.User.UserID].Session != m.Session {
		return
	}
	h.depart(t, h.present[m.User.UserID].User, now)
}

func (h *home) depart(t *turn, u signaling.UserInfo, now time.Time) {
	// Depart is never refused while the room exists, and after that there is nothing to free.
	if _, err := h.apply(t, room.Command{By: u, Action: room.Depart{}}, now); err != nil {
		h.log.Debug("departure from a room that is over", "user", u.UserID)
	}
	h.gone(t, u)
}

func (h *home) gone(t *turn, u signaling.UserInfo) {
	_, wasAway := h.away[u.UserID]
	delete(h.away, u.UserID)
	m, here := h.present[u.UserID]
	if here {
		u = m.User
		delete(h.present, u.UserID)
	}
	if !here && !wasAway {
		return // nobody knew of them
	}
	t.tellPresence(signaling.UsersLeft{Users: []signaling.UserInfo{u}, Count: len(h.present)})
}

// announced takes a node's word for whom it has.
func (h *home) announced(t *turn, a announcement, now time.Time) {
	has := map[signaling.UserID]bool{}
	for _, m := range a.Members {
		has[m.User.UserID] = true
		h.arrive(t, m, false)
	}
	for u, m := range h.present {
		if m.Node == a.Node && !has[u] {
			h.depart(t, m.User, now)
		}
	}
}

// lost makes everybody of a dead node be away: they may come back on another one.
func (h *home) lost(node store.NodeID, now time.Time) {
	for u, m := range h.present {
		if m.Node == node {
			h.away[u] = now.Add(h.node.cfg.Grace)
		}
	}
}

// overdue ends what has run out: requests, and the patience with those who are away.
func (h *home) overdue(t *turn, now time.Time) {
	if due, some := t.state.NextDeadline(); some && !now.Before(due) {
		// Expire is never refused while there is a deadline.
		if _, err := h.apply(t, room.Command{Action: room.Expire{}}, now); err != nil {
			h.log.Error("expiry refused", "error", err)
		}
	}
	for u, until := range h.away {
		if !now.Before(until) {
			h.depart(t, signaling.UserInfo{UserID: u}, now)
		}
	}
	// Nobody keeps a seat or a request whom no node has and nobody waits for.
	for _, u := range t.state.Bound() {
		_, here := h.present[u]
		_, awaited := h.away[u]
		if !here && !awaited && t.state.Exists() {
			h.depart(t, signaling.UserInfo{UserID: u}, now)
		}
	}
}

// tellPresence adds to the last event if it is of the same kind: a crowd that comes in is one event.
func (t *turn) tellPresence(e signaling.Event) { t.events = coalesce(t.events, e) }

func coalesce(list []room.Event, e signaling.Event) []room.Event {
	if len(list) > 0 {
		last := &list[len(list)-1]
		switch e := e.(type) {
		case signaling.UsersEntered:
			if l, same := last.Event.(signaling.UsersEntered); same {
				last.Event = signaling.UsersEntered{Users: append(l.Users[:len(l.Users):len(l.Users)], e.Users...), Count: e.Count}
				return list
			}
		case signaling.UsersLeft:
			if l, same := last.Event.(signaling.UsersLeft); same {
				last.Event = signaling.UsersLeft{Users: append(l.Users[:len(l.Users):len(l.Users)], e.Users...), Count: e.Count}
				return list
			}
		}
	}
	return append(list, room.Event{Event: e})
}

func users(list []room.Event) (n int) {
	for _, e := range list {
		switch e := e.Event.(type) {
		case signaling.UsersEntered:
			n += len(e.Users)
		case signaling.UsersLeft:
			n += len(e.Users)
		}
	}
	return n
}
