package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The largest rooms that there can be make small pages, and all of them come.
func TestPagesOfLargeRoomsAreShorter(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("owner")
		const rooms = 60
		for i := range rooms {
			c.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{
				RoomID: signaling.RoomID(fmt.Sprintf("%048d", i)), Name: strings.Repeat("<", 100), CoverURL: strings.Repeat("<", 200),
				Notice: strings.Repeat("<", 100), BackgroundURL: strings.Repeat("<", 200), CustomInfo: strings.Repeat("<", 500), Categories: []int{-1 << 31, -1 << 31, -1 << 31},
			}}, nil)
		}
		time.Sleep(2 * time.Second)
		seen := map[signaling.RoomID]bool{}
		for cursor, pages := "", 0; ; pages++ {
			m := c.call(signaling.MethodListRooms, signaling.ListRoomsParams{Cursor: cursor, Count: signaling.RoomPageLimit})
			require.Nil(t, m.Err)
			require.Less(t, len(m.Result), 80<<10)
			var res signaling.ListRoomsResult
			require.NoError(t, json.Unmarshal(m.Result, &res))
			for _, r := range res.Rooms {
				require.False(t, seen[r.RoomID])
				seen[r.RoomID] = true
			}
			if cursor = res.Next; cursor == "" {
				require.Greater(t, pages, rooms/signaling.RoomPageLimit, "they do not fit into as few pages")
				break
			}
		}
		require.Len(t, seen, rooms)
	})
}

func TestRoomListHasARateOfItsOwn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c, other := w.login("a"), w.login("b")
		var codes []signaling.Code
		for range listsBurst + 1 {
			m := c.call(signaling.MethodListRooms, signaling.ListRoomsParams{})
			if m.Err != nil {
				codes = append(codes, m.Err.Code)
			} else {
				require.JSONEq(t, `{"rooms":[]}`, string(m.Result))
			}
		}
		require.Equal(t, []signaling.Code{signaling.ErrFreqLimit.Code}, codes)
		other.must(signaling.MethodListRooms, signaling.ListRoomsParams{}, nil)
		c.must(signaling.MethodPing, signaling.Empty{}, nil)
	})
}
