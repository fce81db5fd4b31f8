package room

import (
	"slices"
	"unicode/utf8"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What managers do to seats, members and the room. The owner is never a target, and administrators not each other's.

func (d *decision) needManager() error {
	if !d.by.Role.Manages() && !d.app {
		return signaling.ErrNeedManager
	}
	return nil
}

// owns reports whether the owner's rights are there.
func (d *decision) owns() bool { return d.app || d.by.Role == signaling.RoomOwner }

// protect refuses what an administrator must not do to the owner, nor to another administrator: two who quarrel could
// empty the office.
func (d *decision) protect(u signaling.UserID) error {
	switch {
	case d.app || u == d.by.UserID || d.by.Role != signaling.Administrator:
		return nil
	case u == d.state.Info.OwnerID:
		return signaling.Errorf(signaling.ErrNoPermission.Code, "not permitted: %s is the owner of the room", u)
	case d.state.RoleOf(u) == signaling.Administrator:
		return signaling.Errorf(signaling.ErrNoPermission.Code, "not permitted: %s is an administrator too; only the owner may", u)
	}
	return nil
}

// invite asks a member. Like an application it reserves nothing.
func (d *decision) invite(a Invite) error {
	if err := d.needManager(); err != nil {
		return err
	}
	if a.Index != signaling.AnySeat && !d.hasSeat(a.Index) {
		return signaling.Errorf(signaling.ErrSeatNotExist.Code, "there is no seat %d: the room has seats 0 to %d, and -1 means any", a.Index, len(d.state.Seats)-1)
	}
	if err := checkTimeout(a.Timeout); err != nil {
		return err
	}
	switch {
	case a.User.UserID == "":
		return signaling.Errorf(signaling.ErrUserNotFound.Code, "there is nobody with this user id in the room")
	case a.User.UserID == d.by.UserID:
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "managers take a seat themselves; nobody invites themselves")
	}
	if _, seated := d.state.SeatOf(a.User.UserID); seated {
		return signaling.ErrAlreadyOnSeat
	}
	if slices.ContainsFunc(d.state.Requests, func(r signaling.Request) bool {
		return r.Type == signaling.InviteToTakeSeat && r.To == a.User.UserID
	}) {
		return signaling.ErrAlreadyInvited
	}
	if _, err := d.seatFor(a.Index, d.state.RoleOf(a.User.UserID)); err != nil {
		return err
	}
	return d.open(signaling.Request{Type: signaling.InviteToTakeSeat, From: d.by, To: a.User.UserID, Index: a.Index}, a.Timeout)
}

func (d *decision) kickOffSeat(a KickOffSeat) error {
	if err := d.needManager(); err != nil {
		return err
	}
	i, ok := d.state.SeatOf(a.User)
	if !ok {
		return signaling.ErrNotOnSeat
	}
	if a.User == d.by.UserID && !d.app {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "use LeaveSeat to leave one's own seat")
	}
	if err := d.protect(a.User); err != nil {
		return err
	}
	if !utf8.ValidString(a.Data) || len(a.Data) > MaxKickData {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "data may have %d bytes of UTF-8", MaxKickData)
	}
	d.evict(i, a.Data)
	return nil
}

// evict takes whoever sits there off the seat.
func (d *decision) evict(i signaling.SeatIndex, data string) {
	victim := d.state.Seats[i].UserID
	d.vacate(i, signaling.ByAdmin)
	d.tell([]signaling.UserID{victim}, signaling.KickedOffSeat{Index: i, By: d.by, Data: data})
}

// putOnSeat is the app's hand: the member is not asked. Who applies is left to the managers, who have the question
// before them (documents: pick_user_on_seat refuses with 100202).
func (d *decision) putOnSeat(a PutOnSeat) error {
	if !d.app {
		return signaling.ErrNoPermission
	}
	if a.User.UserID == "" {
		return signaling.ErrUserNotEntered
	}
	if a.Index != signaling.AnySeat {
		if err := d.checkSeat(a.Index); err != nil {
			return err
		}
	}
	if _, seated := d.state.SeatOf(a.User.UserID); seated {
		return signaling.ErrAlreadyOnSeat
	}
	if slices.ContainsFunc(d.state.Requests, func(r signaling.Request) bool {
		return r.Type == signaling.ApplyToTakeSeat && r.From.UserID == a.User.UserID
	}) {
		return signaling.ErrInQueue
	}
	index, err := d.seatFor(a.Index, d.state.RoleOf(a.User.UserID))
	if err != nil {
		return err
	}
	d.occupy(index, a.User)
	return nil
}

