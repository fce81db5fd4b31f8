package signaling_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var update = flag.Bool("update", false, "write the golden files anew")

// message is one of the wire's messages with every field filled.
type message struct {
	method string
	kind   string // call, result or notification
	body   any
}

func (m message) encode() ([]byte, error) {
	switch m.kind {
	case "call":
		return signaling.EncodeCall(7, m.method, m.body)
	case "result":
		return signaling.EncodeResult(7, m.body)
	default:
		return signaling.EncodeNotification(m.method, m.body)
	}
}

var (
	owner = signaling.UserInfo{UserID: "denny", UserName: "Denny", AvatarURL: "https://example.org/denny.png", Level: 9, Role: signaling.Administrator}
	guest = signaling.UserInfo{UserID: "vince", UserName: "Vince", AvatarURL: "https://example.org/vince.png", Level: 66, Role: signaling.GeneralUser}
	room  = signaling.RoomInfo{
		RoomID: "roomId_123456", Name: "Denny's room", OwnerID: "denny", OwnerName: "Denny", SeatMode: signaling.ApplyToTake,
		MaxSeatCount: 10, CreateTime: 1767225600000, MemberCount: 2, MaxMemberCount: 400,
		Notice: "Jazz at nine", CoverURL: "https://example.org/cover.png", BackgroundURL: "https://example.org/background.png", Categories: []int{1, 2, 3}, ActivityStatus: 1,
		CustomInfo: "custom123", Hidden: true, MessageDisabled: true, GiftDisabled: true, LikeDisabled: true, ViewCount: 10, HasPassword: true,
	}
	seat = signaling.SeatInfo{
		Index: 1, UserID: "vince", UserName: "Vince", AvatarURL: "https://example.org/vince.png",
		Locked: true, AudioLocked: true, VideoLocked: true, Mic: signaling.MicOffByAdmin,
	}
	request = signaling.Request{
		RequestID: "c-1", Type: signaling.InviteToTakeSeat, From: owner, To: "vince", Index: 1,
		Created: 1767225600000, Deadline: 1767225660000,
	}
	barrage = signaling.Barrage{
		MessageID: "c-1", Sender: guest, Sequence: 4294967297, Timestamp: 1767225600, Type: signaling.BarrageCustom, Text: "Rose 🌹",
		Extension: map[string]string{"TYPE": "GIFTMESSAGE"}, BusinessID: "TUIGift", Data: "{}",
	}
	battle = signaling.BattleInfo{
		BattleID: "b-1", DurationMS: 60000, PunishmentMS: 10000, NeedResponse: true, ExtensionInfo: "x", StartTime: 1767225600000, EndTime: 1767225660000,
		PunishEndTime: 1767225670000,
		Inviter:       signaling.BattleUser{RoomID: room.RoomID, UserID: "denny", UserName: "Denny", AvatarURL: "https://example.org/denny.png", Score: 7, Left: true},
		InviteeList:   []signaling.BattleUser{{RoomID: "other", UserID: "amy", UserName: "Amy", AvatarURL: "https://example.org/amy.png", Score: 3, Left: true}},
	}
	tally        = signaling.GiftTally{UserID: "vince", UserName: "Vince", Count: 3, Coins: 30}
	giftCategory = signaling.GiftCategory{
		CategoryID: "popular", Name: "Popular", Desc: "What many send", ExtensionInfo: map[string]string{"tab": "1"},
		GiftList: []signaling.GiftInfo{{
			GiftID: "rose", Name: "Rose", Desc: "A rose", IconURL: "https://example.org/rose.png", ResourceURL: "https://example.org/rose.svga",
			Level: 1, Coins: 10, ExtensionInfo: map[string]string{"emoji": "🌹"},
		}},
	}
	snapshot = signaling.Snapshot{
		Connection: &connection,
		Battle:     &battle, BattleRequests: []signaling.BattleRequest{battling},
		Version: 12, Room: room, Self: guest, Admins: []signaling.UserID{"amy"}, Seats: []signaling.SeatInfo{seat}, Requests: []signaling.Request{request},
		Metadata: map[string]string{"theme": "jazz"}, MutedUntil: 1767225660000, Statistics: statistics,
	}
	slots = []signaling.Slot{{MID: "1", RoomID: "other", UserID: "amy"}}
)

