package signaling_test

import "github.com/openvoiceroom/openvoiceroom/signaling"

var statistics = signaling.LiveStatistics{
	TotalViewers: 10, TotalGiftsSent: 3, TotalGiftCoins: 30, TotalUniqueGiftSenders: 2, TotalLikesReceived: 1000, TotalMessageCount: 40, LiveDuration: 60,
}
