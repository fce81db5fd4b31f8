package signaling

// LiveStatistics is what has happened in a room so far (documents: LiveStatisticsData).
type LiveStatistics struct {
	TotalViewers           int64 `json:"totalViewers,omitempty"`           // how often somebody has entered
	TotalGiftsSent         int64 `json:"totalGiftsSent,omitempty"`         // ten of one gift are ten
	TotalGiftCoins         int64 `json:"totalGiftCoins,omitempty"`         // what they cost in all
	TotalUniqueGiftSenders int64 `json:"totalUniqueGiftSenders,omitempty"` // users who have sent any
	TotalLikesReceived     int64 `json:"totalLikesReceived,omitempty"`
	TotalMessageCount      int64 `json:"totalMessageCount,omitempty"` // of the chat
	LiveDuration           int64 `json:"liveDuration,omitempty"`      // seconds since the room was created
}
