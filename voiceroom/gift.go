package voiceroom

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// SendGift gives somebody in the room some of a gift of the app, see [engine.Room.SendGift].
func (r *Room) SendGift(ctx context.Context, giftID string, count int, opts *engine.SendGiftOptions) error {
	room := r.Room()
	if room == nil {
		return signaling.WithOp("SendGift", engine.ErrNotInRoom)
	}
	return room.SendGift(ctx, giftID, count, opts)
}

// FetchGiftTotals asks what has been sent in the room so far, see [engine.Room.FetchGiftTotals].
func (r *Room) FetchGiftTotals(ctx context.Context, limit int) (engine.GiftTotals, error) {
	room := r.Room()
	if room == nil {
		return engine.GiftTotals{}, signaling.WithOp("FetchGiftTotals", engine.ErrNotInRoom)
	}
	return room.FetchGiftTotals(ctx, limit)
}

// GetGiftCountByAnchor asks what somebody has been given, see [engine.Room.GetGiftCountByAnchor].
func (r *Room) GetGiftCountByAnchor(ctx context.Context, user engine.UserID) (engine.GiftTally, error) {
	room := r.Room()
	if room == nil {
		return engine.GiftTally{}, signaling.WithOp("GetGiftCountByAnchor", engine.ErrNotInRoom)
	}
	return room.GetGiftCountByAnchor(ctx, user)
}
