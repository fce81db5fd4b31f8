package signaling

import "strconv"

// SeatMode says whether the audience asks before it sits down.
type SeatMode int

// The seat modes, with the documents' numbers.
const (
	FreeToTake  SeatMode = 1 // whoever finds a free seat sits
	ApplyToTake SeatMode = 2 // the owner or an administrator has to agree
)

func (m SeatMode) String() string {
	return name(int(m), map[int]string{1: "FreeToTake", 2: "ApplyToTake"})
}

// Role is what a member may do in a room. Mind that the documents number the owner 0.
type Role int

// The roles, with the documents' numbers.
const (
	RoomOwner     Role = 0
	Administrator Role = 1
	GeneralUser   Role = 2
)

func (r Role) String() string {
	return name(int(r), map[int]string{0: "RoomOwner", 1: "Administrator", 2: "GeneralUser"})
}

// Manages reports whether the role may answer requests and manage seats.
func (r Role) Manages() bool { return r == RoomOwner || r == Administrator }

// ChangeReason says who changed something about a user.
type ChangeReason int

// The change reasons, with the documents' numbers.
const (
	BySelf  ChangeReason = 0
	ByAdmin ChangeReason = 1
)

func (r ChangeReason) String() string {
	return name(int(r), map[int]string{0: "BySelf", 1: "ByAdmin"})
}

// KickedOutReason says why the server took a user out of a room.
type KickedOutReason int

// The reasons for being taken out of a room, with the documents' numbers.
const (
	KickedByAdmin                KickedOutReason = 0
	KickedByLoginOnOtherDevice   KickedOutReason = 1
	KickedByServer               KickedOutReason = 2
	KickedForNetworkDisconnected KickedOutReason = 3
	KickedForStatusInvalid       KickedOutReason = 4 // the room ended, or the user was kicked, while offline
	KickedForTooManyRooms        KickedOutReason = 5
)

func (r KickedOutReason) String() string {
	return name(int(r), map[int]string{
		0: "ByAdmin", 1: "ByLoginOnOtherDevice", 2: "ByServer",
		3: "ForNetworkDisconnected", 4: "ForStatusInvalid", 5: "ForTooManyRooms",
	})
}

// DismissedReason says who ended a room.
type DismissedReason int

// The dismissal reasons, with the documents' numbers.
const (
	DismissedByOwner  DismissedReason = 1
	DismissedByServer DismissedReason = 2
)

func (r DismissedReason) String() string {
	return name(int(r), map[int]string{1: "ByOwner", 2: "ByServer"})
}

// RequestType is the direction of a request about a seat.
type RequestType int

// The request types. The documents name them in this order and give no numbers; here 0 stays free for "no request".
const (
	ApplyToTakeSeat  RequestType = 1 // a member asks the managers
	InviteToTakeSeat RequestType = 2 // a manager asks a member
)

func (t RequestType) String() string {
	return name(int(t), map[int]string{1: "ApplyToTakeSeat", 2: "InviteToTakeSeat"})
}

// RequestResultType is how a request ended.
type RequestResultType int

// The ways in which a request ends, with the documents' numbers.
const (
	Accepted  RequestResultType = 0
	Rejected  RequestResultType = 1
	Cancelled RequestResultType = 2
	Timeout   RequestResultType = 3
	Failed    RequestResultType = 4 // the documents' onError; the error says why
)

func (t RequestResultType) String() string {
	return name(int(t), map[int]string{0: "Accepted", 1: "Rejected", 2: "Cancelled", 3: "Timeout", 4: "Error"})
}

// MoveSeatPolicy says what becomes of whoever sits where somebody else is moved to.
type MoveSeatPolicy int

// The policies of a move, with the documents' numbers.
const (
	AbortWhenOccupied MoveSeatPolicy = 0 // nobody is moved
	ForceReplace      MoveSeatPolicy = 1 // the occupant loses the seat
	SwapPosition      MoveSeatPolicy = 2 // the occupant gets the seat that becomes free
)

func (p MoveSeatPolicy) String() string {
	return name(int(p), map[int]string{0: "AbortWhenOccupied", 1: "ForceReplace", 2: "SwapPosition"})
}

