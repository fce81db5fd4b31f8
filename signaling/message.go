package signaling

// Subprotocol is the WebSocket subprotocol; its number grows when a message changes in a way old peers would misread.
const Subprotocol = "openvoiceroom.v1"

// Limits of the wire. The server closes a connection that breaks the first two (1009, 1013).
const (
	MaxFrame       = 64 << 10 // bytes of one message: an offer with about 60 m-lines of a browser fits
	MaxQueue       = 256      // messages that wait for a client that does not read
	CallsPerSecond = 50       // calls of one client, with a burst of twice as many; more are answered with -2
)

// The methods a client calls, each with its parameters and result below.
const (
	MethodLogin          = "session.login"       // LoginParams -> LoginResult
	MethodLogout         = "session.logout"      // Empty -> Empty
	MethodPing           = "session.ping"        // Empty -> Empty
	MethodRenew          = "session.renew"       // RenewParams -> RenewResult
	MethodSetSelfInfo    = "session.setSelfInfo" // SelfInfoParams -> Empty
	MethodCreateRoom     = "room.create"         // CreateRoomParams -> CreateRoomResult
	MethodJoinRoom       = "room.join"           // JoinParams -> JoinResult
	MethodLeaveRoom      = "room.leave"          // RoomParams -> Done
	MethodDismissRoom    = "room.dismiss"        // RoomParams -> DismissResult
	MethodSnapshot       = "room.snapshot"       // RoomParams -> Snapshot
	MethodGetRoom        = "room.get"            // GetRoomParams -> GetRoomResult
	MethodListRooms      = "room.list"           // ListRoomsParams -> ListRoomsResult
	MethodUpdateRoom     = "room.update"         // UpdateRoomParams -> Done
	MethodSetMetadata    = "room.setMetadata"    // SetMetadataParams -> Done
	MethodDeleteMetadata = "room.deleteMetadata" // DeleteMetadataParams -> Done
	MethodKickOut        = "room.kick"           // UserParams -> Done
	MethodChangeRole     = "room.role"           // ChangeRoleParams -> Done
	MethodMute           = "room.mute"           // MuteParams -> Done
	MethodBan            = "room.ban"            // BanParams -> Done
	MethodUnban          = "room.unban"          // UnbanParams -> Done
	MethodListMuted      = "room.muted"          // SanctionListParams -> SanctionListResult
	MethodListBanned     = "room.banned"         // SanctionListParams -> SanctionListResult
	MethodAudit          = "room.audit"          // AuditParams -> AuditPage
	MethodListMembers    = "member.list"         // ListParams -> ListResult
	MethodListAudience   = "audience.list"       // RoomParams -> AudienceList
	MethodTakeSeat       = "seat.take"           // TakeSeatParams -> TakeSeatResult
	MethodLeaveSeat      = "seat.leave"          // RoomParams -> Done
	MethodMoveSeat       = "seat.move"           // MoveSeatParams -> Done
	MethodMoveUser       = "seat.moveUser"       // MoveUserParams -> Done
	MethodInvite         = "seat.invite"         // InviteParams -> Done
	MethodKickOffSeat    = "seat.kick"           // UserParams -> Done
	MethodLockSeat       = "seat.lock"           // LockSeatParams -> Done
	MethodRespondRequest = "request.respond"     // RespondParams -> Done
	MethodCancelRequest  = "request.cancel"      // CancelParams -> Done
	MethodSetAudio       = "audio.set"           // AudioParams -> Done
	MethodRestartMedia   = "media.restart"       // RestartParams -> RestartResult
	MethodFollow         = "follow.add"          // FollowParams -> FollowResult
	MethodUnfollow       = "follow.remove"       // FollowParams -> FollowResult
	MethodCheckFollow    = "follow.check"        // FollowParams -> FollowTypes
	MethodFollowInfo     = "follow.info"         // FollowParams -> FollowInfos
	MethodFollowList     = "follow.list"         // FollowListParams -> FollowPage
	MethodSendBarrage    = "barrage.send"        // SendBarrageParams -> SendBarrageResult
	MethodBarrageHistory = "barrage.history"     // RoomParams -> BarrageHistory
	MethodListGifts      = "gift.list"           // GiftListParams -> GiftListResult
	MethodSendGift       = "gift.send"           // SendGiftParams -> Done
	MethodGiftTotals     = "gift.totals"         // GiftTotalsParams -> GiftTotals

	MethodRequestConnection = "connection.request"    // ConnectionRequestParams -> ConnectionRequestResult
	MethodCancelConnection  = "connection.cancel"     // ConnectionCancelParams -> Done
	MethodAcceptConnection  = "connection.accept"     // ConnectionAnswerParams -> Done
	MethodRejectConnection  = "connection.reject"     // ConnectionAnswerParams -> Done
	MethodDisconnect        = "connection.disconnect" // RoomParams -> Done
	MethodMuteConnection    = "connection.mute"       // ConnectionMuteParams -> Done
	MethodRequestBattle     = "battle.request"        // BattleRequestParams -> BattleRequestResult
	MethodCancelBattle      = "battle.cancel"         // BattleParams -> Done
	MethodAcceptBattle      = "battle.accept"         // BattleParams -> Done
	MethodRejectBattle      = "battle.reject"         // BattleParams -> Done
	MethodExitBattle        = "battle.exit"           // BattleParams -> Done
	MethodSendLike          = "like.send"             // LikeParams -> LikeResult
	MethodStatistics        = "room.statistics"       // StatisticsParams -> StatisticsResult
)

