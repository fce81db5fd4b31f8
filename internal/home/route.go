package home

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	tryLimit   = time.Second // for one attempt at another node's home
	firstPause = 10 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// Do has a command decided by the room's home, wherever that is, and finds the next home when one fails. A refusal is
// a *signaling.Error. While ctx lasts it tries again; the command's id keeps it from being carried out twice.
func (n *Node) Do(ctx context.Context, key store.Key, cmd room.Command) (Outcome, error) {
	r, err := n.ask(ctx, request{Key: key, Command: &cmd})
	return r.Outcome, err
}

// Enter makes somebody present and returns the room's newest entry, without its events.
func (n *Node) Enter(ctx context.Context, key store.Key, m Member) (Entry, error) {
	m.Node = n.cfg.ID
	r, err := n.ask(ctx, request{Key: key, Enter: &m})
	if err != nil {
		return Entry{}, err
	}
	if r.Entry == nil {
		return Entry{}, signaling.ErrServer
	}
	return *r.Entry, nil
}

// Exit says that a session of this node's ended without leaving the room.
func (n *Node) Exit(ctx context.Context, key store.Key, m Member) error {
	m.Node = n.cfg.ID
	_, err := n.ask(ctx, request{Key: key, Exit: &m})
	return err
}

// announce tells the room's home whom this node has. It is repeated by the next epoch or reconnect, so a failure is
// only logged.
func (n *Node) announce(key store.Key) {
	a := announcement{Node: n.cfg.ID, Members: n.cfg.Members(key)}
	for i := range a.Members {
		a.Members[i].Node = n.cfg.ID
	}
	ctx, cancel := context.WithTimeout(n.ctx, n.cfg.Grace/2)
	defer cancel()
	if _, err := n.ask(ctx, request{Key: key, Announce: &a}); err != nil && n.ctx.Err() == nil {
		n.log.Warn("members not announced", "room", key.Room, "error", err)
	}
}

// ask finds the home and asks it until somebody decides.
func (n *Node) ask(ctx context.Context, req request) (reply, error) {
	pause := firstPause
	for {
		r, decided, err := n.tryOnce(ctx, req)
		if err != nil {
			return reply{}, err
		}
		if decided {
			return r, r.err()
		}
		n.unlearn(req.Key)
		select {
		case <-ctx.Done():
			return reply{}, &signaling.Error{Code: signaling.ErrServer.Code, Message: "no node could decide in time; try again", Err: context.Cause(ctx)}
		case <-n.ctx.Done():
			return reply{}, &signaling.Error{Code: signaling.ErrServer.Code, Message: "this node is stopping; connect to another"}
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// tryOnce asks whoever should be the home now. decided is false when the question has to be put again.
func (n *Node) tryOnce(ctx context.Context, req request) (_ reply, decided bool, _ error) {
	local := make(chan reply, 1)
	if n.hand(req, func(r reply) { local <- r }) {
		return n.wait(ctx, local)
	}
	target, err := n.homeOf(ctx, req.Key)
	if err != nil {
		if known, ok := errors.AsType[*signaling.Error](err); ok {
			return reply{}, false, known
		}
		return reply{}, false, nil // the store is out of reach for the moment
	}
	if target == n.cfg.ID {
		n.adoptAndHand(ctx, req, func(r reply) { local <- r })
		return n.wait(ctx, local)
	}
	r, err := n.remote(ctx, target, req)
	if !errors.Is(err, store.ErrNoResponder) {
		return r, err == nil && !r.Moved, nil
	}
	// Nobody is there. The bus says so before the heartbeat runs out: the room needs a new home now.
	heir := n.heir(req.Key, target)
	if heir == n.cfg.ID {
		n.adoptAndHand(ctx, req, func(r reply) { local <- r })
		return n.wait(ctx, local)
	}
	r, err = n.remote(ctx, heir, req)
	return r, err == nil && !r.Moved, nil
}

func (n *Node) wait(ctx context.Context, answer <-chan reply) (reply, bool, error) {
	select {
	case r := <-answer:
		return r, !r.Moved, nil
	case <-ctx.Done():
		return reply{}, false, nil
	}
}

func (n *Node) remote(ctx context.Context, to store.NodeID, req request) (reply, error) {
	b, err := json.Marshal(req)
	if err != nil {
		return reply{}, err
	}
	try, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	b, err = n.store.Request(try, store.Topic{Kind: store.KindCommand, Node: to}, b)
	if err != nil {
		return reply{}, err
	}
	var r reply
	if err := json.Unmarshal(b, &r); err != nil {
		return reply{}, err
	}
	if !r.Moved {
		n.learn(req.Key, to)
	}
	return r, nil
}

// homeOf returns the node to ask about a room: its home by the log, or who should become it.
func (n *Node) homeOf(ctx context.Context, key store.Key) (store.NodeID, error) {
	n.mu.Lock()
	guess, known := n.whereIs[key]
	n.mu.Unlock()
	if known {
		return guess, nil
	}
	last, err := n.store.Last(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return "", signaling.ErrRoomNotExist
	}
	if err != nil {
		return "", err
	}
	e, err := decodeEntry(last.Data)
	if err != nil {
		return "", err
	}
	if n.isAlive(e.Home) {
		return e.Home, nil
	}
	return n.heir(key, e.Home), nil
}

func (n *Node) isAlive(id store.NodeID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.alive[id] || id == n.cfg.ID
}

func (n *Node) learn(key store.Key, at store.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.whereIs) > 10_000 { // a cache of guesses: starting over is cheap
		clear(n.whereIs)
	}
	n.whereIs[key] = at
}

func (n *Node) unlearn(key store.Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.whereIs, key)
}
