package room

import "github.com/openvoiceroom/openvoiceroom/signaling"

// ShowBattle has a room show a battle as it stands: its begin, its scores and its end are one command, which may come
// again and late. Only the app may; package battle decides what is shown.
type ShowBattle struct {
	Battle signaling.BattleInfo          `json:"battle"`
	Seq    uint64                        `json:"seq"` // of two about the same battle the higher one is newer
	Over   bool                          `json:"over,omitempty"`
	Reason signaling.BattleStoppedReason `json:"reason,omitempty"`
	Tells  bool                          `json:"tells,omitempty"` // of the end the app hears from this room
	Room   int64                         `json:"room"`            // the CreateTime of the room that takes part
}

func (ShowBattle) actionType() string { return "showBattle" }

// Battle is the battle that a room is in, or was in last.
type Battle struct {
	ID    string                `json:"id"`
	Seq   uint64                `json:"seq"`
	Start int64                 `json:"start"`
	Info  *signaling.BattleInfo `json:"info,omitempty"` // nil when it is over; never changed
}

// showBattle tells what is news. What comes late, about a battle before the last one too, is passed over.
func (d *decision) showBattle(a ShowBattle) error {
	if !d.app {
		return signaling.ErrNoPermission
	}
	if a.Room != d.state.Info.CreateTime {
		return signaling.ErrRoomNotExist
	}
	old := d.state.Battle
	same := old != nil && old.ID == a.Battle.BattleID
	if old != nil && !same && a.Battle.StartTime <= old.Start || same && (a.Seq <= old.Seq || old.Info == nil) {
		return nil
	}
	if old != nil && !same && old.Info != nil { // its end was never told
		d.tell(nil, signaling.BattleEnded{Battle: *old.Info, Reason: signaling.BattleTimeOver})
	}
	next := &Battle{ID: a.Battle.BattleID, Seq: a.Seq, Start: a.Battle.StartTime, Info: &a.Battle}
	switch {
	case a.Over:
		next.Info = nil
		d.tell(nil, signaling.BattleEnded{Battle: a.Battle, Reason: a.Reason})
	case !same:
		d.tell(nil, signaling.BattleStarted{Battle: a.Battle})
	default:
		users := append([]signaling.BattleUser{a.Battle.Inviter}, a.Battle.InviteeList...)
		d.tell(nil, signaling.BattleScoreChanged{BattleID: a.Battle.BattleID, Users: users})
	}
	d.state.Battle = next
	if !same && !a.Over && d.state.guestsCrowd() {
		return signaling.Errorf(signaling.ErrLimit.Code, "the room's robots, its connection and its metadata leave no place for a battle")
	}
	if used := d.state.requestBytes(); !same && !a.Over && used > 0 && used > d.state.requestBudget() {
		return signaling.Errorf(signaling.ErrLimit.Code, "the pending requests leave no place for a battle; they end soon")
	}
	return nil
}

// battleBytes is what the battle takes as JSON at most, whatever its scores.
func (s State) battleBytes() int {
	if s.Battle == nil {
		return 0
	}
	n := 150 // itself, without what it shows
	if i := s.battle(); i != nil {
		n += 200 + textSize(i.BattleID) + textSize(i.ExtensionInfo) + battleUserBytes(i.Inviter)
		for _, u := range i.InviteeList {
			n += battleUserBytes(u)
		}
	}
	return n
}

func battleUserBytes(u signaling.BattleUser) int {
	return 100 + textSize(string(u.RoomID)) + textSize(string(u.UserID)) + textSize(u.UserName) + textSize(u.AvatarURL)
}

// battle returns the battle that the room is in, nil for none.
func (s State) battle() *signaling.BattleInfo {
	if s.Battle == nil {
		return nil
	}
	return s.Battle.Info
}
