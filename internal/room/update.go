package room

import (
	"math"
	"reflect"
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
	a.Give(&info)
	if err := checkInfo(info); err != nil {
		return err
	}
	if reflect.DeepEqual(info, d.state.Info) {
		return nil
	}
	d.state.Info = info
	d.tell(nil, signaling.RoomUpdated{Room: info, By: d.by})
	return nil
}

// Give sets in info what a sets.
func (a Update) Give(info *signaling.RoomInfo) {
	give(&info.Name, a.Name)
	give(&info.SeatMode, a.SeatMode)
	give(&info.MaxMemberCount, a.MaxMembers)
	give(&info.CoverURL, a.CoverURL)
	give(&info.BackgroundURL, a.BackgroundURL)
	give(&info.ActivityStatus, a.ActivityStatus)
	give(&info.CustomInfo, a.CustomInfo)
	give(&info.Hidden, a.Hidden)
	give(&info.MessageDisabled, a.MessageDisabled)
	if a.Categories != nil {
		info.Categories = categories(*a.Categories)
	}
}

func give[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
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
		{"coverUrl", info.CoverURL, MaxURLBytes},
		{"backgroundUrl", info.BackgroundURL, MaxURLBytes},
		{"customInfo", info.CustomInfo, MaxCustomBytes},
	} {
		if !signaling.ValidText(text.value, text.limit) {
			return signaling.Errorf(signaling.ErrInvalidParameter.Code, "%s may have %d bytes of UTF-8 without control characters", text.name, text.limit)
		}
	}
	if len(info.Categories) > MaxCategories || slices.ContainsFunc(info.Categories, tooLarge) {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "a room has at most %d categories, which are integers of 32 bits", MaxCategories)
	}
	if tooLarge(info.ActivityStatus) {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "activityStatus is an integer of 32 bits")
	}
	return nil
}

func tooLarge(n int) bool { return n < math.MinInt32 || n > math.MaxInt32 }