func messages() []message {
	params := signaling.RoomParams{CommandID: "c-1", RoomID: room.RoomID}
	other := signaling.UserParams{CommandID: "c-1", RoomID: room.RoomID, UserID: "vince"}
	done := signaling.Done{Version: 12}
	sanctioned := signaling.SanctionListResult{Users: []signaling.SanctionedUser{{UserID: "vince", Until: 1767225660000}}, Next: "vince"}
	return slices.Concat(connectionMessages(), []message{
		{signaling.MethodLogin, "call", signaling.LoginParams{
			SDKAppID: 1400000001, UserID: "vince", UserSig: "eJw...", UserName: "Vince", AvatarURL: "https://example.org/vince.png",
			Client: "go/1.0.0", Platform: signaling.PlatformMac, Resume: &signaling.Resume{SessionID: "s-1", Versions: map[signaling.RoomID]uint64{room.RoomID: 11}},
		}},
		{signaling.MethodLogin, "result", signaling.LoginResult{
			SessionID: "s-2", Resumed: true, Rooms: []signaling.RoomID{room.RoomID}, GraceMS: 30000, PingMS: 15000, ExpiresAt: 1767312000000, ServerTime: 1767225600000,
			Nodes: []string{"wss://voice2.example.org"},
		}},
		{signaling.MethodLogout, "call", signaling.Empty{}},
		{signaling.MethodLogout, "result", signaling.Empty{}},
		{signaling.MethodPing, "call", signaling.Empty{}},
		{signaling.MethodPing, "result", signaling.Empty{}},
		{signaling.MethodRenew, "call", signaling.RenewParams{UserSig: "eJw..."}},
		{signaling.MethodRenew, "result", signaling.RenewResult{ExpiresAt: 1767312000000, ServerTime: 1767225600000}},
		{signaling.MethodSetSelfInfo, "call", signaling.SelfInfoParams{UserName: &guest.UserName, AvatarURL: &guest.AvatarURL}},
		{signaling.MethodSetSelfInfo, "result", signaling.Empty{}},
		{signaling.MethodCreateRoom, "call", signaling.CreateRoomParams{CommandID: "c-1", Room: room, Password: "letmein"}},
		{signaling.MethodCreateRoom, "result", signaling.CreateRoomResult{Room: room}},
		{signaling.MethodGetRoom, "call", signaling.GetRoomParams{RoomID: room.RoomID}},
		{signaling.MethodGetRoom, "result", signaling.GetRoomResult{Room: room}},
		{signaling.MethodListRooms, "call", signaling.ListRoomsParams{Cursor: "10-1767225600000-cg", Count: 20}},
		{signaling.MethodListRooms, "result", signaling.ListRoomsResult{Rooms: []signaling.RoomInfo{room}, Next: "10-1767225600000-cg"}},
		{signaling.MethodListGifts, "call", signaling.GiftListParams{Language: "zh-CN", Revision: "0123456789abcdef", Cursor: "0123456789abcdef-1-2"}},
		{signaling.MethodListGifts, "result", signaling.GiftListResult{
			Revision: "0123456789abcdef", Unchanged: true, Categories: []signaling.GiftCategory{giftCategory}, Next: "0123456789abcdef-1-2",
		}},
		{signaling.MethodJoinRoom, "call", signaling.JoinParams{RoomID: room.RoomID, Offer: "v=0\r\n", Since: 11, Password: "letmein"}},
		{signaling.MethodJoinRoom, "result", signaling.JoinResult{
			Snapshot: snapshot, Answer: "v=0\r\n", Slots: slots,
			Missed: &signaling.RoomEvents{RoomID: room.RoomID, Version: 13, Prev: 11, Events: events()[:1]},
		}},
		{signaling.MethodLeaveRoom, "call", params},
		{signaling.MethodLeaveRoom, "result", done},
		{signaling.MethodDismissRoom, "call", params},
		{signaling.MethodDismissRoom, "result", signaling.DismissResult{Version: 12, Statistics: statistics}},
		{signaling.MethodSnapshot, "call", params},
		{signaling.MethodSnapshot, "result", snapshot},
		{signaling.MethodTakeSeat, "call", signaling.TakeSeatParams{CommandID: "c-1", RoomID: room.RoomID, Index: 1, Timeout: 60}},
		{signaling.MethodTakeSeat, "result", signaling.TakeSeatResult{Version: 12, Pending: true, Index: 1}},
		{signaling.MethodLeaveSeat, "call", params},
		{signaling.MethodLeaveSeat, "result", done},
		{signaling.MethodListMembers, "call", signaling.ListParams{RoomID: room.RoomID, After: "denny", Keyword: "vin", Limit: 20}},
		{signaling.MethodListMembers, "result", signaling.ListResult{Members: []signaling.UserInfo{guest}, Next: "vince", Total: 2}},
		{signaling.MethodListAudience, "call", params},
		{signaling.MethodListAudience, "result", signaling.AudienceList{Users: []signaling.UserInfo{guest}, Total: 1, Count: 2}},
		{signaling.MethodMoveSeat, "call", signaling.MoveSeatParams{CommandID: "c-1", RoomID: room.RoomID, Index: 2}},
		{signaling.MethodMoveSeat, "result", done},
		{signaling.MethodMoveUser, "call", signaling.MoveUserParams{CommandID: "c-1", RoomID: room.RoomID, UserID: "vince", Index: 2, Policy: signaling.SwapPosition}},
		{signaling.MethodMoveUser, "result", done},
		{signaling.MethodInvite, "call", signaling.InviteParams{CommandID: "c-1", RoomID: room.RoomID, UserID: "vince", Index: 1, Timeout: 60}},
		{signaling.MethodInvite, "result", done},
		{signaling.MethodKickOffSeat, "call", other},
		{signaling.MethodKickOffSeat, "result", done},
		{signaling.MethodLockSeat, "call", signaling.LockSeatParams{CommandID: "c-1", RoomID: room.RoomID, Index: 1, SeatLock: signaling.SeatLock{
			Seat: true, Video: true, Audio: true, Which: signaling.LockFlagAll,
		}}},
		{signaling.MethodLockSeat, "result", done},
		{signaling.MethodUpdateRoom, "call", signaling.UpdateRoomParams{
			Notice:    &room.Notice,
			CommandID: "c-1", RoomID: room.RoomID, Name: &room.Name, SeatMode: &room.SeatMode, CoverURL: &room.CoverURL, BackgroundURL: &room.BackgroundURL,
			Categories: &room.Categories, ActivityStatus: &room.ActivityStatus, CustomInfo: &room.CustomInfo, Hidden: &room.Hidden, MessageDisabled: &room.MessageDisabled,
			GiftDisabled: &room.GiftDisabled,
			Password:     new("letmein"),
			LikeDisabled: &room.LikeDisabled,
		}},
		{signaling.MethodUpdateRoom, "result", done},
		{signaling.MethodSetMetadata, "call", signaling.SetMetadataParams{CommandID: "c-1", RoomID: room.RoomID, Metadata: map[string]string{"theme": "jazz"}}},
		{signaling.MethodSetMetadata, "result", done},
		{signaling.MethodDeleteMetadata, "call", signaling.DeleteMetadataParams{CommandID: "c-1", RoomID: room.RoomID, Keys: []string{"theme"}}},
		{signaling.MethodDeleteMetadata, "result", done},
		{signaling.MethodChangeRole, "call", signaling.ChangeRoleParams{CommandID: "c-1", RoomID: room.RoomID, UserID: "vince", Role: signaling.Administrator}},
		{signaling.MethodChangeRole, "result", done},
		{signaling.MethodKickOut, "call", other},
		{signaling.MethodKickOut, "result", done},
		{signaling.MethodMute, "call", signaling.MuteParams{CommandID: "c-1", RoomID: room.RoomID, Users: []signaling.UserID{"vince"}, Duration: 60}},
		{signaling.MethodMute, "result", done},
		{signaling.MethodBan, "call", signaling.BanParams{CommandID: "c-1", RoomID: room.RoomID, Users: []signaling.UserID{"vince"}, Duration: 60, Reason: "spam"}},
		{signaling.MethodBan, "result", done},
		{signaling.MethodUnban, "call", signaling.UnbanParams{CommandID: "c-1", RoomID: room.RoomID, Users: []signaling.UserID{"vince"}}},
		{signaling.MethodUnban, "result", done},
		{signaling.MethodListMuted, "call", signaling.SanctionListParams{RoomID: room.RoomID, After: "denny", Limit: 20}},
		{signaling.MethodListMuted, "result", sanctioned},
		{signaling.MethodListBanned, "call", signaling.SanctionListParams{RoomID: room.RoomID, After: "denny", Limit: 20}},
		{signaling.MethodListBanned, "result", sanctioned},
		{signaling.MethodAudit, "call", signaling.AuditParams{RoomID: room.RoomID, Before: 1025, Limit: 20}},
		{signaling.MethodAudit, "result", signaling.AuditPage{Acts: []signaling.Act{{
			Sequence: 1024, Time: 1767225600000, Operator: "denny", ByApp: true, Kind: signaling.ActBan, Users: []signaling.UserID{"vince"}, Role: new(signaling.GeneralUser),
			Index: new(signaling.SeatIndex(1)), Until: 1767225660000, Reason: "spam", Keys: []string{"theme"}, Changes: map[string]string{"name": "Tea"},
		}}, Next: 1024}},
		{signaling.MethodRespondRequest, "call", signaling.RespondParams{CommandID: "c-2", RoomID: room.RoomID, RequestID: "c-1", Agree: true}},
		{signaling.MethodRespondRequest, "result", done},
		{signaling.MethodCancelRequest, "call", signaling.CancelParams{CommandID: "c-2", RoomID: room.RoomID, RequestID: "c-1"}},
		{signaling.MethodCancelRequest, "result", done},
		{signaling.MethodSetAudio, "call", signaling.AudioParams{CommandID: "c-1", RoomID: room.RoomID, On: true}},
		{signaling.MethodSetAudio, "result", done},
		{signaling.MethodRestartMedia, "call", signaling.RestartParams{RoomID: room.RoomID, Offer: "v=0\r\n"}},
		{signaling.MethodRestartMedia, "result", signaling.RestartResult{Answer: "v=0\r\n"}},
		{signaling.MethodFollow, "call", signaling.FollowParams{UserIDs: []signaling.UserID{"vince"}}},
		{signaling.MethodFollow, "result", signaling.FollowResult{Results: []signaling.FollowOperationResult{{UserID: "vince", Code: -2200, Message: "m"}}}},
		{signaling.MethodUnfollow, "call", signaling.FollowParams{UserIDs: []signaling.UserID{"vince"}}},
		{signaling.MethodUnfollow, "result", signaling.FollowResult{Results: []signaling.FollowOperationResult{{UserID: "vince", Code: -1001, Message: "m"}}}},
		{signaling.MethodCheckFollow, "call", signaling.FollowParams{UserIDs: []signaling.UserID{"vince"}}},
		{signaling.MethodCheckFollow, "result", signaling.FollowTypes{Types: []signaling.FollowTypeCheck{{UserID: "vince", Type: signaling.FollowTypeInBothFollowersList}}}},
		{signaling.MethodFollowInfo, "call", signaling.FollowParams{UserIDs: []signaling.UserID{"vince"}}},
		{signaling.MethodFollowInfo, "result", signaling.FollowInfos{Infos: []signaling.FollowInfo{{UserID: "vince", FollowingCount: 3, FollowersCount: 2, MutualFollowersCount: 1}}}},
		{signaling.MethodFollowList, "call", signaling.FollowListParams{List: signaling.FollowersList, NextCursor: "1767225600000.denny", Limit: 20}},
		{signaling.MethodFollowList, "result", signaling.FollowPage{Users: []signaling.UserInfo{guest}, NextCursor: "1767225600000.vince"}},
		{signaling.NotifyRoomEvents, "notification", signaling.RoomEvents{RoomID: room.RoomID, Version: 13, Prev: 12, Events: events()[:1]}},
		{signaling.MethodSendBarrage, "call", signaling.SendBarrageParams{
			CommandID: "c-1", RoomID: room.RoomID, Type: signaling.BarrageCustom, Text: "Rose 🌹", Extension: map[string]string{"TYPE": "GIFTMESSAGE"}, BusinessID: "TUIGift", Data: "{}",
		}},
		{signaling.MethodSendBarrage, "result", signaling.SendBarrageResult{MessageID: "c-1", Sequence: 4294967297, Timestamp: 1767225600, Replaced: &signaling.BarrageContent{
			Text: "Rose 🌹", Extension: map[string]string{"TYPE": "GIFTMESSAGE"}, BusinessID: "TUIGift", Data: "{}",
		}}},
		{signaling.MethodSendGift, "call", signaling.SendGiftParams{CommandID: "c-1", RoomID: room.RoomID, GiftID: "rose", Count: 3, Receiver: "denny"}},
		{signaling.MethodSendGift, "result", done},
		{signaling.MethodGiftTotals, "call", signaling.GiftTotalsParams{RoomID: room.RoomID, Limit: 10, UserID: "denny"}},
		{signaling.MethodGiftTotals, "result", signaling.GiftTotals{
			TotalGiftsSent: 3, TotalGiftCoins: 30, TotalUniqueGiftSenders: 1, Senders: []signaling.GiftTally{tally}, Receivers: []signaling.GiftTally{tally}, Sent: &tally, Received: &tally,
		}},
		{signaling.MethodBarrageHistory, "call", params},
		{signaling.MethodBarrageHistory, "result", signaling.BarrageHistory{Barrages: []signaling.Barrage{barrage}}},
		{signaling.NotifyBarrage, "notification", signaling.BarrageReceived{RoomID: room.RoomID, Barrage: barrage}},
		{signaling.MethodSendLike, "call", signaling.LikeParams{RoomID: room.RoomID, Count: 5, Seq: 3, SessionID: "s-1"}},
		{signaling.MethodSendLike, "result", signaling.LikeResult{Counted: 5}},
		{signaling.NotifyLikes, "notification", signaling.LikesReceived{RoomID: room.RoomID, Total: 1000, Senders: []signaling.UserInfo{guest}}},
		{signaling.MethodStatistics, "call", signaling.StatisticsParams{RoomID: room.RoomID, CreateTime: 1767225600000}},
		{signaling.MethodStatistics, "result", signaling.StatisticsResult{Live: signaling.LiveRecord{
			RoomID: room.RoomID, OwnerID: "denny", CreateTime: 1767225600000, EndTime: 1767225660000, Reason: signaling.DismissedByOwner, Statistics: statistics,
		}}},
		{signaling.NotifyStatistics, "notification", signaling.StatisticsChanged{RoomID: room.RoomID, Statistics: statistics}},
		{signaling.NotifySlots, "notification", signaling.SlotsChanged{RoomID: room.RoomID, Slots: slots}},
		{signaling.NotifyNetwork, "notification", signaling.NetworkChanged{RoomID: room.RoomID, Users: []signaling.NetworkInfo{
			{UserID: "denny", Quality: signaling.NetworkPoor, UpLoss: 5, DownLoss: 1, Delay: 48},
		}}},
		{signaling.NotifyNodes, "notification", signaling.NodesChanged{Nodes: []string{"wss://voice2.example.org"}}},
		{signaling.NotifyFollowers, "notification", signaling.FollowersChanged{Added: []signaling.UserInfo{guest}, Removed: []signaling.UserID{"amy"}}},
		{signaling.NotifySigExpired, "notification", signaling.UserSigExpired{GraceMS: 30000}},
		{signaling.NotifyKickedOff, "notification", signaling.KickedOffLine{Message: "the same user has logged in elsewhere"}},
	})
}

