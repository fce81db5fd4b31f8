package home

import (
	"errors"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// turnBytes is how many bytes of events a turn collects. One more command's events and the state still fit into an
// entry.
const turnBytes = 48 << 10

// turnActs is how many acts an entry has, about: the audit log keeps a number of entries.
const turnActs = 16

// turn is one batch being decided: the state after it, what to append, and the answers that wait for the append.
type turn struct {
	now     time.Time
	state   room.State
	changed bool // more than presence: append now
	flush   bool // append now, whatever it is: there is more to decide
	asked   bool // somebody waits for an answer, which must be the room's home's
	events  []room.Event
	acts    []signaling.Act // for the audit log
	written []owed          // those of them whose values are in the store
	size    int             // of the events and the acts, about
	done    []Done
	calls   []call
	answers []func(e Entry) reply
	gifters map[signaling.UserID]bool // who has sent gifts in it
}

func (t *turn) full() bool { return t.size >= turnBytes || len(t.acts) >= turnActs }

func (t *turn) add(c call, f func(Entry) reply) {
	t.calls, t.answers = append(t.calls, c), append(t.answers, f)
}

func (t *turn) refuseAll(r reply) {
	for _, c := range t.calls {
		c.answer(r)
	}
}

// answerAll answers everybody who waited for the append; e is the newest entry.
func (t *turn) answerAll(e Entry) {
	for i, c := range t.calls {
		c.answer(t.answers[i](e))
	}
}

// decide applies a batch and what is due to the state, and returns what did not fit into one entry. Presence
// (h.present, h.away) changes at once: it is soft, and who is present stays so when an append fails.
func (h *home) decide(batch []call) (t *turn, rest []call) {
	t = &turn{now: time.Now(), state: h.entry.State, events: slices.Clone(h.pending), size: h.pendingSize}
	t.state.Info.ViewCount = h.views
	h.seatRobots(t.state)
	h.checkNodes(t)
	for i, c := range batch {
		if t.full() || t.size > 0 && c.dismisses() { // the end of a room may fill an entry alone
			t.flush, rest = true, batch[i:]
			break
		}
		h.one(t, c)
		if c.verify {
			t.changed = true // an append is the one sure test
		}
	}
	h.overdue(t)
	if len(h.crowd.changed) > 0 && !t.now.Before(h.crowd.due) {
		h.settle(t)
		t.flush = true
	}
	h.count(t, slices.ContainsFunc(batch, func(c call) bool { return c.count }))
	switch {
	case len(t.events) > 0:
		if soon := t.now.Add(presenceDelay); h.flushAt.IsZero() || h.flushAt.After(soon) {
			h.flushAt = soon
		}
	case !h.miscounted(t) || len(h.crowd.changed) > 0: // the digest counts them
		h.flushAt = time.Time{}
	case h.flushAt.IsZero():
		h.flushAt = latest(t.now.Add(presenceDelay), h.gatherUntil)
	case !t.now.Before(h.flushAt) && len(h.present) > crowdFrom && len(h.present) != h.entry.Members: // the former home's last digest was not told
		h.note(t, []room.Event{{For: room.ForMembers, Event: signaling.UsersEntered{Users: []signaling.UserInfo{}, Count: len(h.present), ViewCount: h.views}}})
	}
	return t, rest
}

// miscounted reports whether the newest entry tells another number of members than are here, or another thing about since
// when nobody is: a new home learns of them in silence, for they have come in long ago.
func (h *home) miscounted(t *turn) bool {
	return t.state.Exists() && (len(h.present) != h.entry.Members || t.state.Life != h.entry.State.Life)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// one decides one call. It adds exactly one answer.
func (h *home) one(t *turn, c call) {
	t.asked = t.asked || c.From != "" // else it is only woken
	switch {
	case c.Command != nil:
		h.command(t, c, *c.Command)
		return
	case c.Enter != nil:
		h.enter(t, c, *c.Enter)
		return
	case c.List != nil:
		if !t.state.Exists() {
			t.add(c, func(Entry) reply { return refusal(signaling.ErrRoomNotExist) })
			return
		}
		page := h.list(t, *c.List)
		t.add(c, func(Entry) reply { return reply{Page: &page} })
		return
	case c.Audit != nil:
		h.audit(t, c, *c.Audit)
		return
	case c.Audience:
		r := h.audience(t)
		t.add(c, func(Entry) reply { return r })
		return
	case c.Sanctions != nil:
		r := h.listSanctions(t, *c.Sanctions)
		t.add(c, func(e Entry) reply { r.Outcome.Version = e.Version; return r })
		return
	case c.Gifts != nil:
		r := h.totals(t, *c.Gifts)
		t.add(c, func(Entry) reply { return r })
		return
	case c.Host != nil:
		r := h.host(t, *c.Host)
		t.add(c, func(Entry) reply { return r })
		return
	case c.Info, c.Look:
		info, err := h.info(t)
		r := reply{Room: &info}
		if c.Look {
			for _, robot := range t.state.Robots {
				r.Robots = append(r.Robots, robot.User)
			}
			r.Admins, r.Seats, r.Meta = slices.Clone(t.state.Admins), slices.Clone(t.state.Seats), t.state.Texts()
		}
		t.add(c, func(Entry) reply {
			if err != nil {
				return refusal(err)
			}
			return r
		})
		return
	case c.Live:
		live := t.state.Record(t.now)
		exists := t.state.Exists()
		t.add(c, func(Entry) reply {
			if !exists {
				return refusal(signaling.ErrRoomNotExist)
			}
			return reply{Live: &live}
		})
		return
	case c.Reread:
		h.sanctions.unknown = true // before the next turn
	case c.Heartbeat != nil:
		h.heartbeat(t, c, *c.Heartbeat)
		return
	case c.Exit != nil:
		h.exit(t, *c.Exit, c.Seq)
	case c.Announce != nil:
		h.announced(t, *c.Announce, c.Seq)
	}
	t.add(c, func(Entry) reply { return reply{} })
}

func (h *home) command(t *turn, c call, cmd room.Command) {
	if out, repeated := h.outcome(t, cmd); repeated {
		t.add(c, func(Entry) reply { return reply{Outcome: out} })
		return
	}
	if gift, ok := cmd.Action.(room.SendGift); ok {
		h.gift(t, c, cmd, gift)
		return
	}
	p, here := h.present[cmd.By.UserID]
	_, leaves := cmd.Action.(room.Leave)
	switch {
	case cmd.By.UserID == "" || cmd.App && !here: // the server itself, or the app's
	case here:
		cmd.By.UserName, cmd.By.AvatarURL, cmd.By.Level = p.user.UserName, p.user.AvatarURL, p.user.Level
	case t.now.Before(h.gatherUntil):
		// This home is new, and the user's node has not said yet whom it has. It says so about now: ask again.
		t.add(c, func(Entry) reply { return reply{Moved: true} })
		return
	case !leaves: // who leaves a room twice is out of it
		t.add(c, func(Entry) reply { return refusal(signaling.ErrNotInRoom) })
		return
	}
	if leaves {
		h.leave(t, c, cmd)
		return
	}
	if adds, ok := cmd.Action.(room.AddRobots); ok {
		if t.now.Before(h.gatherUntil) { // it is not known who is here
			t.add(c, func(Entry) reply { return reply{Moved: true} })
			return
		}
		cmd.Action = h.vouchRobots(t, adds)
	}
	cmd.Action = h.vouch(cmd.By, cmd.Action, t.now)
	if h.sanction(t, c, cmd) {
		return
	}
	if c.dismisses() { // its statistics are final then
		h.count(t, true)
	}
	out, err := h.apply(t, cmd)
	if t.now.Before(h.gatherUntil) && (errors.Is(err, signaling.ErrUserNotEntered) || errors.Is(err, signaling.ErrUserNotFound)) {
		t.add(c, func(Entry) reply { return reply{Moved: true} }) // the node of whom it is about has not said yet whom it has
		return
	}
	if err != nil {
		t.add(c, func(Entry) reply { return refusal(err) })
		return
	}
	switch a := cmd.Action.(type) {
	case room.KickOut:
		h.expel(t, signaling.UserInfo{UserID: a.User}, call{})
	case room.AddRobots, room.RemoveRobots:
		h.seatRobots(t.state)
		h.views = t.state.Info.ViewCount
	case room.Expel:
		h.expel(t, cmd.By, c)
	case room.SetInfo:
		h.rename(cmd.By.UserID, a)
	}
	t.add(c, func(e Entry) reply { out.Version = e.Version; return reply{Outcome: out} })
}

// vouch completes a command with what only the home knows: whether a member is here, and what the others know of them.
func (h *home) vouch(by signaling.UserInfo, a room.Action, now time.Time) room.Action {
	here := func(u signaling.UserID) (signaling.UserInfo, bool) {
		p, present := h.present[u]
		_, away := h.away[u]
		return p.user, present && !away
	}
	switch a := a.(type) {
	case room.RemoveRobots:
		a.Members = len(h.present)
		return a
	case room.Invite:
		a.User, _ = here(a.User.UserID)
		return a
	case room.PutOnSeat:
		a.User, _ = here(a.User.UserID)
		return a
	case room.ChangeRole:
		var u signaling.UserInfo
		u, a.Present = here(a.User)
		a.UserName = u.UserName
		return a
	case room.KickOut:
		_, a.Present = h.present[a.User] // who is away can be taken out too
		return a
	case room.Ban:
		a.Present = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(a.Users))), func(u signaling.UserID) bool { _, present := h.present[u]; return !present })
		return a
	case room.Unban:
		a.Banned = slices.DeleteFunc(slices.Clone(a.Users), func(u signaling.UserID) bool { b, banned := h.sanctions.bans[u]; return !banned || !b.holds(now) })
		return a
	case room.Mute:
		a.Muted = slices.DeleteFunc(slices.Clone(a.Users), func(u signaling.UserID) bool { _, muted := h.sanctions.mutes[u]; return !muted })
		return a
	case room.SetInfo:
		a.News = a.UserName != by.UserName || a.AvatarURL != by.AvatarURL || a.Level != by.Level
		return a
	}
	return a
}

