package voiceroom

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// EventType says what an [Event] is about.
type EventType string

// The types of events.
const (
	EventEntered       EventType = "entered"       // User has come
	EventLeft          EventType = "left"          // User has gone
	EventSeated        EventType = "seated"        // User sits on Seat, perhaps after another one
	EventUnseated      EventType = "unseated"      // User has left Seat
	EventAudioOn       EventType = "audioOn"       // User is heard
	EventAudioOff      EventType = "audioOff"      // User is not heard any more
	EventSeatLocked    EventType = "seatLocked"    // nobody can take Seat
	EventSeatUnlocked  EventType = "seatUnlocked"  // Seat can be taken
	EventAudioLocked   EventType = "audioLocked"   // nobody is heard on Seat
	EventAudioUnlocked EventType = "audioUnlocked" // whoever sits on Seat may speak
	EventRequest       EventType = "request"       // User applies for Seat, or invites to it: Request is its id
	EventRequestOver   EventType = "requestOver"   // Request needs no answer any more
	EventRole          EventType = "role"          // User is Value: owner, administrator or member
	EventRenamed       EventType = "renamed"       // User is called Name
	EventRoomName      EventType = "roomName"      // the room is called Value
	EventSeatMode      EventType = "seatMode"      // seats are taken by Value: freely or on application
	EventMuted         EventType = "muted"         // User may not chat until Value; told to User and the managers
	EventUnmuted       EventType = "unmuted"       // User may chat again; told to the same
	EventMessage       EventType = "message"       // User says Value in the chat, this user too
	EventCustomMessage EventType = "customMessage" // likewise, a message of the app's: Value is its data, Business whose it is
	EventGift          EventType = "gift"          // User gives To Count of Gift, which is called Value
	EventLikes         EventType = "likes"         // the room has been liked Value times in all, of late by User; once a second at most
	EventLiveInfo      EventType = "liveInfo"      // the fields Value of the room are others
	EventMetadata      EventType = "metadata"      // the room's metadata has Value, as key=value
	EventNoMetadata    EventType = "noMetadata"    // the room's metadata has no key Value any more
	EventRoomJoins     EventType = "roomJoins"     // the room is connected with the room Value, of User
	EventRoomParts     EventType = "roomParts"     // it is not any more
	EventRoomAsks      EventType = "roomAsks"      // the room Value, of User, asks for a connection; told to the owner
	EventBattleAsks    EventType = "battleAsks"    // the room Value, of User, asks for the battle Battle; told to the owner
	EventBattleStarts  EventType = "battleStarts"  // the battle Battle has begun, among the rooms Value
	EventBattleScores  EventType = "battleScores"  // it stands so: Value has each room and its score
	EventBattleEnds    EventType = "battleEnds"    // it has ended so
	EventBattleLeft    EventType = "battleLeft"    // the room Value, of User, is out of it, and it goes on
	EventBattleOff     EventType = "battleOff"     // there will be no battle Battle; told to the owner. Value says why
	EventPunished      EventType = "punished"      // the punishment phase of Battle is over
	EventDismissed     EventType = "dismissed"     // the room has ended
	EventKickedOut     EventType = "kickedOut"     // this user is out of the room; Value says why
)

// Event is something that has happened in a room, for logs and for bots that read text. Its JSON keeps its names.
type Event struct {
	Time    time.Time           `json:"time"`
	Type    EventType           `json:"type"`
	User    engine.UserID       `json:"user,omitempty"`
	Name    string              `json:"name,omitempty"` // under which User is shown, where that is known
	Seat    *engine.SeatIndex   `json:"seat,omitempty"`
	Request string              `json:"request,omitempty"`
	Value   string              `json:"value,omitempty"`
	Kind    *engine.RequestType `json:"kind,omitempty"` // of a request: 1 an application, 2 an invitation
	Battle  string              `json:"battleId,omitempty"`

	// Of messages:
	Business  string            `json:"businessId,omitempty"`
	Extension map[string]string `json:"extensionInfo,omitempty"`

	// Of gifts:
	To    engine.UserID `json:"to,omitempty"`
	Gift  string        `json:"giftId,omitempty"`
	Count int           `json:"giftCount,omitempty"`
	Combo int64         `json:"comboCount,omitempty"` // as in [engine.GiftReceived]
	Coins int64         `json:"coins,omitempty"`      // what these have cost
}

// String returns the event as a line of text.
func (e Event) String() string {
	var b strings.Builder
	b.WriteString(string(e.Type))
	if e.User != "" {
		fmt.Fprintf(&b, " %s", e.User)
		if e.Name != "" && e.Name != string(e.User) {
			fmt.Fprintf(&b, " (%s)", e.Name)
		}
	}
	if e.Seat != nil {
		fmt.Fprintf(&b, " seat %d", *e.Seat)
	}
	if e.To != "" {
		fmt.Fprintf(&b, " to %s", e.To)
	}
	if e.Business != "" {
		fmt.Fprintf(&b, " %s", e.Business)
	}
	if e.Value != "" {
		fmt.Fprintf(&b, " %s", e.Value)
	}
	if e.Count != 0 {
		fmt.Fprintf(&b, " x%d", e.Count)
	}
	return b.String()
}