func events() signaling.EventList {
	users := []signaling.UserInfo{guest}
	return slices.Concat(signaling.EventList{
		signaling.UsersEntered{Users: users, Count: 2, ViewCount: 10, More: 1},
		signaling.UsersLeft{Users: users, Count: 1, More: 1},
		signaling.SeatsChanged{Seats: []signaling.SeatInfo{seat}, Seated: users, Left: []signaling.UserInfo{owner}},
		signaling.RequestReceived{Request: request},
		signaling.SendMessageDisabledChanged{Users: []signaling.UserID{"vince"}, Disabled: true, Until: 1767225660000},
		signaling.MetadataChanged{Set: map[string]string{"theme": "jazz"}, Deleted: []string{"mood"}, By: owner},
		signaling.RequestEnded{Request: request, Result: signaling.Failed, By: owner, Code: 100210},
		signaling.AudioChanged{UserID: "vince", HasAudio: true, Reason: signaling.ByAdmin},
		signaling.KickedOffSeat{Index: 1, By: owner, Data: "time over"},
		signaling.RoomUpdated{Room: room, By: owner},
		signaling.RoleChanged{UserID: "vince", UserName: "Vince", Role: signaling.Administrator},
		signaling.UserInfoChanged{User: guest},
		signaling.RoomDismissed{Reason: signaling.DismissedByServer},
		signaling.GiftReceived{
			GiftKey: "c-1", Sender: guest, Receiver: owner, Gift: giftCategory.GiftList[0], Count: 3, ComboID: 7, ComboCount: 5, TotalGiftsSent: 9, TotalGiftCoins: 90, Timestamp: 1767225600000,
		},
		signaling.BattleStarted{Battle: battle},
		signaling.BattleScoreChanged{BattleID: "b-1", Users: []signaling.BattleUser{battle.Inviter}},
		signaling.BattleEnded{Battle: battle, Reason: signaling.BattleOtherExit},
		signaling.KickedOutOfRoom{Reason: signaling.KickedByServer, Message: "m"},
	}, connectionEvents())
}

