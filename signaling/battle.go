package signaling

// BattleUser is a room in a battle, by its owner (documents: BattleUser).
type BattleUser struct {
	RoomID    RoomID `json:"roomId"`
	UserID    UserID `json:"userId"`
	UserName  string `json:"userName,omitempty"`
	AvatarURL string `json:"avatarUrl,omitempty"`
	Score     int64  `json:"score"`
	Left      bool   `json:"left,omitempty"` // it is out of the battle, with the score that it had then
}

// BattleInfo is a battle of rooms, or a request for one (documents: BattleInfo). Times are Unix milliseconds.
type BattleInfo struct {
	BattleID      string       `json:"battleId"`
	DurationMS    int64        `json:"durationMs"`
	PunishmentMS  int64        `json:"punishmentMs,omitempty"` // of the phase after its end by time; 0: none
	NeedResponse  bool         `json:"needResponse,omitempty"` // the invited had to agree
	ExtensionInfo string       `json:"extensionInfo,omitempty"`
	Inviter       BattleUser   `json:"inviter"`
	InviteeList   []BattleUser `json:"inviteeList"`
	StartTime     int64        `json:"startTime"`               // 0: it has not begun
	EndTime       int64        `json:"endTime"`                 // when it will end, or has ended
	PunishEndTime int64        `json:"punishEndTime,omitempty"` // it has ended, and its punishment phase will then
}

// Users returns all rooms of a battle, the inviter first.
func (b BattleInfo) Users() []BattleUser { return append([]BattleUser{b.Inviter}, b.InviteeList...) }

// Find returns a room of a battle.
func (b BattleInfo) Find(id RoomID) (BattleUser, bool) {
	for _, u := range b.Users() {
		if u.RoomID == id {
			return u, true
		}
	}
	return BattleUser{}, false
}

// BattleCode is what has become of asking one room for a battle.
type BattleCode int

// The battle codes, with the documents' numbers.
const (
	BattleUnknown           BattleCode = -1
	BattleSuccess           BattleCode = 0 // it is asked, or in the battle
	BattleRoomNotExist      BattleCode = 1
	BattleBattling          BattleCode = 2 // it is asked for a battle, or asks for one, just now
	BattleBattlingOtherRoom BattleCode = 3 // it is in a battle
	BattleRoomExit          BattleCode = 4 // it is not, or no longer, connected with the asking room
	BattleRetry             BattleCode = 5 // try again in a moment
)

func (c BattleCode) String() string {
	return name(int(c), map[int]string{
		-1: "Unknown", 0: "Success", 1: "RoomNotExist", 2: "Battling", 3: "BattlingOtherRoom", 4: "RoomExit", 5: "Retry",
	})
}

// Limits of battles. The documents give the number of rooms of the smaller package, and five minutes for a request.
const (
	MaxBattleRooms      = 10       // the inviter's included; of rooms that are connected there are fewer
	MinBattleDuration   = 1000     // milliseconds
	MaxBattleDuration   = 86400000 // milliseconds
	MaxBattlePunishment = 3600000  // milliseconds
	MaxBattleTimeout    = 300      // seconds
	MaxBattleExtension  = 1 << 10  // bytes of ExtensionInfo
)

// BattleRequest is a request for a battle that is pending: it begins when all invited rooms have accepted.
type BattleRequest struct {
	Battle   BattleInfo `json:"battle"`
	Accepted []RoomID   `json:"accepted,omitempty"` // invited rooms that have
	Created  int64      `json:"created"`            // Unix milliseconds
	Deadline int64      `json:"deadline"`           // Unix milliseconds
}

