package signaling

// MaxGiftCount is how many of one gift are sent at once.
const MaxGiftCount = 9999

// SendGiftParams sends a gift to somebody in the room. The CommandID is the gift's key: the same one again, within ten
// minutes, is the same gift.
type SendGiftParams struct {
	CommandID string `json:"commandId"`
	RoomID    RoomID `json:"roomId"`
	GiftID    string `json:"giftId"`
	Count     int    `json:"giftCount,omitempty"`  // 1 to [MaxGiftCount]; 0 means 1
	Receiver  UserID `json:"receiverId,omitempty"` // a member, or the owner; empty means the owner
}

// GiftReceived says that somebody has been given something. Everybody in the room is told, its sender too.
type GiftReceived struct {
	GiftKey  string   `json:"giftKey"` // the sender's choice: with the sender it names the gift
	Sender   UserInfo `json:"sender"`
	Receiver UserInfo `json:"receiver"`
	Gift     GiftInfo `json:"giftInfo"` // at the price that was paid for one, with its names in the default language
	Count    int      `json:"giftCount"`

	// Gifts of one kind by one sender to one receiver, each within a moment after the one before, are a combo.
	ComboID    uint64 `json:"comboId"`    // of the room: the first gift's number in it
	ComboCount int64  `json:"comboCount"` // gifts in it so far, with these

	TotalGiftsSent int64 `json:"totalGiftsSent"` // in the room so far, with these
	TotalGiftCoins int64 `json:"totalGiftCoins"` // and what they cost
	Timestamp      int64 `json:"timestamp"`      // Unix milliseconds, by the server's clock
}

func (GiftReceived) eventType() string { return "giftReceived" }

// MaxGiftTop is how many users a list of those who have sent or been given most may have.
const MaxGiftTop = 100

// GiftTotalsParams asks for what has been sent in a room so far.
type GiftTotalsParams struct {
	RoomID RoomID `json:"roomId"`
	Limit  int    `json:"limit,omitempty"`  // users in each list, 1 to [MaxGiftTop]; 0 means none
	UserID UserID `json:"userId,omitempty"` // this one's own numbers, too
}

// GiftTally is what somebody has sent, or has been given, in a room.
type GiftTally struct {
	UserID   UserID `json:"userId"`
	UserName string `json:"userName,omitempty"` // at the newest gift
	Count    int64  `json:"giftCount"`
	Coins    int64  `json:"coins"`
}

// GiftTotals is what has been sent in a room so far.
type GiftTotals struct {
	TotalGiftsSent         int64       `json:"totalGiftsSent"`
	TotalGiftCoins         int64       `json:"totalGiftCoins"`
	TotalUniqueGiftSenders int64       `json:"totalUniqueGiftSenders"`
	Senders                []GiftTally `json:"senders"`   // most coins first, then most gifts, then by id
	Receivers              []GiftTally `json:"receivers"` // likewise

	Sent     *GiftTally `json:"sent,omitempty"`     // by the user who was asked for
	Received *GiftTally `json:"received,omitempty"` // likewise
}
