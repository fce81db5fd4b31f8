package tui

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

const (
	battleWait    = 30 * time.Second // for the other hosts' answers
	battleSeconds = "300"            // that are offered
)

// battleTickMsg says what time it is while a battle is counted down.
type battleTickMsg time.Time

// battles adds what is told about battles.
func (b *bridge) battles(o *engine.RoomObserver) {
	say := func(format string, args ...any) { b.say(format, args...); b.refresh() }
	o.OnBattleStarted = func(_ seatgrid.RoomID, battle engine.BattleInfo) {
		say("A PK has begun: %s, for %s.", versus(battle), time.Duration(battle.DurationMS)*time.Millisecond)
	}
	o.OnBattleScoreChanged = func(seatgrid.RoomID, string, []engine.BattleUser) { b.refresh() }
	o.OnUserExitBattle = func(_ seatgrid.RoomID, _ string, u engine.BattleUser) {
		say("%s is out of the PK.", roomWord(u.RoomID))
	}
	o.OnBattleEnded = func(_ seatgrid.RoomID, battle engine.BattleInfo, reason engine.BattleStoppedReason) {
		if reason == engine.BattleOtherExit {
			say("The PK has ended early: %s.", scores(battle))
			return
		}
		say("The PK is over: %s. %s.", scores(battle), verdict(battle))
	}
	o.OnBattlePunishmentEnded = func(seatgrid.RoomID, engine.BattleInfo) { b.refresh() }
	o.OnBattleRequestReceived = func(_ seatgrid.RoomID, _ engine.BattleInfo, from, _ engine.BattleUser) {
		say("%s asks for a PK.", hostOf(from.RoomID, from.UserName, from.UserID))
	}
	o.OnBattleRequestCancelled = func(seatgrid.RoomID, engine.BattleInfo, engine.BattleUser) { say("There is no PK.") }
	o.OnBattleRequestAccept = func(_ seatgrid.RoomID, _ engine.BattleInfo, _, u engine.BattleUser) {
		say("%s accepts the PK.", hostOf(u.RoomID, u.UserName, u.UserID))
	}
	o.OnBattleRequestReject = func(_ seatgrid.RoomID, _ engine.BattleInfo, _, u engine.BattleUser) {
		say("%s does not want a PK.", hostOf(u.RoomID, u.UserName, u.UserID))
	}
	o.OnBattleRequestTimeout = func(_ seatgrid.RoomID, _ engine.BattleInfo, _, u engine.BattleUser) {
		say("There is no PK: %s has not answered.", roomWord(u.RoomID))
	}
}

func versus(b engine.BattleInfo) string {
	var names []string
	for _, u := range b.Users() {
		names = append(names, clean(string(u.RoomID)))
	}
	return strings.Join(names, " against ")
}

