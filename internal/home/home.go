package home

import (
	"context"
	"log/slog"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	batchLimit      = 64                     // commands decided with one append
	presenceDelay   = 100 * time.Millisecond // entries and departures wait so long for company
	presenceLimit   = 256                    // and no longer than until so many users have come together
	rememberDone    = 2 * time.Minute        // a command may be repeated so long after its first attempt
	trimEvery       = 512                    // entries that a log keeps at least
	lingerDismissed = 30 * time.Second       // a dismissed room answers repeated commands so long
	staleRetry      = 100 * time.Millisecond // how soon to look again whether the own heartbeat is fresh
)

// home is one room on the node that decides it. All fields belong to the goroutine of run.
type home struct {
	node *Node
	key  store.Key
	log  *slog.Logger

	entry Entry  // the newest of the log
	rev   uint64 // its revision

	present map[signaling.UserID]Member
	away    map[signaling.UserID]time.Time // bound to the room, but on no node; departs then
	done    map[string]doneAt
	pending []room.Event // presence that is not in the log yet
	flushAt time.Time    // when it has to be; zero: nothing pending

	appends  int
	trimTo   uint64
	removeAt time.Time // when a dismissed room's log is removed

	calls  chan call
	cancel context.CancelFunc
	ended  chan struct{}
}

type doneAt struct {
	out Outcome
	at  time.Time
}

// call is one thing asked of a home. answer is called exactly once.
type call struct {
	request
	nodeDown store.NodeID
	verify   bool // is the room still this node's?
	answer   func(reply)
}

func (n *Node) newHome(key store.Key, e Entry, rev uint64) *home {
	return &home{
		node: n, key: key, entry: e, rev: rev,
		log:     n.log.With("app", key.App, "room", key.Room, "epoch", e.Epoch),
		present: map[signaling.UserID]Member{}, away: map[signaling.UserID]time.Time{}, done: map[string]doneAt{},
		calls: make(chan call, 4*batchLimit), ended: make(chan struct{}),
	}
}

// run is the home's goroutine. It ends when the node stops, when the room has moved, or after its dismissal.
func (h *home) run(ctx context.Context) {
	defer func() {
		h.node.forget(h)
		close(h.ended)
		h.refuseQueued()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(h.untilNext(time.Now()))
		var batch []call
		select {
		case <-ctx.Done():
			return
		case c := <-h.calls:
			batch = append(batch, c)
			for len(batch) < batchLimit && len(h.calls) > 0 {
				batch = append(batch, <-h.calls)
			}
		case <-timer.C:
		}
		if !h.turn(ctx, batch) {
			return
		}
	}
}

// refuseQueued sends the callers who were too late to look for the room's next home. Callers that queue after the end
// run it themselves, so every call is answered once.
func (h *home) refuseQueued() {
	for {
		select {
		case c := <-h.calls:
			c.answer(reply{Moved: true})
		default:
			return
		}
	}
}

// untilNext says how long the home may sleep.
func (h *home) untilNext(now time.Time) time.Duration {
	next := now.Add(time.Hour)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	earlier(h.flushAt)
	earlier(h.removeAt)
	if t, ok := h.entry.State.NextDeadline(); ok {
		earlier(t)
	}
	for _, t := range h.away {
		earlier(t)
	}
	wait := max(next.Sub(now), 0)
	if wait == 0 && !h.node.fresh(now) {
		return staleRetry
	}
	return wait
}

// turn decides a batch of calls and whatever is due, with at most one append. It returns false when the home ends.
func (h *home) turn(ctx context.Context, batch []call) bool {
	if !h.node.fresh(time.Now()) {
		// Another node may have the room by now. Who asks looks again, and finds whoever it is.
		for _, c := range batch {
			c.answer(reply{Moved: true})
		}
		return true
	}
	t := h.decide(batch)
	switch err := h.commit(ctx, t); err {
	case nil:
		t.answerAll(h.entry)
		return h.after(ctx)
	case errMoved:
		h.log.Info("this node no longer decides the room")
		t.refuseAll(reply{Moved: true})
		return false
	default: // too large, which the limits of the rules should prevent
		h.log.Error("cannot append to the room's log", "error", err)
		t.refuseAll(refusal(signaling.ErrServer))
		return true
	}
}

// after does what follows a successful turn: the end of a dismissed room, and the log's length.
func (h *home) after(ctx context.Context) bool {
	now := time.Now()
	if h.entry.State.Dismissed != 0 {
		if h.removeAt.IsZero() {
			h.removeAt = now.Add(lingerDismissed)
		}
		if now.Before(h.removeAt) {
			return true
		}
		if err := h.node.store.Remove(ctx, h.key, h.rev); err != nil {
			h.log.Warn("cannot remove a dismissed room's log; a later start will", "error", err)
		}
		return false
	}
	if h.appends >= trimEvery {
		h.appends = 0
		if h.trimTo != 0 {
			if err := h.node.store.Trim(ctx, h.key, h.trimTo); err != nil {
				h.log.Warn("cannot trim the room's log", "error", err)
			}
		}
		h.trimTo = h.rev
		for id, d := range h.done {
			if now.Sub(d.at) > rememberDone {
				delete(h.done, id)
			}
		}
	}
	return true
}
