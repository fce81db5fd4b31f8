package room

import (
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func (d *decision) takeSeat(a TakeSeat) error {
	s := &d.state
	if a.Index != signaling.AnySeat && !d.hasSeat(a.Index) {
		return signaling.Errorf(signaling.ErrSeatNotExist.Code, "there is no seat %d: the room has seats 0 to %d, and -1 means any", a.Index, len(s.Seats)-1)
	}
	if err := checkTimeout(a.Timeout); err != nil {
		return err
	}
	if _, seated := s.SeatOf(d.by.UserID); seated {
		return signaling.ErrAlreadyOnSeat
	}
	direct := s.Info.SeatMode == signaling.FreeToTake || d.by.Role.Manages()
	if !direct && slices.ContainsFunc(s.Requests, func(r signaling.Request) bool {
		return r.Type == signaling.ApplyToTakeSeat && r.From.UserID == d.by.UserID
	}) {
		return signaling.ErrRequestRepeated
	}
	index, err := d.seatFor(a.Index, d.by.Role)
	if err != nil {
		return err
	}
	if direct {
		d.occupy(index, d.by)
		return nil
	}
	return d.apply(a)
}

// apply starts an application. It reserves nothing: the seat is chosen and checked when somebody accepts.
func (d *decision) apply(a TakeSeat) error {
	return d.open(signaling.Request{Type: signaling.ApplyToTakeSeat, From: d.by, Index: a.Index}, a.Timeout)
}

// open starts a request, under the command's id.
func (d *decision) open(r signaling.Request, timeout time.Duration) error {
	if d.id == "" || !signaling.ValidText(d.id, MaxIDBytes) {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "a request's id has 1 to %d bytes of UTF-8 without control characters", MaxIDBytes)
	}
	if _, exists := d.state.request(d.id); exists {
		return signaling.ErrRequestConflict
	}
	r.RequestID, r.Created = d.id, d.now.UnixMilli()
	if timeout > 0 {
		r.Deadline = d.now.Add(max(timeout, time.Millisecond)).UnixMilli()
	}
	if n := len(d.state.Requests); n >= MaxRequests || d.state.requestBytes()+requestSize(r) > d.state.requestBudget() {
		return signaling.Errorf(signaling.ErrLimit.Code, "%d requests are pending in this room, which is all it can hold; try again later", n)
	}
	d.state.Requests = append(d.state.Requests, r)
	d.tell(d.audience(r), signaling.RequestReceived{Request: r})
	return nil
}

func (d *decision) respond(a Respond) error {
	i, ok := d.state.request(a.RequestID)
	if !ok {
		return signaling.ErrRequestInvalid
	}
	r := d.state.Requests[i]
	mine := r.To == d.by.UserID
	if r.Type == signaling.ApplyToTakeSeat {
		mine = d.by.Role.Manages()
	}
	if !mine {
		return signaling.ErrRequestPermission
	}
	if !a.Agree {
		d.end(r.RequestID, signaling.Rejected, d.by, 0)
		return nil
	}
	taker := r.From
	if r.Type == signaling.InviteToTakeSeat {
		taker = d.by
	}
	if _, seated := d.state.SeatOf(taker.UserID); seated {
		return signaling.ErrAlreadyOnSeat
	}
	// A seat that has gone meanwhile fails towards the one who accepts, and the request stays: the host may free the
	// seat, or the applicant may give up.
	index, err := d.seatFor(r.Index, d.state.RoleOf(taker.UserID))
	if err != nil {
		return err
	}
	d.end(r.RequestID, signaling.Accepted, d.by, 0)
	d.occupy(index, taker)
	return nil
}

func (d *decision) cancel(a Cancel) error {
	i, ok := d.state.request(a.RequestID)
	if !ok {
		return signaling.ErrRequestInvalid
	}
	if d.state.Requests[i].From.UserID != d.by.UserID {
		return signaling.ErrRequestPermission
	}
	d.end(a.RequestID, signaling.Cancelled, d.by, 0)
	return nil
}