// scores says how a battle stands.
func scores(b engine.BattleInfo) string {
	var parts []string
	for _, u := range b.Users() {
		part := fmt.Sprintf("%s %d", clean(string(u.RoomID)), u.Score)
		if u.Left {
			part += " (out)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " : ")
}

// verdict says who has won among those who have stayed.
func verdict(b engine.BattleInfo) string {
	var best []engine.BattleUser
	for _, u := range b.Users() {
		switch {
		case u.Left || len(best) > 0 && u.Score < best[0].Score:
		case len(best) > 0 && u.Score == best[0].Score:
			best = append(best, u)
		default:
			best = []engine.BattleUser{u}
		}
	}
	if len(best) == 1 {
		return roomWord(best[0].RoomID) + " wins"
	}
	return "It is a draw"
}

// battleLine shows the battle that the room is in, counted down.
func (m *model) battleLine() []string {
	b := m.room.battle
	if b == nil {
		return nil
	}
	end, what := b.EndTime, " PK "
	if b.PunishEndTime != 0 {
		end, what = b.PunishEndTime, " PK over, punishment "
	}
	left := max(time.UnixMilli(end).Sub(m.now), 0).Round(time.Second)
	text := fmt.Sprintf("%s%d:%02d | %s", what, int(left.Minutes()), int(left.Seconds())%60, scores(*b))
	if b.PunishEndTime != 0 {
		text += " | " + verdict(*b)
	}
	return []string{bold.Render(fit(text, m.width))}
}

// scoreOf is a room's score, for its title.
func (m *model) scoreOf(id seatgrid.RoomID) string {
	if b := m.room.battle; b != nil {
		if u, ok := b.Find(id); ok && !u.Left {
			return fmt.Sprintf(", PK %d", u.Score)
		}
	}
	return ""
}

// battleTick waits until a second of the countdown is over.
func (m *model) battleTick() tea.Cmd {
	if m.room.battle == nil || m.plain || m.counting {
		return nil
	}
	m.counting = true
	return func() tea.Msg {
		select {
		case now := <-time.After(time.Second):
			return battleTickMsg(now)
		case <-m.ctx.Done():
			return nil
		}
	}
}

// connectionRequests are the requests for connections and battles that wait for this user.
func (m *model) connectionRequests() (list []pending) {
	me := m.room.info.RoomID
	for _, q := range m.room.asks {
		if q.Invitee.RoomID == me {
			id := string(q.Inviter.RoomID)
			list = append(list, pending{
				hostOf(q.Inviter.RoomID, q.Inviter.UserName, q.Inviter.UserID) + " asks for a connection.",
				action{verb: acceptConnection, text: id}, action{verb: rejectConnection, text: id},
			})
		}
	}
	for _, q := range m.room.duels {
		from := q.Battle.Inviter
		if from.RoomID != me && !slices.Contains(q.Accepted, me) {
			list = append(list, pending{
				fmt.Sprintf("%s asks for a PK of %s.", hostOf(from.RoomID, from.UserName, from.UserID), time.Duration(q.Battle.DurationMS)*time.Millisecond),
				action{verb: acceptBattle, text: q.Battle.BattleID}, action{verb: rejectBattle, text: q.Battle.BattleID},
			})
		}
	}
	return list
}

// ownDuel returns the request for a battle that this room has made.
func (m *model) ownDuel() (id string, ok bool) {
	for _, q := range m.room.duels {
		if q.Battle.Inviter.RoomID == m.room.info.RoomID {
			return q.Battle.BattleID, true
		}
	}
	return "", false
}

// canBattle is what b would do.
func (m *model) canBattle() string {
	_, asked := m.ownDuel()
	switch {
	case !m.owns():
		return ""
	case m.room.battle != nil:
		return "leave PK"
	case asked:
		return "withdraw PK"
	case m.connected() && len(m.room.duels) == 0:
		return "PK"
	}
	return ""
}

func (m *model) battle() tea.Cmd {
	if b := m.room.battle; b != nil {
		m.page = questionPage
		m.sure = question{text: "Leave the PK?", yes: &action{verb: exitBattle, text: b.BattleID}}
		return nil
	}
	if id, asked := m.ownDuel(); asked {
		return m.act(action{verb: cancelBattle, text: id})
	}
	m.ask(" A PK for how many seconds? ", battleSeconds, func(text string) tea.Cmd {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 1 || seconds > 86400 {
			m.say("A PK takes 1 to 86400 seconds.")
			return nil
		}
		return m.act(action{verb: requestBattle, long: time.Duration(seconds) * time.Second})
	})
	return nil
}

// doBattle carries out what is about battles.
func doBattle(ctx context.Context, room *engine.Room, a action) (said string, err error) {
	b := room.Battles()
	switch a.verb {
	case requestBattle:
		var rooms []seatgrid.RoomID
		for _, u := range room.Connections().Connected() {
			if u.RoomID != room.ID() {
				rooms = append(rooms, u.RoomID)
			}
		}
		_, codes, err := b.RequestBattle(ctx, rooms, engine.BattleConfig{Duration: a.long, NeedResponse: true}, battleWait)
		var not []string
		for _, id := range rooms {
			if code, ok := codes[id]; ok && code != engine.BattleSuccess {
				not = append(not, fmt.Sprintf("%s cannot be asked: %s.", roomWord(id), battleWords(code)))
			}
		}
		return strings.Join(not, " "), err
	case cancelBattle:
		return "", b.CancelBattleRequest(ctx, a.text)
	case acceptBattle:
		return "", b.AcceptBattle(ctx, a.text)
	case rejectBattle:
		return "", b.RejectBattle(ctx, a.text)
	}
	return "", b.ExitBattle(ctx, a.text) // exitBattle, which is the last one
}

func battleWords(code engine.BattleCode) string {
	switch code {
	case engine.BattleRoomNotExist:
		return "there is no such room any more"
	case engine.BattleBattling:
		return "it is being asked for a PK just now"
	case engine.BattleBattlingOtherRoom:
		return "it is in a PK"
	case engine.BattleRoomExit:
		return "it is not connected any more"
	}
	return "try again in a moment"
}
