package webhook

import (
	"cmp"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The callbacks about battles.

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
	OpType          int // 0 its time was over, 1 too few rooms were left, 2 it never began
	FromRoomInfo    battleRoom
	ToRoomList      []battleRoom
	EventTime       int64
}

type battleRoom struct {
	RoomID signaling.RoomID `json:"RoomId"`
	Score  *int64           `json:",omitempty"` // of the end alone
	Owner  signaling.UserID `json:"Owner_Account"`
}

// battle makes the callback of a step. All rooms of a battle show it; the rules let one of them tell, in order.
func (r *recorder) battle(cause *room.Cause, report room.BattleReport) {
	b := report.Battle
	from, to := battleRooms(b, report.Step == room.BattleEnds)
	created := report.Created / 1000
	switch report.Step {
	case room.BattleCreated:
		create := createBattleBody{
			CallbackCommand: afterCreateBattle, Operator: cmp.Or(operator(cause), b.Inviter.UserID), BattleID: b.BattleID, FromRoomID: b.Inviter.RoomID,
			ToRoomIDs: []signaling.RoomID{}, Timeout: report.Timeout, Duration: b.DurationMS, NeedResponse: b.NeedResponse, ExtensionInfo: b.ExtensionInfo,
			EventTime: r.entry.At,
		}
		for _, u := range b.InviteeList {
			create.ToRoomIDs = append(create.ToRoomIDs, u.RoomID)
		}
		r.tell(afterCreateBattle, cause, create)
	case room.BattleStarts:
		r.tell(afterStartBattle, cause, startBattleBody{
			CallbackCommand: afterStartBattle, BattleID: b.BattleID, Duration: b.DurationMS, CreateTime: created, StartTime: b.StartTime / 1000,
			FromRoomInfo: from, ToRoomList: to, EventTime: r.entry.At,
		})
	case room.BattleEnds:
		why := int(report.Reason)
		if b.StartTime == 0 {
			why = endedUnbegun
		}
		r.tell(afterEndBattle, cause, endBattleBody{
			CallbackCommand: afterEndBattle, BattleID: b.BattleID, Duration: b.DurationMS, CreateTime: created, StartTime: b.StartTime / 1000,
			EndTime: b.EndTime / 1000, OpType: why, FromRoomInfo: from, ToRoomList: to, EventTime: r.entry.At,
		})
	}
}

// endedUnbegun is the OpType of a battle that has not begun: not all rooms have accepted it.
const endedUnbegun = 2

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