// BattleRequestParams asks rooms that the room is connected with for a battle. Where they need not respond it begins at
// once.
type BattleRequestParams struct {
	CommandID     string   `json:"commandId"`
	RoomID        RoomID   `json:"roomId"`
	RoomIDs       []RoomID `json:"roomIds" required:"true"`    // 1 to MaxConnectedRooms-1, each once
	DurationMS    int64    `json:"durationMs" required:"true"` // MinBattleDuration to MaxBattleDuration
	PunishmentMS  int64    `json:"punishmentMs,omitempty"`     // 0 to MaxBattlePunishment
	NeedResponse  bool     `json:"needResponse"`
	ExtensionInfo string   `json:"extensionInfo,omitempty"`
	Timeout       int64    `json:"timeout"` // seconds that the invited have; 0 means MaxBattleTimeout
}

// BattleRequestResult says of each room whether it is asked, in the order of the call. How each answers is an event.
type BattleRequestResult struct {
	Version  uint64             `json:"version"`
	BattleID string             `json:"battleId,omitempty"` // empty: no room could be asked, so there is no battle
	Results  []BattleRoomResult `json:"results"`
}

// BattleRoomResult is of one room.
type BattleRoomResult struct {
	RoomID RoomID     `json:"roomId"`
	Code   BattleCode `json:"code"`             // 0 is success, and always there
	Reason Code       `json:"reason,omitempty"` // why it is not asked, as an error would say it
}

// BattleParams names a battle, or a request for one.
type BattleParams struct {
	CommandID string `json:"commandId"`
	RoomID    RoomID `json:"roomId"`
	BattleID  string `json:"battleId"`
}

// BattleStoppedReason says why a battle ended.
type BattleStoppedReason int

// The reasons for the end of a battle, with the documents' numbers.
const (
	BattleTimeOver  BattleStoppedReason = 0
	BattleOtherExit BattleStoppedReason = 1 // fewer than two rooms were left
)

func (r BattleStoppedReason) String() string {
	return name(int(r), map[int]string{0: "TimeOver", 1: "OtherExit"})
}

// BattleRequestReceived goes to the owners of all rooms of the request, the inviter's too.
type BattleRequestReceived struct {
	Request BattleRequest `json:"request"`
}

// BattleRequestEnded goes to the owners of all rooms of a request. Accepted, by the invited rooms that it names, ends it when
// all have, and then the battle begins. Any other result ends it for all, and names the rooms that it is due to: the one that
// has rejected, or those that have not answered.
type BattleRequestEnded struct {
	BattleID string            `json:"battleId"`
	Invitees []RoomID          `json:"inviteeRoomIds"`
	Result   RequestResultType `json:"result"`
}

// BattleStarted says that the room is in a battle from now on.
type BattleStarted struct {
	Battle BattleInfo `json:"battle"`
}

// BattleScoreChanged carries all rooms of a battle with their scores.
type BattleScoreChanged struct {
	BattleID string       `json:"battleId"`
	Users    []BattleUser `json:"users"` // the inviter first
}

// BattleUserLeft says that a room is out of the battle, which goes on among the others.
type BattleUserLeft struct {
	BattleID string     `json:"battleId"`
	User     BattleUser `json:"user"`
}

// BattleEnded says that the battle is over for the room, and how it stood. With a PunishEndTime the room is in its
// punishment phase from now on.
type BattleEnded struct {
	Battle BattleInfo          `json:"battle"`
	Reason BattleStoppedReason `json:"reason"`
}

// BattlePunishmentEnded says that the punishment phase of a battle is over. The documents have no such event: their apps
// count it down themselves.
type BattlePunishmentEnded struct {
	Battle BattleInfo `json:"battle"`
}

func (BattleRequestReceived) eventType() string { return "battleRequestReceived" }
func (BattleRequestEnded) eventType() string    { return "battleRequestEnded" }
func (BattleStarted) eventType() string         { return "battleStarted" }
func (BattleScoreChanged) eventType() string    { return "battleScoreChanged" }
func (BattleUserLeft) eventType() string        { return "battleUserLeft" }
func (BattleEnded) eventType() string           { return "battleEnded" }
func (BattlePunishmentEnded) eventType() string { return "battlePunishmentEnded" }
