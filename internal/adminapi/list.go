package adminapi

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// roomPage is how many rooms one answer has at most (documents).
const roomPage = 20

type roomListParams struct {
	Next  *string
	Count *int
}

type listedRoom struct {
	RoomName   string
	RoomID     signaling.RoomID `json:"RoomId"`
	Owner      signaling.UserID `json:"Owner_Account"`
	CoverURL   string
	Category   []int
	CreateTime int64 // Unix seconds

	ActivityStatus int
	ViewCount      int64
}

type roomList struct {
	Next     string
	RoomList []listedRoom
}

// getRoomList lists the public rooms, first those that were entered most often (documents).
func (a *API) getRoomList(ctx context.Context, who caller, p roomListParams) (any, error) {
	n := roomPage
	if p.Count != nil {
		n = *p.Count
	}
	if n < 1 || n > roomPage {
		return nil, refuse(codeParameter, "Count is %d; it is 1 to %d", n, roomPage)
	}
	from, err := parseRank(p.Next)
	if err != nil {
		return nil, err
	}
	rooms, err := a.cfg.Rooms.List(ctx, who.app)
	if err != nil {
		return nil, err
	}
	ranks := make([]rank, 0, len(rooms))
	byID := make(map[signaling.RoomID]signaling.RoomInfo, len(rooms))
	for _, r := range rooms {
		if r.Hidden {
			continue
		}
		at := rank{r.ViewCount, r.CreateTime, r.RoomID}
		if from == nil || compare(at, *from) > 0 {
			ranks = append(ranks, at)
			byID[r.RoomID] = r
		}
	}
	slices.SortFunc(ranks, compare)
	list := roomList{RoomList: []listedRoom{}}
	for i, at := range ranks {
		if i == n {
			list.Next = ranks[i-1].String()
			break
		}
		r := byID[at.id]
		list.RoomList = append(list.RoomList, listedRoom{
			RoomName: r.Name, RoomID: r.RoomID, Owner: r.OwnerID, CoverURL: r.CoverURL, Category: append([]int{}, r.Categories...),
			CreateTime: r.CreateTime / 1000, ActivityStatus: r.ActivityStatus, ViewCount: r.ViewCount,
		})
	}
	return list, nil
}

// rank is a room's place in the list. It says where the next page begins without anybody having to remember it. Rooms
// only rise: none comes twice, and one that overtakes the page before comes not at all.
type rank struct {
	views   int64
	created int64
	id      signaling.RoomID
}

func compare(a, b rank) int {
	return cmp.Or(cmp.Compare(b.views, a.views), cmp.Compare(a.created, b.created), strings.Compare(string(a.id), string(b.id)))
}

func (r rank) String() string {
	return strconv.FormatInt(r.views, 10) + "-" + strconv.FormatInt(r.created, 10) + "-" + base64.RawURLEncoding.EncodeToString([]byte(r.id))
}

func parseRank(next *string) (*rank, error) {
	if next == nil {
		return nil, missing("Next", "\"\" for the first page, then the Next of the answer before")
	}
	if *next == "" {
		return nil, nil
	}
	parts := strings.SplitN(*next, "-", 3)
	if len(parts) != 3 {
		return nil, badNext()
	}
	views, err1 := strconv.ParseInt(parts[0], 10, 64)
	at, err2 := strconv.ParseInt(parts[1], 10, 64)
	id, err3 := base64.RawURLEncoding.DecodeString(parts[2])
	r := rank{views, at, signaling.RoomID(id)}
	if err1 != nil || err2 != nil || err3 != nil || r.id.Valid() != nil {
		return nil, badNext()
	}
	return &r, nil
}
