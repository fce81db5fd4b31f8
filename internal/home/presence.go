package home

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// presence is one user who is in the room, by one session or, while a login replaces another, by several.
type presence struct {
	user     signaling.UserInfo
	order    int64 // grows from one who comes in to the next: Unix nanoseconds, about
	told     bool  // the others know: false for one who was announced before their Enter arrived
	sessions []session
	robot    bool // and without a session
}

// session is one way in which a user is here. seq orders what its node has said: messages may overtake each other.
type session struct {
	id   string
	node store.NodeID
	seq  uint64

	away  bool   // its client is, and its node waits for it
	heard uint64 // orders what was said of that
}

// farewell remembers a session that has ended, so that what its node said before does not bring it back.
type farewell struct {
	seq uint64
	at  time.Time
}

func (p presence) find(id string) int {
	return slices.IndexFunc(p.sessions, func(s session) bool { return s.id == id })
}

func (h *home) enter(t *turn, c call, m Member) {
	refuse := func(err error) {
		r := refusal(err)
		if errors.Is(err, signaling.ErrPasswordNeeded) {
			r.Salt = t.state.Password.Salt
		}
		t.add(c, func(Entry) reply { return r })
	}
	switch p, here := h.present[m.User.UserID]; {
	case !t.state.Exists():
		refuse(signaling.ErrRoomNotExist)
		return
	case p.robot:
		refuse(signaling.Errorf(signaling.ErrNoPermission.Code, "%s is a robot of this room; the app's server can change that", m.User.UserID))
		return
	case h.farewells[m.Session].seq > c.Seq:
		// An attempt from before the session's end. If it enters again, its node asks again.
		t.add(c, func(Entry) reply { return reply{Moved: true} })
		return
	case h.banned(t, m.User.UserID) != nil:
		refuse(h.banned(t, m.User.UserID))
		return
	case !here && len(h.present) >= h.memberLimit(t.state):
		refuse(signaling.ErrRoomFull)
		return
	case here:
		p.user.UserName, p.user.AvatarURL, p.user.Level = m.User.UserName, m.User.AvatarURL, m.User.Level
		h.present[m.User.UserID] = p
	}
	if err := h.admits(t, m); err != nil {
		refuse(err)
		return
	}
	delete(h.farewells, m.Session)
	h.arrive(t, m, c.Seq, false)
	h.nameOwner(t, m.User)
	if until := h.mutedUntil(m.User.UserID, t.now); until != 0 {
		h.note(t, []room.Event{{To: []signaling.UserID{m.User.UserID}, Event: signaling.SendMessageDisabledChanged{Users: []signaling.UserID{m.User.UserID}, Disabled: true, Until: until}}})
	}
	t.add(c, func(e Entry) reply {
		e.Events, e.Done, e.Members = nil, nil, len(h.present)
		e.State.Info.ViewCount = h.views
		e.Gathering = t.now.Before(h.gatherUntil)
		e.MutedUntil = h.mutedUntil(m.User.UserID, t.now)
		for _, s := range h.present[m.User.UserID].sessions {
			e.Sessions = append(e.Sessions, s.id)
		}
		return reply{Entry: &e}
	})
}

// nameOwner shows the owner who comes in by the present name: the room may have been created without one, or before a
// change of the profile.
func (h *home) nameOwner(t *turn, u signaling.UserInfo) {
	if u.UserID != t.state.Info.OwnerID || t.state.Info.OwnerName == u.UserName || u.UserName == "" {
		return
	}
	named := room.Command{By: u, Action: room.SetInfo{UserName: u.UserName, AvatarURL: u.AvatarURL, Level: u.Level}}
	if _, err := h.apply(t, named); err != nil {
		h.log.Error("owner not named", "error", err)
	}
}

// memberLimit is how many may be in the room: what the room says, and never more than the server allows.
func (h *home) memberLimit(s room.State) int {
	if n := s.Info.MaxMemberCount; n > 0 {
		return min(n, h.node.cfg.MemberLimit)
	}
	return h.node.cfg.MemberLimit
}