// Watch tells f of everything that happens in the grid's room from now on, in order and never two at once, until remove is
// called or the room is over. It begins with who sits where, so that f knows the room: as one of the login's callbacks, like
// all that follows.
func Watch(grid *seatgrid.Grid, f func(Event)) (remove func(), err error) {
	room := grid.Room()
	if room == nil {
		return nil, engine.ErrNotInRoom
	}
	w := &watcher{f: f}
	unregister := room.AddObserver(w.observer())
	// Callbacks may wait that tell of what was before: in their order they come before the seats, and are left out.
	room.PostSeats("Watch", func(seats []engine.SeatInfo) {
		if !w.removed.Load() {
			w.begun = true
			w.seatsChanged(seats)
		}
	})
	return func() {
		w.removed.Store(true)
		unregister()
	}, nil
}

// watcher turns callbacks into events.
type watcher struct {
	f       func(Event)
	removed atomic.Bool

	// Of the login's callbacks:
	begun bool // f knows the room
	seats []engine.SeatInfo
}

func (w *watcher) observer() *engine.RoomObserver {
	tell := func(t EventType, u engine.UserInfo, value string) { w.ordered(func() { w.tell(t, u, nil, value) }) }
	request := func(t EventType, r engine.Request) {
		w.ordered(func() {
			e := Event{Type: t, User: r.From.UserID, Name: r.From.UserName, Request: r.RequestID, Kind: &r.Type}
			if r.Index >= 0 {
				e.Seat = &r.Index
			}
			w.send(e)
		})
	}
	o := &engine.RoomObserver{
		OnRoomDismissed: func(engine.RoomID, engine.DismissedReason) { tell(EventDismissed, engine.UserInfo{}, "") },
		OnKickedOutOfRoom: func(_ engine.RoomID, reason engine.KickedOutReason, message string) {
			tell(EventKickedOut, engine.UserInfo{}, strings.TrimSpace(fmt.Sprintf("%v %s", reason, message)))
		},
		OnRoomNameChanged: func(_ engine.RoomID, name string) { tell(EventRoomName, engine.UserInfo{}, name) },
		OnRoomSeatModeChanged: func(_ engine.RoomID, mode engine.SeatMode) {
			tell(EventSeatMode, engine.UserInfo{}, map[engine.SeatMode]string{engine.FreeToTake: "free", engine.ApplyToTake: "apply"}[mode])
		},
		OnSendMessageForUserDisableChanged: func(_ engine.RoomID, u engine.UserID, disabled bool, until time.Time) {
			if disabled {
				tell(EventMuted, engine.UserInfo{UserID: u}, until.UTC().Format(time.RFC3339))
				return
			}
			tell(EventUnmuted, engine.UserInfo{UserID: u}, "")
		},
		OnReceiveBarrage: func(_ engine.RoomID, m engine.Barrage) {
			if m.Sequence == 0 {
				return // nobody has said it: a line of this client alone
			}
			e := Event{Type: EventMessage, User: m.Sender.UserID, Name: m.Sender.UserName, Value: m.Text, Extension: m.Extension}
			if m.Type == engine.BarrageCustom {
				e.Type, e.Value, e.Business = EventCustomMessage, m.Data, m.BusinessID
			}
			w.ordered(func() { w.send(e) })
		},
		OnReceiveGift: func(_ engine.RoomID, g engine.GiftReceived) {
			e := Event{
				Type: EventGift, User: g.Sender.UserID, Name: g.Sender.UserName, Value: g.Gift.Name,
				To: g.Receiver.UserID, Gift: g.Gift.GiftID, Count: g.Count, Combo: g.ComboCount, Coins: int64(g.Count) * g.Gift.Coins,
			}
			w.ordered(func() { w.send(e) })
		},
		OnReceiveLikes: func(_ engine.RoomID, total int64, senders []engine.UserInfo) {
			var newest engine.UserInfo
			if n := len(senders); n > 0 {
				newest = senders[n-1]
			}
			tell(EventLikes, newest, strconv.FormatInt(total, 10))
		},
		OnLiveInfoChanged: func(_ engine.RoomInfo, flags engine.LiveModifyFlag) {
			if names := liveFields(flags); names != "" {
				tell(EventLiveInfo, engine.UserInfo{}, names)
			}
		},
		OnRoomMetadataChanged: func(_ engine.RoomID, key, value string, deleted bool) {
			if deleted {
				tell(EventNoMetadata, engine.UserInfo{}, key)
				return
			}
			tell(EventMetadata, engine.UserInfo{}, key+"="+value)
		},
		OnConnectionUserListChanged: func(room engine.RoomID, _, joined, left []engine.ConnectionUser) {
			other := func(t EventType, list []engine.ConnectionUser) {
				for _, u := range list {
					if u.RoomID != room {
						tell(t, engine.UserInfo{UserID: u.UserID, UserName: u.UserName}, string(u.RoomID))
					}
				}
			}
			other(EventRoomJoins, joined)
			other(EventRoomParts, left)
		},
		OnConnectionRequestReceived: func(_ engine.RoomID, u engine.ConnectionUser, _ []engine.ConnectionUser, _ string) {
			tell(EventRoomAsks, engine.UserInfo{UserID: u.UserID, UserName: u.UserName}, string(u.RoomID))
		},
		OnUserRoleChanged: func(_ engine.RoomID, u engine.UserID, role engine.Role) {
			tell(EventRole, engine.UserInfo{UserID: u}, map[engine.Role]string{
				engine.RoomOwner: "owner", engine.Administrator: "administrator", engine.GeneralUser: "member",
			}[role])
		},
		OnUserInfoChanged:     func(_ engine.RoomID, u engine.UserInfo) { tell(EventRenamed, u, "") },
		OnRemoteUserEnterRoom: func(_ engine.RoomID, u engine.UserInfo) { tell(EventEntered, u, "") },
		OnRemoteUserLeaveRoom: func(_ engine.RoomID, u engine.UserInfo) { tell(EventLeft, u, "") },
		OnSeatListChanged: func(seats []engine.SeatInfo, _, _ []engine.UserInfo) {
			w.ordered(func() { w.seatsChanged(seats) })
		},
		OnUserAudioStateChanged: func(u engine.UserInfo, on bool, _ engine.ChangeReason) {
			t := EventAudioOff
			if on {
				t = EventAudioOn
			}
			tell(t, u, "")
		},
		OnRequestReceived:  func(r engine.Request) { request(EventRequest, r) },
		OnRequestCancelled: func(r engine.Request, _ engine.UserInfo) { request(EventRequestOver, r) },
		OnRequestProcessed: func(r engine.Request, _ engine.UserInfo) { request(EventRequestOver, r) },
	}
	w.observeBattles(o)
	return o
}

