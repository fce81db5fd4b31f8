package roomlist_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/internal/roomlist"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Pages of whatever size are the list, without a hole and without a room twice, also while rooms rise between them: of
// those that do not, all come.
func TestPublicPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rooms := make([]signaling.RoomInfo, rapid.IntRange(0, 30).Draw(t, "rooms"))
		still := map[signaling.RoomID]bool{}
		for i := range rooms {
			rooms[i] = signaling.RoomInfo{
				RoomID: signaling.RoomID(fmt.Sprint("r-", i)), Hidden: rapid.IntRange(0, 4).Draw(t, "hidden") == 0,
				ViewCount: rapid.Int64Range(0, 3).Draw(t, "views"), CreateTime: rapid.Int64Range(0, 3).Draw(t, "created"),
			}
			still[rooms[i].RoomID] = !rooms[i].Hidden
		}
		seen := map[signaling.RoomID]bool{}
		last := int64(1 << 62)
		for cursor := ""; ; {
			public := roomlist.Public(rooms)
			n, most := rapid.IntRange(1, 5).Draw(t, "n"), rapid.IntRange(0, 5).Draw(t, "fit")
			asked := 0
			page, next, ok := roomlist.Page(public, cursor, n, func(signaling.RoomInfo) bool { asked++; return asked <= most })
			require.True(t, ok)
			require.LessOrEqual(t, len(page), min(n, max(most, 1)))
			for _, r := range page {
				require.False(t, r.Hidden)
				require.False(t, seen[r.RoomID], "%s comes twice", r.RoomID)
				require.LessOrEqual(t, r.ViewCount, last)
				seen[r.RoomID], last = true, r.ViewCount
			}
			if next == "" {
				break
			}
			require.NotEmpty(t, page)
			cursor = next
			if i := rapid.IntRange(0, 60).Draw(t, "rises"); i < len(rooms) {
				rooms[i].ViewCount++
				delete(still, rooms[i].RoomID)
			}
		}
		for id, comes := range still {
			require.Equal(t, comes, seen[id], id)
		}
	})
}

// A cursor comes from a client: whatever it is, a page is a part of the list, and goes on behind it.
func FuzzPage(f *testing.F) {
	public := roomlist.Public([]signaling.RoomInfo{{RoomID: "a", ViewCount: 3, CreateTime: 1}, {RoomID: "b", ViewCount: 3, CreateTime: 2}, {RoomID: "c"}})
	for _, cursor := range []string{"", "3-1-YQ", "3-1-YQ==", "0-0-Yw", "9-9-YQ", "-1--1-YQ", "3-1-", "x", "--", "3-1-YQ-YQ", "3-1-_w"} {
		f.Add(cursor)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		page, next, ok := roomlist.Page(public, cursor, 1, nil)
		switch {
		case !ok:
			require.Empty(t, page)
			require.NotEmpty(t, cursor)
		case next != "":
			rest, _, ok := roomlist.Page(public, next, 3, nil)
			require.True(t, ok)
			i := len(public) - len(rest)
			require.Equal(t, public[i:], rest)
			require.Equal(t, public[i-1:i], page)
		}
	})
}