func TestGoldenMessages(t *testing.T) {
	for _, m := range messages() {
		name := m.method + "." + m.kind
		t.Run(name, func(t *testing.T) {
			filled(t, reflect.ValueOf(m.body), name)
			b, err := m.encode()
			require.NoError(t, err)
			golden(t, name, b)

			got, err := signaling.DecodeMessage(b)
			require.NoError(t, err)
			raw := got.Params
			if m.kind == "result" {
				raw = got.Result
			}
			body := reflect.New(reflect.TypeOf(m.body))
			require.NoError(t, signaling.DecodeParams(raw, body.Interface()))
			assert.Equal(t, m.body, body.Elem().Interface(), "there and back")
		})
	}
}

func TestGoldenEvents(t *testing.T) {
	for _, e := range events() {
		t.Run(signaling.EventType(e), func(t *testing.T) {
			filled(t, reflect.ValueOf(e), "event")
			b, err := signaling.MarshalEvent(e)
			require.NoError(t, err)
			golden(t, "event."+signaling.EventType(e), b)
			got, err := signaling.UnmarshalEvent(b)
			require.NoError(t, err)
			assert.Equal(t, e, got)
		})
	}
}

func TestGoldenError(t *testing.T) {
	b, err := signaling.EncodeError(7, signaling.WithOp("TakeSeat", signaling.ErrSeatLocked))
	require.NoError(t, err)
	golden(t, "error", b)
}

