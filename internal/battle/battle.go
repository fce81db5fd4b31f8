package battle

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Limits of a battle. The documents give MaxRooms of the smaller package, and no others.
const (
	MaxRooms     = 10 // the inviter's included
	MinDuration  = time.Second
	MaxDuration  = 24 * time.Hour
	MaxExtension = 1 << 10 // bytes of ExtensionInfo
	maxScore     = 1<<53 - 1
	maxInfo      = 12 << 10 // bytes of what rooms show, as JSON: it is in their states

	createLimit = 10 * time.Second // a battle that has not begun by then never will: its node has died
)

// The documents' codes about battles.
var (
	ErrUnknown  = signaling.Errorf(100411, "there is no such battle, or it ended too long ago")
	ErrNoRooms  = signaling.Errorf(100412, "none of the invited rooms can take part: they are in other battles, or do not exist")
	ErrBattling = signaling.Errorf(100415, "the inviting room is in a battle; try again when it has ended")
	errLate     = signaling.Errorf(signaling.ErrServer.Code, "the battle could not begin in time; try again")
	errNotNow   = signaling.Errorf(signaling.ErrNoPermission.Code, "the battle has not begun or has ended: its scores cannot be set")
)

// Status is how far a battle is.
type Status int

// The statuses, with the documents' numbers.
const (
	Created   Status = 1 // has not begun
	Running   Status = 2
	Ended     Status = 3
	Cancelled Status = 4 // ended without having begun
)

// Room is a room in a battle.
type Room struct {
	RoomID    signaling.RoomID `json:"roomId"`
	Owner     signaling.UserID `json:"owner"`
	OwnerName string           `json:"ownerName,omitempty"`
	AvatarURL string           `json:"avatarUrl,omitempty"`
	Score     int64            `json:"score,omitempty"`
	Left      bool             `json:"left,omitempty"`  // is out of it
	Created   int64            `json:"created"`         // the room's CreateTime: another room may get its id
	Gifts     uint64           `json:"gifts,omitempty"` // the gifts of the room's log up to this revision are in the score
}

// Battle is a battle as the store keeps it. The zero Battle does not exist. Times are Unix milliseconds.
type Battle struct {
	ID       string                        `json:"id"`
	Operator signaling.UserID              `json:"operator"`     // who has started it
	IP       string                        `json:"ip,omitempty"` // of the operator
	Rooms    []Room                        `json:"rooms"`        // the inviter's first
	Duration int64                         `json:"duration"`     // milliseconds
	Ext      string                        `json:"ext,omitempty"`
	Created  int64                         `json:"created"`
	Start    int64                         `json:"start,omitempty"`
	End      int64                         `json:"end,omitempty"` // when it is due, or was
	Status   Status                        `json:"status"`
	Reason   signaling.BattleStoppedReason `json:"reason,omitempty"`
	Seq      uint64                        `json:"seq"`            // grows with each change
	Told     bool                          `json:"told,omitempty"` // all rooms know of the end
}

// Command is what changes a battle. The concrete types are in this file.
type Command interface{ isCommand() }

// Create makes a battle. Its rooms are only claimed with it; Begin says which could be.
type Create struct {
	ID       string
	Operator signaling.UserID
	IP       string // of the operator
	Rooms    []Room // the inviter's first
	Duration time.Duration
	Ext      string
}

// Begin starts the battle, in which those rooms are that are named.
type Begin struct {
	Rooms []signaling.RoomID
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
	Room signaling.RoomID
}

// Expire ends what is overdue. It may come at any time.
type Expire struct{}

// Tell notes that all rooms know of the battle's end.
type Tell struct{}

func (Create) isCommand()    {}
func (Begin) isCommand()     {}
func (SetScores) isCommand() {}
func (Leave) isCommand()     {}
func (AddGifts) isCommand()  {}
func (Expire) isCommand()    {}
func (Tell) isCommand()      {}

// Apply decides a command. A Seq that has not grown says that nothing has changed. A refusal is a *signaling.Error, and
// the battle is then as it was. b is never modified.
//
//	Created -Begin-> Running -Expire, Leave-> Ended
//	Created -Expire, Leave-> Cancelled
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
	next.Seq++
	return next, nil
}

func (b *Battle) do(c Command, now int64) (changed bool, err error) {
	if c, ok := c.(Create); ok {
		return true, b.create(c, now)
	}
	if b.ID == "" {
		return false, ErrUnknown
	}
	switch c := c.(type) {
	case Begin:
		return true, b.begin(c, now)
	case SetScores:
		return b.setScores(c, now)
	case AddGifts:
		return b.addGifts(c, now), nil
	case Leave:
		return b.leave(c, now), nil
	case Expire:
		return b.expire(now), nil
	case Tell:
		changed = b.Over() && !b.Told
		b.Told = b.Told || changed
		return changed, nil
	}
	return false, signaling.ErrBadRequest
}

// Over reports whether the battle has ended, begun or not.
func (b Battle) Over() bool { return b.Status == Ended || b.Status == Cancelled }

// Deadline returns when Expire ends the battle.
func (b Battle) Deadline() time.Time {
	if b.Status == Created {
		return time.UnixMilli(b.Created).Add(createLimit)
	}
	return time.UnixMilli(b.End)
}

// Find returns where a room is among the battle's, those that have left included.
func (b Battle) Find(id signaling.RoomID) (int, bool) {
	i := slices.IndexFunc(b.Rooms, func(r Room) bool { return r.RoomID == id })
	return i, i >= 0
}

