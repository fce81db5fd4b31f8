package home

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	batchLimit      = 64                     // commands decided with one append
	presenceDelay   = 100 * time.Millisecond // entries and departures wait so long for company
	rememberDone    = time.Minute            // a command may be repeated so long after its first attempt
	trimEvery       = 512                    // entries after which the older ones are trimmed
	lingerDismissed = 30 * time.Second       // a dismissed room answers repeated commands so long
	staleRetry      = 100 * time.Millisecond // how soon to look again whether the own heartbeat is fresh
	gatherLimit     = 3 * time.Second        // how long a new home waits for the nodes to say whom they have
)

// home is one room on the node that decides it. All fields belong to the goroutine of run.
type home struct {
	node *Node
	key  store.Key
	log  *slog.Logger

	entry Entry  // the newest of the log
	rev   uint64 // its revision

	summary atomic.Pointer[signaling.RoomInfo] // of the newest entry, for lists; nil: the room is over; read by anybody

	views       int64 // how often somebody has entered; in the log with the next entry
	present     map[signaling.UserID]presence
	arrivals    []arrival                      // of all who are present, the newest last
	nodes       map[store.NodeID]int           // sessions on each node
	down        map[store.NodeID]bool          // those of them that are dead
	away        map[signaling.UserID]time.Time // bound to the room, but on no living node; departs then
	silent      map[signaling.UserID]bool      // the app has been told that their connections are lost
	complete    bool                           // by the log it is known who was here before this home
	rosterDue   bool                           // the next entry has one
	farewells   map[string]farewell            // sessions that have ended lately
	gatherUntil time.Time
	pending     []room.Event // presence that is not in the log yet
	pendingSize int
	flushAt     time.Time // when it has to be; zero: nothing pending
	crowd       crowd

	sanctions sanctions
	owed      map[string]owed                 // by their ids: acts that the log does not have yet
	settled   map[string]bool                 // ids of those that it has got since
	unsure    map[string]bool                 // ids of acts whose values may be in the store
	before    struct{ epoch, version uint64 } // the newest entry of the home before
	chat      chat
	robots    []room.Robot                 // those who are present
	guesses   map[signaling.UserID]guesses // wrong passwords

	book        *book
	giftMoments *giftMoments // nil before the first gift
	began       time.Time    // for tickets

	done    map[string]doneAt
	doneAge []string // the keys of done, oldest first
	pruneAt time.Time

	appends  int    // since the last mark
	marks    []mark // places in the log, oldest first
	removeAt time.Time
	recorded bool // what is to be kept of a dismissed room is in the store

	copiers copiers
	lost    bool   // it ended because an append failed
	backlog []call // did not fit into the last turn
	calls   chan call
	cancel  context.CancelFunc
	ended   chan struct{}
}

type doneAt struct {
	out Outcome
	at  time.Time
}

// mark says that everything before rev is older than at.
type mark struct {
	rev uint64
	at  time.Time
}

// call is one thing asked of a home; one that asks nothing wakes it. answer is called exactly once.
type call struct {
	request
	verify bool // is the room still this node's?
	read   bool // the room's bans and mutes, if they are unknown
	count  bool // what was heard is written down now
	answer func(reply)
}

// asks reports whether the call wants more than a look at the time and the nodes.
func (c call) asks() bool { return c.From != "" || c.read }

// dismisses reports whether the call may end the room.
func (c call) dismisses() bool {
	if c.Command == nil {
		return false
	}
	_, ok := c.Command.Action.(room.Dismiss)
	return ok
}

