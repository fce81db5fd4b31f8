package home

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// maxSanctions is how many users of one room may be banned, and how many muted, at a time.
const maxSanctions = 10_000

// sanctionTries is how often a value is written whose revision is another than was known: a home that was replaced may
// have written it last.
const sanctionTries = 3

// sanctions are a room's bans and mutes. They are values of the store, for they grow with the audience, and are written
// before a command is answered. The home has them in memory from when somebody first is in the room, or asks for it.
type sanctions struct {
	bans, mutes map[signaling.UserID]sanction
	wrote       bool       // values, in this turn
	unknown     bool       // they have to be read first
	expelDue    bool       // somebody may be here who is banned
	muteEnds    time.Time  // when the first mute ends; zero: none does
	over        []leftover // values that mean nothing any more
}

// sanction is one ban or mute as it is stored.
type sanction struct {
	Room   int64            `json:"room"`  // the room's CreateTime: a later room of the same id has its own
	Until  int64            `json:"until"` // Unix milliseconds; 0: somebody has taken it back, which is about to be removed
	By     signaling.UserID `json:"by,omitempty"`
	Reason string           `json:"reason,omitempty"`

	// What the audit log has to say of it, and the entry that says so: of the home of that epoch, of this version.
	Act     string `json:"act,omitempty"` // names what was done
	App     bool   `json:"app,omitempty"` // By the app
	At      int64  `json:"at,omitempty"`  // Unix milliseconds
	Epoch   uint64 `json:"epoch,omitempty"`
	Version uint64 `json:"version,omitempty"`

	rev uint64
}

func (s sanction) holds(now time.Time) bool { return now.UnixMilli() < s.Until }

type leftover struct {
	key store.ValueKey
	rev uint64
}

func newSanctions() sanctions {
	return sanctions{bans: map[signaling.UserID]sanction{}, mutes: map[signaling.UserID]sanction{}}
}

func valueKey(b store.Bucket, key store.Key, u signaling.UserID) store.ValueKey {
	return store.ValueKey{Bucket: b, App: key.App, ID: string(key.Room), Sub: string(u)}
}

// of returns the users with a kind of sanction.
func (s *sanctions) of(b store.Bucket) map[signaling.UserID]sanction {
	if b == store.BucketBan {
		return s.bans
	}
	return s.mutes
}

// loadSanctions reads what the store has for this room. It reports whether they are known now.
func (h *home) loadSanctions(ctx context.Context) bool {
	if !h.sanctions.unknown {
		return true
	}
	s := newSanctions()
	h.owed = maps.Clone(h.owed) // if this fails, it is read again
	for _, b := range []store.Bucket{store.BucketBan, store.BucketMute} {
		try, cancel := context.WithTimeout(ctx, appendTry)
		values, err := h.node.store.Values(try, b, h.key.App, string(h.key.Room))
		cancel()
		if err != nil {
			h.log.Warn("cannot read the room's bans and mutes", "error", err)
			return false
		}
		for key, v := range values {
			var x sanction
			if err := json.Unmarshal(v.Data, &x); err != nil {
				h.log.Error("unreadable value", "bucket", b, "error", err)
				continue
			}
			x.rev = v.Rev
			if x.Room == h.entry.State.Info.CreateTime {
				h.missing(b, signaling.UserID(key.Sub), x)
			}
			switch {
			case x.Room == h.entry.State.Info.CreateTime && x.Until != 0:
				s.of(b)[signaling.UserID(key.Sub)] = x
			case x.Room <= h.entry.State.Info.CreateTime:
				s.over = append(s.over, leftover{key, v.Rev})
			}
		}
	}
	s.expelDue = true
	clear(h.unsure)
	h.chat.mu.Lock()
	h.sanctions = s
	h.chat.mu.Unlock()
	h.nextMuteEnd()
	return true
}

func (h *home) nextMuteEnd() {
	h.sanctions.muteEnds = time.Time{}
	for _, m := range h.sanctions.mutes {
		if t := time.UnixMilli(m.Until); h.sanctions.muteEnds.IsZero() || t.Before(h.sanctions.muteEnds) {
			h.sanctions.muteEnds = t
		}
	}
}

