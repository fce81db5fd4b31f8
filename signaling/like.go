package signaling

// Limits of likes. The documents have none for the server; their clients send at most one message each 2 to 5 seconds.
const (
	MaxLikes       = 200 // of one login at once, and with one message
	LikesPerSecond = 20  // of one login; what is above is not counted
	MaxLikers      = 3   // who are named with a new total
)

// LikeParams hands over how often a member has liked the room since its last message.
type LikeParams struct {
	RoomID RoomID `json:"roomId"`
	Count  int    `json:"count"` // 1 to MaxLikes

	// Seq grows from message to message of a stay in the room, so that one that is repeated is not counted twice; 0: it
	// is never repeated. SessionID is the session under which the message was sent first: in another one it is not
	// counted again, for nobody knows there whether it was.
	Seq       uint64 `json:"seq,omitempty"`
	SessionID string `json:"sessionId,omitempty"`
}

// LikeResult says how many of them count: fewer where the member likes faster than LikesPerSecond, or none where the
// message was heard before.
type LikeResult struct {
	Counted int `json:"counted"`
}

// LikesReceived is the room's total, about once a second while it grows. A client whose queue fills misses some of them.
type LikesReceived struct {
	RoomID  RoomID     `json:"roomId"`
	Total   int64      `json:"totalLikesReceived"`
	Senders []UserInfo `json:"senders,omitempty"` // some of those who have liked it since the last time, the newest last
}