func (n *Node) newHome(key store.Key, e Entry, rev uint64) *home {
	h := &home{
		node: n, key: key, entry: e, rev: rev, complete: e.Roster != nil, views: e.State.Info.ViewCount, sanctions: newSanctions(),
		log:     n.log.With("app", key.App, "room", key.Room, "epoch", e.Epoch),
		present: map[signaling.UserID]presence{}, nodes: map[store.NodeID]int{}, down: map[store.NodeID]bool{},
		away: map[signaling.UserID]time.Time{}, silent: map[signaling.UserID]bool{}, farewells: map[string]farewell{}, done: map[string]doneAt{}, guesses: map[signaling.UserID]guesses{},
		owed: map[string]owed{}, settled: map[string]bool{}, unsure: map[string]bool{},
		calls: make(chan call, 4*batchLimit), ended: make(chan struct{}), began: time.Now(),
	}
	h.chat.epoch, h.chat.counting.base = e.Epoch, e.State.Stats.TotalMessageCount
	h.seatRobots(e.State)
	h.sum()
	return h
}

// run is the home's goroutine. It ends when the node stops, when the room has moved, or after its dismissal.
func (h *home) run(ctx context.Context) {
	defer func() {
		h.node.forget(h)
		close(h.ended)
		h.refuseQueued()
		for _, c := range h.backlog {
			c.answer(reply{Moved: true})
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		batch := h.backlog
		h.backlog = nil
		if len(batch) == 0 {
			timer.Reset(h.untilNext(time.Now()))
			select {
			case <-ctx.Done():
				return
			case c := <-h.calls:
				batch = append(batch, c)
			case <-timer.C:
			}
		}
		for len(batch) > 0 && len(batch) < batchLimit && len(h.calls) > 0 {
			batch = append(batch, <-h.calls)
		}
		if !h.turn(ctx, batch) {
			return
		}
	}
}

// tell queues a call. A home that has ended, or has more to do than it can, sends the caller round again.
func (h *home) tell(c call) {
	select {
	case <-h.ended:
	default:
		select {
		case h.calls <- c:
			// The home may have ended just now, with its rest already refused.
			select {
			case <-h.ended:
				h.refuseQueued()
			default:
			}
			return
		default:
		}
	}
	c.answer(reply{Moved: true})
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
	earlier(h.crowd.due)
	earlier(h.removeAt)
	earlier(h.pruneAt)
	if h.entry.State.Exists() {
		earlier(h.sanctions.muteEnds) // nobody is told after the room's end
	}
	h.chat.mu.Lock()
	earlier(h.chat.counting.due)
	h.chat.mu.Unlock()
	earlier(h.gatherUntil)
	for _, o := range h.owed {
		earlier(o.due)
	}
	if t, ok := h.entry.State.NextDeadline(); ok {
		earlier(t)
	}
	if t, ok := h.lapses(now); ok {
		earlier(t)
	}
	for _, t := range h.away {
		earlier(t)
	}
	wait := max(next.Sub(now), 0)
	if h.sanctions.unknown && len(h.present) > 0 || wait == 0 && !h.node.fresh(now) {
		return staleRetry
	}
	return wait
}

// turn decides a batch of calls and whatever is due, with at most one append. It returns false when the home ends.
func (h *home) turn(ctx context.Context, batch []call) bool {
	again := !h.node.fresh(time.Now()) // another node may have the room by now
	replaced := !again && len(batch) > 0 && h.replaced(ctx)
	if again || replaced {
		// Who asks looks again, and finds whoever it is.
		for _, c := range batch {
			c.answer(reply{Moved: true})
		}
		return !replaced
	}
	// Of rooms that nobody is in and nobody asks for they are not read: a node that starts may have thousands of these.
	if (slices.ContainsFunc(batch, call.asks) || len(h.present) > 0) && !h.loadSanctions(ctx) {
		for _, c := range batch {
			c.answer(reply{Moved: true}) // they ask again
		}
		return true
	}
	h.sanctions.wrote = false
	h.chat.mu.Lock()
	t, rest := h.decide(batch)
	h.chat.mu.Unlock()
	h.backlog = rest
	switch err := h.commit(ctx, t); {
	case err == nil:
		h.paid(t)
		t.answerAll(h.entry)
		return h.after(ctx)
	case errors.Is(err, errMoved):
		h.log.Info("this node no longer decides the room")
		h.lost = true
		h.reread()
		t.refuseAll(reply{Moved: true})
		return false
	case errors.Is(err, errUnsure):
		h.owe(t)
		t.refuseAll(reply{Moved: true}) // they ask again
		return true
	default: // too large, which the limits should prevent
		h.log.Error("cannot append to the room's log", "error", err)
		h.owe(t)
		t.refuseAll(refusal(signaling.ErrServer))
		return true
	}
}

// replaced reports whether a dismissed room has been created anew, perhaps elsewhere: its former home refuses
// everything, for which it needs no append that would tell it.
func (h *home) replaced(ctx context.Context) bool {
	if h.entry.State.Dismissed == 0 {
		return false
	}
	try, cancel := context.WithTimeout(ctx, appendTry)
	defer cancel()
	last, err := h.node.store.Last(try, h.key)
	return errors.Is(err, store.ErrNotFound) || err == nil && last.Rev != h.rev
}

// after does what follows a successful turn: the end of a dismissed room, and forgetting what is old.
func (h *home) after(ctx context.Context) bool {
	now := time.Now()
	h.prune(ctx, now)
	if h.entry.State.Dismissed == 0 {
		return true
	}
	if h.removeAt.IsZero() {
		h.removeAt = now.Add(lingerDismissed)
	}
	if !h.recorded {
		err := h.node.keepRecord(ctx, h.key, h.entry.State)
		if h.recorded = err == nil; err != nil {
			h.log.Warn("cannot keep a dismissed room's statistics yet", "error", err)
		}
	}
	if now.Before(h.removeAt) {
		return true
	}
	if !h.recorded || !h.copiers.covers(h.rev+1) || !h.book.covers(h.rev+1) {
		h.removeAt = now.Add(time.Second) // its end has not been told
		return true
	}
	err := h.node.clearSanctions(ctx, h.key, h.entry.State.Info.CreateTime)
	if err == nil {
		err = h.node.store.Remove(ctx, h.key, h.rev)
	}
	if err != nil {
		h.log.Warn("cannot remove a dismissed room's log yet", "error", err)
		h.node.sweepSoon()
	}
	return false
}

func (h *home) remember(d Done, at time.Time) {
	h.done[d.ID] = doneAt{out: d.Outcome, at: at}
	h.doneAge = append(h.doneAge, d.ID)
}

// prune forgets what nobody asks for any more: outcomes, ended sessions, and log entries, which a next home reads for
// the outcomes.
func (h *home) prune(ctx context.Context, now time.Time) {
	if h.appends >= trimEvery {
		h.appends = 0
		h.marks = append(h.marks, mark{rev: h.rev, at: now})
		h.rosterDue = true // before the former one is trimmed
	}
	if now.Before(h.pruneAt) {
		return
	}
	old := now.Add(-rememberDone)
	i := 0
	for ; i < len(h.doneAge) && h.done[h.doneAge[i]].at.Before(old); i++ {
		delete(h.done, h.doneAge[i])
	}
	h.doneAge = append([]string(nil), h.doneAge[i:]...)
	for id, f := range h.farewells {
		if f.at.Before(old) {
			delete(h.farewells, id)
		}
	}
	i = 0
	for i < len(h.marks) && h.marks[i].at.Before(old) && h.copiers.covers(h.marks[i].rev) && h.book.covers(h.marks[i].rev) {
		i++
	}
	if i > 0 {
		if err := h.node.store.Trim(ctx, h.key, h.marks[i-1].rev); err != nil {
			h.log.Warn("cannot trim the room's log", "error", err)
		} else {
			h.marks = h.marks[i:]
		}
	}
	h.tidySanctions(ctx, now)
	h.pruneAt = h.sanctionsEnd(now)
	if len(h.done)+len(h.farewells)+len(h.marks) > 0 {
		h.pruneAt = now.Add(rememberDone)
	}
}
