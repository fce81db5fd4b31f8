package signaling_test

import "github.com/openvoiceroom/openvoiceroom/signaling"

var (
	connected  = signaling.ConnectionUser{RoomID: "other", UserID: "amy", UserName: "Amy", AvatarURL: "https://example.org/amy.png", JoinConnectionTime: 1767225600000}
	connecting = signaling.ConnectionRequest{
		RequestID: "c-1", Inviter: connected, Invitee: connected, InviteeList: []signaling.ConnectionUser{connected}, ExtensionInfo: "x",
		Created: 1767225600000, Deadline: 1767225610000,
	}
	battling = signaling.BattleRequest{
		Battle: battle, Accepted: []signaling.RoomID{"other"}, Created: 1767225600000, Deadline: 1767225610000,
	}
	connection = signaling.Connection{
		Connected: []signaling.ConnectionUser{connected}, Muted: []signaling.RoomID{"other"}, Requests: []signaling.ConnectionRequest{connecting},
	}
)

// connectionMessages are the messages about rooms that are connected, and about their battles.
func connectionMessages() []message {
	done := signaling.Done{Version: 12}
	battleParams := signaling.BattleParams{CommandID: "c-1", RoomID: room.RoomID, BattleID: "b-1"}
	return []message{
		{signaling.MethodRequestConnection, "call", signaling.ConnectionRequestParams{
			CommandID: "c-1", RoomID: room.RoomID, RoomIDs: []signaling.RoomID{"other"}, Timeout: 10, ExtensionInfo: "x",
		}},
		{signaling.MethodRequestConnection, "result", signaling.ConnectionRequestResult{
			Version: 12, Results: []signaling.ConnectionRoomResult{{RoomID: "other", Code: signaling.ConnectionConnecting, Reason: 100401}},
		}},
		{signaling.MethodCancelConnection, "call", signaling.ConnectionCancelParams{CommandID: "c-1", RoomID: room.RoomID, RoomIDs: []signaling.RoomID{"other"}}},
		{signaling.MethodCancelConnection, "result", done},
		{signaling.MethodAcceptConnection, "call", signaling.ConnectionAnswerParams{CommandID: "c-1", RoomID: room.RoomID, Inviter: "other"}},
		{signaling.MethodAcceptConnection, "result", done},
		{signaling.MethodRejectConnection, "call", signaling.ConnectionAnswerParams{CommandID: "c-1", RoomID: room.RoomID, Inviter: "other"}},
		{signaling.MethodRejectConnection, "result", done},
		{signaling.MethodDisconnect, "call", signaling.RoomParams{CommandID: "c-1", RoomID: room.RoomID}},
		{signaling.MethodDisconnect, "result", done},
		{signaling.MethodMuteConnection, "call", signaling.ConnectionMuteParams{CommandID: "c-1", RoomID: room.RoomID, Connected: "other", Mute: true}},
		{signaling.MethodMuteConnection, "result", done},
		{signaling.MethodRequestBattle, "call", signaling.BattleRequestParams{
			CommandID: "c-1", RoomID: room.RoomID, RoomIDs: []signaling.RoomID{"other"}, DurationMS: 60000, PunishmentMS: 10000, NeedResponse: true,
			ExtensionInfo: "x", Timeout: 10,
		}},
		{signaling.MethodRequestBattle, "result", signaling.BattleRequestResult{
			Version: 12, BattleID: "b-1", Results: []signaling.BattleRoomResult{{RoomID: "other", Code: signaling.BattleBattling, Reason: 100416}},
		}},
		{signaling.MethodCancelBattle, "call", battleParams},
		{signaling.MethodCancelBattle, "result", done},
		{signaling.MethodAcceptBattle, "call", battleParams},
		{signaling.MethodAcceptBattle, "result", done},
		{signaling.MethodRejectBattle, "call", battleParams},
		{signaling.MethodRejectBattle, "result", done},
		{signaling.MethodExitBattle, "call", battleParams},
		{signaling.MethodExitBattle, "result", done},
		{signaling.NotifyConnectedSeats, "notification", signaling.ConnectedSeats{
			RoomID: room.RoomID, Rooms: []signaling.SeatsOfRoom{{RoomID: "other", Seats: []signaling.SeatInfo{seat}}},
		}},
	}
}

func connectionEvents() signaling.EventList {
	return signaling.EventList{
		signaling.ConnectionUserListChanged{
			Connected: []signaling.ConnectionUser{connected}, Joined: []signaling.ConnectionUser{connected}, Left: []signaling.ConnectionUser{connected},
		},
		signaling.ConnectionRequestReceived{Request: connecting},
		signaling.ConnectionRequestEnded{Request: connecting, Result: signaling.Timeout},
		signaling.BattleRequestReceived{Request: battling},
		signaling.BattleRequestEnded{BattleID: "b-1", Invitees: []signaling.RoomID{"other"}, Result: signaling.Timeout},
		signaling.BattleUserLeft{BattleID: "b-1", User: battle.InviteeList[0]},
		signaling.BattlePunishmentEnded{Battle: battle},
		signaling.ConnectionMuted{RoomID: "other", Muted: true, By: owner},
	}
}
