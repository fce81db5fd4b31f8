package signaling

import (
	"encoding/json"
	"fmt"
)

// Event is one fact about a room, past tense. The concrete types are in this file.
type Event interface{ eventType() string }

// UsersEntered says who came in, how many are there now (the owner included), and how often somebody has entered. In a
// large room it names the newest of them only.
type UsersEntered struct {
	Users     []UserInfo `json:"users"`
	Count     int        `json:"count"`
	ViewCount int64      `json:"viewCount,omitempty"`
	More      int        `json:"more,omitempty"` // who came in, too, and is not named
}

// UsersLeft says who went, and how many are there now (the owner included). In a large room it names those of them only who
// had come in last.
type UsersLeft struct {
	Users []UserInfo `json:"users"`
	Count int        `json:"count"`
	More  int        `json:"more,omitempty"` // who went, too, and is not named
}

// SeatsChanged carries the seats that changed, whole, and who sat down or got up with it.
type SeatsChanged struct {
	Seats  []SeatInfo `json:"seats"`
	Seated []UserInfo `json:"seated,omitempty"`
	Left   []UserInfo `json:"left,omitempty"`
}

// RequestReceived goes to those who may answer the request, and to its sender.
type RequestReceived struct {
	Request Request `json:"request"`
}

// RequestEnded goes to everybody who knew the request, once. By is who decided: the one who answered, the one who
// cancelled, or the sender when it timed out. Code says why when Result is Failed.
type RequestEnded struct {
	Request Request           `json:"request"`
	Result  RequestResultType `json:"result"`
	By      UserInfo          `json:"by"`
	Code    Code              `json:"code,omitempty"`
}

// AudioChanged says that a seated user is heard from now on, or no longer.
type AudioChanged struct {
	UserID   UserID       `json:"userId"`
	HasAudio bool         `json:"hasAudio"`
	Reason   ChangeReason `json:"reason"`
}

// KickedOffSeat goes to the one user whom a manager took off a seat.
type KickedOffSeat struct {
	Index SeatIndex `json:"index"`
	By    UserInfo  `json:"by"`
	Data  string    `json:"data,omitempty"` // what the app's server said with it, at most 2 KiB (documents: kick_user_off_seat)
}

// RoomUpdated carries the room after a change of what [UpdateRoomParams] names, or of its limit of members.
type RoomUpdated struct {
	Room RoomInfo `json:"room"`
	By   UserInfo `json:"by"`
}

// MetadataChanged says which keys of the room's metadata have got a value, and which are gone.
type MetadataChanged struct {
	Set     map[string]string `json:"set,omitempty"`
	Deleted []string          `json:"deleted,omitempty"`
	By      UserInfo          `json:"by"`
}

// RoleChanged says what a user may do from now on. A new manager asks for a snapshot, to see the pending requests.
type RoleChanged struct {
	UserID   UserID `json:"userId"`
	UserName string `json:"userName,omitempty"` // of a new owner: the room shows it
	Role     Role   `json:"userRole"`
}

// UserInfoChanged says under which name and avatar a member is shown from now on: as the owner, in pending requests, in
// lists. A seat's own change is a SeatsChanged before it.
type UserInfoChanged struct {
	User UserInfo `json:"user"`
}

// SendMessageDisabledChanged says who may not chat from now on, or may again. It goes to each of them, and to the managers.
type SendMessageDisabledChanged struct {
	Users    []UserID `json:"users"`
	Disabled bool     `json:"isDisabled"`
	Until    int64    `json:"until,omitempty"` // Unix milliseconds; when it has passed, another event says so
}

// RoomDismissed is a room's last event.
type RoomDismissed struct {
	Reason DismissedReason `json:"reason"`
}

// KickedOutOfRoom goes to the one user whom the server took out of the room.
type KickedOutOfRoom struct {
	Reason  KickedOutReason `json:"reason"`
	Message string          `json:"message,omitempty"`
}