// TestEventsOfANewerServer: an old client follows it.
func TestEventsOfANewerServer(t *testing.T) {
	var got signaling.RoomEvents
	require.NoError(t, json.Unmarshal([]byte(`{"roomId":"r","version":2,"prev":1,"events":[
		{"type":"later","data":{"x":[1]}}, {"type":"roomDismissed","data":{"reason":9,"more":1}}]}`), &got))
	assert.Equal(t, signaling.EventList{signaling.RoomDismissed{Reason: 9}}, got.Events)

	for _, bad := range []string{`7`, `[7]`, `[{"type":"usersLeft","data":7}]`, `[{"type":"usersLeft"}]`, `{}`} {
		var l signaling.EventList
		assert.Error(t, json.Unmarshal([]byte(bad), &l), bad)
	}
	b, err := json.Marshal(signaling.RoomEvents{})
	require.NoError(t, err)
	assert.Contains(t, string(b), `"events":[]`, "a list is never null")
}

// TestGoldenEnums holds every number of every enumeration: they are the documents' and never change.
func TestGoldenEnums(t *testing.T) {
	var out strings.Builder
	list := func(name string, most int, text func(int) string) {
		for v := range most + 1 {
			if s := text(v); s != strconv.Itoa(v) {
				fmt.Fprintf(&out, "%s %d %s\n", name, v, s)
			}
		}
		assert.Equal(t, "77", text(77), "%s passes on what it does not know", name)
		assert.NotEqual(t, strconv.Itoa(most), text(most), name)
		assert.Equal(t, strconv.Itoa(most+1), text(most+1), "%s has grown: raise the number in this test", name)
	}
	list("SeatMode", 2, func(v int) string { return signaling.SeatMode(v).String() })
	list("Role", 2, func(v int) string { return signaling.Role(v).String() })
	list("ChangeReason", 1, func(v int) string { return signaling.ChangeReason(v).String() })
	list("KickedOutReason", 5, func(v int) string { return signaling.KickedOutReason(v).String() })
	list("DismissedReason", 2, func(v int) string { return signaling.DismissedReason(v).String() })
	list("RequestType", 2, func(v int) string { return signaling.RequestType(v).String() })
	list("RequestResultType", 4, func(v int) string { return signaling.RequestResultType(v).String() })
	list("BattleStoppedReason", 1, func(v int) string { return signaling.BattleStoppedReason(v).String() })
	list("BattleCode", 5, func(v int) string { return signaling.BattleCode(v).String() })
	list("FollowType", 3, func(v int) string { return signaling.FollowType(v).String() })
	list("ConnectionCode", 6, func(v int) string { return signaling.ConnectionCode(v).String() })
	list("BarrageType", 1, func(v int) string { return signaling.BarrageType(v).String() })
	list("MoveSeatPolicy", 2, func(v int) string { return signaling.MoveSeatPolicy(v).String() })
	list("MicStatus", 2, func(v int) string { return signaling.MicStatus(v).String() })
	list("NetworkQuality", 6, func(v int) string { return signaling.NetworkQuality(v).String() })
	list("ConnState", 4, func(v int) string { return signaling.ConnState(v).String() })
	list("SessionState", 3, func(v int) string { return signaling.SessionState(v).String() })
	goldenText(t, "enums.txt", out.String())
	assert.True(t, signaling.RoomOwner.Manages() && signaling.Administrator.Manages() && !signaling.GeneralUser.Manages())
}

