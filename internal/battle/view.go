package battle

import (
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Phase is how far a battle is for one room.
type Phase int

// The phases.
const (
	PhaseOver     Phase = 0 // or the room is out of it
	PhaseAsked    Phase = 1
	PhaseRunning  Phase = 2
	PhasePunished Phase = 3
)

// Step is something that the app's server is told of a battle, in this order.
type Step int

// The steps.
const (
	StepCreated Step = 1
	StepStart   Step = 2
	StepEnd     Step = 3
)

// Step returns how far there is something to tell.
func (b Battle) Step() Step {
	switch {
	case b.Asked == 0 && b.Start == 0: // nobody knows of it
		return 0
	case b.HasEnded():
		return StepEnd
	case b.Start != 0:
		return StepStart
	}
	return StepCreated
}

// View is what one room is shown of a battle.
type View struct {
	Info     signaling.BattleInfo
	Phase    Phase
	Reason   signaling.BattleStoppedReason
	Accepted []signaling.RoomID // of a request: who has
	Tells    bool               // this room tells the app's server
}

// View returns what the i-th room is shown. Of a battle that is being made, or never was, that is nothing.
func (b Battle) View(i int) (v View, ok bool) {
	if b.Asked == 0 && b.Start == 0 {
		return v, false
	}
	r := b.Rooms[i]
	v = View{Info: b.Info(), Reason: b.Reason, Tells: i == b.Teller && b.Reported < b.Step()}
	for _, x := range b.Rooms[1:] {
		if x.Accepted {
			v.Accepted = append(v.Accepted, x.RoomID)
		}
	}
	switch {
	case r.Left:
		if ended := b.Status == Ended && r.LeftAt >= b.End; !ended { // it has not seen how it went on
			v.Reason, v.Info.PunishEndTime = signaling.BattleOtherExit, 0
		}
	case b.Pending():
		v.Phase = PhaseAsked
	case b.Status == Running:
		v.Phase = PhaseRunning
	case b.Punishing():
		v.Phase = PhasePunished
	}
	return v, true
}

// Info returns the battle as rooms show it.
func (b Battle) Info() signaling.BattleInfo {
	i := signaling.BattleInfo{
		BattleID: b.ID, DurationMS: b.Duration, PunishmentMS: b.Punish, NeedResponse: b.Needs, ExtensionInfo: b.Ext, StartTime: b.Start, EndTime: b.End,
		InviteeList: make([]signaling.BattleUser, 0, len(b.Rooms)-1),
	}
	if b.Status == Ended && b.Reason == signaling.BattleTimeOver && b.Punish > 0 {
		i.PunishEndTime = b.End + b.Punish
	}
	for n, r := range b.Rooms {
		u := signaling.BattleUser{RoomID: r.RoomID, UserID: r.Owner, UserName: r.OwnerName, AvatarURL: r.AvatarURL, Score: r.Score, Left: r.Left}
		if n == 0 {
			i.Inviter = u
		} else {
			i.InviteeList = append(i.InviteeList, u)
		}
	}
	return i
}
