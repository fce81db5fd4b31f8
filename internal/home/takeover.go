package home

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Create starts a room, with its home here, and returns its first entry. cmd's action is a [room.Create]. The log
// decides between two nodes that try at once.
func (n *Node) Create(ctx context.Context, key store.Key, cmd room.Command) (Entry, error) {
	if create, ok := cmd.Action.(room.Create); ok {
		create.SeatLimit = n.cfg.SeatLimit
		cmd.Action = create
	}
	for {
		var old Entry
		last, err := n.store.Last(ctx, key)
		switch {
		case err == nil:
			if old, err = decodeEntry(last.Data); err != nil {
				return Entry{}, err
			}
		case !errors.Is(err, store.ErrNotFound):
			return Entry{}, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
		}
		for _, d := range old.Done {
			if d.ID == doneKey(cmd) && cmd.ID != "" {
				return old, nil // this very command, whose answer was lost
			}
		}
		now := time.Now()
		state, events, err := room.Apply(old.State, cmd, now)
		if err != nil {
			return Entry{}, err
		}
		e := Entry{
			Version: old.Version + 1, Epoch: old.Epoch + 1, Home: n.cfg.ID, At: now.UnixMilli(),
			Done: []Done{{ID: doneKey(cmd), Outcome: Outcome{Version: old.Version + 1}}}, Events: events, State: state,
		}
		switch err := n.begin(ctx, key, e, last.Rev, nil); {
		case err == nil:
			return e, nil
		case ctx.Err() != nil:
			return Entry{}, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
		}
	}
}

// begin appends the entry that makes this node the room's home, and starts it.
func (n *Node) begin(ctx context.Context, key store.Key, e Entry, last uint64, prepare func(*home)) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if !n.fresh(time.Now()) {
		return errMoved
	}
	h := n.newHome(key, e, last)
	if err := h.append(ctx, data); err != nil {
		return err
	}
	for _, d := range e.Done {
		h.done[d.ID] = doneAt{out: d.Outcome, at: time.Now()}
	}
	if prepare != nil {
		prepare(h)
	}
	hctx, cancel := context.WithCancel(n.ctx)
	h.cancel = cancel
	n.mu.Lock()
	if n.stopping {
		n.mu.Unlock()
		cancel()
		return errMoved
	}
	if former := n.homes[key]; former != nil {
		former.cancel() // of a room dismissed a moment ago, or one that has just failed an append
	}
	n.homes[key] = h
	delete(n.whereIs, key)
	n.wg.Go(func() { defer cancel(); h.run(hctx) })
	n.mu.Unlock()
	n.publish(key, e, data)
	return nil
}

// forget drops a home that has ended.
func (n *Node) forget(h *home) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.homes[h.key] == h {
		delete(n.homes, h.key)
	}
}

// adoptAndHand makes this node the home if the present one is gone, and hands it the request. The answer says Moved
// when somebody else is, or may be, the home.
func (n *Node) adoptAndHand(ctx context.Context, req request, answer func(reply)) {
	if err := n.adopt(ctx, req.Key); err != nil {
		if e, ok := errors.AsType[*signaling.Error](err); ok {
			answer(refusal(e))
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

var errHomeLives = errors.New("home: the room's home is alive")

// adopt takes a room over whose home is gone. Two nodes that try at once are told apart by the log.
func (n *Node) adopt(ctx context.Context, key store.Key) error {
	last, err := n.store.Last(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return signaling.ErrRoomNotExist
	}
	if err != nil {
		return err
	}
	old, err := decodeEntry(last.Data)
	if err != nil {
		return err
	}
	n.mu.Lock()
	here := n.homes[key] != nil
	n.mu.Unlock()
	if here {
		return nil
	}
	if !old.State.Exists() {
		return signaling.ErrRoomNotExist
	}
	if old.Home != n.cfg.ID && !n.isDead(ctx, old.Home) {
		return errHomeLives
	}
	now := time.Now()
	e := old
	e.Version, e.Epoch, e.Home, e.At = old.Version+1, old.Epoch+1, n.cfg.ID, now.UnixMilli()
	e.Done, e.Events = nil, nil
	recent, err := n.store.Since(ctx, key, now.Add(-rememberDone))
	if err != nil {
		return err
	}
	err = n.begin(ctx, key, e, last.Rev, func(h *home) {
		for _, r := range recent {
			if past, err := decodeEntry(r.Data); err == nil {
				for _, d := range past.Done {
					h.done[d.ID] = doneAt{out: d.Outcome, at: now}
				}
			}
		}
		for _, u := range e.State.Bound() {
			h.away[u] = now.Add(n.cfg.Grace)
		}
	})
	if err == nil {
		n.log.Info("room taken over", "room", key.Room, "from", old.Home, "epoch", e.Epoch)
	}
	return err
}

// isDead reports whether a node cannot decide anything any more: its heartbeat has ended, or nobody answers for it.
func (n *Node) isDead(ctx context.Context, id store.NodeID) bool {
	if !n.isAlive(id) {
		return true
	}
	_, err := n.remote(ctx, id, request{Ping: true})
	return errors.Is(err, store.ErrNoResponder)
}

// heir picks the live node that takes a room over when its home is gone: the same for everybody who asks (rendezvous
// hashing), so that two rarely try at once.
func (n *Node) heir(key store.Key, gone store.NodeID) store.NodeID {
	n.mu.Lock()
	defer n.mu.Unlock()
	best := n.cfg.ID
	for id := range n.alive {
		if id != gone && cmp.Or(cmp.Compare(weight(id, key), weight(best, key)), cmp.Compare(id, best)) > 0 {
			best = id
		}
	}
	return best
}

func weight(id store.NodeID, key store.Key) uint64 {
	h := fnv.New64a()
	for _, s := range []string{string(id), "\x00", string(key.Room), "\x00"} {
		h.Write([]byte(s)) // a hash.Hash never fails
	}
	h.Write([]byte{byte(key.App), byte(key.App >> 8), byte(key.App >> 16), byte(key.App >> 24)})
	return h.Sum64()
}

// adoptOrphans takes over the rooms whose home is gone, those of one node or (gone empty) of all that are, and removes
// what dismissed rooms have left. Timers of rooms that nobody asks about run on so.
func (n *Node) adoptOrphans(ctx context.Context, gone store.NodeID) error {
	keys, err := n.store.Rooms(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		last, err := n.store.Last(ctx, key)
		if err != nil {
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			return err
		}
		e, err := decodeEntry(last.Data)
		if err != nil {
			n.log.Error("room skipped", "room", key.Room, "error", err)
			continue
		}
		if n.isAlive(e.Home) || (gone != "" && e.Home != gone) {
			continue
		}
		if !e.State.Exists() {
			if err := n.store.Remove(ctx, key, last.Rev); err != nil {
				n.log.Warn("cannot remove a dismissed room's log", "room", key.Room, "error", err)
			}
			continue
		}
		if n.heir(key, e.Home) != n.cfg.ID {
			continue
		}
		if err := n.adopt(ctx, key); err != nil && !errors.Is(err, errMoved) && !errors.Is(err, errHomeLives) {
			n.log.Error("room not taken over", "room", key.Room, "error", err)
		}
	}
	return nil
}
