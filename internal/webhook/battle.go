package webhook

import (
	"cmp"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The callbacks about battles. Every room of a battle has its events in its log; the room that began it is the one that
// tells, so that an app hears of a battle once, and in order. If it does not live to see the end, its own end is that of a
// battle of two. A battle of more rooms goes on, and one of those that are left tells.

type createBattleBody struct {
	CallbackCommand string
	Operator        signaling.UserID   `json:"Operator_Account"`
	BattleID        string             `json:"BattleId"`
	FromRoomID      signaling.RoomID   `json:"FromRoomId"`
	ToRoomIDs       []signaling.RoomID `json:"ToRoomIdList"`
	Timeout         int64              // milliseconds that the invited have to agree
	Duration        int64              // milliseconds
	NeedResponse    bool
	ExtensionInfo   string
	EventTime       int64
}

type startBattleBody struct {
	CallbackCommand string
	BattleID        string `json:"BattleId"`
	Duration        int64  // milliseconds
	CreateTime      int64
	StartTime       int64
	FromRoomInfo    battleRoom
	ToRoomList      []battleRoom
	EventTime       int64
}

type endBattleBody struct {
	CallbackCommand string
	BattleID        string `json:"BattleId"`
	Duration        int64  // milliseconds
	CreateTime      int64
	StartTime       int64
	EndTime         int64
	OpType          int // 0 its time was over, 1 too few rooms were left, 2 nobody had agreed
	FromRoomInfo    battleRoom
	ToRoomList      []battleRoom
	EventTime       int64
}

type battleRoom struct {
	RoomID signaling.RoomID `json:"RoomId"`
	Score  *int64           `json:",omitempty"` // of the end alone
	Owner  signaling.UserID `json:"Owner_Account"`
}

func (r *recorder) battleStarted(cause *room.Cause, b signaling.BattleInfo) {
	if b.Inviter.RoomID != r.key.Room {
		return
	}
	create := createBattleBody{
		CallbackCommand: afterCreateBattle, Operator: cmp.Or(operator(cause), b.Inviter.UserID), BattleID: b.BattleID, FromRoomID: b.Inviter.RoomID,
		ToRoomIDs: []signaling.RoomID{}, Duration: b.DurationMS, NeedResponse: b.NeedResponse, ExtensionInfo: b.ExtensionInfo, EventTime: r.entry.At,
	}
	for _, u := range b.InviteeList {
		create.ToRoomIDs = append(create.ToRoomIDs, u.RoomID)
	}
	r.tell(afterCreateBattle, cause, create)
	from, to := battleRooms(b, false)
	r.tell(afterStartBattle, cause, startBattleBody{
		CallbackCommand: afterStartBattle, BattleID: b.BattleID, Duration: b.DurationMS, CreateTime: b.StartTime / 1000, StartTime: b.StartTime / 1000,
		FromRoomInfo: from, ToRoomList: to, EventTime: r.entry.At,
	})
}

func (r *recorder) battleEnded(cause *room.Cause, e signaling.BattleEnded) {
	b := e.Battle
	if !r.tellsEnd(cause, e) {
		return
	}
	from, to := battleRooms(b, true)
	r.tell(afterEndBattle, cause, endBattleBody{
		CallbackCommand: afterEndBattle, BattleID: b.BattleID, Duration: b.DurationMS, CreateTime: b.StartTime / 1000, StartTime: b.StartTime / 1000,
		EndTime: b.EndTime / 1000, OpType: int(e.Reason), FromRoomInfo: from, ToRoomList: to, EventTime: r.entry.At,
	})
}

// tellsEnd reports whether the app hears of an end from this room. Whoever shows a battle says so; nobody shows what a room
// tells that is dismissed, or in its next battle already.
func (r *recorder) tellsEnd(cause *room.Cause, e signaling.BattleEnded) bool {
	if cause != nil && cause.Tells == e.Battle.BattleID {
		return true
	}
	goesOn := e.Reason == signaling.BattleOtherExit && len(e.Battle.InviteeList) > 1
	return e.Battle.Inviter.RoomID == r.key.Room && !goesOn
}

func battleRooms(b signaling.BattleInfo, scores bool) (from battleRoom, to []battleRoom) {
	one := func(u signaling.BattleUser) battleRoom {
		r := battleRoom{RoomID: u.RoomID, Owner: u.UserID}
		if scores {
			r.Score = &u.Score
		}
		return r
	}
	to = []battleRoom{}
	for _, u := range b.InviteeList {
		to = append(to, one(u))
	}
	return one(b.Inviter), to
}
