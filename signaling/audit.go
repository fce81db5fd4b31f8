package signaling

// ActKind says what somebody has done to a room.
type ActKind string

// The kinds of acts. The documents have no such list.
const (
	ActMute           ActKind = "mute"           // Users until Until, Unix milliseconds
	ActUnmute         ActKind = "unmute"         // Users
	ActMuteAll        ActKind = "muteAll"        // only managers may chat
	ActUnmuteAll      ActKind = "unmuteAll"      // everybody may
	ActKick           ActKind = "kick"           // Users out of the room
	ActBan            ActKind = "ban"            // Users until Until, because of Reason
	ActUnban          ActKind = "unban"          // Users
	ActRole           ActKind = "role"           // Users have Role from now on
	ActKickOffSeat    ActKind = "kickOffSeat"    // Users off their seat Index
	ActPickUserOnSeat ActKind = "pickUserOnSeat" // Users onto seat Index, unasked
	ActMoveUser       ActKind = "moveUser"       // Users to seat Index; the first was moved, another was there
	ActLockSeat       ActKind = "lockSeat"       // the locks of seat Index are those in Changes; Users sat there and are off it
	ActUpdateRoom     ActKind = "updateRoom"     // the room has Changes
	ActSetMetadata    ActKind = "setMetadata"    // of the keys in Keys
	ActDeleteMetadata ActKind = "deleteMetadata" // of the keys in Keys
	ActAddRobot       ActKind = "addRobot"       // Users into the room
	ActRemoveRobot    ActKind = "removeRobot"    // Users out of it
	ActDismiss        ActKind = "dismiss"        // the room is over; where the server has ended it, Reason is the rule: empty, owner left, owner lost
)

// Act is something that somebody with a right to it has done to a room: one line of its audit log.
type Act struct {
	Sequence uint64            `json:"sequence"`           // names it in its room; grows, not by one
	Time     int64             `json:"time"`               // Unix milliseconds, by the server's clock
	Operator UserID            `json:"operator,omitempty"` // who did it; empty: the server itself
	ByApp    bool              `json:"byApp,omitempty"`    // by the app's own server: Operator is its administrator
	Kind     ActKind           `json:"act"`
	Users    []UserID          `json:"users,omitempty"`    // to whom
	Role     *Role             `json:"userRole,omitempty"` // of an [ActRole]
	Index    *SeatIndex        `json:"index,omitempty"`
	Until    int64             `json:"until,omitempty"` // Unix milliseconds
	Reason   string            `json:"reason,omitempty"`
	Keys     []string          `json:"keys,omitempty"`
	Changes  map[string]string `json:"changes,omitempty"` // what it is now, by the names of the wire
}

// AuditParams asks for a room's acts. Before is the Sequence behind which to go on; 0: begin with the newest.
type AuditParams struct {
	RoomID RoomID `json:"roomId"`
	Before uint64 `json:"before,omitempty"`
	Limit  int    `json:"limit,omitempty"`
}

// AuditPage is some of a room's acts, the newest first.
type AuditPage struct {
	Acts []Act  `json:"acts"`
	Next uint64 `json:"next,omitempty"` // Before of the next page; absent: there is none
}
