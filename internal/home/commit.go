package home

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// errMoved says that this home must not go on: another node has the room, or nobody can tell whether the last append
// is in the log. Whoever is asked next starts from what the log says.
var errMoved = errors.New("home: the room has another home")

// errUnsure says that the log could not be asked whether this home still is one.
var errUnsure = errors.New("home: the room's log cannot be reached")

const (
	appendTry   = 2 * time.Second // one attempt
	appendLimit = 5 * time.Second // all attempts: a store that is away longer fails the commands
	appendPause = 50 * time.Millisecond
)

// commit appends what a turn decided, if it has to be appended now, and tells everybody. The answers come after it.
func (h *home) commit(ctx context.Context, t *turn) error {
	now := time.Now()
	flush := (len(t.events) > 0 || h.miscounted(t)) && (t.flush || t.full() || !h.flushAt.IsZero() && !now.Before(h.flushAt))
	if !t.changed && !flush {
		h.pending, h.pendingSize = t.events, t.size // nothing but presence, which may wait for company
		if t.asked {
			return h.prove(ctx)
		}
		return nil
	}
	e := Entry{
		Version: h.entry.Version + 1, Epoch: h.entry.Epoch, Home: h.node.cfg.ID, At: now.UnixMilli(),
		Done: t.done, Events: t.events, Acts: t.acts, Acted: acted(h.entry, h.rev), State: t.state, Members: len(h.present), Tell: h.wanted(),
	}
	if h.tellsWho(e.State) && (h.rosterDue || !h.entry.Tell && !h.entry.State.Password.Set()) {
		e.Roster, h.rosterDue = h.roster(), false
	}
	h.pending, h.pendingSize, h.flushAt = nil, 0, time.Time{}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := h.append(ctx, data); err != nil {
		return err
	}
	h.entry = e
	h.sum()
	h.appends++
	h.copiers.feed(h.rev, e)
	h.book.feed(h.rev, e)
	for _, d := range t.done {
		h.remember(d, now)
	}
	h.node.publish(h.key, e, data)
	return nil
}

// prove asks the log whether this home's newest entry is the room's. Who is refused, or comes in or goes, causes no append
// now that would fail, and a fresh heartbeat is no proof: a node whose connection has broken has no responder for the
// others, who take its rooms over at once. It would refuse by what the room was, and keep to itself who is here.
func (h *home) prove(ctx context.Context) error {
	try, cancel := context.WithTimeout(ctx, appendTry)
	defer cancel()
	last, err := h.node.store.Last(try, h.key)
	switch {
	case err == nil && last.Rev == h.rev:
		return nil
	case err == nil, errors.Is(err, store.ErrNotFound):
		return errMoved
	}
	return errUnsure
}

// append puts data behind the newest entry this home knows. A lost acknowledgement looks like a conflict when the
// append is repeated, so the log is asked whether the entry is this very one.
func (h *home) append(ctx context.Context, data []byte) error {
	limit := time.Now().Add(appendLimit)
	for {
		try, cancel := context.WithTimeout(ctx, appendTry)
		rev, err := h.node.store.Append(try, h.key, data, h.rev)
		cancel()
		if err == nil {
			h.rev = rev
			return nil
		}
		if errors.Is(err, store.ErrTooLarge) {
			return err // for sure not stored
		}
		try, cancel = context.WithTimeout(ctx, appendTry)
		last, lastErr := h.node.store.Last(try, h.key)
		cancel()
		switch {
		case lastErr == nil && bytes.Equal(last.Data, data):
			h.rev = last.Rev
			return nil
		case lastErr == nil && last.Rev != h.rev, errors.Is(lastErr, store.ErrNotFound) && h.rev != 0:
			return errMoved
		case ctx.Err() != nil:
			return errMoved
		case time.Now().After(limit) || errors.Is(lastErr, store.ErrClosed):
			h.log.Error("the room's log cannot be reached", "error", err)
			return errMoved
		}
		select {
		case <-ctx.Done():
			return errMoved
		case <-time.After(appendPause):
		}
	}
}
