package connection

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	maxStays     = 48      // of a connection, those included that are out
	maxInfo      = 6 << 10 // bytes of the rooms' owners, as JSON: they are in rooms' states
	reserveLimit = 10 * time.Second

	// Kept is how long a connection knows what is over in it: a command may be repeated so long after it.
	Kept = 2 * time.Minute
)

// Status is how far a stay is.
type Status int

// The statuses.
const (
	Reserved  Status = 1 // has a place, and is being claimed; nobody knows
	Asked     Status = 2 // has not answered
	Connected Status = 3
	Out       Status = 4 // is gone, or has never come; known until everybody has been shown it
)

// Room is a room as it enters a connection.
type Room struct {
	RoomID    signaling.RoomID `json:"roomId"`
	Created   int64            `json:"created"` // the room's CreateTime: another room may get its id
	Owner     signaling.UserID `json:"owner"`
	OwnerName string           `json:"ownerName,omitempty"`
	AvatarURL string           `json:"avatarUrl,omitempty"`
	Seats     int              `json:"seats"`
}

// Stay is one room's stay in a connection, from the moment when it is asked. Times are Unix milliseconds.
type Stay struct {
	Room
	Turn     uint64 `json:"turn,omitempty"` // of two stays of a room, in whichever connections, the later one's is higher
	Status   Status `json:"status"`
	Deadline int64  `json:"deadline,omitempty"` // of a place, or of a request
	Joined   int64  `json:"joined,omitempty"`
	Gone     uint64 `json:"gone,omitempty"`   // the connection's Seq with which it was out
	GoneAt   int64  `json:"goneAt,omitempty"` // when that was
	LeftBy   string `json:"leftBy,omitempty"` // the command with which it was, where one did it

	Request *Request `json:"request,omitempty"` // nil of the room that has begun
}

// Request is how a room was asked. It is never changed in place.
type Request struct {
	ID       string                      `json:"id"` // of the command
	From     signaling.RoomID            `json:"from"`
	FromTurn uint64                      `json:"fromTurn,omitempty"`
	Timeout  int64                       `json:"timeout"` // milliseconds
	Ext      string                      `json:"ext,omitempty"`
	Created  int64                       `json:"created,omitempty"` // when it was asked
	Ended    uint64                      `json:"ended,omitempty"`   // the connection's Seq with which it ended
	Result   signaling.RequestResultType `json:"result,omitempty"`
	By       string                      `json:"by,omitempty"` // the command that ended it
}

// Pending reports whether the stay is a request without an answer.
func (s Stay) Pending() bool { return s.Status == Asked }

// Live reports whether the stay has a place in the connection.
func (s Stay) Live() bool { return s.Status != Out }

// Connection is a connection as the store keeps it. The zero Connection does not exist.
type Connection struct {
	ID    string `json:"id"`
	Stays []Stay `json:"stays"` // in the order in which they were asked
	Seq   uint64 `json:"seq"`   // grows with each change that rooms are shown
	Told  uint64 `json:"told"`  // all rooms have been shown everything up to it
	Over  bool   `json:"over,omitempty"`
	Ended int64  `json:"ended,omitempty"` // when, Unix milliseconds

	// What has become of the rooms of the last Ask, in its order; not stored.
	asked []error
}

// Command is what changes a connection. The concrete types are in this file.
type Command interface{ isCommand() }

// Ask gives rooms a place, where there is one; the connection is made if need be, with a place for From. Begin asks them,
// when they have been claimed.
type Ask struct {
	ID      string // the connection's, if it is new
	Command string
	From    Room
	To      []Room
	Timeout time.Duration
	Ext     string
}

// Begin asks the rooms that have a place by this command and are named with their turns; the others lose it.
type Begin struct {
	Command string
	From    signaling.RoomID
	Turns   map[signaling.RoomID]uint64
}

// Answer accepts or rejects the request of a room.
type Answer struct {
	Command string
	Room    signaling.RoomID
	From    signaling.RoomID // the inviter
	Accept  bool
}

// Cancel withdraws a room's requests. Those of them that are pending end; one at least must be.
type Cancel struct {
	Command string
	From    signaling.RoomID
	To      []signaling.RoomID
}

// Leave takes a connected room out. The others stay; the last one is out with it, unless it asks.
type Leave struct {
	Command string
	Room    signaling.RoomID
}

// Lose takes a room out that exists no longer, whose owner is gone, or that has no place for a connection. A request to it
// has timed out.
type Lose struct {
	Room signaling.RoomID
	Turn uint64
}

// Renew takes over what a room says of itself now.
type Renew struct {
	Room Room
}

// Expire ends what is overdue. It may come at any time.
type Expire struct{}

// Tell notes that all rooms have been shown everything up to Seq, and forgets what nobody needs any more.
type Tell struct {
	Seq uint64
}

