package room

import (
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// setInfo changes under which name, avatar and level somebody is shown: on the seat, in pending requests, as the owner. That
// of the audience is not in the state, so the room's home says whether it is news.
func (d *decision) setInfo(a SetInfo) error {
	u := signaling.UserInfo{UserID: d.by.UserID, UserName: a.UserName, AvatarURL: a.AvatarURL, Level: a.Level, Role: d.by.Role}
	news := a.News
	if i, seated := d.state.SeatOf(u.UserID); seated {
		seat := &d.state.Seats[i]
		before := *seat
		if seat.UserName, seat.AvatarURL = u.UserName, u.AvatarURL; *seat != before {
			news = true
			d.tell(nil, signaling.SeatsChanged{Seats: []signaling.SeatInfo{*seat}})
		}
	}
	if d.setInfoInRequests(u) {
		news = true
	}
	if u.Role == signaling.RoomOwner && d.state.Info.OwnerName != u.UserName {
		d.state.Info.OwnerName = u.UserName
		news = true
	}
	if news {
		d.tell(nil, signaling.UserInfoChanged{User: u})
	}
	return nil
}

// setInfoInRequests reports whether a pending request shows something else now. A longer name is left out of requests
// that would make the state too large with it: they end soon, and the room must not.
func (d *decision) setInfoInRequests(u signaling.UserInfo) bool {
	former, size := d.state.Requests, d.state.requestBytes()
	d.state.Requests = slices.Clone(former)
	changed := false
	for i := range d.state.Requests {
		from := &d.state.Requests[i].From
		if from.UserID == u.UserID && (from.UserName != u.UserName || from.AvatarURL != u.AvatarURL || from.Level != u.Level) {
			from.UserName, from.AvatarURL, from.Level = u.UserName, u.AvatarURL, u.Level
			changed = true
		}
	}
	if now := d.state.requestBytes(); now > size && now > d.state.requestBudget() {
		d.state.Requests = former
		return false
	}
	return changed
}
