// Package roomlist puts rooms into the order in which lists show them, and cuts it into pages. Whoever asks is told where the
// next page begins, so nobody has to remember it.
package roomlist

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Public returns the rooms that lists may show, first those that were entered most often (documents: get_room_list), for
// [Page].
func Public(rooms []signaling.RoomInfo) []signaling.RoomInfo {
	public := slices.DeleteFunc(slices.Clone(rooms), func(r signaling.RoomInfo) bool { return r.Hidden })
	slices.SortFunc(public, func(a, b signaling.RoomInfo) int { return compareRanks(rankOf(a), rankOf(b)) })
	return public
}

// Page returns up to n rooms of the list from behind a cursor on, which is empty for the first page, and the next
// page's cursor, which is empty when there is none. The page is part of the list. fits, unless it is nil, is asked of each
// room whether the page may have it, too; the first one comes in any case. ok is false for a cursor that never was one.
func Page(public []signaling.RoomInfo, cursor string, n int, fits func(signaling.RoomInfo) bool) (page []signaling.RoomInfo, next string, ok bool) {
	if cursor != "" {
		from, known := parseRank(cursor)
		if !known {
			return nil, "", false
		}
		i, found := slices.BinarySearchFunc(public, from, func(r signaling.RoomInfo, at rank) int { return compareRanks(rankOf(r), at) })
		if found {
			i++
		}
		public = public[i:]
	}
	for i, r := range public {
		if i == n || !(fits == nil || fits(r)) && i > 0 {
			return public[:i], rankOf(public[i-1]).String(), true
		}
	}
	return public, "", true
}

// rank is a room's place in the list. It says where the next page begins without anybody having to remember it. Rooms
// only rise: none comes twice, and one that overtakes the page before comes not at all.
type rank struct {
	views   int64
	created int64
	id      signaling.RoomID
}

func rankOf(r signaling.RoomInfo) rank { return rank{r.ViewCount, r.CreateTime, r.RoomID} }

func compareRanks(a, b rank) int {
	return cmp.Or(cmp.Compare(b.views, a.views), cmp.Compare(a.created, b.created), strings.Compare(string(a.id), string(b.id)))
}

func (r rank) String() string {
	return strconv.FormatInt(r.views, 10) + "-" + strconv.FormatInt(r.created, 10) + "-" + base64.RawURLEncoding.EncodeToString([]byte(r.id))
}

func parseRank(cursor string) (_ rank, ok bool) {
	parts := strings.SplitN(cursor, "-", 3)
	if len(parts) != 3 {
		return rank{}, false
	}
	views, err1 := strconv.ParseInt(parts[0], 10, 64)
	at, err2 := strconv.ParseInt(parts[1], 10, 64)
	id, err3 := base64.RawURLEncoding.DecodeString(parts[2])
	r := rank{views, at, signaling.RoomID(id)}
	return r, err1 == nil && err2 == nil && err3 == nil && r.id.Valid() == nil
}
