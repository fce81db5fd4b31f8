package signaling

// BarrageType says what a message in a room's chat is.
type BarrageType int

// The kinds of messages, with the documents' numbers (Barrage.messageType).
const (
	BarrageText   BarrageType = 0 // for people
	BarrageCustom BarrageType = 1 // for the app
)

func (t BarrageType) String() string {
	return name(int(t), map[int]string{0: "Text", 1: "Custom"})
}

// Limits of a message. The documents have none for the server; their web client stops at 80 characters.
const (
	MaxBarrageText      = 2 << 10 // bytes
	MaxBarrageData      = 2 << 10 // bytes
	MaxBarrageExtension = 2 << 10 // bytes of all keys and values
	MaxBusinessID       = 64      // bytes
)

// Barrage is one message in a room's chat.
type Barrage struct {
	MessageID  string            `json:"messageId"` // the sender's choice: with the sender it names the message
	Sender     UserInfo          `json:"sender"`
	Sequence   uint64            `json:"sequence"`          // grows from message to message of a room, not by one; below 2^53
	Timestamp  int64             `json:"timestampInSecond"` // Unix seconds, by the server's clock
	Type       BarrageType       `json:"messageType,omitempty"`
	Text       string            `json:"textContent,omitempty"`   // of a text, with emoji as they are
	Extension  map[string]string `json:"extensionInfo,omitempty"` // of either kind: how to show it, for example
	BusinessID string            `json:"businessId,omitempty"`    // of a custom message: whose it is
	Data       string            `json:"data,omitempty"`          // of a custom message
}

// SendBarrageParams sends a message to everybody in the room. CommandID becomes its MessageID.
type SendBarrageParams struct {
	CommandID  string            `json:"commandId"`
	RoomID     RoomID            `json:"roomId"`
	Type       BarrageType       `json:"messageType,omitempty"`
	Text       string            `json:"textContent,omitempty"`
	Extension  map[string]string `json:"extensionInfo,omitempty"`
	BusinessID string            `json:"businessId,omitempty"`
	Data       string            `json:"data,omitempty"`
}

// SendBarrageResult is where the message has its place. Its sender is not sent the message itself.
type SendBarrageResult struct {
	MessageID string `json:"messageId"`
	Sequence  uint64 `json:"sequence"`
	Timestamp int64  `json:"timestampInSecond"`

	Replaced *BarrageContent `json:"replaced,omitempty"` // what was said instead: the app has put it in the message's place
}

// BarrageContent is what a message says.
type BarrageContent struct {
	Text       string            `json:"textContent,omitempty"`
	Extension  map[string]string `json:"extensionInfo,omitempty"`
	BusinessID string            `json:"businessId,omitempty"`
	Data       string            `json:"data,omitempty"`
}

// BarrageHistory is the newest messages of a room, the oldest first.
type BarrageHistory struct {
	Barrages []Barrage `json:"barrages"`
}

// BarrageReceived is a message of somebody else in the room.
type BarrageReceived struct {
	RoomID  RoomID  `json:"roomId"`
	Barrage Barrage `json:"barrage"`
}