// liveFields names what flags say, but for what has an event of its own.
func liveFields(flags engine.LiveModifyFlag) string {
	var names []string
	for _, f := range []struct {
		flag engine.LiveModifyFlag
		name string
	}{
		{engine.LiveModifyNotice, "notice"},
		{engine.LiveModifyDisableMessage, "isMessageDisabled"},
		{engine.LiveModifyEnableGift, "isGiftDisabled"},
		{engine.LiveModifyPublic, "isHidden"},
		{engine.LiveModifyCoverURL, "coverUrl"},
		{engine.LiveModifyBackgroundURL, "backgroundUrl"},
		{engine.LiveModifyCategory, "categoryList"},
		{engine.LiveModifyActivityStatus, "activityStatus"},
		{engine.LiveModifyCustomInfo, "customInfo"},
		{engine.LiveModifyPassword, "hasPassword"},
	} {
		if flags&f.flag != 0 {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, " ")
}

func (w *watcher) ordered(f func()) {
	if w.begun {
		f()
	}
}

func (w *watcher) tell(t EventType, u engine.UserInfo, seat *engine.SeatIndex, value string) {
	w.send(Event{Type: t, User: u.UserID, Name: u.UserName, Seat: seat, Value: value})
}

func (w *watcher) send(e Event) {
	e.Time = time.Now()
	w.f(e)
}

// seatsChanged tells how a seat list differs from the one before: first who has left a seat, then the rest.
func (w *watcher) seatsChanged(seats []engine.SeatInfo) {
	before := func(i int) engine.SeatInfo {
		if i < len(w.seats) {
			return w.seats[i]
		}
		return engine.SeatInfo{}
	}
	for i, s := range seats {
		if old := before(i); old.UserID != "" && old.UserID != s.UserID {
			w.tell(EventUnseated, engine.UserInfo{UserID: old.UserID, UserName: old.UserName}, &s.Index, "")
		}
	}
	for i, s := range seats {
		old := before(i)
		if s.UserID != "" && s.UserID != old.UserID {
			w.tell(EventSeated, engine.UserInfo{UserID: s.UserID, UserName: s.UserName}, &s.Index, "")
			if s.Mic == engine.MicOn && w.seats == nil {
				w.tell(EventAudioOn, engine.UserInfo{UserID: s.UserID, UserName: s.UserName}, &s.Index, "")
			}
		}
		for _, lock := range []struct {
			was, is bool
			on, off EventType
		}{
			{old.Locked, s.Locked, EventSeatLocked, EventSeatUnlocked},
			{old.AudioLocked, s.AudioLocked, EventAudioLocked, EventAudioUnlocked},
		} {
			switch {
			case lock.is && !lock.was:
				w.tell(lock.on, engine.UserInfo{}, &s.Index, "")
			case lock.was && !lock.is:
				w.tell(lock.off, engine.UserInfo{}, &s.Index, "")
			}
		}
	}
	w.seats = seats
}
