package battle

import (
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Limits of a battle.
const (
	MaxRooms     = signaling.MaxBattleRooms // the inviter's included
	MinDuration  = signaling.MinBattleDuration * time.Millisecond
	MaxDuration  = signaling.MaxBattleDuration * time.Millisecond
	MaxExtension = signaling.MaxBattleExtension
	maxPunish    = signaling.MaxBattlePunishment * time.Millisecond
	maxTimeout   = signaling.MaxBattleTimeout * time.Second
	maxScore     = 1<<53 - 1
	maxInfo      = 12 << 10 // bytes of what rooms show, as JSON: it is in their states

	createLimit = 10 * time.Second // a battle whose rooms have not been claimed by then never begins: its node has died
)

var (
	errLate   = signaling.Errorf(signaling.ErrServer.Code, "the battle could not begin in time; try again")
	errNotNow = signaling.Errorf(signaling.ErrNoPermission.Code, "the battle has not begun or has ended: its scores cannot be set")
)

// Status is how far a battle is.
type Status int

// The statuses, with the documents' numbers.
const (
	Created   Status = 1 // has not begun
	Running   Status = 2
	Ended     Status = 3 // perhaps its punishment phase goes on
	Cancelled Status = 4 // ended without having begun
)

// Room is a room in a battle.
type Room struct {
	RoomID    signaling.RoomID `json:"roomId"`
	Owner     signaling.UserID `json:"owner"`
	OwnerName string           `json:"ownerName,omitempty"`
	AvatarURL string           `json:"avatarUrl,omitempty"`
	Score     int64            `json:"score,omitempty"`
	Created   int64            `json:"created"`         // the room's CreateTime: another room may get its id
	Turn      uint64           `json:"turn,omitempty"`  // of two battles of a room the later one's is higher
	Gifts     uint64           `json:"gifts,omitempty"` // the gifts of the room's log up to this revision are in the score

	Accepted bool   `json:"accepted,omitempty"`
	Answer   string `json:"answer,omitempty"` // the command that has accepted or rejected
	Left     bool   `json:"left,omitempty"`   // is out of it
	LeftAt   int64  `json:"leftAt,omitempty"` // since when, Unix milliseconds
	LeftBy   string `json:"leftBy,omitempty"` // the command, where one did it
	Lost     bool   `json:"lost,omitempty"`   // exists no more
	Told     bool   `json:"told,omitempty"`   // has been shown that it is out, or that all is over
}

// Battle is a battle as the store keeps it. The zero Battle does not exist. Times are Unix milliseconds.
type Battle struct {
	ID         string             `json:"id"`
	Command    string             `json:"command,omitempty"` // the client's that has asked for it
	Operator   signaling.UserID   `json:"operator"`          // who has asked for it, or started it
	IP         string             `json:"ip,omitempty"`      // of the operator
	Platform   signaling.Platform `json:"platform,omitempty"`
	Connection string             `json:"connection,omitempty"` // in which its rooms are; empty: they may be anywhere
	Rooms      []Room             `json:"rooms"`                // the inviter's first
	Duration   int64              `json:"duration"`             // milliseconds
	Punish     int64              `json:"punish,omitempty"`     // milliseconds
	Needs      bool               `json:"needs,omitempty"`      // the invited have to agree
	Timeout    int64              `json:"timeout,omitempty"`    // milliseconds that they have
	Ext        string             `json:"ext,omitempty"`

	Created int64                         `json:"created"`
	Asked   int64                         `json:"asked,omitempty"` // since when the invited are
	Start   int64                         `json:"start,omitempty"`
	End     int64                         `json:"end,omitempty"` // when it is due, or was
	Status  Status                        `json:"status"`
	Reason  signaling.BattleStoppedReason `json:"reason,omitempty"`

	// Of a request that has ended without a battle:
	Result  signaling.RequestResultType `json:"result,omitempty"`
	With    []signaling.RoomID          `json:"with,omitempty"`    // whom it was due to
	EndedBy string                      `json:"endedBy,omitempty"` // the command that has withdrawn it

	Punished bool   `json:"punished,omitempty"` // the punishment phase is over
	Teller   int    `json:"teller,omitempty"`   // which of Rooms tells the app's server
	Reported Step   `json:"reported,omitempty"` // how far the app's server has been told
	Seq      uint64 `json:"seq"`                // grows with each change
	Told     bool   `json:"told,omitempty"`     // all rooms know of the end
}

// Command is what changes a battle. The concrete types are in this file.
type Command interface{ isCommand() }

// Create makes a battle. Its rooms are only claimed with it; Begin says which could be.
type Create struct {
	ID           string
	Command      string // of a client
	Operator     signaling.UserID
	IP           string // of the operator
	Platform     signaling.Platform
	Connection   string // in which the rooms have to stay; empty: none
	Rooms        []Room // the inviter's first
	Duration     time.Duration
	Punishment   time.Duration // of the phase after an end by time
	NeedResponse bool
	Timeout      time.Duration // with NeedResponse
	Ext          string
}

// Begin starts the battle, or asks for it, with those rooms that are named with their turns.
type Begin struct {
	Turns map[signaling.RoomID]uint64
}

// GiveUp ends a battle that nobody has been asked for.
type GiveUp struct{}

// Answer accepts or rejects the battle for a room.
type Answer struct {
	Command string
	Room    signaling.RoomID
	Accept  bool
}

// Cancel withdraws the request of the inviting room.
type Cancel struct {
	Command string
	Room    signaling.RoomID
}

// SetScores changes scores; those of rooms that are not in the battle are passed over.
type SetScores struct {
	Add    bool // to what they have; else instead of it
	Scores []Score
}

// Score is one room's.
type Score struct {
	Room  signaling.RoomID
	Score int64
}

// Leave takes a room out of the battle, which ends with its last but one.
type Leave struct {
	Command string
	Room    signaling.RoomID
}

// Lose takes a room out that exists no more, or is connected no longer. A request ends with it.
type Lose struct {
	Room signaling.RoomID
	Gone bool // exists no more
}

// Expire ends what is overdue. It may come at any time.
type Expire struct{}

// Tell notes that rooms know that they are out, or that all is over.
type Tell struct {
	Rooms []signaling.RoomID
	Step  Step // how far the app's server has been told
}

func (Create) isCommand()    {}
func (Begin) isCommand()     {}
func (GiveUp) isCommand()    {}
func (Answer) isCommand()    {}
func (Cancel) isCommand()    {}
func (SetScores) isCommand() {}
func (Leave) isCommand()     {}
func (Lose) isCommand()      {}
func (AddGifts) isCommand()  {}
func (Expire) isCommand()    {}
func (Tell) isCommand()      {}

// Apply decides a command. A Seq that has not grown says that nothing has changed. A refusal is a *signaling.Error, and
// the battle is then as it was. b is never modified.
//
//	Created -Begin-> Running -Expire, Leave, Lose-> Ended, with a punishment phase -Expire, Leave, Lose-> over
//	Created -Begin-> asked -Answer of all-> Running
//	                 asked -Answer, Cancel, Expire, Lose-> Cancelled
//	Created -Expire, GiveUp-> Cancelled
func Apply(b Battle, c Command, now time.Time) (Battle, error) {
	next := b
	next.Rooms = slices.Clone(b.Rooms)
	changed, err := next.do(c, now.UnixMilli())
	if err != nil {
		return b, err
	}
	if !changed {
		return b, nil
	}
	next.pickTeller()
	next.Seq++
	return next, nil
}

func (b *Battle) do(c Command, now int64) (changed bool, err error) {
	if c, ok := c.(Create); ok {
		return true, b.create(c, now)
	}
	if b.ID == "" {
		return false, signaling.ErrBattleNotExist
	}
	if _, begins := c.(Begin); !begins { // it says more
		changed = b.expire(now)
	}
	more := false
	switch c := c.(type) {
	case Begin:
		more, err = b.begin(c, now)
	case GiveUp:
		if more = b.Status == Created && b.Asked == 0; more {
			b.Status, b.End = Cancelled, now
		}
	case Answer:
		more, err = b.answer(c, now)
	case Cancel:
		more, err = b.cancel(c, now)
	case SetScores:
		more, err = b.setScores(c)
	case AddGifts:
		more = b.addGifts(c)
	case Leave:
		more, err = b.leave(c, now)
	case Lose:
		more = b.lose(c, now)
	case Expire:
	case Tell:
		more = b.tell(c)
	default:
		err = signaling.ErrBadRequest
	}
	return changed || more, err
}

// Over reports whether the battle has ended, begun or not, and holds no room any more.
func (b Battle) Over() bool { return b.Status == Cancelled || b.Status == Ended && !b.Punishing() }

// Punishing reports whether the battle's punishment phase goes on.
func (b Battle) Punishing() bool {
	return b.Status == Ended && b.Reason == signaling.BattleTimeOver && b.Punish > 0 && !b.Punished
}

// Pending reports whether the battle is a request without all answers.
func (b Battle) Pending() bool { return b.Status == Created && b.Asked != 0 }

// Deadline returns when Expire has something to do; zero: never.
func (b Battle) Deadline() time.Time {
	switch {
	case b.Pending():
		return time.UnixMilli(b.Asked + b.Timeout)
	case b.Status == Created:
		return time.UnixMilli(b.Created).Add(createLimit)
	case b.Status == Running:
		return time.UnixMilli(b.End)
	case b.Punishing():
		return time.UnixMilli(b.End + b.Punish)
	}
	return time.Time{}
}

// Find returns where a room is among the battle's, those that have left included.
func (b Battle) Find(id signaling.RoomID) (int, bool) {
	i := slices.IndexFunc(b.Rooms, func(r Room) bool { return r.RoomID == id })
	return i, i >= 0
}

// Holds reports whether a room is in the battle, or in the request for it, so that it can be in no other.
func (b Battle) Holds(id signaling.RoomID) bool {
	i, ok := b.Find(id)
	return ok && !b.Over() && !b.Rooms[i].Left
}

// left returns how many rooms are in the battle still.
func (b Battle) left() (n int) {
	for _, r := range b.Rooms {
		if !r.Left {
			n++
		}
	}
	return n
}