// apply runs one command through the rules and notes its outcome.
func (h *home) apply(t *turn, cmd room.Command) (Outcome, error) {
	next, events, err := room.Apply(t.state, cmd, t.now)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Version: h.entry.Version}
	acts := cmd.Acts(t.state, next, t.now)
	if take, isTake := cmd.Action.(room.TakeSeat); isTake {
		seat, seated := next.SeatOf(cmd.By.UserID)
		out.Index, out.Pending = seat, !seated
		if !seated {
			out.Index = take.Index
		}
	}
	if len(events)+len(acts) > 0 {
		out.Version = h.entry.Version + 1
		t.state, t.changed = next, true
		t.acts = append(t.acts, acts...)
		for _, a := range acts {
			t.size += size(a)
		}
		if h.wanted() {
			because(events, cmd)
		}
		if slices.ContainsFunc(events, func(e room.Event) bool { return e.To == nil }) {
			h.settle(t)
		}
		t.events = append(t.events, events...)
		for _, e := range events {
			t.size += size(e)
		}
		if cmd.ID != "" {
			t.done = append(t.done, Done{ID: doneKey(cmd), Outcome: out})
		}
	}
	return out, nil
}

// outcome returns what a command has come to if it was carried out before, also a moment ago in this very turn.
func (h *home) outcome(t *turn, cmd room.Command) (Outcome, bool) {
	if cmd.ID == "" {
		return Outcome{}, false
	}
	key := doneKey(cmd)
	if d, ok := h.done[key]; ok {
		return d.out, true
	}
	for _, d := range t.done {
		if d.ID == key {
			return d.Outcome, true
		}
	}
	return Outcome{}, false
}

// doneKey is what an outcome is remembered under. Clients choose the ids, so one must not meet another's.
func doneKey(cmd room.Command) string { return string(cmd.By.UserID) + "\x00" + cmd.ID }
