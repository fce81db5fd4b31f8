package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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

	// Acts are for the room's audit log; Acted is the revision of the newest entry before this one that has some.
	Acts  []signaling.Act `json:"acts,omitempty"`
	Acted uint64          `json:"acted,omitempty"`

	// Tell says that the app wanted to be told when this was decided: only then do events have causes, and only such an
	// entry goes into the room's outbox.
	Tell   bool    `json:"tell,omitempty"`
	Roster *Roster `json:"roster,omitempty"` // of some of these entries

	// Of the answer to Enter alone: Sessions are those by which the user is present who has just entered; Gathering says that
	// the home is new, so that there may be more.
	Sessions  []string `json:"sessions,omitempty"`
	Gathering bool     `json:"gathering,omitempty"`
	// MutedUntil is until when the user may not chat, Unix milliseconds; 0: they may.
	MutedUntil int64 `json:"mutedUntil,omitempty"`
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
	Away    bool               `json:"away,omitempty"`  // its client is: the node waits for it
	Since   int64              `json:"since,omitempty"` // when it came in, by its node's clock, Unix milliseconds

	// Entering says that its Enter has not been answered yet: it may be refused.
	Entering bool `json:"entering,omitempty"`

	Password string `json:"-"` // with which somebody enters; it stays on the node
	Proof    *proof `json:"proof,omitempty"`
}

func decodeEntry(b []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("home: unreadable log entry: %w", err)
	}
	// A newer node's log may hold events that are unknown here.
	e.Events = slices.DeleteFunc(e.Events, func(e room.Event) bool {
		return e.Event == nil && e.Heartbeat == nil && e.Counted == nil && e.Battle == nil
	})
	return e, nil
}

// outcomes returns what an entry of a room's log carried out.
func outcomes(raw store.Entry) []Done {
	var e struct { // the state beside them is large
		Done []Done `json:"done"`
	}
	if json.Unmarshal(raw.Data, &e) != nil {
		return nil
	}
	return e.Done
}

// request is what nodes ask each other's homes; one field besides the first three is set, and Check with a Command.
type request struct {
	Key       store.Key          `json:"key"`
	From      store.NodeID       `json:"from"` // the node that asks
	Seq       uint64             `json:"seq"`  // grows with each thing that this node says about who is present
	Command   *room.Command      `json:"command,omitempty"`
	Enter     *Member            `json:"enter,omitempty"`
	Exit      *Member            `json:"exit,omitempty"`
	Announce  *announcement      `json:"announce,omitempty"`
	Heartbeat *Member            `json:"heartbeat,omitempty"` // its client is away, or back
	List      *Query             `json:"list,omitempty"`
	Audience  bool               `json:"audience,omitempty"`
	Info      bool               `json:"info,omitempty"` // the room as anybody may see it
	Look      bool               `json:"look,omitempty"` // that, and what its members see without asking
	Host      *hostQuery         `json:"host,omitempty"`
	Sanctions *sanctionQuery     `json:"sanctions,omitempty"`
	Audit     *auditQuery        `json:"audit,omitempty"`   // what its audit log has to hold
	Reread    bool               `json:"reread,omitempty"`  // the room's bans and mutes
	Barrage   *signaling.Barrage `json:"barrage,omitempty"` // to be said
	Recent    bool               `json:"recent,omitempty"`  // what has been said lately
	Liked     *liked             `json:"liked,omitempty"`
	Live      bool               `json:"live,omitempty"`    // what has happened in the room so far
	Ping      bool               `json:"ping,omitempty"`    // does the node answer at all?
	Summary   *summaryQuery      `json:"summary,omitempty"` // which rooms does the node decide?
	Check     bool               `json:"check,omitempty"`   // with a Command, a gift: only whether it could be sent
	Gifts     *GiftQuery         `json:"gifts,omitempty"`   // what has been sent in the room?
}

// announcement lists everybody whom a node has in a room and whose id is above After, up to UpTo: a large room is
// announced in parts. An empty UpTo means no upper end.
type announcement struct {
	Node    store.NodeID     `json:"node"`
	After   signaling.UserID `json:"after,omitempty"`
	UpTo    signaling.UserID `json:"upTo,omitempty"`
	Members []Member         `json:"members"`
}

func (a announcement) covers(u signaling.UserID) bool {
	return u > a.After && (a.UpTo == "" || u <= a.UpTo)
}

type reply struct {
	Outcome Outcome             `json:"outcome,omitzero"`
	Entry   *Entry              `json:"entry,omitempty"` // of an Enter: without events
	Page    *Page               `json:"page,omitempty"`  // of a List
	Room    *signaling.RoomInfo `json:"room,omitempty"`  // of an Info or a Look

	Audience *signaling.AudienceList `json:"audience,omitempty"`

	Code    signaling.Code `json:"code,omitempty"`
	Message string         `json:"message,omitempty"`
	Moved   bool           `json:"moved,omitempty"` // not decided here; look again where the home is
	Salt    []byte         `json:"salt,omitempty"`  // of an Enter that needs the room's password

	Admins []signaling.UserID   `json:"admins,omitempty"` // of a Look
	Seats  []signaling.SeatInfo `json:"seats,omitempty"`  // of a Look
	Meta   map[string]string    `json:"meta,omitempty"`   // of a Look
	Robots []signaling.UserID   `json:"robots,omitempty"` // of a Look

	Host *Host `json:"host,omitempty"` // of a Host

	Barrages []signaling.Barrage `json:"barrages,omitempty"` // of a Barrage, that one, or a Recent

	Behind  bool                  `json:"behind,omitempty"`  // of an Audit: the log has not got everything yet
	Created int64                 `json:"created,omitempty"` // of an Audit: the room's CreateTime
	Gift    *GiftCheck            `json:"gift,omitempty"`    // of a Check
	Totals  *signaling.GiftTotals `json:"totals,omitempty"`  // of Gifts
	Liked   int64                 `json:"liked,omitempty"`   // of a Liked: how much of it is in the log
	Live    *signaling.LiveRecord `json:"live,omitempty"`    // of a Live

	Summaries  []signaling.RoomInfo `json:"summaries,omitempty"`  // of a Summary
	Sanctioned []Sanctioned         `json:"sanctioned,omitempty"` // of Sanctions
	More       bool                 `json:"more,omitempty"`       // of these two: there are others
}

func (r reply) err() error {
	if r.Code == 0 {
		return nil
	}
	return &signaling.Error{Code: r.Code, Message: r.Message}
}

func refusal(err error) reply {
	r := reply{Code: signaling.CodeOf(err)}
	if e, ok := errors.AsType[*signaling.Error](err); ok {
		r.Message = e.Message
	}
	return r
}
