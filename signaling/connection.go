package signaling

// ConnectionUser is a room that is connected with others, or asked to be, by its owner (documents: ConnectionUser).
type ConnectionUser struct {
	RoomID    RoomID `json:"roomId"`
	UserID    UserID `json:"userId"`
	UserName  string `json:"userName,omitempty"`
	AvatarURL string `json:"avatarUrl,omitempty"`

	JoinConnectionTime int64 `json:"joinConnectionTime,omitempty"` // Unix milliseconds; 0: is not connected yet
}

// ConnectionCode is what has become of asking one room for a connection.
type ConnectionCode int

// The connection codes, with the documents' numbers.
const (
	ConnectionUnknown             ConnectionCode = -1
	ConnectionSuccess             ConnectionCode = 0 // it is asked
	ConnectionRoomNotExist        ConnectionCode = 1
	ConnectionConnecting          ConnectionCode = 2 // it is in this connection already, or asks, or is asked, just now
	ConnectionConnectingOtherRoom ConnectionCode = 3 // it is connected with other rooms
	ConnectionFull                ConnectionCode = 4 // the connection would have too many rooms, or too many seats
	ConnectionRetry               ConnectionCode = 5 // try again in a moment
	ConnectionRoomMismatch        ConnectionCode = 6 // the room has no seats
)

func (c ConnectionCode) String() string {
	return name(int(c), map[int]string{
		-1: "Unknown", 0: "Success", 1: "RoomNotExist", 2: "Connecting", 3: "ConnectingOtherRoom", 4: "Full", 5: "Retry", 6: "RoomMismatch",
	})
}

// Limits of connections. The documents give the numbers of rooms and of users, and the time-outs of their apps: 10 s and
// 30 s.
const (
	MaxConnectedRooms      = 9       // the asking one included
	MaxConnectedUsers      = 50      // as many seats as the rooms may have in all
	MaxConnectionTimeout   = 300     // seconds
	MaxConnectionExtension = 1 << 10 // bytes of ExtensionInfo
)

// Connection is what a member may see of the connection that the room is in. Without one, and without requests, there
// is none.
type Connection struct {
	Connected []ConnectionUser    `json:"connected,omitempty"` // this room too, by the time when they joined; none: not connected
	Muted     []RoomID            `json:"muted,omitempty"`     // those of them that are not heard in this room
	Requests  []ConnectionRequest `json:"requests,omitempty"`  // pending: of this room, or to it; for the owner alone
}

// ConnectionRequest asks one room for a connection. RequestID is the id of the command that has asked, and with Invitee's
// room names the request.
type ConnectionRequest struct {
	RequestID     string           `json:"requestId"`
	Inviter       ConnectionUser   `json:"inviter"`
	Invitee       ConnectionUser   `json:"invitee"`
	InviteeList   []ConnectionUser `json:"inviteeList,omitempty"` // all that were asked with it; for the invited room
	ExtensionInfo string           `json:"extensionInfo,omitempty"`
	Created       int64            `json:"created"`  // Unix milliseconds
	Deadline      int64            `json:"deadline"` // Unix milliseconds
}

// ConnectionRequestParams asks other rooms for a connection, or into the one that the room is in.
type ConnectionRequestParams struct {
	CommandID     string   `json:"commandId"`
	RoomID        RoomID   `json:"roomId"`
	RoomIDs       []RoomID `json:"roomIds" required:"true"` // 1 to MaxConnectedRooms-1, each once
	Timeout       int64    `json:"timeout"`                 // seconds; 0 means MaxConnectionTimeout
	ExtensionInfo string   `json:"extensionInfo,omitempty"`
}

// ConnectionRequestResult says of each room whether it is asked, in the order of the call. How each request ends is an
// event.
type ConnectionRequestResult struct {
	Version uint64                 `json:"version"`
	Results []ConnectionRoomResult `json:"results"`
}

// ConnectionRoomResult is of one room.
type ConnectionRoomResult struct {
	RoomID RoomID         `json:"roomId"`
	Code   ConnectionCode `json:"code"`             // 0 is success, and always there
	Reason Code           `json:"reason,omitempty"` // why it is not asked, as an error would say it
}

// ConnectionCancelParams withdraws requests for a connection. One of them at least must be pending.
type ConnectionCancelParams struct {
	CommandID string   `json:"commandId"`
	RoomID    RoomID   `json:"roomId"`
	RoomIDs   []RoomID `json:"roomIds" required:"true"`
}

// ConnectionAnswerParams accepts or rejects the request of a room.
type ConnectionAnswerParams struct {
	CommandID string `json:"commandId"`
	RoomID    RoomID `json:"roomId"`
	Inviter   RoomID `json:"inviterRoomId"`
}

// ConnectionMuteParams says whether a connected room is heard in this one.
type ConnectionMuteParams struct {
	CommandID string `json:"commandId"`
	RoomID    RoomID `json:"roomId"`
	Connected RoomID `json:"connectedRoomId"`
	Mute      bool   `json:"mute" required:"true"`
}

// ConnectedSeats says who sits in rooms that a room is connected with: of each room that is named all seats. It comes when
// they have changed, four times a second at most, and to who enters or comes back.
type ConnectedSeats struct {
	RoomID RoomID        `json:"roomId"`
	Rooms  []SeatsOfRoom `json:"rooms"`
}

// SeatsOfRoom are all seats of a connected room.
type SeatsOfRoom struct {
	RoomID RoomID     `json:"roomId"`
	Seats  []SeatInfo `json:"seats"`
}

// ConnectionUserListChanged carries all connected rooms, this one included, and how the list has changed. It is empty
// when the room is connected no longer; Left has all others then, too.
type ConnectionUserListChanged struct {
	Connected []ConnectionUser `json:"connected"`
	Joined    []ConnectionUser `json:"joined,omitempty"`
	Left      []ConnectionUser `json:"left,omitempty"`
}

// ConnectionRequestReceived goes to the owners of both rooms.
type ConnectionRequestReceived struct {
	Request ConnectionRequest `json:"request"`
}

// ConnectionRequestEnded goes to the owners of both rooms, once: accepted, rejected, cancelled or timed out. A room that
// is gone, or whose owner is, does not answer any more: that is a time-out, too.
type ConnectionRequestEnded struct {
	Request ConnectionRequest `json:"request"` // without InviteeList and ExtensionInfo
	Result  RequestResultType `json:"result"`
}

// ConnectionMuted says that a connected room is not heard in this one from now on, or is again.
type ConnectionMuted struct {
	RoomID RoomID   `json:"roomId"`
	Muted  bool     `json:"isMuted"`
	By     UserInfo `json:"by"`
}

func (ConnectionUserListChanged) eventType() string { return "connectionUserListChanged" }
func (ConnectionRequestReceived) eventType() string { return "connectionRequestReceived" }
func (ConnectionRequestEnded) eventType() string    { return "connectionRequestEnded" }
func (ConnectionMuted) eventType() string           { return "connectionMuted" }
