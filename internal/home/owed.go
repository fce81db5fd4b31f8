package home

import (
	"crypto/rand"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Bans and mutes are values of the store, which are written before the entry that tells of them. A home that dies between
// the two leaves values of which the log has no act. Mostly whoever asked for them asks again, and the next home does it
// once more; else it finds in the values what was done, and writes that down.

// owedWait is how long an act waits for whoever asks again.
const owedWait = 10 * time.Second

// owed is an act that the log does not have yet.
type owed struct {
	id  string
	act signaling.Act
	due time.Time
}

// actOf begins the value of a command about bans or mutes: all but what it does. A command that is asked for again is told
// what came of it before.
func (h *home) actOf(t *turn, cmd *room.Command) sanction {
	s := sanction{
		Room: t.state.Info.CreateTime, By: cmd.By.UserID, App: cmd.App, At: t.now.UnixMilli(),
		Epoch: h.entry.Epoch, Version: h.entry.Version + 1, Act: rand.Text(),
	}
	if cmd.Origin.Operator != "" {
		s.By = cmd.Origin.Operator
	}
	if cmd.ID == "" {
		return s
	}
	s.Act = doneKey(*cmd)
	if o, again := h.owed[s.Act]; again {
		switch a := cmd.Action.(type) {
		case room.Unban:
			a.Banned = append(slices.Clone(a.Banned), o.act.Users...)
			cmd.Action = a
		case room.Mute:
			a.Muted = append(slices.Clone(a.Muted), o.act.Users...)
			cmd.Action = a
		}
	}
	return s
}

// missing notes what a value says that was done, if no entry does.
func (h *home) missing(b store.Bucket, u signaling.UserID, x sanction) {
	if x.Act == "" || h.settled[x.Act] || !h.unsure[x.Act] && (x.Epoch != h.before.epoch || x.Version <= h.before.version) {
		return
	}
	o, known := h.owed[x.Act]
	if !known {
		kind := map[store.Bucket]signaling.ActKind{store.BucketBan: signaling.ActBan, store.BucketMute: signaling.ActMute}[b]
		if x.Until == 0 {
			kind = map[store.Bucket]signaling.ActKind{store.BucketBan: signaling.ActUnban, store.BucketMute: signaling.ActUnmute}[b]
		}
		o = owed{id: x.Act, due: time.Now().Add(owedWait), act: signaling.Act{
			Time: x.At, Operator: x.By, ByApp: x.App, Kind: kind, Until: x.Until, Reason: x.Reason,
		}}
	}
	if i, has := slices.BinarySearch(o.act.Users, u); !has {
		o.act.Users = slices.Insert(slices.Clone(o.act.Users), i, u)
	}
	h.owed[x.Act] = o
}

// owe notes the acts of a turn whose values are stored, and whose entry is not.
func (h *home) owe(t *turn) {
	for _, o := range t.written {
		o.due = time.Now().Add(owedWait)
		h.owed[o.id] = o
	}
}

// payOwed writes down what nobody asks for again, also behind the room's end.
func (h *home) payOwed(t *turn) {
	for _, o := range h.owed {
		if t.now.Before(o.due) || t.full() {
			continue
		}
		t.acts, t.changed = append(t.acts, o.act), true
		t.size += size(o.act)
		t.written = append(t.written, o)
	}
}

// paid forgets what is in the log now.
func (h *home) paid(t *turn) {
	for _, o := range t.written {
		if _, was := h.owed[o.id]; was {
			delete(h.owed, o.id)
			h.settled[o.id] = true
		}
	}
}