// The notifications a server sends.
const (
	NotifyRoomEvents = "room.events"             // RoomEvents
	NotifySlots      = "media.slots"             // SlotsChanged
	NotifyNetwork    = "media.network"           // NetworkChanged
	NotifyKickedOff  = "session.kickedOffLine"   // KickedOffLine
	NotifyNodes      = "session.nodes"           // NodesChanged
	NotifySigExpired = "session.userSigExpired"  // UserSigExpired
	NotifyFollowers  = "follow.followersChanged" // FollowersChanged
	NotifyBarrage    = "barrage.received"        // BarrageReceived

	NotifyConnectedSeats = "connection.seats"       // ConnectedSeats
	NotifyLikes          = "like.received"          // LikesReceived
	NotifyStatistics     = "room.statisticsChanged" // StatisticsChanged
)

// Empty is the parameters or result of a call that has none.
type Empty struct{}

// LoginParams is the first message of a connection. The UserSig travels here and never in a URL.
type LoginParams struct {
	SDKAppID  AppID    `json:"sdkAppId"`
	UserID    UserID   `json:"userId"`
	UserSig   string   `json:"userSig"`
	UserName  string   `json:"userName,omitempty"`  // at most 100 bytes
	AvatarURL string   `json:"avatarUrl,omitempty"` // at most 200 bytes
	Client    string   `json:"client,omitempty"`    // the SDK and its version, for the server's log
	Platform  Platform `json:"platform,omitempty"`  // what the client runs on, for the app's server
	Resume    *Resume  `json:"resume,omitempty"`
}

// Resume asks to go on with an earlier session after a broken connection.
type Resume struct {
	SessionID string            `json:"sessionId"`
	Versions  map[RoomID]uint64 `json:"versions,omitempty"` // of each room that was entered: the last version seen
}

// LoginResult is what a client has to know about its session.
type LoginResult struct {
	SessionID  string   `json:"sessionId"`
	Resumed    bool     `json:"resumed,omitempty"`   // the earlier session goes on; else this is a new one, in no room
	Rooms      []RoomID `json:"rooms,omitempty"`     // the rooms that it goes on in; the others have to be joined again
	GraceMS    int64    `json:"graceMs"`             // how long a seat is kept for a session that is away
	PingMS     int64    `json:"pingMs"`              // the server pings this often; two silent intervals mean it is gone
	ExpiresAt  int64    `json:"expiresAt,omitempty"` // when the UserSig expires, Unix milliseconds
	ServerTime int64    `json:"serverTime"`          // Unix milliseconds
	Nodes      []string `json:"nodes,omitempty"`     // URLs of the servers that may be tried next
}

// RenewParams shows a newer UserSig, so that the session may outlast the one it began with.
type RenewParams struct {
	UserSig string `json:"userSig" required:"true"`
}

// RenewResult says until when the session is good now.
type RenewResult struct {
	ExpiresAt  int64 `json:"expiresAt"`  // Unix milliseconds; never earlier than before
	ServerTime int64 `json:"serverTime"` // Unix milliseconds
}

// SelfInfoParams changes under which name and avatar the others see this user. Absent fields stay; empty ones are
// removed.
type SelfInfoParams struct {
	UserName  *string `json:"userName,omitempty"`  // at most 100 bytes
	AvatarURL *string `json:"avatarUrl,omitempty"` // at most 200 bytes
}

// CreateRoomParams creates a room; the caller becomes its owner. Creating does not enter.
type CreateRoomParams struct {
	CommandID string   `json:"commandId"`
	Room      RoomInfo `json:"room" required:"true"`
	Password  string   `json:"password,omitempty"` // with which the others enter, 1 to 64 bytes
}

// CreateRoomResult is the room as the server filled it in.
type CreateRoomResult struct {
	Room RoomInfo `json:"room"`
}

// GetRoomParams asks about a room that one need not be in.
type GetRoomParams struct {
	RoomID RoomID `json:"roomId"`
}

