package voiceroom

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/engine"
)

// SetLiveInfo changes the fields of the room that flags name, see [engine.Room.SetLiveInfo].
func (r *Room) SetLiveInfo(ctx context.Context, info engine.RoomInfo, flags engine.LiveModifyFlag) error {
	return r.room.SetLiveInfo(ctx, info, flags)
}

// UpdateRoomPasswordByAdmin has the room entered with another password, or without, see
// [engine.Room.UpdateRoomPasswordByAdmin].
func (r *Room) UpdateRoomPasswordByAdmin(ctx context.Context, password string) error {
	return r.room.UpdateRoomPasswordByAdmin(ctx, password)
}

// Metadata returns what the app has written to the room, see [engine.Room.Metadata].
func (r *Room) Metadata() map[string]string { return r.room.Metadata() }

// SetRoomMetadata adds keys to the room's metadata, or changes them, see [engine.Room.SetRoomMetadata].
func (r *Room) SetRoomMetadata(ctx context.Context, metadata map[string]string) error {
	return r.room.SetRoomMetadata(ctx, metadata)
}

// DeleteRoomMetadata removes keys from the room's metadata, see [engine.Room.DeleteRoomMetadata].
func (r *Room) DeleteRoomMetadata(ctx context.Context, keys ...string) error {
	return r.room.DeleteRoomMetadata(ctx, keys...)
}
