package engine

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// FetchRoomInfo returns what anybody may know of a room, without entering it, with the number of its members at this
// moment. There need not be one: [ErrRoomNotExist]. Of a room that one is in, [Room.Info] knows the same without asking.
func (e *Engine) FetchRoomInfo(ctx context.Context, id RoomID) (RoomInfo, error) {
	var res signaling.GetRoomResult
	err := e.call(ctx, signaling.MethodGetRoom, signaling.GetRoomParams{RoomID: id}, &res)
	return res.Room, signaling.WithOp("FetchRoomInfo", err)
}
