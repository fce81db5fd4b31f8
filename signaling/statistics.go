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

// LiveStatisticsFlag says which fields of a [LiveStatistics] are meant, as a bit mask with the documents' numbers.
type LiveStatisticsFlag int

// The flags. LiveDuration has none: it grows by itself.
const (
	LiveStatisticsViewers           LiveStatisticsFlag = 1
	LiveStatisticsGiftsSent         LiveStatisticsFlag = 2
	LiveStatisticsGiftCoins         LiveStatisticsFlag = 4
	LiveStatisticsUniqueGiftSenders LiveStatisticsFlag = 8
	LiveStatisticsLikes             LiveStatisticsFlag = 16
	LiveStatisticsMessages          LiveStatisticsFlag = 32
)

// Changes returns in which fields two statistics differ.
func (s LiveStatistics) Changes(old LiveStatistics) (flags LiveStatisticsFlag) {
	for flag, differs := range map[LiveStatisticsFlag]bool{
		LiveStatisticsViewers:           s.TotalViewers != old.TotalViewers,
		LiveStatisticsGiftsSent:         s.TotalGiftsSent != old.TotalGiftsSent,
		LiveStatisticsGiftCoins:         s.TotalGiftCoins != old.TotalGiftCoins,
		LiveStatisticsUniqueGiftSenders: s.TotalUniqueGiftSenders != old.TotalUniqueGiftSenders,
		LiveStatisticsLikes:             s.TotalLikesReceived != old.TotalLikesReceived,
		LiveStatisticsMessages:          s.TotalMessageCount != old.TotalMessageCount,
	} {
		if differs {
			flags |= flag
		}
	}
	return flags
}

// LiveRecord is what is kept of one live: of a room from its creation to its end. A later room of the same id has its own.
type LiveRecord struct {
	RoomID     RoomID          `json:"roomId"`
	OwnerID    UserID          `json:"ownerId"`
	CreateTime int64           `json:"createTime"`        // Unix milliseconds
	EndTime    int64           `json:"endTime,omitempty"` // Unix milliseconds; 0: it goes on
	Reason     DismissedReason `json:"reason,omitempty"`  // why it has ended
	Statistics LiveStatistics  `json:"statistics"`
}

// StatisticsParams asks for the statistics of a room of one's own, or of one that is over.
type StatisticsParams struct {
	RoomID     RoomID `json:"roomId"`
	CreateTime int64  `json:"createTime,omitempty"` // of the room, as in its [RoomInfo]; 0: the newest one with this id
}

// StatisticsResult is what is known of it.
type StatisticsResult struct {
	Live LiveRecord `json:"live"`
}

// DismissResult answers the dismissal of a room.
type DismissResult struct {
	Version    uint64         `json:"version"`
	Statistics LiveStatistics `json:"statistics"` // of the whole live
}

// StatisticsChanged is what has happened in the room so far, at most once in two seconds while it changes.
type StatisticsChanged struct {
	RoomID     RoomID         `json:"roomId"`
	Statistics LiveStatistics `json:"statistics"`
}
