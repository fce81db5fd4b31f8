package room

import (
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Apply decides a command. On success it returns the next state and what happened; no events mean that nothing
// changed. A refusal is a *signaling.Error with the documents' code, and the state is then as it was. s is never
// modified.
func Apply(s State, c Command, now time.Time) (State, []Event, error) {
	d := &decision{state: s.clone(), now: now, id: c.ID, by: c.By, app: c.App}
	d.by.Role = s.RoleOf(c.By.UserID)
	if err := d.do(c.Action); err != nil {
		return s, nil, err
	}
	if len(d.events) == 0 {
		return s, nil, nil
	}
	return d.state, d.events, nil
}

// decision is one command on its way: the state being changed and the events so far.
type decision struct {
	state  State
	now    time.Time
	id     string
	by     signaling.UserInfo
	app    bool // by speaks for the app
	events []Event
}

func (d *decision) do(a Action) error {
	switch a.(type) {
	case Dismiss, Expire, Lapse, Count: // the server's own commands, too
	default:
		if d.by.UserID == "" {
			return signaling.ErrBadRequest
		}
	}
	if create, ok := a.(Create); ok {
		return d.create(create)
	}
	if !d.state.Exists() {
		return signaling.ErrRoomNotExist
	}
	if err := d.checkSeats(a); err != nil {
		return err
	}
	switch a := a.(type) {
	case TakeSeat:
		return d.takeSeat(a)
	case LeaveSeat:
		return d.leaveSeat()
	case MoveSeat:
		return d.moveSeat(a)
	case MoveUser:
		return d.moveUser(a)
	case Invite:
		return d.invite(a)
	case PutOnSeat:
		return d.putOnSeat(a)
	case KickOffSeat:
		return d.kickOffSeat(a)
	case LockSeat:
		return d.lockSeat(a)
	case Update:
		return d.update(a)
	case SetMetadata:
		return d.setMetadata(a)
	case DeleteMetadata:
		return d.deleteMetadata(a)
	case ChangeRole:
		return d.changeRole(a)
	case ModifyAdmins:
		return d.modifyAdmins(a)
	case KickOut:
		return d.kickOut(a)
	case Ban:
		return d.ban(a)
	case Unban:
		return d.maySanction(a.Users)
	case Mute:
		return d.mute(a)
	case Respond:
		return d.respond(a)
	case Cancel:
		return d.cancel(a)
	case SetAudio:
		return d.setAudio(a)
	case SetInfo:
		return d.setInfo(a)
	case Leave:
		if d.by.Role == signaling.RoomOwner && !a.OwnerMay {
			return signaling.ErrOwnerCannotLeave
		}
		d.depart(signaling.BySelf)
		return nil
	case Depart:
		d.depart(signaling.BySelf)
		return nil
	case Expel:
		d.depart(signaling.BySelf)
		d.tell([]signaling.UserID{d.by.UserID}, signaling.KickedOutOfRoom{Reason: a.Reason, Message: a.Message})
		return nil
	case SendGift:
		return d.sendGift(a)
	case ShowBattle:
		return d.showBattle(a)
	case ShowConnection:
		return d.showConnection(a)
	case MuteConnection:
		return d.muteConnection(a)
	case Dismiss:
		return d.dismiss(a)
	case AddRobots:
		return d.addRobots(a)
	case RemoveRobots:
		return d.removeRobots(a)
	case Lapse:
		return d.lapse(a)
	case Count:
		return d.count(a)
	case Expire:
		d.expire()
		return nil
	}
	return signaling.ErrBadRequest
}

// checkSeats refuses what makes no sense in a room without seats.
func (d *decision) checkSeats(a Action) error {
	if len(d.state.Seats) > 0 {
		return nil
	}
	switch a.(type) {
	case TakeSeat, MoveSeat, MoveUser, Invite, PutOnSeat, LockSeat:
		return signaling.ErrSeatsNotSupported
	}
	return nil
}

func (d *decision) create(a Create) error {
	if d.state.Exists() {
		if d.state.Info.OwnerID == d.by.UserID {
			return signaling.ErrRoomIDOwned
		}
		return signaling.ErrRoomIDOccupied
	}
	if since := d.now.UnixMilli() - d.state.Info.CreateTime; d.app && d.state.Info.RoomID != "" && since >= 0 && since < minAge.Milliseconds() {
		return signaling.Errorf(signaling.ErrTooFrequent.Code, "a room with this id was created less than a second ago; wait a moment")
	}
	info := a.Info
	if err := info.RoomID.Valid(); err != nil {
		return err
	}
	if info.Name == "" {
		info.Name = string(info.RoomID)
	}
	if info.SeatMode == 0 {
		info.SeatMode = signaling.ApplyToTake
	}
	if err := checkInfo(info); err != nil {
		return err
	}
	if err := a.Password.check(); err != nil {
		return err
	}
	info.Password, info.HasPassword = "", a.Password.Set() // not even in memory
	if info.MaxSeatCount == 0 && !a.NoSeats {
		info.MaxSeatCount = min(DefaultSeats, a.SeatLimit)
	}
	switch {
	case a.NoSeats && info.MaxSeatCount != 0:
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "maxSeatCount is %d in a room without seats", info.MaxSeatCount)
	case a.NoSeats:
	case info.MaxSeatCount < 1 || info.MaxSeatCount > min(a.SeatLimit, MaxSeats):
		return signaling.Errorf(signaling.ErrTooManySeats.Code, "maxSeatCount is %d: this server allows 1 to %d", info.MaxSeatCount, min(a.SeatLimit, MaxSeats))
	}
	info.Categories = categories(info.Categories)
	info.OwnerID, info.OwnerName = d.by.UserID, d.by.UserName
	info.CreateTime, info.MemberCount, info.ViewCount = d.now.UnixMilli(), 0, 0
	d.state = State{Info: info, Password: a.Password, Unlimited: a.Unlimited, Seats: make([]signaling.SeatInfo, info.MaxSeatCount)}
	for i := range d.state.Seats {
		d.state.Seats[i].Index = signaling.SeatIndex(i)
	}
	d.tell(nil, signaling.SeatsChanged{Seats: slices.Clone(d.state.Seats)})
	return nil
}

