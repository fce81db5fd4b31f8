package home

import (
	"encoding/json"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Outbox says what apps' servers are told of a room. Its methods are called from any goroutine. A room's home appends a
// [Told] to the room's outbox in the store for each entry of the room's log of which there is something to tell: once, in
// order, a moment after the entry. The newest says how far that has got, so who delivers may trim the outbox, which leaves
// the newest, and must not remove it.
type Outbox interface {
	// Wanted reports whether an app wants to be told anything now. It is asked in a room's turn, so it must not block.
	// It has to know from the first moment on: what is decided while it says no is never told.
	Wanted(app signaling.AppID) bool

	// Record returns what to tell of a log entry, as JSON; nil is nothing. It is called in the log's order, and again
	// for the same entry when a room has a new home. What is larger than [store.MaxPayload] is not told.
	Record(key store.Key, rev uint64, e Entry) []byte
}

// Told is an entry of a room's outbox.
type Told struct {
	Rev  uint64          `json:"rev"`  // of the log entry that it tells of; it grows for ever, also when a room is created anew
	Data json.RawMessage `json:"data"` // what Record made of that
}

// wants reports whether an app's server wants to be told.
func (n *Node) wants(app signaling.AppID) bool {
	return n.cfg.Outbox != nil && n.cfg.Outbox.Wanted(app)
}

func (h *home) wanted() bool { return h.node.wants(h.key.App) }

// because notes on events what has caused them. Who does not want to be told leaves no address in the log.
func because(events []room.Event, cmd room.Command) {
	cause := cmd.Cause()
	for i := range events {
		if events[i].Cause = cause; events[i].Battle != nil { // shown by the server, and somebody else's doing
			events[i].Cause = events[i].Battle.By
		}
	}
}

// outboxOf is the digest of a room's log that its app is told of. Nobody would try for long to deliver what is very old.
func (n *Node) outboxOf(key store.Key) digest {
	return digest{
		name: "outbox", log: n.store.Outbox(), age: store.OutboxAge - copyMargin,
		wanted: func() bool { return n.wants(key.App) },
		has:    func(e *Entry) bool { return e.Tell },
		record: func(rev uint64, e Entry) []byte { return n.cfg.Outbox.Record(key, rev, e) },
		copied: func() {
			if n.cfg.Told != nil {
				n.cfg.Told(key)
			}
		},
	}
}
