package tui

import (
	"fmt"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// bridge turns what the SDK tells into messages. It runs on the login's goroutine of callbacks.
type bridge struct {
	news *News
	eng  *engine.Engine
	room *engine.Room // nil before the room has been entered
	self seatgrid.UserID

	seats []seatgrid.SeatInfo // as last told
	due   bool                // a refresh is queued
}

func (b *bridge) say(format string, args ...any) { b.news.Say(fmt.Sprintf(format, args...)) }

// refresh sends the room as it is now. Every callback about it may have changed one of its parts.
func (b *bridge) refresh() {
	if b.room == nil {
		return
	}
	m := roomMsg{info: b.room.Info(), self: b.room.Self(), requests: b.room.Requests(), roles: map[seatgrid.UserID]role{}, connectionMsg: b.connection()}
	for _, s := range b.room.Seats() {
		if r := roleOf(b.room.RoleOf(s.UserID)); s.UserID != "" && r != "" {
			m.roles[s.UserID] = r
		}
	}
	b.news.add(m)
}

// view is what the adapter keeps for a seat: where its messages go to.
type view struct {
	room  seatgrid.RoomID // empty: this one
	index seatgrid.SeatIndex
}

// CreateSeatView tells of a seat.
func (b *bridge) CreateSeatView(seat seatgrid.SeatInfo) any {
	b.news.add(seatMsg{seat: seat})
	return &view{index: seat.Index}
}

// UpdateSeatView tells of a seat's change.
func (b *bridge) UpdateSeatView(v any, seat seatgrid.SeatInfo) {
	b.news.add(seatMsg{v.(*view).room, seat})
	if !b.due { // one for all the seats that change together
		b.due = true
		b.eng.Post("refresh", func() { b.due = false; b.refresh() })
	}
}

// UpdateUserVolume tells how loud a seat is.
func (b *bridge) UpdateUserVolume(v any, volume int, _ seatgrid.UserInfo) {
	at := v.(*view)
	b.news.add(volumeMsg{at.room, at.index, volume})
}

// login returns what is told about the login.
func (b *bridge) login() *engine.Observer {
	return &engine.Observer{
		OnKickedOffLine: func(message string) {
			o := Outcome{Text: "You have logged in somewhere else, so this login has ended.", Failed: true}
			if message = clean(message); message != "" {
				o.Text += " (" + message + ")"
			}
			b.news.add(endMsg{o})
		},
		OnUserSigWillExpire: func(left time.Duration) {
			b.say("Your UserSig expires in %s; then this session ends.", left.Round(time.Second))
		},
		OnUserSigExpired: func() { b.say("Your UserSig has expired; this session ends in a moment.") },
		OnReconnecting: func(cause error) {
			b.news.add(awayMsg(true))
			b.say("The connection is gone (%s). Trying to come back; your seat waits.", Problem(cause))
		},
		OnReconnected: func() {
			b.news.add(awayMsg(false))
			b.say("Connected again.")
			b.refresh()
		},
		OnDisconnected: func(err error) {
			b.news.add(endMsg{Outcome{Text: "The connection is gone: " + Problem(err) + ".", Failed: true}})
		},
	}
}

// events returns what is told about the room.
func (b *bridge) events() *engine.RoomObserver {
	o := &engine.RoomObserver{
		OnRoomDismissed: func(_ seatgrid.RoomID, reason engine.DismissedReason) { b.news.add(endMsg{dismissed(reason)}) },
		OnKickedOutOfRoom: func(_ seatgrid.RoomID, reason seatgrid.KickedOutReason, message string) {
			b.news.add(endMsg{kickedOut(reason, message)})
		},
		OnReceiveBarrage: b.received,
		OnReceiveGift:    b.given,
		OnRoomNameChanged: func(_ seatgrid.RoomID, name string) {
			b.say("The room is called %s now.", clean(name))
			b.refresh()
		},
		OnRoomSeatModeChanged: func(_ seatgrid.RoomID, mode seatgrid.SeatMode) {
			b.say("From now on %s.", modeWords(mode))
			b.refresh()
		},
		OnUserRoleChanged: func(_ seatgrid.RoomID, user seatgrid.UserID, r engine.Role) {
			who, verb := b.name(user)
			switch r {
			case engine.RoomOwner:
				b.say("%s %s the host now.", who, verb)
			case engine.Administrator:
				b.say("%s %s an administrator now.", who, verb)
			default:
				b.say("%s %s a guest now.", who, verb)
			}
			b.refresh()
		},
		OnUserInfoChanged: func(_ seatgrid.RoomID, u seatgrid.UserInfo) {
			b.say("%s is called %s now.", clean(string(u.UserID)), person(u))
			b.refresh()
		},
		OnRemoteUserEnterRoom:  func(_ seatgrid.RoomID, u seatgrid.UserInfo) { b.say("%s has come in.", person(u)) },
		OnRemoteUserLeaveRoom:  func(_ seatgrid.RoomID, u seatgrid.UserInfo) { b.say("%s has left.", person(u)) },
		OnRoomUserCountChanged: func(seatgrid.RoomID, int) { b.refresh() },
		OnSeatListChanged:      b.seatsChanged,
		OnKickedOffSeat: func(_ seatgrid.SeatIndex, by seatgrid.UserInfo) {
			b.say("%s has taken you off your seat.", person(by))
		},
		OnUserAudioStateChanged: func(u seatgrid.UserInfo, hasAudio bool, reason seatgrid.ChangeReason) {
			who, has := person(u), "has"
			if u.UserID == b.self {
				who, has = "You", "have"
			}
			switch {
			case hasAudio:
				b.say("%s can be heard now.", who)
			case reason == engine.ByAdmin:
				b.say("%s %s been silenced by the host or an administrator.", who, has)
			default:
				b.say("%s %s gone quiet.", who, has)
			}
			b.refresh()
		},
		OnRequestReceived: func(q seatgrid.Request) { b.say("%s", asks(q)); b.refresh() },
		OnRequestCancelled: func(q seatgrid.Request, _ seatgrid.UserInfo) {
			b.say("%s", asked(q, "has ended without an answer"))
			b.refresh()
		},
		OnRequestProcessed: func(q seatgrid.Request, by seatgrid.UserInfo) {
			b.say("%s", asked(q, "has been answered by "+person(by)))
			b.refresh()
		},
	}
	b.connections(o)
	b.battles(o)
	return o
}

// seatsChanged says who has sat down, moved and got up, and which locks have changed.
func (b *bridge) seatsChanged(seats []seatgrid.SeatInfo, seated, left []seatgrid.UserInfo) {
	where := map[seatgrid.UserID]seatgrid.SeatIndex{}
	for i, s := range seats {
		if s.UserID != "" {
			where[s.UserID] = s.Index
		}
		if i < len(b.seats) {
			b.locksChanged(b.seats[i], s)
		}
	}
	moved := map[seatgrid.UserID]bool{} // they are in both lists, and have neither sat down nor got up
	for _, old := range b.seats {
		if to, ok := where[old.UserID]; ok && old.UserID != "" && to != old.Index {
			moved[old.UserID] = true
			who, _ := b.name(old.UserID)
			b.say("%s moved from %s to %s.", who, seatName(old.Index), seatName(to))
		}
	}
	b.seats = slices.Clone(seats) // other observers have the same slice
	for _, u := range seated {
		switch {
		case moved[u.UserID]:
		case u.UserID == b.self:
			b.say("You sit on %s now.", seatName(where[u.UserID]))
		default:
			b.say("%s sits on %s now.", person(u), seatName(where[u.UserID]))
		}
	}
	for _, u := range left {
		switch {
		case moved[u.UserID]:
		case u.UserID == b.self:
			b.say("You have no seat any more.")
		default:
			b.say("%s got up.", person(u))
		}
	}
	b.refresh()
}

func (b *bridge) locksChanged(old, now seatgrid.SeatInfo) {
	name := "S" + seatName(now.Index)[1:]
	if old.Locked != now.Locked {
		b.say("%s is %s now.", name, map[bool]string{true: "locked", false: "unlocked"}[now.Locked])
	}
	if old.AudioLocked != now.AudioLocked {
		b.say("%s is %s now.", name, map[bool]string{true: "silenced", false: "no longer silenced"}[now.AudioLocked])
	}
}

// name returns how to speak of a user of whom only the id is known, and the verb that goes with it.
func (b *bridge) name(user seatgrid.UserID) (who, is string) {
	if user == b.self {
		return "You", "are"
	}
	if b.room != nil {
		for _, s := range b.room.Seats() {
			if s.UserID == user {
				return called(s.UserName, user), "is"
			}
		}
	}
	return clean(string(user)), "is"
}

// asks says what a request wants.
func asks(q seatgrid.Request) string {
	place := "a seat"
	if q.Index >= 0 {
		place = seatName(q.Index)
	}
	if q.Type == seatgrid.InviteToTakeSeat {
		return fmt.Sprintf("%s invites you to %s.", person(q.From), place)
	}
	return fmt.Sprintf("%s asks for %s.", person(q.From), place)
}

func asked(q seatgrid.Request, how string) string {
	if q.Type == seatgrid.InviteToTakeSeat {
		return fmt.Sprintf("The invitation by %s %s.", person(q.From), how)
	}
	return fmt.Sprintf("The request of %s %s.", person(q.From), how)
}

func modeWords(m seatgrid.SeatMode) string {
	if m == seatgrid.FreeToTake {
		return "everybody may take a free seat"
	}
	return "the host decides who gets a seat"
}
