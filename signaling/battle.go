package signaling

// BattleUser is a room in a battle, by its owner (documents: BattleUser).
type BattleUser struct {
	RoomID    RoomID `json:"roomId"`
	UserID    UserID `json:"userId"`
	UserName  string `json:"userName,omitempty"`
	AvatarURL string `json:"avatarUrl,omitempty"`
	Score     int64  `json:"score"`
}

// BattleInfo is a battle of rooms that has begun (documents: BattleInfo). Times are Unix milliseconds.
type BattleInfo struct {
	BattleID      string       `json:"battleId"`
	DurationMS    int64        `json:"durationMs"`
	NeedResponse  bool         `json:"needResponse,omitempty"` // the invited had to agree
	ExtensionInfo string       `json:"extensionInfo,omitempty"`
	Inviter       BattleUser   `json:"inviter"`
	InviteeList   []BattleUser `json:"inviteeList"`
	StartTime     int64        `json:"startTime"`
	EndTime       int64        `json:"endTime"` // when it will end, or has ended
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

// BattleStarted says that the room is in a battle from now on.
type BattleStarted struct {
	Battle BattleInfo `json:"battle"`
}

// BattleScoreChanged carries all rooms of a battle with their scores.
type BattleScoreChanged struct {
	BattleID string       `json:"battleId"`
	Users    []BattleUser `json:"users"` // the inviter first
}

// BattleEnded says that the room is in this battle no longer, and how it stood.
type BattleEnded struct {
	Battle BattleInfo          `json:"battle"`
	Reason BattleStoppedReason `json:"reason"`
}

func (BattleStarted) eventType() string      { return "battleStarted" }
func (BattleScoreChanged) eventType() string { return "battleScoreChanged" }
func (BattleEnded) eventType() string        { return "battleEnded" }