// GetRoomResult is the room as anybody may see it.
type GetRoomResult struct {
	Room RoomInfo `json:"room"`
}

// The most rooms that one page holds, and how many it holds when nobody says (documents, fetchLiveList).
const (
	RoomPageLimit = 50
	RoomPage      = 20
)

// ListRoomsParams asks for a page of the app's public rooms, first those that were entered most often.
type ListRoomsParams struct {
	Cursor string `json:"cursor,omitempty"` // the former page's next
	Count  int    `json:"count,omitempty"`  // 1 to RoomPageLimit; 0 means RoomPage
}

// ListRoomsResult is one page. It may have fewer rooms than were asked for although there are more.
type ListRoomsResult struct {
	Rooms []RoomInfo `json:"rooms"`
	Next  string     `json:"next,omitempty"` // for the next page's cursor; absent on the last
}

// JoinParams enters a room and negotiates its media in the same round trip.
type JoinParams struct {
	RoomID RoomID `json:"roomId"`
	Offer  string `json:"offer,omitempty"` // SDP without candidates; empty: no media (a moderator's bot)
	Since  uint64 `json:"since,omitempty"` // of a client that comes back: the last version it saw

	Password string `json:"password,omitempty"` // for a room that is entered with one
}

// JoinResult is the room, and the answer to the offer with who is heard on which m-line.
type JoinResult struct {
	Snapshot Snapshot    `json:"snapshot"`
	Missed   *RoomEvents `json:"missed,omitempty"` // what leads from Since to the snapshot, where that is known
	Answer   string      `json:"answer,omitempty"`
	Slots    []Slot      `json:"slots,omitempty"`
}

// RoomParams is a command that needs nothing but the room.
type RoomParams struct {
	CommandID string `json:"commandId,omitempty"`
	RoomID    RoomID `json:"roomId"`
}

// Done answers a command: the room's version after it. A client that has applied that version sees the change.
type Done struct {
	Version uint64 `json:"version"`
}

// TakeSeatParams takes a seat or applies for one.
type TakeSeatParams struct {
	CommandID string    `json:"commandId"`
	RoomID    RoomID    `json:"roomId"`
	Index     SeatIndex `json:"index" required:"true"`
	Timeout   int64     `json:"timeout"` // seconds until an application ends by itself; 0: never
}

// TakeSeatResult is either a seat at once or a pending application, whose id is the command's. How the application
// ends is an event: no call stays open while a person decides.
type TakeSeatResult struct {
	Version uint64    `json:"version"`
	Pending bool      `json:"pending,omitempty"`
	Index   SeatIndex `json:"index"`
}

// MoveSeatParams moves the caller from one seat to another, which must be free.
type MoveSeatParams struct {
	CommandID string    `json:"commandId"`
	RoomID    RoomID    `json:"roomId"`
	Index     SeatIndex `json:"index" required:"true"`
}

// MoveUserParams moves another seated member. Of oneself it is a [MethodMoveSeat]: the policy is not heeded.
type MoveUserParams struct {
	CommandID string         `json:"commandId"`
	RoomID    RoomID         `json:"roomId"`
	UserID    UserID         `json:"userId"`
	Index     SeatIndex      `json:"index" required:"true"`
	Policy    MoveSeatPolicy `json:"policy,omitempty"`
}

// InviteParams asks a member to sit down. The member decides; how it ends is an event.
type InviteParams struct {
	CommandID string    `json:"commandId"`
	RoomID    RoomID    `json:"roomId"`
	UserID    UserID    `json:"userId"`
	Index     SeatIndex `json:"index" required:"true"`
	Timeout   int64     `json:"timeout"` // seconds until the invitation ends by itself; 0: never
}

// UserParams is a command about another member.
type UserParams struct {
	CommandID string `json:"commandId"`
	RoomID    RoomID `json:"roomId"`
	UserID    UserID `json:"userId"`
}

// LockSeatParams sets a seat's locks: those that Which names.
type LockSeatParams struct {
	CommandID string    `json:"commandId"`
	RoomID    RoomID    `json:"roomId"`
	Index     SeatIndex `json:"index" required:"true"`
	SeatLock
}

