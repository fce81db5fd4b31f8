package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/battle"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The service live_engine_http_pk: battles of rooms.

// Results of rooms in battles (documents, "create_battle" and "set_battle_score").
const (
	battleOK       = 0
	battleNoRoom   = 1 // the room is not in this battle
	battleBattling = 3 // the room is in another battle
	battleBroken   = 5
)

type createBattleParams struct {
	From     signaling.RoomID   `json:"FromRoomId"`
	To       []signaling.RoomID `json:"ToRoomIdList"`
	Duration *int64             // milliseconds
	Ext      string             `json:"ExtensionInfo"`
}

type battleResult struct {
	RoomID  signaling.RoomID `json:"RoomId"`
	Code    int              `json:"ResultCode"`
	Message *string          `json:"ResultMessage,omitempty"` // of create_battle alone
}

type createdBattle struct {
	BattleID string `json:"BattleId"`
	Result   []battleResult
}

func (a *API) createBattle(ctx context.Context, who caller, p createBattleParams) (any, error) {
	if p.Duration == nil {
		return nil, missing("Duration", "the battle's length in milliseconds")
	}
	if len(p.To) == 0 {
		return nil, missing("ToRoomIdList", "the ids of the invited rooms")
	}
	most := int64(battle.MaxDuration / time.Millisecond)
	c := battle.Create{
		Operator: who.user, IP: who.ip, Platform: signaling.PlatformRESTAPI, Rooms: []battle.Room{{RoomID: p.From}}, Ext: p.Ext,
		Duration: time.Duration(max(0, min(*p.Duration, most+1))) * time.Millisecond,
	}
	for _, id := range p.To {
		c.Rooms = append(c.Rooms, battle.Room{RoomID: id})
	}
	b, results, err := a.cfg.Battles.Start(ctx, who.app, c)
	if err != nil {
		return nil, err
	}
	ans := createdBattle{BattleID: b.ID, Result: make([]battleResult, len(results))}
	for i, r := range results {
		one := battleResult{RoomID: r.Room, Message: new("")}
		switch {
		case r.Err == nil:
		case errors.Is(r.Err, signaling.ErrBattlingElsewhere), errors.Is(r.Err, signaling.ErrBattlePending):
			one.Code, *one.Message = battleBattling, "the room is in another battle"
		case errors.Is(r.Err, signaling.ErrRoomNotExist):
			one.Code, *one.Message = battleBroken, "the room does not exist, or no longer"
		default:
			a.log.Warn("room not in its battle", "app", who.app, "room", r.Room, "error", r.Err)
			one.Code, *one.Message = battleBroken, "error inside the server"
		}
		ans.Result[i] = one
	}
	return ans, nil
}

type battleScoreParams struct {
	BattleID  string          `json:"BattleId"`
	OpType    json.RawMessage // 1 or 2; the documents call it a string and show a number
	ScoreList []struct {
		RoomID signaling.RoomID `json:"RoomId"`
		Score  *int64
	}
}

type battleResults struct {
	Result []battleResult
}

func (a *API) setBattleScore(ctx context.Context, who caller, p battleScoreParams) (any, error) {
	if p.BattleID == "" {
		return nil, missing("BattleId", "the id that create_battle has answered with")
	}
	if n := len(p.ScoreList); n < 1 || n > battle.MaxRooms {
		return nil, refuse(codeParameter, "ScoreList has %d rooms; it has 1 to %d, each with RoomId and Score", n, battle.MaxRooms)
	}
	var c battle.SetScores
	switch string(p.OpType) {
	case `1`, `"1"`:
		c.Add = true
	case `2`, `"2"`:
	default:
		return nil, refuse(codeParameter, "OpType is 1 (add) or 2 (overwrite)")
	}
	for _, s := range p.ScoreList {
		if err := s.RoomID.Valid(); err != nil {
			return nil, err
		}
		if s.Score == nil {
			return nil, missing("Score", "a number without fraction, for each room")
		}
		c.Scores = append(c.Scores, battle.Score{Room: s.RoomID, Score: *s.Score})
	}
	b, err := a.cfg.Battles.SetScores(ctx, who.app, p.BattleID, c)
	if errors.Is(err, signaling.ErrBattleNotExist) {
		err = refuse(signaling.ErrNoPermission.Code, "there is no such battle, or it has ended: its scores cannot be set")
	}
	if err != nil {
		return nil, err
	}
	ans := battleResults{Result: make([]battleResult, len(c.Scores))}
	for i, s := range c.Scores {
		ans.Result[i] = battleResult{RoomID: s.Room, Code: battleOK}
		if !b.Holds(s.Room) {
			ans.Result[i].Code = battleNoRoom
		}
	}
	return ans, nil
}

type battleInfoParams struct {
	BattleID string           `json:"BattleId"`
	RoomID   signaling.RoomID `json:"RoomId"` // instead: the battle that this room is in
}

type battleRoom struct {
	RoomID signaling.RoomID `json:"RoomId"`
	Score  int64
	Owner  signaling.UserID `json:"Owner_Account"`
}

type battleInfo struct {
	BattleID     string `json:"BattleId"`
	Duration     int64  // milliseconds
	StartTime    int64  // Unix seconds
	EndTime      int64
	Status       battle.Status
	FromRoomInfo battleRoom
	ToRoomList   []battleRoom
}

func (a *API) getBattleInfo(ctx context.Context, who caller, p battleInfoParams) (any, error) {
	var b battle.Battle
	var err error
	switch {
	case p.BattleID != "":
		b, err = a.cfg.Battles.Get(ctx, who.app, p.BattleID)
	case p.RoomID == "":
		return nil, missing("BattleId", "the battle's id, or instead of it RoomId, the id of a room that is in it")
	case p.RoomID.Valid() != nil:
		return nil, p.RoomID.Valid()
	default:
		b, err = a.cfg.Battles.OfRoom(ctx, who.app, p.RoomID)
	}
	if err != nil {
		return nil, err
	}
	ans := battleInfo{BattleID: b.ID, Duration: b.Duration, StartTime: b.Start / 1000, EndTime: b.End / 1000, Status: b.Status, ToRoomList: []battleRoom{}}
	for i, r := range b.Rooms {
		one := battleRoom{RoomID: r.RoomID, Score: r.Score, Owner: r.Owner}
		if i == 0 {
			ans.FromRoomInfo = one
		} else {
			ans.ToRoomList = append(ans.ToRoomList, one)
		}
	}
	return ans, nil
}
