package voiceroom

import (
	"fmt"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/engine"
)

// observeBattles tells of battles.
func (w *watcher) observeBattles(o *engine.RoomObserver) {
	tell := func(t EventType, battle string, u engine.BattleUser, value string) {
		w.ordered(func() { w.send(Event{Type: t, User: u.UserID, Name: u.UserName, Value: value, Battle: battle}) })
	}
	off := func(b engine.BattleInfo, u engine.BattleUser, why string) {
		tell(EventBattleOff, b.BattleID, u, why+" "+string(u.RoomID))
	}
	o.OnBattleRequestReceived = func(_ engine.RoomID, b engine.BattleInfo, inviter, _ engine.BattleUser) {
		tell(EventBattleAsks, b.BattleID, inviter, string(inviter.RoomID))
	}
	o.OnBattleRequestReject = func(_ engine.RoomID, b engine.BattleInfo, _, u engine.BattleUser) { off(b, u, "rejected by") }
	o.OnBattleRequestTimeout = func(_ engine.RoomID, b engine.BattleInfo, _, u engine.BattleUser) { off(b, u, "no answer of") }
	o.OnBattleRequestCancelled = func(_ engine.RoomID, b engine.BattleInfo, inviter engine.BattleUser) {
		off(b, inviter, "cancelled, of")
	}
	o.OnBattleStarted = func(_ engine.RoomID, b engine.BattleInfo) {
		var ids []string
		for _, u := range b.Users() {
			ids = append(ids, string(u.RoomID))
		}
		tell(EventBattleStarts, b.BattleID, engine.BattleUser{}, strings.Join(ids, " "))
	}
	o.OnBattleScoreChanged = func(_ engine.RoomID, id string, users []engine.BattleUser) {
		tell(EventBattleScores, id, engine.BattleUser{}, standings(users))
	}
	o.OnUserExitBattle = func(_ engine.RoomID, id string, u engine.BattleUser) { tell(EventBattleLeft, id, u, string(u.RoomID)) }
	o.OnBattleEnded = func(_ engine.RoomID, b engine.BattleInfo, _ engine.BattleStoppedReason) {
		tell(EventBattleEnds, b.BattleID, engine.BattleUser{}, standings(b.Users()))
	}
	o.OnBattlePunishmentEnded = func(_ engine.RoomID, b engine.BattleInfo) {
		tell(EventPunished, b.BattleID, engine.BattleUser{}, "")
	}
}

// standings has each room and its score.
func standings(users []engine.BattleUser) string {
	var list []string
	for _, u := range users {
		list = append(list, fmt.Sprint(u.RoomID, " ", u.Score))
	}
	return strings.Join(list, ", ")
}
