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

const (
	tryLimit   = time.Second // for one attempt at another node's home
	firstPause = 10 * time.Millisecond
	maxPause   = 250 * time.Millisecond

	maxIntroductions = 3
)

// Do has a command decided by the room's home, wherever that is, and finds the next home when one fails. A refusal is
// a *signaling.Error. While ctx lasts it tries again; the command's id keeps it from being carried out twice.
func (n *Node) Do(ctx context.Context, key store.Key, cmd room.Command) (Outcome, error) {
	if _, ends := cmd.Action.(room.Dismiss); ends { // the room counts no more then
		n.sayLikes(ctx, key)
	}
	req := request{Key: key, Command: &cmd, Seq: n.seq.Add(1)}
	for tries := 0; ; tries++ {
		r, _, err := n.ask(ctx, req)
		if tries == maxIntroductions || !errors.Is(err, signaling.ErrNotInRoom) || !n.has(key, cmd.By.UserID) {
			return r.Outcome, err
		}
		// They are: the home is new, or has given this node up, and does not know it. Introduce them first.
		n.announceAll(key)
	}
}

// has reports whether a user is in a room by this node.
func (n *Node) has(key store.Key, u signaling.UserID) bool {
	return slices.ContainsFunc(n.cfg.Members(key), func(m Member) bool { return m.User.UserID == u && !m.Entering })
}

// Enter makes somebody present and returns the room's newest entry, without its events. After an error nobody is
// present.
func (n *Node) Enter(ctx context.Context, key store.Key, m Member) (Entry, error) {
	m.Node = n.cfg.ID
	opened := func() {}
	r, decided, err := n.ask(ctx, request{Key: key, Enter: &m})
	for tries := 0; m.Password != "" && len(r.Salt) > 0 && tries < maxIntroductions; tries++ { // again when it has been changed in this moment
		var bad error
		if m.Proof, opened, bad = n.passwords.prove(m.Password, r.Salt); bad != nil {
			return Entry{}, &signaling.Error{Code: signaling.ErrServer.Code, Err: bad}
		}
		r, decided, err = n.ask(ctx, request{Key: key, Enter: &m})
	}
	if !decided {
		// It may have been heard all the same.
		exit := request{Key: key, Exit: &m, Seq: n.seq.Add(1)}
		n.spawn(func() { n.insist(exit) })
	}
	if err != nil {
		return Entry{}, err
	}
	if r.Entry == nil {
		return Entry{}, signaling.ErrServer
	}
	opened()
	return *r.Entry, nil
}

// Exit says that a session of this node's ended without leaving the room. When ctx ends before the room's home was
// found, the search goes on without the caller.
func (n *Node) Exit(ctx context.Context, key store.Key, m Member) error {
	m.Node = n.cfg.ID
	exit := request{Key: key, Exit: &m, Seq: n.seq.Add(1)}
	_, decided, err := n.ask(ctx, exit)
	if !decided {
		n.spawn(func() { n.insist(exit) })
	}
	return err
}

// insist asks for as long as a room waits for a node that is gone.
func (n *Node) insist(req request) {
	ctx, cancel := context.WithTimeout(n.ctx, n.cfg.Grace)
	defer cancel()
	if _, decided, err := n.ask(ctx, req); !decided && n.ctx.Err() == nil {
		n.log.Warn("room not told of a member who went or came back", "room", req.Key.Room, "error", err)
	}
}

// ask finds the home and asks it until somebody decides.
func (n *Node) ask(ctx context.Context, req request) (_ reply, decided bool, _ error) {
	req.From = n.cfg.ID
	pause := firstPause
	for {
		if req.Enter != nil {
			req.Seq = n.seq.Add(1) // each attempt is a new word; the others mean the moment of the first
		}
		r, decided, err := n.tryOnce(ctx, req)
		if decided || err != nil {
			return r, decided, err
		}
		n.unlearn(req.Key)
		select {
		case <-ctx.Done():
			return reply{}, false, &signaling.Error{Code: signaling.ErrServer.Code, Message: "no node could decide in time; try again", Err: context.Cause(ctx)}
		case <-n.ctx.Done():
			return reply{}, false, &signaling.Error{Code: signaling.ErrServer.Code, Message: "this node is stopping; connect to another"}
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// tryOnce asks whoever should be the home now. decided is false when the question has to be put again, or, with an
// error, when that is in vain.
func (n *Node) tryOnce(ctx context.Context, req request) (_ reply, decided bool, _ error) {
	local := make(chan reply, 1)
	if n.hand(req, func(r reply) { local <- r }) {
		return n.wait(ctx, local)
	}
	target, err := n.homeOf(ctx, req.Key)
	switch {
	case errors.Is(err, signaling.ErrRoomNotExist):
		return reply{}, true, err
	case errors.Is(err, store.ErrClosed):
		return reply{}, false, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	case err != nil:
		return reply{}, false, nil // the store is out of reach for the moment
	case target != n.cfg.ID:
		r, err := n.remote(ctx, target, req)
		if !errors.Is(err, store.ErrNoResponder) {
			return n.verdict(r, err)
		}
		// Nobody is there. The bus says so before the heartbeat runs out: the room needs a new home now.
		if target = n.heir(req.Key, target); target != n.cfg.ID {
			return n.verdict(n.remote(ctx, target, req))
		}
	}
	n.adoptAndHand(ctx, req, func(r reply) { local <- r })
	return n.wait(ctx, local)
}

func (n *Node) verdict(r reply, err error) (reply, bool, error) {
	switch {
	case errors.Is(err, store.ErrTooLarge), errors.Is(err, store.ErrClosed):
		return reply{}, false, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	case err != nil || r.Moved:
		return reply{}, false, nil
	}
	return r, true, r.err()
}

func (n *Node) wait(ctx context.Context, answer <-chan reply) (reply, bool, error) {
	select {
	case r := <-answer:
		return n.verdict(r, nil)
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
	// A question that breaks off with the connection gets no answer, not even an error: that costs a try, not the call.
	try, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	last, err := n.store.Last(try, key)
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
