package engine

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// pagePause is how long an iterator waits when the server has been asked too often.
const pagePause = 200 * time.Millisecond

// LiveListPage is some of an app's public rooms, first those that were entered most often.
type LiveListPage struct {
	Rooms []RoomInfo
	Next  string // for the next page's cursor; empty on the last
}

// FetchLiveList returns up to count public rooms of the app (1 to 50; 0 means 20), from an empty cursor on and then from
// the former page's Next; a page may have fewer although there are more. The rooms are as they were a second ago at most.
// A login may ask five times a second, 20 times in a burst ([signaling.ErrFreqLimit]); another count, or a cursor that no
// page had, is [ErrInvalidParameter].
func (e *Engine) FetchLiveList(ctx context.Context, cursor string, count int) (LiveListPage, error) {
	var res signaling.ListRoomsResult
	err := e.call(ctx, signaling.MethodListRooms, signaling.ListRoomsParams{Cursor: cursor, Count: count}, &res)
	return LiveListPage{Rooms: res.Rooms, Next: res.Next}, signaling.WithOp("FetchLiveList", err)
}

// LiveList goes through all public rooms of the app, a page at a time, no faster than the server allows. A room that
// rises meanwhile may be missed; none comes twice, unless it has ended and was created again. The first error ends it.
func (e *Engine) LiveList(ctx context.Context) iter.Seq2[RoomInfo, error] {
	return func(yield func(RoomInfo, error) bool) {
		for cursor := ""; ; {
			var page LiveListPage
			err := patiently(ctx, func() (err error) {
				page, err = e.FetchLiveList(ctx, cursor, signaling.RoomPageLimit)
				return err
			})
			if err != nil {
				yield(RoomInfo{}, err)
				return
			}
			for _, r := range page.Rooms {
				if !yield(r, nil) {
					return
				}
			}
			if cursor = page.Next; cursor == "" {
				return
			}
		}
	}
}

// patiently asks again for as long as the server says that it was asked too often.
func patiently(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if !errors.Is(err, signaling.ErrFreqLimit) {
			return err
		}
		select {
		case <-time.After(pagePause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