// banned refuses who may not enter.
func (h *home) banned(t *turn, u signaling.UserID) error {
	b, ok := h.sanctions.bans[u]
	if !ok || !b.holds(t.now) {
		return nil
	}
	return signaling.Errorf(signaling.ErrMemberBanned.Code, "%s; until %s", room.BanMessage(b.Reason), time.UnixMilli(b.Until).UTC().Format(time.RFC3339))
}

// mutedUntil is until when a user may not chat, in Unix milliseconds; 0: they may.
func (h *home) mutedUntil(u signaling.UserID, now time.Time) int64 {
	if m, ok := h.sanctions.mutes[u]; ok && m.holds(now) {
		return m.Until
	}
	return 0
}

// sanction carries out a command about bans or mutes. ok is false for others.
func (h *home) sanction(t *turn, c call, cmd room.Command) (ok bool) {
	var bucket store.Bucket
	var users []signaling.UserID
	s := h.actOf(t, &cmd)
	switch a := cmd.Action.(type) {
	case room.Ban:
		bucket, users, s.Until, s.Reason = store.BucketBan, a.Users, t.now.Add(a.Duration).UnixMilli(), a.Reason
	case room.Unban:
		bucket, users = store.BucketBan, a.Users
	case room.Mute:
		bucket, users = store.BucketMute, a.Users
		if a.Duration > 0 {
			s.Until = t.now.Add(a.Duration).UnixMilli()
		}
	default:
		return false
	}
	_, _, err := room.Apply(t.state, cmd, t.now)
	if list := h.sanctions.of(bucket); err == nil && s.Until != 0 && len(list)+len(users) > maxSanctions {
		err = signaling.Errorf(signaling.ErrLimit.Code, "%d users of a room may be banned, and as many muted", maxSanctions)
	}
	if err == nil {
		err = h.keep(bucket, users, s)
	}
	if err != nil {
		t.add(c, func(Entry) reply { return refusal(err) })
		return true
	}
	before := len(t.acts)
	out, err := h.apply(t, cmd)
	if err != nil { // it has just been allowed
		t.add(c, func(Entry) reply { return refusal(err) })
		return true
	}
	for _, act := range t.acts[before:] {
		t.written = append(t.written, owed{id: s.Act, act: act})
	}
	if ban, isBan := cmd.Action.(room.Ban); isBan {
		for _, u := range ban.Present {
			h.expel(t, signaling.UserInfo{UserID: u}, call{})
		}
	}
	t.add(c, func(e Entry) reply { out.Version = e.Version; return reply{Outcome: out} })
	return true
}