// arrive makes a session present. A user whom a new home had not known, or who was away, never left for the others:
// they are told only of one who was not here at all.
func (h *home) arrive(t *turn, m Member, seq uint64, announced bool) {
	tell := !announced || h.complete // then the log has to know everybody who is here
	u := m.User
	u.Role = t.state.RoleOf(u.UserID)
	p, here := h.present[u.UserID]
	_, wasAway := h.away[u.UserID]
	if !here {
		p.user, p.told, p.order = u, wasAway, h.order(t.now, m, announced)
		h.lineUp(arrival{p.order, u.UserID})
	}
	news := tell && !p.told
	p.told = p.told || tell
	if i := p.find(m.Session); i >= 0 {
		p.sessions = slices.Clone(p.sessions)
		s := &p.sessions[i]
		s.seq = max(s.seq, seq)
		if s.heard <= seq {
			s.away, s.heard = m.Away, seq
		}
	} else {
		p.sessions = append(slices.Clip(p.sessions), session{id: m.Session, node: m.Node, seq: seq, away: m.Away, heard: seq})
		h.nodes[m.Node]++
		if h.nodes[m.Node] == 1 && !h.node.isAlive(m.Node) {
			h.down[m.Node] = true
		}
	}
	h.present[u.UserID] = p
	if _, banned := h.sanctions.bans[u.UserID]; banned {
		h.sanctions.expelDue = true
	}
	if news {
		h.views++
		t.state.Info.ViewCount = h.views
		p.user = u
		h.tellPresence(t, p, true)
	}
	h.review(t, u.UserID)
}

// exit is a session that ended without a word. The user stays while another session is here: a login that was
// replaced by a later one changes nothing when it ends.
func (h *home) exit(t *turn, m Member, seq uint64) {
	p := h.present[m.User.UserID]
	if i := p.find(m.Session); i >= 0 && p.sessions[i].seq > seq {
		return // it has come in again since
	}
	h.farewells[m.Session] = farewell{seq: seq, at: t.now}
	if h.drop(m.User.UserID, m.Session) {
		if t.now.Before(h.gatherUntil) {
			h.away[m.User.UserID] = h.gatherUntil // the node of a later session may not have said yet that it has them
			return
		}
		h.depart(t, p.user)
	} else if _, stays := h.present[m.User.UserID]; stays {
		h.review(t, m.User.UserID)
	}
}

// drop removes a session and reports whether it was its user's last.
func (h *home) drop(u signaling.UserID, id string) (last bool) {
	p := h.present[u]
	i := p.find(id)
	if i < 0 {
		return false
	}
	h.uncount(p.sessions[i].node)
	p.sessions = slices.Delete(slices.Clone(p.sessions), i, i+1)
	h.present[u] = p
	return len(p.sessions) == 0
}

func (h *home) uncount(node store.NodeID) {
	h.nodes[node]--
	if h.nodes[node] <= 0 {
		delete(h.nodes, node)
		delete(h.down, node)
	}
}

// review decides whether a user is away: here only by sessions of nodes that are down.
func (h *home) review(t *turn, u signaling.UserID) {
	defer h.pulse(t, u)
	up := slices.ContainsFunc(h.present[u].sessions, func(s session) bool { return !h.down[s.node] })
	if _, away := h.away[u]; up {
		delete(h.away, u)
	} else if !away {
		h.away[u] = t.now.Add(h.node.cfg.Grace)
	}
}

// checkNodes finds out whose node has died, or has come back: its users have the grace period to return.
func (h *home) checkNodes(t *turn) {
	for node := range h.nodes {
		down := !h.node.isAlive(node)
		if down == h.down[node] {
			continue
		}
		if down {
			h.down[node] = true
		} else {
			delete(h.down, node)
		}
		for u, p := range h.present {
			if slices.ContainsFunc(p.sessions, func(s session) bool { return s.node == node }) {
				h.review(t, u)
			}
		}
	}
}

// rename shows a member under another name, avatar and level from now on.
func (h *home) rename(u signaling.UserID, info room.SetInfo) {
	if p, here := h.present[u]; here {
		p.user.UserName, p.user.AvatarURL, p.user.Level = info.UserName, info.AvatarURL, info.Level
		h.present[u] = p
	}
}