// TestNothingWithoutGolden reads the source: a new method, notification, event or enumeration needs its line above.
func TestNothingWithoutGolden(t *testing.T) {
	have := map[string]bool{}
	for _, m := range messages() {
		have[m.method+"."+m.kind] = true
	}
	for _, e := range events() {
		have[reflect.TypeOf(e).Name()] = true
	}
	enums, err := os.ReadFile(filepath.Join("testdata", "enums.txt"))
	require.NoError(t, err)
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
				recv, _ := f.Recv.List[0].Type.(*ast.Ident)
				switch {
				case recv == nil:
				case f.Name.Name == "eventType":
					assert.True(t, have[recv.Name], "event %s has no golden file", recv.Name)
				case f.Name.Name == "String" && recv.Name != "Code":
					assert.Contains(t, string(enums), recv.Name+" ", "an enumeration without golden lines")
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			lit, ok := spec.Values[0].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			wire, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			switch name := spec.Names[0].Name; {
			case strings.HasPrefix(name, "Method"):
				assert.True(t, have[wire+".call"] && have[wire+".result"], "%s has no golden files", name)
			case strings.HasPrefix(name, "Notify"):
				assert.True(t, have[wire+".notification"], "%s has no golden file", name)
			}
			return true
		})
	}
}

// filled demands that no field is zero: a golden file shows every name.
func filled(t *testing.T, v reflect.Value, where string) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") == "-" {
				continue // in no message
			}
			filled(t, v.Field(i), where+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		require.NotZero(t, v.Len(), where)
		for i := range v.Len() {
			filled(t, v.Index(i), where)
		}
	case reflect.Pointer, reflect.Interface:
		require.False(t, v.IsNil(), where)
		filled(t, v.Elem(), where)
	default:
		require.False(t, v.IsZero(), "%s is not filled", where)
	}
}

// golden compares JSON, its order of fields included, with a file in which it stands indented.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, got, "", "  "))
	goldenText(t, name+".json", pretty.String()+"\n")
}

func goldenText(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./signaling -update writes it")
	assert.Equal(t, string(want), got, "the wire has changed: docs/protocol.md and both sides have to follow; then go test ./signaling -update")
}
