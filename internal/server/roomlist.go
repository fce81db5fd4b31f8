package server

import (
	"context"
	"encoding/json"

	"github.com/openvoiceroom/openvoiceroom/internal/roomlist"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A page of rooms is large, and asking for one is for people who scroll: it has a rate of its own.
const (
	listsPerSecond = 5
	listsBurst     = 20
	listBytes      = 64 << 10 // of the rooms in one page: clients read 256 KiB, and what waits for a slow one is bounded
)

// listRooms shows a page of the app's public rooms, as they were a second ago at most: the list of get_room_list.
func (ses *session) listRooms(ctx context.Context, p signaling.ListRoomsParams) (res signaling.ListRoomsResult, err error) {
	if p.Count == 0 {
		p.Count = signaling.RoomPage
	}
	if p.Count < 1 || p.Count > signaling.RoomPageLimit {
		return res, signaling.Errorf(signaling.ErrInvalidParameter.Code, "count is %d; it is 1 to %d", p.Count, signaling.RoomPageLimit)
	}
	if !ses.lists.Allow() {
		return res, signaling.ErrFreqLimit
	}
	rooms, err := ses.srv.rooms.List(ctx, ses.app)
	if err != nil {
		return res, err
	}
	size := 0
	page, next, ok := roomlist.Page(rooms, p.Cursor, p.Count, func(r signaling.RoomInfo) bool {
		b, err := json.Marshal(r)
		size += len(b)
		return err == nil && size <= listBytes
	})
	if !ok {
		return res, signaling.Errorf(signaling.ErrInvalidParameter.Code, "cursor is not what an answer said; begin anew with an empty one")
	}
	return signaling.ListRoomsResult{Rooms: append(make([]signaling.RoomInfo, 0, len(page)), page...), Next: next}, nil
}
