package room

import "github.com/openvoiceroom/openvoiceroom/signaling"

// Who changes seats keeps nothing of the old one: locks belong to seats, so the new one's apply. Each move is one
// event for all seats and users that it touches.

// moveSeat is a seated member's own move. It never disturbs anybody.
func (d *decision) moveSeat(a MoveSeat) error {
	from, ok := d.state.SeatOf(d.by.UserID)
	if !ok {
		return signaling.ErrNotOnSeat
	}
	if err := d.checkSeat(a.Index); err != nil || from == a.Index {
		return err
	}
	if _, err := d.seatFor(a.Index, d.by.Role); err != nil {
		return err
	}
	d.move(from, a.Index)
	return nil
}

// moveUser moves another. The owner is moved by nobody else, and an administrator by no other, neither as the one who is
// meant nor as the one who sits in the way, and nobody is moved onto a locked seat who could not take it: a swap is two such moves.
func (d *decision) moveUser(a MoveUser) error {
	if a.Policy < signaling.AbortWhenOccupied || a.Policy > signaling.SwapPosition {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "policy is %d: use 0 (abort when occupied), 1 (force replace) or 2 (swap position)", a.Policy)
	}
	if a.User == d.by.UserID { // documents: moving oneself is always as with AbortWhenOccupied
		return d.moveSeat(MoveSeat{Index: a.Index})
	}
	if err := d.needManager(); err != nil {
		return err
	}
	from, ok := d.state.SeatOf(a.User)
	if !ok {
		return signaling.ErrNotOnSeat
	}
	if err := d.checkSeat(a.Index); err != nil {
		return err
	}
	if err := d.protect(a.User); err != nil || from == a.Index {
		return err
	}
	occupant := d.state.Seats[a.Index].UserID
	if occupant != "" {
		if a.Policy == signaling.AbortWhenOccupied {
			return signaling.ErrSeatOccupied
		}
		if err := d.protect(occupant); err != nil {
			return err
		}
	}
	if err := d.mayBePut(a.User, a.Index); err != nil {
		return err
	}
	if a.Policy == signaling.SwapPosition && occupant != "" {
		if err := d.mayBePut(occupant, from); err != nil {
			return err
		}
		d.swap(from, a.Index)
		return nil
	}
	d.move(from, a.Index)
	return nil
}

func (d *decision) checkSeat(i signaling.SeatIndex) error {
	if !d.hasSeat(i) {
		return signaling.Errorf(signaling.ErrSeatNotExist.Code, "there is no seat %d: the room has seats 0 to %d", i, len(d.state.Seats)-1)
	}
	return nil
}

func (d *decision) mayBePut(u signaling.UserID, i signaling.SeatIndex) error {
	if d.state.Seats[i].Locked && !d.state.RoleOf(u).Manages() {
		return signaling.ErrSeatLocked
	}
	return nil
}

// move takes whoever sits at from to another seat. An occupant there loses it.
func (d *decision) move(from, to signaling.SeatIndex) {
	mover, _ := d.lift(from)
	left := []signaling.UserInfo{mover.user}
	victim, occupied := d.lift(to)
	if occupied {
		if victim.mic == signaling.MicOn {
			d.silenced(victim)
		}
		left = append(left, victim.user)
	}
	d.put(mover, to)
	d.tell(nil, signaling.SeatsChanged{Seats: d.seats(from, to), Seated: []signaling.UserInfo{mover.user}, Left: left})
	if occupied {
		d.tell([]signaling.UserID{victim.user.UserID}, signaling.KickedOffSeat{Index: to, By: d.by})
	}
}

// swap exchanges those who sit on two seats.
func (d *decision) swap(a, b signaling.SeatIndex) {
	first, _ := d.lift(a)
	second, _ := d.lift(b)
	d.put(first, b)
	d.put(second, a)
	both := []signaling.UserInfo{first.user, second.user}
	d.tell(nil, signaling.SeatsChanged{Seats: d.seats(a, b), Seated: both, Left: both})
}

// lifted is somebody between two seats.
type lifted struct {
	user signaling.UserInfo
	mic  signaling.MicStatus
}

func (d *decision) lift(i signaling.SeatIndex) (_ lifted, occupied bool) {
	seat := &d.state.Seats[i]
	if seat.UserID == "" {
		return lifted{}, false
	}
	u := signaling.UserInfo{UserID: seat.UserID, UserName: seat.UserName, AvatarURL: seat.AvatarURL, Role: d.state.RoleOf(seat.UserID)}
	l := lifted{user: u, mic: seat.Mic}
	seat.UserID, seat.UserName, seat.AvatarURL, seat.Mic = "", "", "", signaling.MicOff
	return l, true
}

// put seats somebody under the seat's locks.
func (d *decision) put(l lifted, i signaling.SeatIndex) {
	seat := &d.state.Seats[i]
	seat.UserID, seat.UserName, seat.AvatarURL = l.user.UserID, l.user.UserName, l.user.AvatarURL
	switch {
	case seat.AudioLocked && l.mic == signaling.MicOn:
		d.silenced(l)
		seat.Mic = signaling.MicOffByAdmin
	case seat.AudioLocked:
		seat.Mic = signaling.MicOffByAdmin
	case l.mic == signaling.MicOffByAdmin: // free of the lock, but nobody is unmuted by that
		seat.Mic = signaling.MicOff
	default:
		seat.Mic = l.mic
	}
}

func (d *decision) silenced(l lifted) {
	d.tell(nil, signaling.AudioChanged{UserID: l.user.UserID, HasAudio: false, Reason: signaling.ByAdmin})
}

func (d *decision) seats(list ...signaling.SeatIndex) []signaling.SeatInfo {
	seats := make([]signaling.SeatInfo, len(list))
	for i, s := range list {
		seats[i] = d.state.Seats[s]
	}
	return seats
}