func (Ask) isCommand()    {}
func (Begin) isCommand()  {}
func (Answer) isCommand() {}
func (Cancel) isCommand() {}
func (Leave) isCommand()  {}
func (Lose) isCommand()   {}
func (Renew) isCommand()  {}
func (Expire) isCommand() {}
func (Tell) isCommand()   {}

// Apply decides a command, and reports whether the connection has changed. A refusal is a *signaling.Error, and the
// connection is then as it was. c is never modified.
//
//	(Ask) -> Reserved -Begin-> Asked -Answer-> Connected -Leave, Lose-> Out
//	         Reserved -Begin, Expire-> (forgotten)
//	                           Asked -Answer, Cancel, Expire, Lose-> Out
func Apply(c Connection, cmd Command, now time.Time) (next Connection, changed bool, err error) {
	next = c
	next.Stays = slices.Clone(c.Stays)
	next.asked = nil
	d := decision{c: &next, now: now.UnixMilli()}
	if err := d.do(cmd); err != nil {
		return c, false, err
	}
	if !d.changed {
		return c, false, nil
	}
	d.end()
	if d.shown {
		next.Seq = d.seq()
	}
	return next, true, nil
}

// decision is one command on its way.
type decision struct {
	c       *Connection
	now     int64
	changed bool
	shown   bool // rooms have to be shown the change
}

// seq is what the connection's Seq is after this command, if it is something to show.
func (d *decision) seq() uint64 { return d.c.Seq + 1 }

func (d *decision) show() { d.changed, d.shown = true, true }

func (d *decision) do(cmd Command) error {
	if _, asks := cmd.(Ask); d.c.ID == "" && !asks {
		return signaling.ErrConnectionNotExist
	}
	d.expire()
	switch cmd := cmd.(type) {
	case Ask:
		return d.ask(cmd)
	case Begin:
		return d.begin(cmd)
	case Answer:
		return d.answer(cmd)
	case Cancel:
		return d.cancel(cmd)
	case Leave:
		return d.leave(cmd)
	case Lose:
		d.lose(cmd)
	case Renew:
		d.renew(cmd)
	case Expire:
	case Tell:
		d.tell(cmd)
	default:
		return signaling.ErrBadRequest
	}
	return nil
}

// Find returns a room's stay, where it has a place.
func (c Connection) Find(id signaling.RoomID) (Stay, bool) {
	if i := c.live(id); i >= 0 {
		return c.Stays[i], true
	}
	return Stay{}, false
}

func (c Connection) live(id signaling.RoomID) int {
	return slices.IndexFunc(c.Stays, func(s Stay) bool { return s.RoomID == id && s.Live() })
}

// last returns the newest stay of a room, live or not; -1 for none.
func (c Connection) last(id signaling.RoomID) int {
	for i, s := range slices.Backward(c.Stays) {
		if s.RoomID == id {
			return i
		}
	}
	return -1
}

// Connected returns the rooms that are connected, by the time when they joined. One alone is connected with nobody.
func (c Connection) Connected() []Stay {
	var list []Stay
	for _, s := range c.Stays {
		if s.Status == Connected {
			list = append(list, s)
		}
	}
	if len(list) < 2 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b Stay) int { return int(a.Joined - b.Joined) })
	return list
}

// Deadline returns when Expire has something to do; zero: never.
func (c Connection) Deadline() time.Time {
	var first int64
	for _, s := range c.Stays {
		if (s.Status == Reserved || s.Status == Asked) && (first == 0 || s.Deadline < first) {
			first = s.Deadline
		}
	}
	if first == 0 {
		return time.Time{}
	}
	return time.UnixMilli(first)
}

// did reports whether a command of a room's has asked for anything here.
func (c Connection) did(command string, from signaling.RoomID) bool {
	return slices.ContainsFunc(c.Stays, func(s Stay) bool { return s.by(command, from) })
}

func (s Stay) by(command string, from signaling.RoomID) bool {
	return s.Request != nil && s.Request.ID == command && s.Request.From == from
}

// slim leaves out avatars, and then names, of rooms that are just being asked, where all together are too much for a room
// to show. Without them there is always enough.
func (d *decision) slim() {
	size := func() int {
		var list []Room
		for _, s := range d.c.Stays {
			if s.Live() {
				list = append(list, s.Room)
			}
		}
		b, err := json.Marshal(list)
		if err != nil {
			return 0 // there is nothing in it that could fail
		}
		return len(b)
	}
	for i := range d.c.Stays {
		if size() <= maxInfo {
			return
		}
		d.c.Stays[i].AvatarURL = ""
	}
	for i := range d.c.Stays {
		if size() <= maxInfo {
			return
		}
		d.c.Stays[i].OwnerName = ""
	}
}
