package adminapi

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What has happened in a room: get_room_statistics.

type statisticsParams struct {
	RoomID     signaling.RoomID `json:"RoomId"`
	CreateTime *int64           // Unix milliseconds; nil: the newest
}

type statisticsAnswer struct {
	RoomID     signaling.RoomID `json:"RoomId"`
	Owner      signaling.UserID `json:"Owner_Account"`
	CreateTime int64            // Unix milliseconds: two rooms of one id may be a second apart
	EndTime    int64            // Unix milliseconds; 0: it goes on

	TotalViewers           int64
	TotalGiftsSent         int64
	TotalGiftCoins         int64
	TotalUniqueGiftSenders int64
	TotalLikesReceived     int64
	TotalMessageCount      int64
	LiveDuration           int64 // seconds
}

func (a *API) getRoomStatistics(ctx context.Context, who caller, p statisticsParams) (any, error) {
	if err := p.RoomID.Valid(); err != nil {
		return nil, err
	}
	var created int64
	if p.CreateTime != nil {
		if created = *p.CreateTime; created < 1 {
			return nil, refuse(codeParameter, "CreateTime is %d; it is a room's, in milliseconds, or left out for the newest room", created)
		}
	}
	live, err := a.cfg.Rooms.Live(ctx, who.app, p.RoomID, created)
	if err != nil {
		return nil, err
	}
	s := live.Statistics
	return statisticsAnswer{
		RoomID: live.RoomID, Owner: live.OwnerID, CreateTime: live.CreateTime, EndTime: live.EndTime,
		TotalViewers: s.TotalViewers, TotalGiftsSent: s.TotalGiftsSent, TotalGiftCoins: s.TotalGiftCoins, TotalUniqueGiftSenders: s.TotalUniqueGiftSenders,
		TotalLikesReceived: s.TotalLikesReceived, TotalMessageCount: s.TotalMessageCount, LiveDuration: s.LiveDuration,
	}, nil
}
