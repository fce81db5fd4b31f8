package signaling

// MuteParams keeps members, present or not, from chatting for some time, or ends that.
type MuteParams struct {
	CommandID string   `json:"commandId"`
	RoomID    RoomID   `json:"roomId"`
	Users     []UserID `json:"users" required:"true"`    // 1 to 20
	Duration  int64    `json:"duration" required:"true"` // seconds, 1 to 4294967295; 0: they may chat again
}

// BanParams takes users out of the room and keeps them out for some time.
type BanParams struct {
	CommandID string   `json:"commandId"`
	RoomID    RoomID   `json:"roomId"`
	Users     []UserID `json:"users" required:"true"`    // 1 to 20, present or not
	Duration  int64    `json:"duration" required:"true"` // seconds, 1 to 4294967295
	Reason    string   `json:"reason,omitempty"`         // told to them; at most 200 bytes
}

// UnbanParams lets users enter again. Who is not banned does not matter.
type UnbanParams struct {
	CommandID string   `json:"commandId"`
	RoomID    RoomID   `json:"roomId"`
	Users     []UserID `json:"users" required:"true"` // 1 to 20
}

// SanctionListParams asks for a page of those who are banned, or muted, in the order of their ids.
type SanctionListParams struct {
	RoomID RoomID `json:"roomId"`
	After  UserID `json:"after,omitempty"` // the former page's next
	Limit  int    `json:"limit,omitempty"` // 1 to PageLimit; 0 means PageLimit
}

// SanctionListResult is one page.
type SanctionListResult struct {
	Users []SanctionedUser `json:"users"`
	Next  UserID           `json:"next,omitempty"` // for the next page's after; absent on the last
}

// SanctionedUser is somebody who may not enter, or not chat.
type SanctionedUser struct {
	UserID UserID `json:"userId"`
	Until  int64  `json:"until"` // Unix milliseconds
}