func (UsersEntered) eventType() string               { return "usersEntered" }
func (UsersLeft) eventType() string                  { return "usersLeft" }
func (SeatsChanged) eventType() string               { return "seatsChanged" }
func (RequestReceived) eventType() string            { return "requestReceived" }
func (RequestEnded) eventType() string               { return "requestEnded" }
func (AudioChanged) eventType() string               { return "audioChanged" }
func (KickedOffSeat) eventType() string              { return "kickedOffSeat" }
func (RoomUpdated) eventType() string                { return "roomUpdated" }
func (MetadataChanged) eventType() string            { return "metadataChanged" }
func (RoleChanged) eventType() string                { return "roleChanged" }
func (UserInfoChanged) eventType() string            { return "userInfoChanged" }
func (SendMessageDisabledChanged) eventType() string { return "sendMessageDisabledChanged" }
func (RoomDismissed) eventType() string              { return "roomDismissed" }
func (KickedOutOfRoom) eventType() string            { return "kickedOutOfRoom" }

// EventType returns an event's name on the wire.
func EventType(e Event) string { return e.eventType() }

// EventList is a list of events; on the wire each is {"type": ..., "data": {...}}. Types that this version does not
// know are left out when decoding: an old client follows a newer server.
type EventList []Event

type taggedEvent struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// MarshalEvent encodes one event with its type.
func MarshalEvent(e Event) ([]byte, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return json.Marshal(taggedEvent{Type: e.eventType(), Data: data})
}

// UnmarshalEvent decodes one event; of an unknown type it returns nil without an error.
func UnmarshalEvent(b []byte) (Event, error) {
	var t taggedEvent
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, err
	}
	switch t.Type {
	case "usersEntered":
		return decodeEvent[UsersEntered](t)
	case "usersLeft":
		return decodeEvent[UsersLeft](t)
	case "seatsChanged":
		return decodeEvent[SeatsChanged](t)
	case "requestReceived":
		return decodeEvent[RequestReceived](t)
	case "requestEnded":
		return decodeEvent[RequestEnded](t)
	case "audioChanged":
		return decodeEvent[AudioChanged](t)
	case "kickedOffSeat":
		return decodeEvent[KickedOffSeat](t)
	case "battleStarted":
		return decodeEvent[BattleStarted](t)
	case "battleScoreChanged":
		return decodeEvent[BattleScoreChanged](t)
	case "battleEnded":
		return decodeEvent[BattleEnded](t)
	case "battleRequestReceived":
		return decodeEvent[BattleRequestReceived](t)
	case "battleRequestEnded":
		return decodeEvent[BattleRequestEnded](t)
	case "battleUserLeft":
		return decodeEvent[BattleUserLeft](t)
	case "battlePunishmentEnded":
		return decodeEvent[BattlePunishmentEnded](t)
	case "connectionUserListChanged":
		return decodeEvent[ConnectionUserListChanged](t)
	case "connectionRequestReceived":
		return decodeEvent[ConnectionRequestReceived](t)
	case "connectionRequestEnded":
		return decodeEvent[ConnectionRequestEnded](t)
	case "connectionMuted":
		return decodeEvent[ConnectionMuted](t)
	case "roomUpdated":
		return decodeEvent[RoomUpdated](t)
	case "metadataChanged":
		return decodeEvent[MetadataChanged](t)
	case "roleChanged":
		return decodeEvent[RoleChanged](t)
	case "userInfoChanged":
		return decodeEvent[UserInfoChanged](t)
	case "sendMessageDisabledChanged":
		return decodeEvent[SendMessageDisabledChanged](t)
	case "roomDismissed":
		return decodeEvent[RoomDismissed](t)
	case "kickedOutOfRoom":
		return decodeEvent[KickedOutOfRoom](t)
	case "giftReceived":
		return decodeEvent[GiftReceived](t)
	}
	return nil, nil
}

func decodeEvent[E Event](t taggedEvent) (Event, error) {
	var e E
	if err := json.Unmarshal(t.Data, &e); err != nil {
		return nil, fmt.Errorf("event %s: %w", t.Type, err)
	}
	return e, nil
}

// MarshalJSON implements [json.Marshaler].
func (l EventList) MarshalJSON() ([]byte, error) {
	raw := make([]json.RawMessage, len(l))
	for i, e := range l {
		b, err := MarshalEvent(e)
		if err != nil {
			return nil, err
		}
		raw[i] = b
	}
	return json.Marshal(raw)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *EventList) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*l = nil
	for _, r := range raw {
		e, err := UnmarshalEvent(r)
		if err != nil {
			return err
		}
		if e != nil {
			*l = append(*l, e)
		}
	}
	return nil
}
