package adminapi

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/internal/roomlist"
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
	if p.Next == nil {
		return nil, missing("Next", "\"\" for the first page, then the Next of the answer before")
	}
	rooms, err := a.cfg.Rooms.List(ctx, who.app)
	if err != nil {
		return nil, err
	}
	page, next, ok := roomlist.Page(rooms, *p.Next, n, nil)
	if !ok {
		return nil, badNext()
	}
	list := roomList{Next: next, RoomList: make([]listedRoom, len(page))}
	for i, r := range page {
		list.RoomList[i] = listedRoom{
			RoomName: r.Name, RoomID: r.RoomID, Owner: r.OwnerID, CoverURL: r.CoverURL, Category: append([]int{}, r.Categories...),
			CreateTime: r.CreateTime / 1000, ActivityStatus: r.ActivityStatus, ViewCount: r.ViewCount,
		}
	}
	return list, nil
}
