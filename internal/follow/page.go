package follow

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// errCursor is the answer to a cursor that is none of ours.
var errCursor = signaling.Errorf(signaling.ErrInvalidParameter.Code, "nextCursor is the nextCursor of the page before, or absent for the first page")

// Page returns a part of one of user's lists, the newest relations first, and the next page's cursor, empty on the last
// page. A cursor names a place between two users, so it stays good while the list changes: whoever is in the list all the
// time is on one page.
func (f *Follows) Page(ctx context.Context, app signaling.AppID, user signaling.UserID, which signaling.FollowList, cursor string, limit int) (users []signaling.UserID, next string, err error) {
	after, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	all, err := f.timeline(ctx, app, user, which)
	if err != nil {
		return nil, "", err
	}
	if cursor != "" {
		i, there := slices.BinarySearchFunc(all, after, byTime)
		if there {
			i++
		}
		all = all[i:]
	}
	if len(all) > limit {
		all = all[:limit]
		last := all[limit-1]
		next = strconv.FormatInt(last.at, 10) + "." + string(last.user)
	}
	users = make([]signaling.UserID, len(all))
	for i, e := range all {
		users[i] = e.user
	}
	return users, next, nil
}

// timeline returns one of user's lists, the newest first. It is not to be changed.
func (f *Follows) timeline(ctx context.Context, app signaling.AppID, user signaling.UserID, which signaling.FollowList) ([]entry, error) {
	if which == signaling.FollowersList {
		v, err := f.followers(ctx, app, user)
		if err != nil {
			return nil, err
		}
		return v.newestFirst(), nil
	}
	mine, _, err := f.load(ctx, mineKey(app, user))
	if err != nil {
		return nil, err
	}
	if which == signaling.MutualFollowersList {
		v, err := f.followers(ctx, app, user)
		if err != nil {
			return nil, err
		}
		mine.entries = slices.DeleteFunc(mine.entries, func(e entry) bool { _, mutual := v.find(e.user); return !mutual })
	}
	slices.SortFunc(mine.entries, byTime)
	return mine.entries, nil
}

func parseCursor(cursor string) (after entry, err error) {
	if cursor == "" {
		return after, nil
	}
	at, user, ok := strings.Cut(cursor, ".")
	after.user = signaling.UserID(user)
	after.at, err = strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || after.user.Valid() != nil {
		return after, errCursor
	}
	return after, nil
}
