package home

import (
	"encoding/json"
	"fmt"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Entry is one entry of a room's log, and what the nodes tell each other about a room.
type Entry struct {
	Version uint64       `json:"version"` // grows by one from entry to entry
	Epoch   uint64       `json:"epoch"`   // grows with each new home
	Home    store.NodeID `json:"home"`
	At      int64        `json:"at"` // Unix milliseconds by the home's clock
	Done    []Done       `json:"done,omitempty"`
	Events  []room.Event `json:"events,omitempty"`
	State   room.State   `json:"state"`   // after the events
	Members int          `json:"members"` // how many are present
}

// Done is a command that the entry carried out.
type Done struct {
	ID string `json:"id"` // of the user and the command
	Outcome
}

// Outcome is the answer to a command.
type Outcome struct {
	Version uint64              `json:"version"`           // the room's version that shows the change
	Pending bool                `json:"pending,omitempty"` // TakeSeat: somebody has to agree first
	Index   signaling.SeatIndex `json:"index,omitempty"`   // TakeSeat: the seat, or the one applied for
}

// Member is somebody present in a room.
type Member struct {
	User    signaling.UserInfo `json:"user"`
	Session string             `json:"session"` // of one login: a later login is another session
	Node    store.NodeID       `json:"node"`
}

func decodeEntry(b []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("home: unreadable log entry: %w", err)
	}
	return e, nil
}

// request is what nodes ask each other's homes; one field besides Key is set.
type request struct {
	Key      store.Key     `json:"key"`
	Command  *room.Command `json:"command,omitempty"`
	Enter    *Member       `json:"enter,omitempty"`
	Exit     *Member       `json:"exit,omitempty"`
	Announce *announcement `json:"announce,omitempty"`
	Ping     bool          `json:"ping,omitempty"` // does the node answer at all?
}

// announcement lists everybody whom a node has in a room.
type announcement struct {
	Node    store.NodeID `json:"node"`
	Members []Member     `json:"members"`
}

type reply struct {
	Outcome Outcome        `json:"outcome,omitzero"`
	Entry   *Entry         `json:"entry,omitempty"` // of an Enter: without events
	Code    signaling.Code `json:"code,omitempty"`
	Message string         `json:"message,omitempty"`
	Moved   bool           `json:"moved,omitempty"` // not decided here; look again where the home is
}

func (r reply) err() error {
	if r.Code == 0 {
		return nil
	}
	return &signaling.Error{Code: r.Code, Message: r.Message}
}

func refusal(err error) reply {
	r := reply{Code: signaling.CodeOf(err)}
	if e, ok := err.(*signaling.Error); ok {
		r.Message = e.Message
	}
	return r
}
