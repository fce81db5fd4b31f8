package home

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Create starts a room, with its home here, and returns its first entry. cmd's action is a [room.Create]. The log
// decides between two nodes that try at once. After an error other than a refusal the room may exist; the same command
// once more tells.
func (n *Node) Create(ctx context.Context, key store.Key, cmd room.Command) (Entry, error) {
	if create, ok := cmd.Action.(room.Create); ok {
		create.SeatLimit = n.cfg.SeatLimit
		cmd.Action = create
	}
	pause := firstPause
	for {
		e, err := n.alone(ctx, key, func(ctx context.Context) (Entry, error) { return n.create(ctx, key, cmd) })
		if err == nil {
			return e, nil
		}
		if refused, ok := errors.AsType[*signaling.Error](err); ok {
			return Entry{}, refused
		}
		if errors.Is(err, store.ErrClosed) {
			return Entry{}, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
		}
		select {
		case <-ctx.Done():
			return Entry{}, &signaling.Error{Code: signaling.ErrServer.Code, Message: "the room could not be created in time; try again", Err: err}
		case <-n.ctx.Done():
			return Entry{}, &signaling.Error{Code: signaling.ErrServer.Code, Message: "this node is stopping; connect to another"}
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// create is one attempt.
func (n *Node) create(ctx context.Context, key store.Key, cmd room.Command) (Entry, error) {
	var old Entry
	last, err := n.lastOf(ctx, key)
	switch {
	case err == nil:
		if old, err = decodeEntry(last.Data); err != nil {
			return Entry{}, err
		}
	case !errors.Is(err, store.ErrNotFound):
		return Entry{}, err
	}
	if old.State.Gifts > 0 && !old.State.Exists() { // before its log goes on with another room's
		if err := n.newBook(ctx, key, old, last.Rev).finish(ctx); err != nil {
			return Entry{}, err
		}
	}
	if err := n.keepRecord(ctx, key, old.State); err != nil { // whoever has ended that room may not have lived to do it
		return Entry{}, err
	}
	now := time.Now()
	state, events, err := room.Apply(old.State, cmd, now)
	if errors.Is(err, signaling.ErrRoomIDOwned) && cmd.ID != "" {
		// Perhaps by this very command, whose answer was lost.
		if first, found := n.carriedOut(ctx, key, cmd); found {
			return first, nil
		}
	}
	if err != nil {
		return Entry{}, err
	}
	e := Entry{
		Version: old.Version + 1, Epoch: old.Epoch + 1, Home: n.cfg.ID, At: now.UnixMilli(), Events: events, State: state,
		Tell: n.wants(key.App), Acted: acted(old, last.Rev),
	}
	if e.Tell {
		because(events, cmd)
	}
	if e.Tell || state.Password.Set() {
		e.Roster = &Roster{}
	}
	if cmd.ID != "" {
		e.Done = []Done{{ID: doneKey(cmd), Outcome: Outcome{Version: e.Version}}}
	}
	return e, n.begin(ctx, key, e, last.Rev, nil)
}

// carriedOut looks in the log for the entry that carried a command out.
func (n *Node) carriedOut(ctx context.Context, key store.Key, cmd room.Command) (Entry, bool) {
	list, err := n.sinceOf(ctx, key, time.Now().Add(-rememberDone))
	if err != nil {
		return Entry{}, false
	}
	for _, raw := range list {
		e, err := decodeEntry(raw.Data)
		if err == nil && slices.ContainsFunc(e.Done, func(d Done) bool { return d.ID == doneKey(cmd) }) {
			return e, true
		}
	}
	return Entry{}, false
}

// alone runs f, which may make this node a room's home: one at a time for a room, and to its end even when ctx ends
// before, so that no room is left half begun.
func (n *Node) alone(ctx context.Context, key store.Key, f func(context.Context) (Entry, error)) (Entry, error) {
	type result struct {
		e   Entry
		err error
	}
	for {
		n.mu.Lock()
		if n.stopping {
			n.mu.Unlock()
			return Entry{}, errMoved
		}
		before := n.moving[key]
		if before == nil {
			done, out := make(chan struct{}), make(chan result, 1)
			n.moving[key] = done
			n.wg.Go(func() {
				e, err := f(n.ctx)
				n.mu.Lock()
				delete(n.moving, key)
				n.mu.Unlock()
				close(done)
				out <- result{e, err}
			})
			n.mu.Unlock()
			select {
			case r := <-out:
				return r.e, r.err
			case <-ctx.Done():
				return Entry{}, context.Cause(ctx)
			}
		}
		n.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return Entry{}, context.Cause(ctx)
		}
	}
}

// begin appends the entry that makes this node the room's home, and starts it. Only from inside [Node.alone].
func (n *Node) begin(ctx context.Context, key store.Key, e Entry, last uint64, prepare func(*home)) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if !n.fresh(time.Now()) {
		return errMoved
	}
	h := n.newHome(key, e, last)
	hctx, cancel := context.WithCancel(n.ctx)
	h.cancel, h.copiers, h.book = cancel, n.newCopiers(hctx, key, last, e.Acted), n.newBook(hctx, key, e, last)
	if err := h.append(ctx, data); err != nil {
		cancel()
		n.sweepSoon() // the entry may be in the log all the same
		return err
	}
	if prepare != nil {
		prepare(h)
	}
	for _, d := range e.Done {
		h.remember(d, time.Now())
	}
	n.mu.Lock()
	if former := n.homes[key]; former != nil {
		former.cancel() // of a room dismissed a moment ago, or one that has just failed an append
	}
	n.homes[key] = h
	delete(n.whereIs, key)
	n.mu.Unlock()
	n.publish(key, e, data) // before the home's own entries
	h.copiers.begin()
	h.copiers.feed(h.rev, e)
	h.book.feed(h.rev, e)
	h.book.ready() // what its former home has not counted is counted now
	n.wg.Go(func() { defer cancel(); h.run(hctx) })
	return nil
}

// forget drops a home that has ended. If the log still says that the room is here, a sweep begins it anew.
func (n *Node) forget(h *home) {
	n.mu.Lock()
	if n.homes[h.key] == h {
		delete(n.homes, h.key)
	}
	n.mu.Unlock()
	if h.lost {
		n.sweepSoon()
	}
}

// adoptAndHand makes this node the home if the present one is gone, and hands it the request. The answer says Moved
// when somebody else is, or may be, the home.
func (n *Node) adoptAndHand(ctx context.Context, req request, answer func(reply)) {
	if err := n.adopt(ctx, req.Key); err != nil {
		if e, ok := errors.AsType[*signaling.Error](err); ok {
			answer(n.afterEnd(ctx, req, e))
			return
		}
		n.log.Debug("room not taken over", "room", req.Key.Room, "reason", err)
		answer(reply{Moved: true})
		return
	}
	if !n.hand(req, answer) {
		answer(reply{Moved: true})
	}
}

// afterEnd answers for a room that is over: with a refusal, unless the command is one that was carried out before.
func (n *Node) afterEnd(ctx context.Context, req request, e *signaling.Error) reply {
	if req.Command != nil && req.Command.ID != "" {
		if past, found := n.carriedOut(ctx, req.Key, *req.Command); found {
			for _, d := range past.Done {
				if d.ID == doneKey(*req.Command) {
					return reply{Outcome: d.Outcome}
				}
			}
		}
	}
	return refusal(e)
}

var errHomeLives = errors.New("home: the room's home is alive")

// adopt takes a room over whose home is gone. Two nodes that try at once are told apart by the log.
func (n *Node) adopt(ctx context.Context, key store.Key) error {
	_, err := n.alone(ctx, key, func(ctx context.Context) (Entry, error) { return n.tryAdopt(ctx, key) })
	return err
}

func (n *Node) tryAdopt(ctx context.Context, key store.Key) (Entry, error) {
	n.mu.Lock()
	here := n.homes[key] != nil
	n.mu.Unlock()
	if here {
		return Entry{}, nil
	}
	last, err := n.lastOf(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return Entry{}, signaling.ErrRoomNotExist
	}
	if err != nil {
		return Entry{}, err
	}
	old, err := decodeEntry(last.Data)
	if err != nil {
		return Entry{}, err
	}
	if !old.State.Exists() {
		return Entry{}, signaling.ErrRoomNotExist
	}
	if old.Home != n.cfg.ID && !n.isDead(ctx, old.Home) {
		return Entry{}, errHomeLives
	}
	now := time.Now()
	e := old
	e.Version, e.Epoch, e.Home, e.At = old.Version+1, old.Epoch+1, n.cfg.ID, now.UnixMilli()
	e.Done, e.Events, e.Acts, e.Acted, e.Roster, e.Tell = nil, nil, nil, acted(old, last.Rev), nil, n.wants(key.App)
	since, who := now.Add(-rememberDone), e.Tell || e.State.Password.Set()
	if who {
		since = time.Time{} // who was here is in all of it
	}
	recent, err := n.sinceOf(ctx, key, since)
	if err != nil {
		return Entry{}, err
	}
	var before census
	if who {
		before = takeCensus(recent, e.State.Info.CreateTime)
	}
	err = n.begin(ctx, key, e, last.Rev, func(h *home) {
		for _, raw := range recent {
			if raw.Time.Before(now.Add(-rememberDone)) {
				continue
			}
			for _, d := range outcomes(raw) {
				h.remember(d, now)
			}
		}
		h.sanctions.unknown = true
		h.before.epoch, h.before.version = old.Epoch, old.Version
		h.gatherUntil = now.Add(min(gatherLimit, n.cfg.Grace/2))
		h.flushAt = h.gatherUntil // to tell how many they are, unless that is so already
		for _, u := range e.State.Bound() {
			if !h.present[u].robot {
				h.away[u] = now.Add(n.cfg.Grace)
			}
		}
		h.complete = before.complete
		for u, silent := range before.users {
			if h.present[u].robot {
				continue
			}
			h.away[u] = now.Add(n.cfg.Grace)
			if silent {
				h.silent[u] = true
			}
		}
	})
	if err == nil {
		n.log.Info("room taken over", "room", key.Room, "from", old.Home, "epoch", e.Epoch)
	}
	return e, err
}

// pingLimit is how long a node may take to say that it lives. One that is paused never says it.
const pingLimit = 300 * time.Millisecond

// isDead reports whether a node cannot decide anything any more: nobody answers for it, or its heartbeat has ended and
// it does not say that it is well. What this node has heard of others may be late, so the node itself is asked.
func (n *Node) isDead(ctx context.Context, id store.NodeID) bool {
	ping, cancel := context.WithTimeout(ctx, pingLimit)
	r, err := n.remote(ping, id, request{Ping: true})
	cancel()
	switch {
	case errors.Is(err, store.ErrNoResponder):
		return true
	case err == nil && !r.Moved:
		return false
	}
	return !n.isAlive(id)
}

// heir picks the live node that takes a room over when its home is gone: the same for everybody who asks (rendezvous
// hashing), so that two rarely try at once.
func (n *Node) heir(key store.Key, gone store.NodeID) store.NodeID {
	n.mu.Lock()
	defer n.mu.Unlock()
	app := [4]byte{byte(key.App), byte(key.App >> 8), byte(key.App >> 16), byte(key.App >> 24)}
	return store.Pick(string(key.Room)+"\x00"+string(app[:]), func(yield func(store.NodeID) bool) {
		if !yield(n.cfg.ID) {
			return
		}
		for id, alive := range n.alive {
			if alive && id != gone && !yield(id) {
				return
			}
		}
	})
}
