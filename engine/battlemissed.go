package engine

import (
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// battleRequestsLost ends the request for who owns the room no longer: it is for another now. r.mu is held.
func (r *Room) battleRequestsLost() {
	for _, q := range slices.Clone(r.view.BattleRequests) {
		r.battleRequestEnded(signaling.BattleRequestEnded{BattleID: q.Battle.BattleID, Result: Cancelled})
	}
}

// battleMissed tells what a snapshot shows to have changed; r.mu is held.
func (r *Room) battleMissed(old signaling.Snapshot) {
	r.battleRequestsMissed(old)
	was, is := old.Battle, r.view.Battle
	same := was != nil && is != nil && was.BattleID == is.BattleID
	if was != nil && !same {
		r.battleOverMissed(*was)
		r.view.Battle = is
	}
	switch {
	case is == nil:
	case !same:
		r.battleStarted(*is)
		if is.PunishEndTime != 0 {
			r.battleEnded(*is, BattleTimeOver)
		}
	default:
		r.battleChangesMissed(*was, *is)
	}
}

// battleOverMissed tells that a battle has ended. Why is not known; what lasted until its time is taken to have ended by it.
func (r *Room) battleOverMissed(b BattleInfo) {
	now := time.Now().UnixMilli()
	if b.PunishEndTime == 0 {
		reason := BattleOtherExit
		if now >= b.EndTime {
			reason = BattleTimeOver
		}
		end := b
		if reason == BattleTimeOver && b.PunishmentMS > 0 {
			b.PunishEndTime = b.EndTime + b.PunishmentMS
			end = b
		}
		r.battleEnded(end, reason)
		if end.PunishEndTime == 0 {
			return
		}
	}
	r.battlePunishmentEnded(b)
}

// battleChangesMissed tells how the battle that goes on has changed.
func (r *Room) battleChangesMissed(was, is BattleInfo) {
	for _, u := range is.Users() {
		if before, _ := was.Find(u.RoomID); u.Left && !before.Left {
			r.battleUserLeft(is.BattleID, u)
		}
	}
	scored := func(a, b BattleUser) bool { return a.RoomID == b.RoomID && a.Score == b.Score }
	if !slices.EqualFunc(was.Users(), is.Users(), scored) {
		r.battleScored(is.BattleID, is.Users())
	}
	if was.PunishEndTime == 0 && is.PunishEndTime != 0 {
		r.battleEnded(is, BattleTimeOver)
	}
}

// battleRequestsMissed tells how the request has changed. One that shows in no battle has timed out for who has made it, and
// is cancelled for who was asked.
func (r *Room) battleRequestsMissed(old signaling.Snapshot) {
	find := func(list []BattleRequest, id string) int {
		return slices.IndexFunc(list, func(q BattleRequest) bool { return q.Battle.BattleID == id })
	}
	for _, q := range old.BattleRequests {
		id := q.Battle.BattleID
		i := find(r.view.BattleRequests, id)
		begun := r.view.Battle != nil && r.view.Battle.BattleID == id
		var accepted, waiting []RoomID
		for _, u := range q.Battle.InviteeList {
			switch {
			case slices.Contains(q.Accepted, u.RoomID):
			case begun || i >= 0 && slices.Contains(r.view.BattleRequests[i].Accepted, u.RoomID):
				accepted = append(accepted, u.RoomID)
			default:
				waiting = append(waiting, u.RoomID)
			}
		}
		r.battleAnswersTold(q.Battle, Accepted, accepted...)
		switch {
		case begun || i >= 0:
		case q.Battle.Inviter.RoomID == r.id:
			r.battleAnswersTold(q.Battle, Timeout, waiting...)
		default:
			r.battleAnswersTold(q.Battle, Cancelled)
		}
	}
	for _, q := range r.view.BattleRequests {
		if find(old.BattleRequests, q.Battle.BattleID) < 0 {
			r.battleRequestTold(q)
		}
	}
}