// leave is a user's own wish, from whichever session: all of them are out of the room.
func (h *home) leave(t *turn, c call, cmd room.Command) {
	_, here := h.present[cmd.By.UserID]
	owner := here && t.state.RoleOf(cmd.By.UserID) == signaling.RoomOwner
	cmd.Action = room.Leave{OwnerMay: h.rules().OwnerLeft > 0}
	out, err := h.apply(t, cmd)
	if err != nil {
		t.add(c, func(Entry) reply { return refusal(err) })
		return
	}
	if owner {
		t.state, t.changed = t.state.LeftByOwner(t.now), true // on the disk before the answer, as it decides when the room ends
	}
	h.expel(t, cmd.By, c)
	t.add(c, func(e Entry) reply { out.Version = e.Version; return reply{Outcome: out} })
}

// expel takes all sessions of a user out of the room; c is the call of the user's own node that asked for it, if one
// did.
func (h *home) expel(t *turn, u signaling.UserInfo, c call) {
	for _, s := range h.present[u.UserID].sessions {
		seq := s.seq
		if s.node == c.From {
			seq = max(seq, c.Seq)
		}
		h.farewells[s.id] = farewell{seq: seq, at: t.now}
	}
	h.gone(t, u)
}

func (h *home) depart(t *turn, u signaling.UserInfo) {
	// Depart is never refused while the room exists, and after that there is nothing to free.
	if _, err := h.apply(t, room.Command{By: u, Action: room.Depart{}}); err != nil {
		h.log.Debug("departure from a room that is over", "user", u.UserID)
	}
	h.gone(t, u)
}

func (h *home) gone(t *turn, u signaling.UserInfo) {
	_, wasAway := h.away[u.UserID]
	delete(h.away, u.UserID)
	h.unhush(t, u.UserID)
	p, here := h.present[u.UserID]
	if here {
		u = p.user
		for _, s := range p.sessions {
			h.uncount(s.node)
		}
		delete(h.present, u.UserID)
		h.lineOut(arrival{p.order, u.UserID})
		if p.robot {
			h.robots = slices.DeleteFunc(slices.Clone(h.robots), func(r room.Robot) bool { return r.User == u.UserID })
		}
	}
	if !here && !wasAway {
		return // nobody knew of them
	}
	p.user = u
	p.user.Role = t.state.RoleOf(u.UserID)
	h.tellPresence(t, p, false)
}

// announced takes a node's word for whom it has, in the part of the alphabet that the announcement covers.
func (h *home) announced(t *turn, a announcement, seq uint64) {
	if !t.state.Exists() {
		return
	}
	has := make(map[string]bool, len(a.Members))
	for _, m := range a.Members {
		has[m.Session] = true
		if _, ended := h.farewells[m.Session]; !ended && !m.Entering { // whether these may come in is for their Enter
			h.arrive(t, m, seq, true)
		}
	}
	for u, p := range h.present {
		if !a.covers(u) {
			continue
		}
		for _, s := range p.sessions {
			// A session that is newer than the announcement could not be in it.
			if s.node != a.Node || s.seq >= seq || has[s.id] {
				continue
			}
			if h.drop(u, s.id) {
				h.away[u] = latest(t.now, h.gatherUntil) // overdue departs them, as many at a time as an entry holds
			} else {
				h.review(t, u)
			}
		}
	}
}

// overdue ends what has run out: requests, and the patience with those who are away.
func (h *home) overdue(t *turn) {
	if due, some := t.state.NextDeadline(); some && !t.now.Before(due) {
		// Expire is never refused while there is a deadline.
		if _, err := h.apply(t, room.Command{Action: room.Expire{}}); err != nil {
			h.log.Error("expiry refused", "error", err)
		}
	}
	departed := 0
	for u, until := range h.away {
		if t.full() || departed == departLimit {
			return // the rest in the next turn, which begins at once
		}
		if !t.now.Before(until) {
			departed++
			h.depart(t, signaling.UserInfo{UserID: u})
		}
	}
	h.enforce(t)
	h.payOwed(t)
	h.gathered(t)
	// Nobody keeps a seat or a request whom no node has and nobody waits for. That can only be after an append that
	// failed although presence had changed.
	for _, u := range t.state.Bound() {
		_, here := h.present[u]
		_, awaited := h.away[u]
		if !here && !awaited && t.state.Exists() && !t.full() {
			h.depart(t, signaling.UserInfo{UserID: u})
		}
	}
	h.lapse(t)
}

// size is about what an event takes in an entry.
func size(e any) int {
	b, err := json.Marshal(e)
	if err != nil {
		return 0 // the entry's encoding will say so
	}
	return len(b)
}