func (d *decision) lockSeat(a LockSeat) error {
	if err := d.needManager(); err != nil {
		return err
	}
	if err := d.checkSeat(a.Index); err != nil {
		return err
	}
	which := a.Lock.Which
	if which == 0 {
		which = signaling.LockFlagAll
	}
	if which&^signaling.LockFlagAll != 0 {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "which is %d: use 1 (seat), 2 (video), 4 (audio) or their sum", which)
	}
	seat := &d.state.Seats[a.Index]
	before := *seat
	if which&signaling.LockFlagSeat != 0 {
		// Locking an occupied seat evicts, except who locks the seat they sit on. The app's lock leaves nobody there
		// (documents: lock_seat), also not who sits on a locked seat by right.
		if a.Lock.Seat && seat.UserID != "" && (d.app || !seat.Locked && seat.UserID != d.by.UserID) {
			if err := d.protect(seat.UserID); err != nil {
				return err
			}
			d.evict(a.Index, "")
			before = *seat
		}
		seat.Locked = a.Lock.Seat
	}
	if which&signaling.LockFlagVideo != 0 {
		seat.VideoLocked = a.Lock.Video
	}
	if which&signaling.LockFlagAudio != 0 {
		d.lockAudio(seat, a.Lock.Audio)
	}
	if *seat != before {
		d.tell(nil, signaling.SeatsChanged{Seats: []signaling.SeatInfo{*seat}})
	}
	return nil
}

// lockAudio silences who sits there. Its release unmutes nobody: they have to do that themselves.
func (d *decision) lockAudio(seat *signaling.SeatInfo, lock bool) {
	seat.AudioLocked = lock
	switch {
	case seat.UserID == "":
	case lock:
		if seat.Mic == signaling.MicOn {
			d.tell(nil, signaling.AudioChanged{UserID: seat.UserID, HasAudio: false, Reason: signaling.ByAdmin})
		}
		seat.Mic = signaling.MicOffByAdmin
	case seat.Mic == signaling.MicOffByAdmin:
		seat.Mic = signaling.MicOff
	}
}

// changeRole needs the owner. Administrators can be named before they come in; an heir has to be there.
func (d *decision) changeRole(a ChangeRole) error {
	if !d.owns() {
		return signaling.ErrNeedOwner
	}
	if err := a.User.Valid(); err != nil {
		return err
	}
	if a.User == d.state.Info.OwnerID {
		if a.Role == signaling.RoomOwner {
			return nil
		}
		return signaling.Errorf(signaling.ErrNoPermission.Code, "the owner cannot be demoted; hand the room over instead")
	}
	old := d.state.RoleOf(a.User)
	if a.Role == old {
		return nil
	}
	without := slices.DeleteFunc(d.state.Admins, func(u signaling.UserID) bool { return u == a.User })
	heir := "" // only an owner's name is part of the room
	switch a.Role {
	case signaling.RoomOwner:
		if !a.Present {
			return signaling.ErrUserNotEntered
		}
		former := d.state.Info.OwnerID
		d.state.Admins = without
		d.state.Info.OwnerID, d.state.Info.OwnerName = a.User, a.UserName
		d.state.Life.OwnerHere, d.state.Life.OwnerLeft, d.state.Life.OwnerLost = true, 0, 0
		heir = a.UserName
		d.tell(nil, signaling.RoleChanged{UserID: former, Role: signaling.GeneralUser})
	case signaling.Administrator:
		if len(d.state.Admins) >= MaxAdmins {
			return signaling.Errorf(signaling.ErrTooManyAdmins.Code, "the room has %d administrators already", MaxAdmins)
		}
		d.state.Admins = append(d.state.Admins, a.User)
	case signaling.GeneralUser:
		d.state.Admins = without
	default:
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "userRole is %d: use 0 (owner), 1 (administrator) or 2 (general user)", a.Role)
	}
	// A manager asks nobody for a seat, so the promoted one's application is over.
	if a.Role.Manages() {
		for _, r := range slices.Clone(d.state.Requests) {
			if r.Type == signaling.ApplyToTakeSeat && r.From.UserID == a.User {
				d.end(r.RequestID, signaling.Cancelled, d.by, 0)
			}
		}
	}
	d.tell(nil, signaling.RoleChanged{UserID: a.User, UserName: heir, Role: a.Role})
	return nil
}

func (d *decision) modifyAdmins(a ModifyAdmins) error {
	if !d.owns() {
		return signaling.ErrNeedOwner
	}
	role := signaling.GeneralUser
	if a.Add {
		role = signaling.Administrator
	}
	for _, u := range a.Users {
		if err := d.changeRole(ChangeRole{User: u, Role: role}); err != nil {
			return err // and Apply forgets the others
		}
	}
	return nil
}

// kickOut frees everything of the user's; the room's home takes them off its list.
func (d *decision) kickOut(a KickOut) error {
	if err := d.needManager(); err != nil {
		return err
	}
	if a.User == d.by.UserID && !d.app {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "use LeaveVoiceRoom to leave oneself")
	}
	if err := d.protect(a.User); err != nil {
		return err
	}
	if !a.Present {
		return signaling.ErrUserNotEntered
	}
	by := d.by
	d.by = signaling.UserInfo{UserID: a.User, Role: d.state.RoleOf(a.User)}
	d.depart(signaling.ByAdmin)
	d.by = by
	d.tell([]signaling.UserID{a.User}, signaling.KickedOutOfRoom{Reason: signaling.KickedByAdmin, Message: "taken out of the room by " + string(by.UserID)})
	return nil
}
