package room

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Command is one user's wish, or the room's own (a timer, a departure). By is what the user's node vouches for: this
// user is logged in and, for every action but Create, in the room. Its Role is ignored; the state knows it.
type Command struct {
	ID     string             `json:"id"` // at most [MaxIDBytes]; makes the command idempotent, and names the request it may start
	By     signaling.UserInfo `json:"by"`
	Action Action             `json:"-"`

	// App says that By speaks for the app, as one of its administrators does from the app's own server. It need not be
	// in the room, and may do what the owner may, to the owner too. The node that takes such calls vouches for it.
	App bool `json:"app,omitempty"`

	Origin Origin `json:"origin,omitzero"`
}

// Action is what a command does. The concrete types are in this file.
type Action interface{ actionType() string }

// Create makes a room, which is By's. SeatLimit is the server's limit for MaxSeatCount.
type Create struct {
	Info      signaling.RoomInfo `json:"info"`
	SeatLimit int                `json:"seatLimit"`
	NoSeats   bool               `json:"noSeats,omitempty"` // a room in which nobody sits; Info has no MaxSeatCount then
	Password  Password           `json:"password,omitzero"` // Info has none
	Unlimited bool               `json:"unlimited,omitempty"`
}

// TakeSeat sits down, or applies where the mode and the role ask for it. Timeout 0: the application waits for ever.
type TakeSeat struct {
	Index   signaling.SeatIndex `json:"index"`
	Timeout time.Duration       `json:"timeout"`
}

// LeaveSeat gets up and stays in the room.
type LeaveSeat struct{}

// MoveSeat changes to another seat. Who sits needs no new approval.
type MoveSeat struct {
	Index signaling.SeatIndex `json:"index"`
}

// MoveUser changes the seat of somebody who sits. Moving oneself is a MoveSeat, whatever the policy.
type MoveUser struct {
	User   signaling.UserID         `json:"user"`
	Index  signaling.SeatIndex      `json:"index"`
	Policy signaling.MoveSeatPolicy `json:"policy"`
}

// Invite asks another member to sit down. User is whom the room's home knows under that id.
type Invite struct {
	User    signaling.UserInfo  `json:"user"`
	Index   signaling.SeatIndex `json:"index"`
	Timeout time.Duration       `json:"timeout"`
}

// PutOnSeat seats a member without asking them. Only the app may; User is whom the room's home knows under that id.
type PutOnSeat struct {
	User  signaling.UserInfo  `json:"user"`
	Index signaling.SeatIndex `json:"index"`
}

// KickOffSeat takes somebody off their seat.
type KickOffSeat struct {
	User signaling.UserID `json:"user"`
	Data string           `json:"data,omitempty"` // goes to that user; at most [MaxKickData] bytes
}

// LockSeat sets a seat's locks.
type LockSeat struct {
	Index signaling.SeatIndex `json:"index"`
	Lock  signaling.SeatLock  `json:"lock"`
}

// Update changes what the room says of itself; nil leaves it. Nobody has to go because the limit of members is lower
// now.
type Update struct {
	Name            *string             `json:"name,omitempty"`
	SeatMode        *signaling.SeatMode `json:"seatMode,omitempty"`
	MaxMembers      *int                `json:"maxMembers,omitempty"`
	Notice          *string             `json:"notice,omitempty"`
	CoverURL        *string             `json:"coverUrl,omitempty"`
	BackgroundURL   *string             `json:"backgroundUrl,omitempty"`
	Categories      *[]int              `json:"categories,omitempty"`
	ActivityStatus  *int                `json:"activityStatus,omitempty"`
	CustomInfo      *string             `json:"customInfo,omitempty"`
	Hidden          *bool               `json:"hidden,omitempty"`
	MessageDisabled *bool               `json:"messageDisabled,omitempty"`
	GiftDisabled    *bool               `json:"giftDisabled,omitempty"`
	Password        *Password           `json:"password,omitempty"` // an empty one takes it away
	LikeDisabled    *bool               `json:"likeDisabled,omitempty"`
}