// MicStatus is a seated user's microphone as the others see it.
type MicStatus int

// The microphone states of seat lists.
const (
	MicOff        MicStatus = 0 // not opened, or muted by its user
	MicOn         MicStatus = 1
	MicOffByAdmin MicStatus = 2 // silenced by an audio lock; its user may not reopen it until the lock is gone
)

func (s MicStatus) String() string {
	return name(int(s), map[int]string{0: "MicOff", 1: "MicOn", 2: "MicOffByAdmin"})
}

// NetworkQuality is how good somebody's line to the server is.
type NetworkQuality int

// The network qualities, with the documents' numbers.
const (
	NetworkUnknown   NetworkQuality = 0 // nothing has been measured, or not of late
	NetworkExcellent NetworkQuality = 1
	NetworkGood      NetworkQuality = 2
	NetworkPoor      NetworkQuality = 3
	NetworkBad       NetworkQuality = 4
	NetworkVeryBad   NetworkQuality = 5
	NetworkDown      NetworkQuality = 6 // nothing gets through
)

func (q NetworkQuality) String() string {
	return name(int(q), map[int]string{
		0: "Unknown", 1: "Excellent", 2: "Good", 3: "Poor", 4: "Bad", 5: "VeryBad", 6: "Down",
	})
}

// NetworkInfo describes the line between a user and the server.
type NetworkInfo struct {
	UserID   UserID         `json:"userId"`
	Quality  NetworkQuality `json:"quality,omitempty"`
	UpLoss   int            `json:"upLoss,omitempty"`   // per cent of the user's packets that do not reach the server
	DownLoss int            `json:"downLoss,omitempty"` // per cent of the server's packets that do not reach the user
	Delay    int            `json:"delay,omitempty"`    // milliseconds to the server and back; 0 is unknown
}

// name returns the name of an enumeration's value, or the number for one that this version does not know: values
// from a newer server pass through.
func name(v int, names map[int]string) string {
	if s, ok := names[v]; ok {
		return s
	}
	return strconv.Itoa(v)
}

// UserInfo is a user as others see them.
type UserInfo struct {
	UserID    UserID `json:"userId"`
	UserName  string `json:"userName,omitempty"`
	AvatarURL string `json:"avatarUrl,omitempty"`
	Level     uint32 `json:"level,omitempty"` // of the profile, set by the app's server alone; not of those whom seats name
	Role      Role   `json:"userRole"`
}

// RoomInfo describes a room. For creating one, RoomID is required; Name defaults to RoomID, SeatMode to
// [ApplyToTake] and MaxSeatCount to 10. OwnerID, OwnerName, CreateTime, MemberCount and ViewCount are the server's.
type RoomInfo struct {
	RoomID       RoomID   `json:"roomId"`
	Name         string   `json:"name,omitempty"` // at most 100 bytes
	OwnerID      UserID   `json:"ownerId,omitempty"`
	OwnerName    string   `json:"ownerName,omitempty"`
	SeatMode     SeatMode `json:"seatMode,omitempty"`
	MaxSeatCount int      `json:"maxSeatCount,omitempty"`
	CreateTime   int64    `json:"createTime,omitempty"` // Unix milliseconds
	MemberCount  int      `json:"memberCount,omitempty"`

	MaxMemberCount int `json:"maxMemberCount,omitempty"` // 0: as many as the server allows

	Notice          string `json:"notice,omitempty"`            // at most 100 bytes
	CoverURL        string `json:"coverUrl,omitempty"`          // at most 200 bytes
	BackgroundURL   string `json:"backgroundUrl,omitempty"`     // at most 200 bytes
	Categories      []int  `json:"categoryList,omitempty"`      // at most 3, of 32 bits, whose meaning is the app's
	ActivityStatus  int    `json:"activityStatus,omitempty"`    // of 32 bits; its meaning is the app's
	CustomInfo      string `json:"customInfo,omitempty"`        // at most 500 bytes; its meaning is the app's
	Hidden          bool   `json:"isHidden,omitempty"`          // not in lists of rooms (documents: isPublicVisible is false)
	MessageDisabled bool   `json:"isMessageDisabled,omitempty"` // only managers may chat
	GiftDisabled    bool   `json:"isGiftDisabled,omitempty"`    // nobody may send gifts (documents: isGiftEnabled is false)
	LikeDisabled    bool   `json:"isLikeDisabled,omitempty"`    // nobody may like the room (documents: isLikeEnabled is false)
	ViewCount       int64  `json:"viewCount,omitempty"`         // how often somebody has entered

	HasPassword bool `json:"hasPassword,omitempty"` // those who are no managers enter with it; the server's

	// Password is for creating a room that is entered with it: 1 to 64 bytes. It is in no message but that one, and the
	// server shows it to nobody.
	Password string `json:"-"`
}

