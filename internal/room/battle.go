package room

import (
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// BattlePhase is how far a battle is for one room.
type BattlePhase int

// The phases. A room passes them in this order, may skip some, and ends with BattleOver.
const (
	BattleOver     BattlePhase = 0 // or the room is out of it
	BattleAsked    BattlePhase = 1 // it begins when all have accepted
	BattleRunning  BattlePhase = 2
	BattlePunished BattlePhase = 3 // it has ended, and its punishment phase goes on
)

// ShowBattle has a room show a battle as it stands: what is asked, its begin, its scores and its end are one command, which
// may come again and late. Only the app may; package battle decides what is shown.
type ShowBattle struct {
	Battle signaling.BattleInfo          `json:"battle"`
	Turn   uint64                        `json:"turn"` // of two battles of a room the later one's is higher
	Seq    uint64                        `json:"seq"`  // of two states of one battle the later one's is higher
	Phase  BattlePhase                   `json:"phase,omitempty"`
	Reason signaling.BattleStoppedReason `json:"reason,omitempty"`

	Room int64 `json:"room"` // the CreateTime of the room that takes part

	// Of a request:
	Accepted []signaling.RoomID          `json:"accepted,omitempty"` // who has
	Ended    []signaling.RoomID          `json:"ended,omitempty"`    // with whom it has ended before the battle began
	Result   signaling.RequestResultType `json:"result,omitempty"`   // how
	Created  int64                       `json:"created,omitempty"`
	Deadline int64                       `json:"deadline,omitempty"`

	Report *ReportBattle `json:"report,omitempty"` // where it is this room's to tell the app's server
}

// ReportBattle is what a room needs to know to tell the app's server about a battle.
type ReportBattle struct {
	By      Cause      `json:"by,omitzero"`     // who has asked for the battle, or begun it
	Created int64      `json:"created"`         // Unix milliseconds
	Timeout int64      `json:"timeout"`         // milliseconds that the invited have
	Told    BattleStep `json:"told,omitempty"`  // by a room whose it was before
	Ended   bool       `json:"ended,omitempty"` // for all rooms
	Only    bool       `json:"only,omitempty"`  // the battle is of two rooms: it ends when this one does
}

// BattleStep is something that the app's server is told about a battle, once and in this order.
type BattleStep int

// The steps.
const (
	BattleCreated BattleStep = 1
	BattleStarts  BattleStep = 2 // it may be left out
	BattleEnds    BattleStep = 3
)

// BattleReport says to the app's server how far a battle is; clients are not told.
type BattleReport struct {
	Step    BattleStep                    `json:"step"`
	Battle  signaling.BattleInfo          `json:"battle"`
	Reason  signaling.BattleStoppedReason `json:"reason,omitempty"`
	Created int64                         `json:"created"`
	Timeout int64                         `json:"timeout,omitempty"`

	By *Cause `json:"-"` // the event's cause; nil of the end. It is not in the log where the app does not want to be told
}

func (ShowBattle) actionType() string { return "showBattle" }

// Battle is the battle that a room is in, or is asked for, or was in last; then it has no Info.
type Battle struct {
	ID    string                `json:"id"`
	Turn  uint64                `json:"turn"`
	Seq   uint64                `json:"seq"`
	Phase BattlePhase           `json:"phase,omitempty"`
	Told  BattleStep            `json:"told,omitempty"`  // to the app's server
	Tells *ReportBattle         `json:"tells,omitempty"` // it is this room's to tell the next step; without By
	Info  *signaling.BattleInfo `json:"info,omitempty"`  // never changed

	Accepted []signaling.RoomID `json:"accepted,omitempty"` // while it is asked; never changed
	Created  int64              `json:"created,omitempty"`
	Deadline int64              `json:"deadline,omitempty"`
}

// Runs reports whether there is a battle that goes on, so that gifts count for it.
func (b *Battle) Runs() bool { return b != nil && b.Phase == BattleRunning }

// showBattle tells what is news. What comes late, about a battle before the last one too, is passed over.
func (d *decision) showBattle(a ShowBattle) error {
	if !d.app {
		return signaling.ErrNoPermission
	}
	if a.Room != d.state.Info.CreateTime {
		return signaling.ErrRoomNotExist
	}
	var old Battle
	if b := d.state.Battle; b != nil {
		if a.Turn < b.Turn || a.Turn == b.Turn && a.Seq <= b.Seq {
			return nil
		}
		if old = *b; a.Turn == b.Turn && b.Phase == BattleOver { // all that may be news is that it tells the app's server
			next := old
			d.state.Battle = &next
			d.reportBattle(a)
			return nil
		}
	}
	fresh := old.Turn != a.Turn
	if fresh && old.Phase != BattleOver { // its end was never told
		d.battleOver(old, ShowBattle{Battle: *old.Info, Result: signaling.Cancelled, Ended: old.waiting()})
	}
	if fresh {
		old = Battle{}
	}
	before := d.state.battleBytes()
	next := &Battle{ID: a.Battle.BattleID, Turn: a.Turn, Seq: a.Seq, Phase: a.Phase, Told: old.Told, Tells: old.Tells}
	if a.Phase != BattleOver {
		next.Info = &a.Battle
	}
	if a.Phase == BattleAsked {
		next.Accepted, next.Created, next.Deadline = a.Accepted, a.Created, a.Deadline
	}
	d.state.Battle = next
	switch a.Phase {
	case BattleAsked:
		d.battleAsked(old, a)
	case BattleRunning:
		d.battleRunning(old, a)
	case BattlePunished:
		d.battlePunished(old, a)
	default:
		d.battleOver(old, a)
	}
	d.reportBattle(a)
	if d.state.battleBytes() <= before {
		return nil
	}
	if d.state.guestsCrowd() {
		return signaling.Errorf(signaling.ErrLimit.Code, "the room's robots, its connection and its metadata leave no place for a battle")
	}
	if used := d.state.requestBytes(); used > 0 && used > d.state.requestBudget() {
		return signaling.Errorf(signaling.ErrLimit.Code, "the pending requests leave no place for a battle; they end soon")
	}
	return nil
}

// abandonBattle tells of the end that the battle has for a room that is over: it can be shown no other. Its scores are
// those that the room has been shown. Of two rooms the battle has ended with it, which nobody else will tell the app.
func (d *decision) abandonBattle() {
	b := d.state.Battle
	if b == nil || b.Phase == BattleOver {
		return
	}
	a := ShowBattle{Battle: *b.Info}
	switch now := d.now.UnixMilli(); b.Phase {
	case BattleAsked:
		a.Battle.EndTime = now
	case BattleRunning:
		if now < a.Battle.EndTime {
			a.Battle.EndTime, a.Reason = now, signaling.BattleOtherExit
		}
		d.tell(nil, signaling.BattleEnded{Battle: a.Battle, Reason: a.Reason})
	case BattlePunished:
		d.tell(nil, signaling.BattlePunishmentEnded{Battle: a.Battle})
	}
	if b.Tells != nil && b.Tells.Only {
		r := *b.Tells
		next := *b
		r.Ended, a.Report, d.state.Battle = true, &r, &next
		d.reportBattle(a)
	}
}

func (d *decision) battleOwner() []signaling.UserID { return []signaling.UserID{d.state.Info.OwnerID} }

// battleAsked tells the owner of a request, and who has accepted it.
func (d *decision) battleAsked(old Battle, a ShowBattle) {
	if old.Phase == BattleOver {
		d.tell(d.battleOwner(), signaling.BattleRequestReceived{Request: d.state.Battle.request()})
		return
	}
	d.battleAccepted(old, a.Accepted)
}

// battleAccepted tells the owner who has accepted since.
func (d *decision) battleAccepted(old Battle, now []signaling.RoomID) {
	news := slices.DeleteFunc(slices.Clone(now), func(id signaling.RoomID) bool { return slices.Contains(old.Accepted, id) })
	if old.Phase == BattleAsked && len(news) > 0 {
		d.tell(d.battleOwner(), signaling.BattleRequestEnded{BattleID: old.ID, Invitees: news, Result: signaling.Accepted})
	}
}

// battleRunning tells everybody of the beginning, or of what has changed since.
func (d *decision) battleRunning(old Battle, a ShowBattle) {
	if old.Phase == BattleRunning {
		d.battleLeft(*old.Info, a.Battle)
		if scored := func(a, b signaling.BattleUser) bool { return a.Score == b.Score }; !slices.EqualFunc(old.Info.Users(), a.Battle.Users(), scored) {
			d.tell(nil, signaling.BattleScoreChanged{BattleID: a.Battle.BattleID, Users: a.Battle.Users()})
		}
		return
	}
	d.battleAccepted(old, invitees(a.Battle))
	d.tell(nil, signaling.BattleStarted{Battle: a.Battle})
}

// battleLeft tells which other rooms are out since.
func (d *decision) battleLeft(before, now signaling.BattleInfo) {
	for _, u := range now.Users() {
		if was, _ := before.Find(u.RoomID); u.Left && !was.Left && u.RoomID != d.state.Info.RoomID {
			d.tell(nil, signaling.BattleUserLeft{BattleID: now.BattleID, User: u})
		}
	}
}

func (d *decision) battlePunished(old Battle, a ShowBattle) {
	if old.Phase == BattlePunished {
		d.battleLeft(*old.Info, a.Battle)
		return
	}
	d.battleAccepted(old, invitees(a.Battle))
	d.tell(nil, signaling.BattleEnded{Battle: a.Battle, Reason: a.Reason})
}

// battleOver tells of the end that the room has not been told of: of the request, of the battle, of its punishment phase.
func (d *decision) battleOver(old Battle, a ShowBattle) {
	if a.Battle.StartTime == 0 {
		r := Battle{ID: a.Battle.BattleID, Info: &a.Battle, Accepted: a.Accepted, Created: a.Created, Deadline: a.Deadline}
		if mine := a.Battle.Inviter.RoomID == d.state.Info.RoomID; mine && old.Phase == BattleOver { // it has asked and ended unseen
			d.tell(d.battleOwner(), signaling.BattleRequestReceived{Request: r.request()})
		} else {
			d.battleAccepted(old, a.Accepted)
		}
		// One that the owner has not seen means nothing to clients; with it the room knows what comes late.
		d.tell(d.battleOwner(), signaling.BattleRequestEnded{BattleID: r.ID, Invitees: a.Ended, Result: a.Result})
		return
	}
	d.battleAccepted(old, invitees(a.Battle))
	if old.Phase != BattlePunished {
		d.tell(nil, signaling.BattleEnded{Battle: a.Battle, Reason: a.Reason})
	}
	if old.Phase == BattlePunished || a.Battle.PunishEndTime != 0 {
		d.tell(nil, signaling.BattlePunishmentEnded{Battle: a.Battle})
	}
}

// reportBattle tells the app's server what it has not been told, where that is this room's.
func (d *decision) reportBattle(a ShowBattle) {
	if a.Report == nil {
		return
	}
	b, last := d.state.Battle, BattleCreated
	tells := *a.Report
	tells.By = Cause{}
	b.Tells = &tells
	switch {
	case a.Report.Ended:
		last = BattleEnds
	case a.Battle.StartTime != 0:
		last = BattleStarts
	}
	for step := max(b.Told, a.Report.Told) + 1; step <= last; step++ {
		b.Told = step
		if step == BattleStarts && a.Battle.StartTime == 0 {
			continue
		}
		r := &BattleReport{Step: step, Battle: a.Battle, Reason: a.Reason, Created: a.Report.Created, Timeout: a.Report.Timeout}
		if step != BattleEnds {
			r.By = &a.Report.By
		}
		d.events = append(d.events, Event{Battle: r})
	}
}

func invitees(b signaling.BattleInfo) []signaling.RoomID {
	list := make([]signaling.RoomID, len(b.InviteeList))
	for i, u := range b.InviteeList {
		list[i] = u.RoomID
	}
	return list
}

// waiting returns the invited rooms that have not accepted.
func (b Battle) waiting() []signaling.RoomID {
	return slices.DeleteFunc(invitees(*b.Info), func(id signaling.RoomID) bool { return slices.Contains(b.Accepted, id) })
}

func (b Battle) request() signaling.BattleRequest {
	return signaling.BattleRequest{Battle: *b.Info, Accepted: b.Accepted, Created: b.Created, Deadline: b.Deadline}
}

// battleBytes is what the battle takes as JSON at most, whatever its scores, and whoever accepts or leaves.
func (s State) battleBytes() int {
	if s.Battle == nil {
		return 0
	}
	n := 400 // itself, without what it shows
	if i := s.Battle.Info; i != nil {
		n += 300 + textSize(i.BattleID) + textSize(i.ExtensionInfo)
		for _, u := range i.Users() {
			n += 120 + 2*textSize(string(u.RoomID)) + textSize(string(u.UserID)) + textSize(u.UserName) + textSize(u.AvatarURL)
		}
	}
	return n
}

// battle returns the battle that the room is in, nil for none; its punishment phase counts.
func (s State) battle() *signaling.BattleInfo {
	if s.Battle == nil || s.Battle.Phase == BattleAsked {
		return nil
	}
	return s.Battle.Info
}

// battleRequests returns the pending request of the room, or to it, for the owner.
func (s State) battleRequests(role signaling.Role) []signaling.BattleRequest {
	if s.Battle == nil || s.Battle.Phase != BattleAsked || role != signaling.RoomOwner {
		return nil
	}
	return []signaling.BattleRequest{s.Battle.request()}
}