// SetMetadata adds keys to the room's metadata, or changes their values.
type SetMetadata struct {
	Metadata map[string]string `json:"metadata"`
}

// DeleteMetadata removes keys from the room's metadata; one at least must be there.
type DeleteMetadata struct {
	Keys []string `json:"keys"`
}

// ChangeRole makes somebody an administrator, or takes it back, or hands the room over (then User must be present).
type ChangeRole struct {
	User     signaling.UserID `json:"user"`
	Role     signaling.Role   `json:"role"`
	Present  bool             `json:"present,omitempty"`  // the room's home says so
	UserName string           `json:"userName,omitempty"` // under which the room's home knows User
}

// ModifyAdmins makes all of the users administrators, or takes it back from all of them: all or none.
type ModifyAdmins struct {
	Users []signaling.UserID `json:"users"`
	Add   bool               `json:"add"`
}

// KickOut takes somebody out of the room. It is no ban.
type KickOut struct {
	User    signaling.UserID `json:"user"`
	Present bool             `json:"present,omitempty"` // the room's home says so
}

// Ban keeps users from entering, and takes those out who are there. The room's home keeps whom.
type Ban struct {
	Users    []signaling.UserID `json:"users"` // at most [MaxSanctioned]
	Duration time.Duration      `json:"duration"`
	Reason   string             `json:"reason,omitempty"`  // at most [MaxReasonBytes]
	Present  []signaling.UserID `json:"present,omitempty"` // the room's home says which of them are
}

// Unban lets users enter again. Who is not banned does not matter.
type Unban struct {
	Users  []signaling.UserID `json:"users"`            // at most [MaxSanctioned]
	Banned []signaling.UserID `json:"banned,omitempty"` // the room's home says which of them are
}

// Mute keeps users from chatting; a Duration of 0 ends that. The room's home keeps whom.
type Mute struct {
	Users    []signaling.UserID `json:"users"` // at most [MaxSanctioned]
	Duration time.Duration      `json:"duration"`
	Muted    []signaling.UserID `json:"muted,omitempty"` // the room's home says which of them are
}

// Respond answers a request.
type Respond struct {
	RequestID string `json:"requestId"`
	Agree     bool   `json:"agree"`
}

// Cancel withdraws a request of one's own.
type Cancel struct {
	RequestID string `json:"requestId"`
}

// SetAudio turns the own microphone on or off for the others.
type SetAudio struct {
	On bool `json:"on"`
}

// SetInfo changes the name, the avatar and the level under which the others see somebody.
type SetInfo struct {
	UserName  string `json:"userName"`
	AvatarURL string `json:"avatarUrl"`
	Level     uint32 `json:"level,omitempty"`
	News      bool   `json:"news,omitempty"` // the others know something else: the room's home says so
}

// Leave goes out of the room by one's own will. The owner may not, unless the room's home says so: where the app has rooms
// end some time after that.
type Leave struct {
	OwnerMay bool `json:"ownerMay,omitempty"`
}

// Depart is what the room does when somebody is gone: the seat is free, their requests end. Unlike Leave it happens
// to owners too; the room stays theirs.
type Depart struct{}

// Expel is what the server does to a member who may stay no longer: a departure of which they are told why.
type Expel struct {
	Reason  signaling.KickedOutReason `json:"reason"`
	Message string                    `json:"message,omitempty"`
}

// Dismiss ends the room. An empty By is the server itself; Reason is heeded then, 0 meaning [signaling.DismissedByServer].
type Dismiss struct {
	Reason signaling.DismissedReason `json:"reason"`
}

// Expire ends what is overdue, in portions: repeat it while [State.NextDeadline] has passed. It may be issued at any time and any number of times.
type Expire struct{}

