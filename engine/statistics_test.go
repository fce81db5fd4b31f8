package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A total of likes that was dropped on the way comes with the statistics, and one that comes late takes nothing back.
func TestLikesThatWereMissed(t *testing.T) {
	var totals []int64
	var flags []LiveStatisticsFlag
	r := offline(t, &RoomObserver{
		OnReceiveLikes:          func(_ RoomID, total int64, _ []UserInfo) { totals = append(totals, total) },
		OnLiveStatisticsChanged: func(_ RoomID, _ LiveStatistics, f LiveStatisticsFlag) { flags = append(flags, f) },
	})
	r.likesReceived(signaling.LikesReceived{Total: 5})
	r.statisticsReceived(LiveStatistics{TotalLikesReceived: 9, TotalGiftCoins: 3})
	r.likesReceived(signaling.LikesReceived{Total: 9})
	r.likesReceived(signaling.LikesReceived{Total: 7})
	r.statisticsReceived(LiveStatistics{TotalLikesReceived: 9, TotalGiftCoins: 3, LiveDuration: 60})
	r.finish(nil)
	r.likesReceived(signaling.LikesReceived{Total: 20})
	require.EqualValues(t, 9, r.Statistics().TotalLikesReceived)
	r.events.Close()
	require.Equal(t, []int64{5, 9}, totals)
	require.Equal(t, []LiveStatisticsFlag{LiveStatisticsLikes, LiveStatisticsLikes | LiveStatisticsGiftCoins}, flags)
}