func (d *decision) setAudio(a SetAudio) error {
	i, ok := d.state.SeatOf(d.by.UserID)
	if !ok {
		return signaling.ErrNotOnSeat
	}
	seat := &d.state.Seats[i]
	switch {
	case a.On && seat.AudioLocked:
		return signaling.ErrSeatAudioLocked
	case a.On && seat.Mic != signaling.MicOn:
		seat.Mic = signaling.MicOn
	case !a.On && seat.Mic == signaling.MicOn:
		seat.Mic = signaling.MicOff
	default:
		return nil // as it is already: nothing happened
	}
	d.tell(nil, signaling.AudioChanged{UserID: d.by.UserID, HasAudio: a.On, Reason: signaling.BySelf})
	return nil
}

// depart takes everything of the user's out of the state; why says who wanted that.
func (d *decision) depart(why signaling.ChangeReason) {
	for _, r := range slices.Clone(d.state.Requests) {
		if r.From.UserID == d.by.UserID || r.To == d.by.UserID {
			d.end(r.RequestID, signaling.Cancelled, d.by, 0)
		}
	}
	if i, ok := d.state.SeatOf(d.by.UserID); ok {
		d.vacate(i, why)
	}
	d.unrobot(d.by.UserID)
}

func (d *decision) dismiss(a Dismiss) error {
	if d.by.UserID != "" && !d.owns() {
		return signaling.ErrNeedOwner
	}
	reason := a.Reason
	switch {
	case d.by.UserID != "" && !d.app:
		reason = signaling.DismissedByOwner
	case reason == 0:
		reason = signaling.DismissedByServer
	}
	for _, r := range slices.Clone(d.state.Requests) {
		d.end(r.RequestID, signaling.Cancelled, d.by, 0)
	}
	d.abandonBattle()
	// Nobody sits in a room that is over, and the entry that ends many requests has to fit into the log.
	d.state.Seats, d.state.Admins, d.state.Metadata, d.state.Battle, d.state.Combos = nil, nil, nil, nil, nil
	d.state.Connection, d.state.Liked, d.state.Robots = nil, nil, nil
	d.state.Dismissed, d.state.Ended = reason, d.now.UnixMilli()
	d.tell(nil, signaling.RoomDismissed{Reason: reason})
	return nil
}

// expire ends some of what is overdue: many requests at once, which a room that had no home for a while has, would make
// an entry too large for the log. [State.NextDeadline] is in the past until all are done.
func (d *decision) expire() {
	for _, r := range slices.Clone(d.state.Requests) {
		if len(d.events) == maxExpired {
			return
		}
		if r.Deadline != 0 && !d.now.Before(time.UnixMilli(r.Deadline)) {
			d.end(r.RequestID, signaling.Timeout, r.From, 0) // documents: onTimeout names who had asked
		}
	}
}

// tell records an event.
func (d *decision) tell(to []signaling.UserID, e signaling.Event) {
	d.events = append(d.events, Event{To: to, Event: e})
}