// UpdateRoomParams changes what managers may change. Absent fields stay.
type UpdateRoomParams struct {
	CommandID string    `json:"commandId"`
	RoomID    RoomID    `json:"roomId"`
	Name      *string   `json:"name,omitempty"`     // at most 100 bytes
	SeatMode  *SeatMode `json:"seatMode,omitempty"` // pending applications stay and can be answered

	// As in [RoomInfo]; empty, 0 and false are values, too.
	Notice          *string `json:"notice,omitempty"`
	CoverURL        *string `json:"coverUrl,omitempty"`
	BackgroundURL   *string `json:"backgroundUrl,omitempty"`
	Categories      *[]int  `json:"categoryList,omitempty"`
	ActivityStatus  *int    `json:"activityStatus,omitempty"`
	CustomInfo      *string `json:"customInfo,omitempty"`
	Hidden          *bool   `json:"isHidden,omitempty"`
	MessageDisabled *bool   `json:"isMessageDisabled,omitempty"`
	GiftDisabled    *bool   `json:"isGiftDisabled,omitempty"`
	Password        *string `json:"password,omitempty"` // 1 to 64 bytes; empty: the room is entered without from now on
	LikeDisabled    *bool   `json:"isLikeDisabled,omitempty"`
}

// SetMetadataParams adds keys to the room's metadata, or changes their values: 10 keys of 50 bytes, 2 KiB a value, 16 KiB
// in all (documents: set_room_metadata).
type SetMetadataParams struct {
	CommandID string            `json:"commandId"`
	RoomID    RoomID            `json:"roomId"`
	Metadata  map[string]string `json:"metadata" required:"true"`
}

// DeleteMetadataParams removes keys from the room's metadata. One at least must be there.
type DeleteMetadataParams struct {
	CommandID string   `json:"commandId"`
	RoomID    RoomID   `json:"roomId"`
	Keys      []string `json:"keys" required:"true"`
}

// ChangeRoleParams makes a member an administrator or takes it back; role 0 hands the room over.
type ChangeRoleParams struct {
	CommandID string `json:"commandId"`
	RoomID    RoomID `json:"roomId"`
	UserID    UserID `json:"userId"`
	Role      Role   `json:"userRole" required:"true"`
}

// PageLimit is the most members that one page holds (documents, getUserList).
const PageLimit = 50

// ListParams asks for a page of the room's members, in the order of their ids.
type ListParams struct {
	RoomID  RoomID `json:"roomId"`
	After   UserID `json:"after,omitempty"`   // the former page's next
	Keyword string `json:"keyword,omitempty"` // only this user id, or names that hold it, in upper or lower case
	Limit   int    `json:"limit,omitempty"`   // 1 to PageLimit; 0 means PageLimit
}

// ListResult is one page.
type ListResult struct {
	Members []UserInfo `json:"members"`
	Next    UserID     `json:"next,omitempty"` // for the next page's after; absent on the last
	Total   int        `json:"total"`          // members of the room
}

// RespondParams answers a request.
type RespondParams struct {
	CommandID string `json:"commandId"`
	RoomID    RoomID `json:"roomId"`
	RequestID string `json:"requestId"`
	Agree     bool   `json:"agree" required:"true"`
}

// CancelParams withdraws a request of one's own.
type CancelParams struct {
	CommandID string `json:"commandId"`
	RoomID    RoomID `json:"roomId"`
	RequestID string `json:"requestId"`
}

// AudioParams says whether the caller's microphone is to be heard. The server forwards nothing while it is off.
type AudioParams struct {
	CommandID string `json:"commandId"`
	RoomID    RoomID `json:"roomId"`
	On        bool   `json:"on" required:"true"`
}

// RestartParams restarts ICE after a change of network.
type RestartParams struct {
	RoomID RoomID `json:"roomId"`
	Offer  string `json:"offer"`
}

// RestartResult answers the restart's offer.
type RestartResult struct {
	Answer string `json:"answer"`
}

// RoomEvents is what happened to a room in one step, as far as the receiver may know it. Prev is the version this
// receiver was told last: when it is not the version the client has, something was missed and a snapshot is due.
type RoomEvents struct {
	RoomID  RoomID    `json:"roomId"`
	Version uint64    `json:"version"`
	Prev    uint64    `json:"prev"`
	Events  EventList `json:"events"`
}

// SlotsChanged lists who is heard on which m-line, all of them.
type SlotsChanged struct {
	RoomID RoomID `json:"roomId"`
	Slots  []Slot `json:"slots"`
}

// NetworkChanged lists the lines of those on the seats, as far as they are known: whoever is not in it is unknown. It comes
// every 2 s at most, and only when one of them is another quality than before.
type NetworkChanged struct {
	RoomID RoomID        `json:"roomId"`
	Users  []NetworkInfo `json:"users"`
}

// UserSigExpired says that the session ends when GraceMS have passed, unless a newer UserSig is shown before that.
type UserSigExpired struct {
	GraceMS int64 `json:"graceMs"`
}

// NodesChanged lists the servers that may be tried next, as LoginResult does.
type NodesChanged struct {
	Nodes []string `json:"nodes"`
}

// KickedOffLine ends the session: the same user logged in elsewhere. The server closes the connection after it.
type KickedOffLine struct {
	Message string `json:"message"`
}
