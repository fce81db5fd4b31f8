package engine

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Battles are the room's battles with rooms that it is connected with (documents: PK, LiveBattleManager). Only owners ask
// and answer, each for their own room. A room is in one battle at most, or in one request for one.
type Battles struct{ room *Room }

// Battles returns the battles of the room.
func (r *Room) Battles() *Battles { return &Battles{r} }

// BattleConfig says how a battle is to be.
type BattleConfig struct {
	Duration      time.Duration // 1 s to 24 h
	Punishment    time.Duration // of the phase after an end by time, 0 to 1 h; 0: none
	NeedResponse  bool          // it begins when all invited have accepted; else at once
	ExtensionInfo string        // 1 KiB at most; every member of the rooms sees it
}

// Current returns the battle that the room is in, with its present scores, from its beginning to its end and until its
// punishment phase is over: then it has a PunishEndTime.
func (b *Battles) Current() (BattleInfo, bool) {
	b.room.mu.Lock()
	defer b.room.mu.Unlock()
	if v := b.room.view.Battle; v != nil {
		return cloneBattle(*v), true
	}
	return BattleInfo{}, false
}

// Requests returns the pending request for a battle that the room has made, or that was made to it; for its owner alone.
func (b *Battles) Requests() []BattleRequest {
	b.room.mu.Lock()
	defer b.room.mu.Unlock()
	list := slices.Clone(b.room.view.BattleRequests)
	for i, q := range list {
		list[i].Battle, list[i].Accepted = cloneBattle(q.Battle), slices.Clone(q.Accepted)
	}
	return list
}

func cloneBattle(b BattleInfo) BattleInfo {
	b.InviteeList = slices.Clone(b.InviteeList)
	return b
}

// RequestBattle asks up to eight rooms, all connected with this one, for a battle. It says of each room whether it is asked
// ([BattleSuccess]) or why not; rooms that are not are left out of the battle. Without NeedResponse it begins at once. With
// it, it begins when all that are asked have accepted; one that rejects, or no answer in time, ends the request for all. A
// timeout of 0 is the longest, five minutes; parts of a second count as one.
//
// It fails with [ErrNeedOwner], with [signaling.ErrConnectionNotExist] when the room is not connected, with
// [signaling.ErrBattlingElsewhere] or [signaling.ErrBattlePending] when it is in a battle or a request, with
// [signaling.ErrBattleNoRooms] when no room can be asked (codes says why), and with [signaling.ErrBattleTooFrequent] when
// more rooms are asked than one a second, 24 in a burst.
func (b *Battles) RequestBattle(ctx context.Context, rooms []RoomID, config BattleConfig, timeout time.Duration) (battleID string, codes map[RoomID]BattleCode, err error) {
	const op = "RequestBattle"
	if timeout < 0 || config.Duration < 0 || config.Punishment < 0 {
		return "", nil, signaling.WithOp(op, signaling.Errorf(ErrInvalidParameter.Code, "the timeout, the duration and the punishment may not be negative"))
	}
	var res signaling.BattleRequestResult
	err = b.room.Call(ctx, signaling.MethodRequestBattle, signaling.BattleRequestParams{
		CommandID: rand.Text(), RoomID: b.room.id, RoomIDs: rooms, DurationMS: config.Duration.Milliseconds(), PunishmentMS: config.Punishment.Milliseconds(),
		NeedResponse: config.NeedResponse, ExtensionInfo: config.ExtensionInfo, Timeout: startedSeconds(timeout),
	}, &res)
	if err != nil {
		return "", nil, signaling.WithOp(op, err)
	}
	codes = make(map[RoomID]BattleCode, len(res.Results))
	for _, r := range res.Results {
		codes[r.RoomID] = r.Code
	}
	if res.BattleID == "" {
		return "", codes, signaling.WithOp(op, signaling.ErrBattleNoRooms)
	}
	return res.BattleID, codes, nil
}

// CancelBattleRequest withdraws this room's request for a battle. It is [signaling.ErrBattling] when the battle has begun,
// and [signaling.ErrBattleOver] when the request has ended.
func (b *Battles) CancelBattleRequest(ctx context.Context, battleID string) error {
	return b.do(ctx, "CancelBattleRequest", signaling.MethodCancelBattle, battleID)
}

// AcceptBattle accepts a request for a battle, which begins when all that are asked have. It fails as CancelBattleRequest
// does, and with [signaling.ErrNotInBattle] when this room was not asked.
func (b *Battles) AcceptBattle(ctx context.Context, battleID string) error {
	return b.do(ctx, "AcceptBattle", signaling.MethodAcceptBattle, battleID)
}

// RejectBattle rejects a request for a battle, which ends it for all rooms. It fails as AcceptBattle does, and with
// [signaling.ErrBattleNotStarted] when this room has accepted and others have not answered.
func (b *Battles) RejectBattle(ctx context.Context, battleID string) error {
	return b.do(ctx, "RejectBattle", signaling.MethodRejectBattle, battleID)
}

// ExitBattle takes this room out of its battle, or out of its punishment phase. The others go on while there are two. It is
// [signaling.ErrBattleNotStarted] before the battle has begun, [signaling.ErrBattleOver] when it is over, and
// [signaling.ErrNotInBattle] for a room that is not in it.
func (b *Battles) ExitBattle(ctx context.Context, battleID string) error {
	return b.do(ctx, "ExitBattle", signaling.MethodExitBattle, battleID)
}

func (b *Battles) do(ctx context.Context, op, method, battleID string) error {
	return signaling.WithOp(op, b.room.Call(ctx, method, signaling.BattleParams{CommandID: rand.Text(), RoomID: b.room.id, BattleID: battleID}, nil))
}