func (d *decision) leaveSeat() error {
	i, ok := d.state.SeatOf(d.by.UserID)
	if !ok {
		return signaling.ErrNotOnSeat
	}
	d.vacate(i, signaling.BySelf)
	return nil
}

func (d *decision) hasSeat(i signaling.SeatIndex) bool { return i >= 0 && int(i) < len(d.state.Seats) }

func checkTimeout(t time.Duration) error {
	if t < 0 || t > MaxTimeout {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "the time-out must be 0 (never) to %s", MaxTimeout)
	}
	return nil
}

// seatFor checks the wanted seat, or picks one for [signaling.AnySeat].
func (d *decision) seatFor(want signaling.SeatIndex, role signaling.Role) (signaling.SeatIndex, error) {
	if want == signaling.AnySeat {
		i, ok := d.state.freeSeat()
		if !ok {
			return 0, signaling.ErrAllSeatsOccupied
		}
		return i, nil
	}
	seat := d.state.Seats[want]
	if seat.UserID != "" {
		return 0, signaling.ErrSeatOccupied
	}
	if seat.Locked && !role.Manages() { // managers are exempt from the lock
		return 0, signaling.ErrSeatLocked
	}
	return want, nil
}

// occupy seats somebody. What else they had asked for, or were asked, has become pointless.
func (d *decision) occupy(i signaling.SeatIndex, u signaling.UserInfo) {
	for _, r := range slices.Clone(d.state.Requests) {
		switch {
		case r.Type == signaling.ApplyToTakeSeat && r.From.UserID == u.UserID:
			d.end(r.RequestID, signaling.Cancelled, u, 0)
		case r.Type == signaling.InviteToTakeSeat && r.To == u.UserID:
			d.end(r.RequestID, signaling.Failed, u, signaling.ErrAlreadyOnSeat.Code)
		}
	}
	u.Role = d.state.RoleOf(u.UserID)
	seat := &d.state.Seats[i]
	seat.UserID, seat.UserName, seat.AvatarURL = u.UserID, u.UserName, u.AvatarURL
	seat.Mic = signaling.MicOff
	if seat.AudioLocked {
		seat.Mic = signaling.MicOffByAdmin
	}
	d.tell(nil, signaling.SeatsChanged{Seats: []signaling.SeatInfo{*seat}, Seated: []signaling.UserInfo{u}})
}

// vacate frees a seat; by says who wanted that.
func (d *decision) vacate(i signaling.SeatIndex, by signaling.ChangeReason) {
	seat := &d.state.Seats[i]
	u := signaling.UserInfo{UserID: seat.UserID, UserName: seat.UserName, AvatarURL: seat.AvatarURL}
	u.Role = d.state.RoleOf(u.UserID)
	if seat.Mic == signaling.MicOn {
		d.tell(nil, signaling.AudioChanged{UserID: u.UserID, HasAudio: false, Reason: by})
	}
	// The locks belong to the seat and stay.
	seat.UserID, seat.UserName, seat.AvatarURL, seat.Mic = "", "", "", signaling.MicOff
	d.tell(nil, signaling.SeatsChanged{Seats: []signaling.SeatInfo{*seat}, Left: []signaling.UserInfo{u}})
}

// end removes a pending request and tells everybody who knew it.
func (d *decision) end(id string, how signaling.RequestResultType, by signaling.UserInfo, code signaling.Code) {
	i, ok := d.state.request(id)
	if !ok {
		return
	}
	r := d.state.Requests[i]
	to := d.audience(r)
	d.state.Requests = slices.Delete(d.state.Requests, i, i+1)
	d.tell(to, signaling.RequestEnded{Request: r, Result: how, By: by, Code: code})
}

// audience lists who knows of a request: the managers for an application, both ends for an invitation.
func (d *decision) audience(r signaling.Request) []signaling.UserID {
	to := []signaling.UserID{r.From.UserID}
	add := func(u signaling.UserID) {
		if u != "" && !slices.Contains(to, u) {
			to = append(to, u)
		}
	}
	if r.Type == signaling.InviteToTakeSeat {
		add(r.To)
		return to
	}
	add(d.state.Info.OwnerID)
	for _, a := range d.state.Admins {
		add(a)
	}
	return to
}
