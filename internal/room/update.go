package room

import (
	"math"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// update changes what the room says of itself. What is not given stays.
func (d *decision) update(a Update) error {
	if err := d.needManager(); err != nil {
		return err
	}
	if a.Name != nil && *a.Name == "" { // at its creation that means the id
		return signaling.ErrInvalidRoomName
	}
	info := d.state.Info
	changed := a.Give(&info)
	if err := checkInfo(info); err != nil {
		return err
	}
	if a.Password != nil {
		if err := a.Password.check(); err != nil {
			return err
		}
		changed = changed || a.Password.Set() || d.state.Password.Set() // two are never the same: salts differ
		d.state.Password, info.HasPassword = *a.Password, a.Password.Set()
	}
	if !changed {
		return nil
	}
	d.state.Info = info
	d.tell(nil, signaling.RoomUpdated{Room: info, By: d.by})
	return nil
}

// Give sets in info what a sets, and reports whether anything is another thing than before.
func (a Update) Give(info *signaling.RoomInfo) (changed bool) {
	changed = give(&info.Name, a.Name, changed)
	changed = give(&info.SeatMode, a.SeatMode, changed)
	changed = give(&info.MaxMemberCount, a.MaxMembers, changed)
	changed = give(&info.Notice, a.Notice, changed)
	changed = give(&info.CoverURL, a.CoverURL, changed)
	changed = give(&info.BackgroundURL, a.BackgroundURL, changed)
	changed = give(&info.ActivityStatus, a.ActivityStatus, changed)
	changed = give(&info.CustomInfo, a.CustomInfo, changed)
	changed = give(&info.Hidden, a.Hidden, changed)
	changed = give(&info.MessageDisabled, a.MessageDisabled, changed)
	changed = give(&info.GiftDisabled, a.GiftDisabled, changed)
	changed = give(&info.LikeDisabled, a.LikeDisabled, changed)
	if a.Categories != nil && !slices.Equal(info.Categories, *a.Categories) {
		info.Categories = categories(*a.Categories)
		changed = true
	}
	return changed
}

func give[T comparable](to, from *T, changed bool) bool {
	if from == nil || *to == *from {
		return changed
	}
	*to = *from
	return true
}

// categories returns a copy, nil for none: states never share a list that somebody could change.
func categories(list []int) []int {
	return append([]int(nil), list...)
}

// checkInfo checks what people may set of a room.
func checkInfo(info signaling.RoomInfo) error {
	if !signaling.ValidText(info.Name, MaxNameBytes) {
		return signaling.ErrInvalidRoomName
	}
	if m := info.SeatMode; m != signaling.FreeToTake && m != signaling.ApplyToTake {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "seatMode is %d: use 1 (FreeToTake) or 2 (ApplyToTake)", m)
	}
	if n := info.MaxMemberCount; n < 0 || n > math.MaxInt32 {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "maxMemberCount is %d: use 1 or more, or 0 for as many as the server allows", n)
	}
	for _, text := range []struct {
		name, value string
		limit       int
	}{
		{"notice", info.Notice, MaxNoticeBytes},
		{"coverUrl", info.CoverURL, MaxURLBytes},
		{"backgroundUrl", info.BackgroundURL, MaxURLBytes},
		{"customInfo", info.CustomInfo, MaxCustomBytes},
	} {
		if !signaling.ValidText(text.value, text.limit) {
			return signaling.Errorf(signaling.ErrInvalidParameter.Code, "%s may have %d bytes of UTF-8 without control characters", text.name, text.limit)
		}
	}
	if len(info.Categories) > MaxCategories {
		return signaling.Errorf(signaling.ErrTooManyCategories.Code, "a room has at most %d categories", MaxCategories)
	}
	if slices.ContainsFunc(info.Categories, tooLarge) {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "categories are integers of 32 bits")
	}
	if tooLarge(info.ActivityStatus) {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "activityStatus is an integer of 32 bits")
	}
	return nil
}

func tooLarge(n int) bool { return n < math.MinInt32 || n > math.MaxInt32 }