// Holds reports whether a room is in the battle, so that it can be in no other.
func (b Battle) Holds(id signaling.RoomID) bool {
	i, ok := b.Find(id)
	return ok && !b.Over() && !b.Rooms[i].Left
}

func (b *Battle) create(c Create, now int64) error {
	bad := func(format string, args ...any) error {
		return signaling.Errorf(signaling.ErrBadRequest.Code, format, args...)
	}
	switch {
	case b.ID != "":
		return bad("the battle exists already")
	case len(c.Rooms) < 2:
		return bad("a battle needs an invited room")
	case len(c.Rooms) > MaxRooms:
		return signaling.Errorf(signaling.ErrLimit.Code, "a battle may have %d rooms, the inviting one included", MaxRooms)
	case c.Duration < MinDuration || c.Duration > MaxDuration:
		return bad("Duration is %d ms; it is %d to %d", c.Duration.Milliseconds(), MinDuration.Milliseconds(), MaxDuration.Milliseconds())
	case !signaling.ValidText(c.Ext, MaxExtension):
		return bad("ExtensionInfo may have %d bytes of UTF-8 without control characters", MaxExtension)
	}
	seen := map[signaling.RoomID]bool{}
	for _, r := range c.Rooms {
		if err := r.RoomID.Valid(); err != nil {
			return err
		}
		if seen[r.RoomID] {
			return bad("the room %s is named twice", r.RoomID)
		}
		seen[r.RoomID] = true
	}
	*b = Battle{
		ID: c.ID, Operator: c.Operator, IP: c.IP, Rooms: slices.Clone(c.Rooms), Duration: c.Duration.Milliseconds(), Ext: c.Ext,
		Created: now, Status: Created,
	}
	b.slim()
	return nil
}

// slim leaves out avatars, and then names, that are too much for a room to show. Without them there is always enough.
func (b *Battle) slim() {
	size := func() int {
		data, err := json.Marshal(b.Info())
		if err != nil {
			return 0 // there is nothing in it that could fail
		}
		return len(data)
	}
	for i := 0; i < len(b.Rooms) && size() > maxInfo; i++ {
		b.Rooms[i].AvatarURL = ""
	}
	for i := 0; i < len(b.Rooms) && size() > maxInfo; i++ {
		b.Rooms[i].OwnerName = ""
	}
}

func (b *Battle) begin(c Begin, now int64) error {
	if b.Status != Created || now >= b.Deadline().UnixMilli() {
		return errLate
	}
	in := func(r Room) bool { return !r.Left && slices.Contains(c.Rooms, r.RoomID) }
	if !in(b.Rooms[0]) {
		return ErrBattling
	}
	if b.Rooms = slices.DeleteFunc(b.Rooms, func(r Room) bool { return !in(r) }); len(b.Rooms) < 2 {
		return ErrNoRooms
	}
	b.Status, b.Start, b.End = Running, now, now+b.Duration
	return nil
}

func (b *Battle) setScores(c SetScores, now int64) (changed bool, err error) {
	if b.Status != Running || now >= b.End {
		return false, errNotNow
	}
	for _, s := range c.Scores {
		i, ok := b.Find(s.Room)
		if !ok || b.Rooms[i].Left {
			continue
		}
		score := &b.Rooms[i].Score
		before := *score
		if s.Score < -maxScore || s.Score > maxScore {
			return false, tooMuch(s.Room)
		}
		if *score = s.Score; c.Add {
			*score += before
		}
		if *score < -maxScore || *score > maxScore {
			return false, tooMuch(s.Room)
		}
		changed = changed || *score != before
	}
	return changed, nil
}

func tooMuch(id signaling.RoomID) error {
	return signaling.Errorf(signaling.ErrBadRequest.Code, "the score of room %s may be %d at most, and as much below 0", id, int64(maxScore))
}

func (b *Battle) leave(c Leave, now int64) bool {
	if b.expire(now) {
		return true
	}
	i, ok := b.Find(c.Room)
	if !ok || b.Rooms[i].Left || b.Over() {
		return false
	}
	b.Rooms[i].Left = true
	left := 0
	for _, r := range b.Rooms {
		if !r.Left {
			left++
		}
	}
	if left < 2 {
		b.end(now, signaling.BattleOtherExit)
	}
	return true
}

func (b *Battle) expire(now int64) bool {
	if b.Over() || now < b.Deadline().UnixMilli() {
		return false
	}
	b.end(b.Deadline().UnixMilli(), signaling.BattleTimeOver)
	return true
}

// end ends the battle. One that nobody could end in time has ended when it was due.
func (b *Battle) end(at int64, why signaling.BattleStoppedReason) {
	if b.Reason = why; b.Status == Created {
		b.Status = Cancelled
	} else {
		b.Status = Ended
	}
	b.End = at
}

// Info returns the battle as rooms show it.
func (b Battle) Info() signaling.BattleInfo {
	i := signaling.BattleInfo{
		BattleID: b.ID, DurationMS: b.Duration, ExtensionInfo: b.Ext, StartTime: b.Start, EndTime: b.End,
		InviteeList: make([]signaling.BattleUser, 0, len(b.Rooms)-1),
	}
	for n, r := range b.Rooms {
		u := signaling.BattleUser{RoomID: r.RoomID, UserID: r.Owner, UserName: r.OwnerName, AvatarURL: r.AvatarURL, Score: r.Score}
		if n == 0 {
			i.Inviter = u
		} else {
			i.InviteeList = append(i.InviteeList, u)
		}
	}
	return i
}