func (Create) actionType() string         { return "create" }
func (TakeSeat) actionType() string       { return "takeSeat" }
func (LeaveSeat) actionType() string      { return "leaveSeat" }
func (MoveSeat) actionType() string       { return "moveSeat" }
func (MoveUser) actionType() string       { return "moveUser" }
func (Invite) actionType() string         { return "invite" }
func (PutOnSeat) actionType() string      { return "putOnSeat" }
func (KickOffSeat) actionType() string    { return "kickOffSeat" }
func (LockSeat) actionType() string       { return "lockSeat" }
func (Update) actionType() string         { return "update" }
func (SetMetadata) actionType() string    { return "setMetadata" }
func (DeleteMetadata) actionType() string { return "deleteMetadata" }
func (ChangeRole) actionType() string     { return "changeRole" }
func (ModifyAdmins) actionType() string   { return "modifyAdmins" }
func (Ban) actionType() string            { return "ban" }
func (Unban) actionType() string          { return "unban" }
func (Mute) actionType() string           { return "mute" }
func (KickOut) actionType() string        { return "kickOut" }
func (Respond) actionType() string        { return "respond" }
func (Cancel) actionType() string         { return "cancel" }
func (SetAudio) actionType() string       { return "setAudio" }
func (SetInfo) actionType() string        { return "setInfo" }
func (Leave) actionType() string          { return "leave" }
func (Depart) actionType() string         { return "depart" }
func (Expel) actionType() string          { return "expel" }
func (Dismiss) actionType() string        { return "dismiss" }
func (Expire) actionType() string         { return "expire" }

// Name returns what the command is called in logs and metrics.
func (c Command) Name() string {
	if c.Action == nil {
		return "none"
	}
	return c.Action.actionType()
}

type wireCommand struct {
	ID     string             `json:"id"`
	By     signaling.UserInfo `json:"by"`
	App    bool               `json:"app,omitempty"`
	Origin Origin             `json:"origin,omitzero"`
	Type   string             `json:"type"`
	Data   json.RawMessage    `json:"data,omitempty"`
}

// MarshalJSON encodes the command with its action's type: commands travel between nodes.
func (c Command) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal(c.Action)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireCommand{ID: c.ID, By: c.By, App: c.App, Origin: c.Origin, Type: c.Name(), Data: data})
}

// UnmarshalJSON decodes a command; an action that this node does not know is an error.
func (c *Command) UnmarshalJSON(b []byte) error {
	var w wireCommand
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	c.ID, c.By, c.App, c.Origin = w.ID, w.By, w.App, w.Origin
	switch w.Type {
	case "create":
		return decodeAction[Create](c, w.Data)
	case "takeSeat":
		return decodeAction[TakeSeat](c, w.Data)
	case "leaveSeat":
		return decodeAction[LeaveSeat](c, w.Data)
	case "moveSeat":
		return decodeAction[MoveSeat](c, w.Data)
	case "moveUser":
		return decodeAction[MoveUser](c, w.Data)
	case "invite":
		return decodeAction[Invite](c, w.Data)
	case "putOnSeat":
		return decodeAction[PutOnSeat](c, w.Data)
	case "kickOffSeat":
		return decodeAction[KickOffSeat](c, w.Data)
	case "lockSeat":
		return decodeAction[LockSeat](c, w.Data)
	case "update":
		return decodeAction[Update](c, w.Data)
	case "setMetadata":
		return decodeAction[SetMetadata](c, w.Data)
	case "deleteMetadata":
		return decodeAction[DeleteMetadata](c, w.Data)
	case "changeRole":
		return decodeAction[ChangeRole](c, w.Data)
	case "modifyAdmins":
		return decodeAction[ModifyAdmins](c, w.Data)
	case "kickOut":
		return decodeAction[KickOut](c, w.Data)
	case "ban":
		return decodeAction[Ban](c, w.Data)
	case "unban":
		return decodeAction[Unban](c, w.Data)
	case "mute":
		return decodeAction[Mute](c, w.Data)
	case "respond":
		return decodeAction[Respond](c, w.Data)
	case "cancel":
		return decodeAction[Cancel](c, w.Data)
	case "setAudio":
		return decodeAction[SetAudio](c, w.Data)
	case "setInfo":
		return decodeAction[SetInfo](c, w.Data)
	case "leave":
		return decodeAction[Leave](c, w.Data)
	case "depart":
		return decodeAction[Depart](c, w.Data)
	case "expel":
		return decodeAction[Expel](c, w.Data)
	case "dismiss":
		return decodeAction[Dismiss](c, w.Data)
	case "showBattle":
		return decodeAction[ShowBattle](c, w.Data)
	case "lapse":
		return decodeAction[Lapse](c, w.Data)
	case "sendGift":
		return decodeAction[SendGift](c, w.Data)
	case "showConnection":
		return decodeAction[ShowConnection](c, w.Data)
	case "muteConnection":
		return decodeAction[MuteConnection](c, w.Data)
	case "addRobots":
		return decodeAction[AddRobots](c, w.Data)
	case "removeRobots":
		return decodeAction[RemoveRobots](c, w.Data)
	case "expire":
		return decodeAction[Expire](c, w.Data)
	}
	return fmt.Errorf("room: unknown command %q", w.Type)
}