// battleStarted follows the beginning of a battle; r.mu is held.
func (r *Room) battleStarted(b BattleInfo) {
	r.view.Battle = &b
	r.post("OnBattleStarted", func(o *RoomObserver) {
		if o.OnBattleStarted != nil {
			o.OnBattleStarted(r.id, cloneBattle(b))
		}
	})
	for _, u := range b.Users() {
		if u.RoomID == r.id || u.Left {
			continue
		}
		r.post("OnUserJoinBattle", func(o *RoomObserver) {
			if o.OnUserJoinBattle != nil {
				o.OnUserJoinBattle(r.id, b.BattleID, u)
			}
		})
	}
}

// battleScored follows the scores; r.mu is held.
func (r *Room) battleScored(id string, users []BattleUser) {
	if v := r.view.Battle; v != nil && v.BattleID == id && len(users) > 0 {
		next := *v
		next.Inviter, next.InviteeList = users[0], users[1:]
		r.view.Battle = &next
	}
	r.post("OnBattleScoreChanged", func(o *RoomObserver) {
		if o.OnBattleScoreChanged != nil {
			o.OnBattleScoreChanged(r.id, id, slices.Clone(users))
		}
	})
}

// battleUserLeft follows the exit of another room; r.mu is held.
func (r *Room) battleUserLeft(id string, u BattleUser) {
	if v := r.view.Battle; v != nil && v.BattleID == id {
		next := cloneBattle(*v)
		if next.Inviter.RoomID == u.RoomID {
			next.Inviter = u
		}
		for i, x := range next.InviteeList {
			if x.RoomID == u.RoomID {
				next.InviteeList[i] = u
			}
		}
		r.view.Battle = &next
	}
	r.post("OnUserExitBattle", func(o *RoomObserver) {
		if o.OnUserExitBattle != nil {
			o.OnUserExitBattle(r.id, id, u)
		}
	})
}

// battleEnded follows the end of a battle, after which there may be a punishment phase; r.mu is held.
func (r *Room) battleEnded(b BattleInfo, reason BattleStoppedReason) {
	r.view.Battle = nil
	if b.PunishEndTime != 0 {
		r.view.Battle = &b
	}
	r.post("OnBattleEnded", func(o *RoomObserver) {
		if o.OnBattleEnded != nil {
			o.OnBattleEnded(r.id, cloneBattle(b), reason)
		}
	})
}

func (r *Room) battlePunishmentEnded(b BattleInfo) {
	r.view.Battle = nil
	r.post("OnBattlePunishmentEnded", func(o *RoomObserver) {
		if o.OnBattlePunishmentEnded != nil {
			o.OnBattlePunishmentEnded(r.id, cloneBattle(b))
		}
	})
}

// battleRequested follows a request of this room, or to it; r.mu is held.
func (r *Room) battleRequested(q BattleRequest) {
	r.view.BattleRequests = append(slices.Clip(r.view.BattleRequests), q)
	r.battleRequestTold(q)
}

func (r *Room) battleRequestTold(q BattleRequest) {
	me, _ := q.Battle.Find(r.id)
	if q.Battle.Inviter.RoomID == r.id {
		return
	}
	r.post("OnBattleRequestReceived", func(o *RoomObserver) {
		if o.OnBattleRequestReceived != nil {
			o.OnBattleRequestReceived(r.id, cloneBattle(q.Battle), q.Battle.Inviter, me)
		}
	})
}

// battleRequestEnded follows what has become of invited rooms of a request; r.mu is held.
func (r *Room) battleRequestEnded(ev signaling.BattleRequestEnded) {
	i := slices.IndexFunc(r.view.BattleRequests, func(q BattleRequest) bool { return q.Battle.BattleID == ev.BattleID })
	if i < 0 {
		return
	}
	list := slices.Clone(r.view.BattleRequests)
	q := list[i]
	if q.Accepted = append(slices.Clone(q.Accepted), ev.Invitees...); ev.Result == Accepted && len(q.Accepted) < len(q.Battle.InviteeList) {
		list[i] = q
	} else {
		list = slices.Delete(list, i, i+1)
	}
	r.view.BattleRequests = list
	r.battleAnswersTold(q.Battle, ev.Result, ev.Invitees...)
}

// battleAnswersTold tells what has become of invited rooms. Who has accepted or rejected itself knows it.
func (r *Room) battleAnswersTold(b BattleInfo, result RequestResultType, invitees ...RoomID) {
	three := func(name string, told func(*RoomObserver) func(RoomID, BattleInfo, BattleUser, BattleUser)) {
		for _, id := range invitees {
			u, ok := b.Find(id)
			if !ok || id == r.id && result != Timeout {
				continue
			}
			r.post(name, func(o *RoomObserver) {
				if f := told(o); f != nil {
					f(r.id, cloneBattle(b), b.Inviter, u)
				}
			})
		}
	}
	switch result {
	case Accepted:
		three("OnBattleRequestAccept", func(o *RoomObserver) func(RoomID, BattleInfo, BattleUser, BattleUser) { return o.OnBattleRequestAccept })
	case Rejected:
		three("OnBattleRequestReject", func(o *RoomObserver) func(RoomID, BattleInfo, BattleUser, BattleUser) { return o.OnBattleRequestReject })
	case Timeout:
		three("OnBattleRequestTimeout", func(o *RoomObserver) func(RoomID, BattleInfo, BattleUser, BattleUser) {
			return o.OnBattleRequestTimeout
		})
	default:
		r.post("OnBattleRequestCancelled", func(o *RoomObserver) {
			if o.OnBattleRequestCancelled != nil {
				o.OnBattleRequestCancelled(r.id, cloneBattle(b), b.Inviter)
			}
		})
	}
}