// SeatInfo is one seat. The locks belong to the seat and outlast whoever sits on it.
type SeatInfo struct {
	Index       SeatIndex `json:"index"`
	UserID      UserID    `json:"userId,omitempty"` // empty: the seat is vacant
	UserName    string    `json:"userName,omitempty"`
	AvatarURL   string    `json:"avatarUrl,omitempty"`
	Locked      bool      `json:"isLocked,omitempty"`
	AudioLocked bool      `json:"isAudioLocked,omitempty"`
	VideoLocked bool      `json:"isVideoLocked,omitempty"` // stored and shown; a voice room does nothing with it
	Mic         MicStatus `json:"mic,omitempty"`
}

// LockFlag says which of a SeatLock's fields are meant, as a bit mask with the documents' numbers.
type LockFlag int

// The lock flags.
const (
	LockFlagSeat  LockFlag = 1
	LockFlagVideo LockFlag = 2
	LockFlagAudio LockFlag = 4
	LockFlagAll   LockFlag = 7
)

// SeatLock is what a seat's locks become. Only the fields that Which names are applied; 0 means all three.
type SeatLock struct {
	Seat  bool     `json:"lockSeat"`
	Video bool     `json:"lockVideo"`
	Audio bool     `json:"lockAudio"`
	Which LockFlag `json:"which,omitempty"`
}

// Request is a pending application or invitation. Its id is the id of the command that made it, so whoever sends
// the command knows the request before the server has answered.
type Request struct {
	RequestID string      `json:"requestId"`
	Type      RequestType `json:"type"`
	From      UserInfo    `json:"from"`
	To        UserID      `json:"to,omitempty"` // who is invited; empty for an application, which goes to all managers
	Index     SeatIndex   `json:"index"`
	Created   int64       `json:"created"`            // Unix milliseconds
	Deadline  int64       `json:"deadline,omitempty"` // Unix milliseconds; 0: it waits for ever
}

// Slot says who is heard on one of the m-lines that the join negotiated. An empty UserID means nobody. RoomID is the
// connected room in which that user speaks, empty for the member's own.
type Slot struct {
	MID    string `json:"mid"`
	RoomID RoomID `json:"roomId,omitempty"`
	UserID UserID `json:"userId,omitempty"`
}

// Snapshot is a room as one member may see it.
type Snapshot struct {
	Version  uint64     `json:"version"`
	Room     RoomInfo   `json:"room"`
	Self     UserInfo   `json:"self"`
	Admins   []UserID   `json:"admins,omitempty"` // present or not
	Seats    []SeatInfo `json:"seats"`
	Requests []Request  `json:"requests,omitempty"` // all of them for a manager, else the member's own

	Metadata map[string]string `json:"metadata,omitempty"` // the app's own data of the room
	Battle   *BattleInfo       `json:"battle,omitempty"`   // that the room is in

	BattleRequests []BattleRequest `json:"battleRequests,omitempty"` // of the room, or to it; for the owner alone

	Connection *Connection `json:"connection,omitempty"` // with other rooms, and requests for one

	MutedUntil int64 `json:"mutedUntil,omitempty"` // until when the member may not chat, Unix milliseconds; 0: they may

	Statistics LiveStatistics `json:"statistics,omitzero"`
}