// keep stores a sanction of each of the users, or removes it where s has no end, side by side. After an error nobody
// knows what the store has, so it is read again before anything else is decided.
func (h *home) keep(b store.Bucket, users []signaling.UserID, s sanction) error {
	ctx, cancel := context.WithTimeout(h.node.ctx, appendTry)
	defer cancel()
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	users = slices.Compact(slices.Sorted(slices.Values(users)))
	list := h.sanctions.of(b)
	revs, errs := make([]uint64, len(users)), make([]error, len(users))
	var wg sync.WaitGroup
	for i, u := range users {
		old, known := list[u]
		switch {
		case s.Until != 0:
			wg.Go(func() { revs[i], errs[i] = h.node.putValue(ctx, valueKey(b, h.key, u), data, old.rev) })
		case known: // the value's end says that it was taken back, if this home dies now; then it is removed
			wg.Go(func() { revs[i], errs[i] = h.node.putValue(ctx, valueKey(b, h.key, u), data, old.rev) })
		}
	}
	h.chat.mu.Unlock() // who chats does not wait for the store
	wg.Wait()
	h.chat.mu.Lock()
	h.sanctions.wrote = true
	if err := errors.Join(errs...); err != nil {
		h.log.Error("a ban or a mute could not be stored", "error", err)
		h.sanctions.unknown, h.unsure[s.Act] = true, true
		return &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	for i, u := range users {
		if s.Until == 0 {
			if delete(list, u); revs[i] != 0 {
				h.sanctions.over = append(h.sanctions.over, leftover{valueKey(b, h.key, u), revs[i]})
			}
			continue
		}
		s.rev = revs[i]
		list[u] = s
	}
	h.nextMuteEnd()
	return nil
}

// reread has the room's next home read the bans and mutes anew: this one was replaced while it wrote some, and the next
// one may have read them before.
func (h *home) reread() {
	if !h.sanctions.wrote {
		return
	}
	n, again := h.node, request{Key: h.key, Reread: true}
	n.spawn(func() { n.insist(again) })
}

// putValue writes a value whatever is there. rev is what is believed to be there.
func (n *Node) putValue(ctx context.Context, key store.ValueKey, data []byte, rev uint64) (uint64, error) {
	for try := 1; ; try++ {
		next, err := n.store.Put(ctx, key, data, rev)
		if !errors.Is(err, store.ErrConflict) || try == sanctionTries {
			return next, err
		}
		v, err := n.store.Get(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return 0, err
		}
		rev = v.Rev
	}
}

// enforce takes out of the room who is banned, and ends mutes that have run out.
func (h *home) enforce(t *turn) {
	if !t.state.Exists() {
		return
	}
	if h.sanctions.expelDue && !t.full() {
		h.sanctions.expelDue = false
		for u, b := range h.sanctions.bans {
			p, here := h.present[u]
			if !here || !b.holds(t.now) {
				continue
			}
			if t.full() {
				h.sanctions.expelDue = true // the rest in the next turn
				h.flushAt = t.now
				break
			}
			out := room.Command{By: p.user, Action: room.Expel{Reason: signaling.KickedByAdmin, Message: room.BanMessage(b.Reason)}}
			if _, err := h.apply(t, out); err != nil {
				h.log.Error("banned user not taken out", "error", err)
			}
			h.expel(t, p.user, call{})
		}
	}
	if end := h.sanctions.muteEnds; end.IsZero() || t.now.Before(end) {
		return
	}
	var users []signaling.UserID
	for u, m := range h.sanctions.mutes {
		if !m.holds(t.now) && len(users) < room.MaxSanctioned && !t.full() {
			users = append(users, u)
			delete(h.sanctions.mutes, u)
			h.sanctions.over = append(h.sanctions.over, leftover{valueKey(store.BucketMute, h.key, u), m.rev})
		}
	}
	slices.Sort(users)
	h.note(t, t.state.MuteEvents(users, 0))
	h.nextMuteEnd()
}

// note adds events that need no entry of their own.
func (h *home) note(t *turn, events []room.Event) {
	t.events = append(t.events, events...)
	for _, e := range events {
		t.size += size(e)
	}
}

// tidySanctions removes values that mean nothing any more, some at a time. What fails is tried again.
func (h *home) tidySanctions(ctx context.Context, now time.Time) {
	for u, b := range h.sanctions.bans {
		if !b.holds(now) {
			delete(h.sanctions.bans, u)
			h.sanctions.over = append(h.sanctions.over, leftover{valueKey(store.BucketBan, h.key, u), b.rev})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, appendTry)
	defer cancel()
	for range min(len(h.sanctions.over), batchLimit) {
		last := len(h.sanctions.over) - 1
		x := h.sanctions.over[last]
		if err := h.node.store.Delete(ctx, x.key, x.rev); err != nil && !errors.Is(err, store.ErrConflict) {
			h.log.Warn("cannot remove an old ban or mute yet", "error", err)
			return
		}
		h.sanctions.over = h.sanctions.over[:last]
	}
}

// sanctionsEnd is when there is something to tidy next; zero: never.
func (h *home) sanctionsEnd(now time.Time) (next time.Time) {
	if len(h.sanctions.over) > 0 {
		return now.Add(rememberDone)
	}
	for _, b := range h.sanctions.bans {
		if t := latest(time.UnixMilli(b.Until), now.Add(rememberDone)); next.IsZero() || t.Before(next) {
			next = t
		}
	}
	return next
}

// clearSanctions removes the bans and mutes of a room that is over, and of those that had its id before.
func (n *Node) clearSanctions(ctx context.Context, key store.Key, created int64) error {
	for _, b := range []store.Bucket{store.BucketBan, store.BucketMute} {
		values, err := n.store.Values(ctx, b, key.App, string(key.Room))
		if err != nil {
			return err
		}
		for k, v := range values {
			var s sanction
			if json.Unmarshal(v.Data, &s) == nil && s.Room > created {
				continue // a later room's
			}
			if err := n.store.Delete(ctx, k, v.Rev); err != nil && !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
	}
	return nil
}

// Sanctioned is somebody who is banned or muted, and until when.
type Sanctioned struct {
	User  signaling.UserID `json:"user"`
	Until int64            `json:"until"` // Unix milliseconds
}

// sanctionQuery asks for some of those with a kind of sanction, by their ids.
type sanctionQuery struct {
	Bucket store.Bucket `json:"bucket"`
	Offset int          `json:"offset"`
	Limit  int          `json:"limit"`

	// Of clients:
	By    signaling.UserID `json:"by,omitempty"`    // who must be a manager to learn it; empty: the app asks
	After signaling.UserID `json:"after,omitempty"` // only ids above this one
	Own   bool             `json:"own,omitempty"`   // By's own alone, for which one need not be a manager
}

// Banned asks the room's home who may not enter, by their ids. more says that there are others behind them.
func (n *Node) Banned(ctx context.Context, key store.Key, offset, limit int) (list []Sanctioned, more bool, err error) {
	return n.askSanctions(ctx, key, sanctionQuery{Bucket: store.BucketBan, Offset: offset, Limit: limit})
}

// Muted asks the room's home who may not chat, by their ids. more says that there are others behind them.
func (n *Node) Muted(ctx context.Context, key store.Key, offset, limit int) (list []Sanctioned, more bool, err error) {
	return n.askSanctions(ctx, key, sanctionQuery{Bucket: store.BucketMute, Offset: offset, Limit: limit})
}

// Sanctions is who may not enter, or with muted not chat, by their ids, from behind an id on: for a member, who has to be a
// manager. more says that there are others behind them.
func (n *Node) Sanctions(ctx context.Context, key store.Key, muted bool, by, after signaling.UserID, limit int) (list []Sanctioned, more bool, err error) {
	q := sanctionQuery{Bucket: store.BucketBan, By: by, After: after, Limit: limit}
	if muted {
		q.Bucket = store.BucketMute
	}
	return n.askSanctions(ctx, key, q)
}

// MutedUntil asks the room's home until when a member may not chat, in Unix milliseconds (0: they may), as of a version.
func (n *Node) MutedUntil(ctx context.Context, key store.Key, u signaling.UserID) (until int64, version uint64, err error) {
	r, _, err := n.ask(ctx, request{Key: key, Sanctions: &sanctionQuery{Bucket: store.BucketMute, By: u, Own: true}})
	if len(r.Sanctioned) == 1 {
		until = r.Sanctioned[0].Until
	}
	return until, r.Outcome.Version, err
}

func (n *Node) askSanctions(ctx context.Context, key store.Key, q sanctionQuery) ([]Sanctioned, bool, error) {
	r, _, err := n.ask(ctx, request{Key: key, Sanctions: &q})
	return r.Sanctioned, r.More, err
}

func (h *home) listSanctions(t *turn, q sanctionQuery) reply {
	if !t.state.Exists() {
		return refusal(signaling.ErrRoomNotExist)
	}
	if q.Own {
		if until := h.mutedUntil(q.By, t.now); until != 0 {
			return reply{Sanctioned: []Sanctioned{{User: q.By, Until: until}}}
		}
		return reply{}
	}
	if q.By != "" && !t.state.RoleOf(q.By).Manages() {
		return refusal(signaling.ErrNeedManager)
	}
	var list []Sanctioned
	for u, s := range h.sanctions.of(q.Bucket) {
		if u > q.After && s.holds(t.now) {
			list = append(list, Sanctioned{User: u, Until: s.Until})
		}
	}
	slices.SortFunc(list, func(a, b Sanctioned) int { return cmp.Compare(a.User, b.User) })
	list = list[min(q.Offset, len(list)):]
	if len(list) > q.Limit {
		return reply{Sanctioned: list[:q.Limit], More: true}
	}
	return reply{Sanctioned: list}
}