func decodeAction[A Action](c *Command, data json.RawMessage) error {
	var a A
	if len(data) > 0 {
		if err := json.Unmarshal(data, &a); err != nil {
			return err
		}
	}
	c.Action = a
	return nil
}

// Reader says who is told of an event: in a large room the members get less than the app's server.
type Reader int

// The readers of events.
const (
	ForAll     Reader = iota // members and the app's server
	ForMembers               // a digest of what the app's server is told one by one
	ForApp                   // what the members have in a digest
)

// Event is something that happened, and whom it concerns: everybody in the room when To is nil. Heartbeat, Counted, Battle or
// Event is set; clients are told of Event alone, and of what was counted now and then.
type Event struct {
	For       Reader
	To        []signaling.UserID
	Event     signaling.Event
	Heartbeat *Heartbeat
	Order     uint64 // of a gift: its order's revision in the store; 0: it has none
	Counted   *Counted
	Battle    *BattleReport
	Cause     *Cause // nil where the app does not want to know, or nobody did it
}

type wireEvent struct {
	For       Reader             `json:"for,omitempty"`
	To        []signaling.UserID `json:"to,omitempty"`
	Event     json.RawMessage    `json:"event,omitempty"`
	Heartbeat *Heartbeat         `json:"heartbeat,omitempty"`
	Order     uint64             `json:"order,omitempty"`
	Counted   *Counted           `json:"counted,omitempty"`
	Battle    *BattleReport      `json:"battle,omitempty"`
	Cause     *Cause             `json:"cause,omitempty"`
}

// MarshalJSON implements [json.Marshaler]; events are in the room's log.
func (e Event) MarshalJSON() ([]byte, error) {
	w := wireEvent{For: e.For, To: e.To, Heartbeat: e.Heartbeat, Order: e.Order, Counted: e.Counted, Battle: e.Battle, Cause: e.Cause}
	if e.Event != nil {
		var err error
		if w.Event, err = signaling.MarshalEvent(e.Event); err != nil {
			return nil, err
		}
	}
	return json.Marshal(w)
}

// UnmarshalJSON implements [json.Unmarshaler]. Of a newer node's event that is unknown here, all of these are nil.
func (e *Event) UnmarshalJSON(b []byte) error {
	var w wireEvent
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*e = Event{For: w.For, To: w.To, Heartbeat: w.Heartbeat, Order: w.Order, Counted: w.Counted, Battle: w.Battle, Cause: w.Cause}
	if len(w.Event) == 0 {
		return nil
	}
	var err error
	e.Event, err = signaling.UnmarshalEvent(w.Event)
	return err
}
