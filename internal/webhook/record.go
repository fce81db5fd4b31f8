package webhook

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The callbacks' commands (documents).
const (
	afterCreateRoom   = "Live.CallbackAfterCreateRoom"
	afterDestroyRoom  = "Live.CallbackAfterDestroyRoom"
	afterUpdateRoom   = "Live.CallbackAfterUpdateRoomInfo"
	afterSetMetadata  = "Live.CallbackAfterSetMetadata"
	afterDelMetadata  = "Live.CallbackAfterDelMetadata"
	reachingThreshold = "Live.CallbackAfterCreateRoomReachingThreshold"
	memberChanged     = "Live.CallbackAfterMemberStateChanged"
	seatChanged       = "Mic.CallbackAfterSeatInfoChanged"
	afterCreateBattle = "Live.CallbackAfterCreateBattle"
	afterStartBattle  = "Live.CallbackAfterStartBattle"
	afterEndBattle    = "Live.CallbackAfterEndBattle"
)

// commands are all that an app may want.
var commands = []string{
	afterCreateRoom, afterDestroyRoom, afterUpdateRoom, afterSetMetadata, afterDelMetadata, reachingThreshold,
	memberChanged, seatChanged, afterCreateBattle, afterStartBattle, afterEndBattle,
}

// callback is one callback as it lies in the outbox.
type callback struct {
	Command  string             `json:"command"`
	IP       string             `json:"ip,omitempty"`
	Platform signaling.Platform `json:"platform,omitempty"` // empty: the URL has neither ClientIP nor OptPlatform
	Body     json.RawMessage    `json:"body"`
}

// Wanted reports whether an app wants to be told anything now. It implements [home.Outbox].
func (s *Service) Wanted(app signaling.AppID) bool { return s.settings(app).URL != "" }

// Record implements [home.Outbox]: it makes the callbacks of a log entry, those that the app wants. It gives the same ones
// when it is asked again, unless the app wants others by then.
func (s *Service) Record(key store.Key, rev uint64, e home.Entry) []byte {
	set := s.settings(key.App)
	if set.URL == "" {
		return nil
	}
	r := recorder{service: s, key: key, rev: rev, entry: e, wants: set.wants}
	r.all()
	if len(r.list) == 0 {
		return nil
	}
	data, err := r.encode()
	if err != nil { // strings and numbers
		s.log.Error("callbacks not recorded", "app", key.App, "room", key.Room, "error", err)
		return nil
	}
	return data
}

// recorder makes the callbacks of one entry.
type recorder struct {
	service *Service
	key     store.Key
	rev     uint64
	entry   home.Entry
	wants   func(command string) bool
	list    []telling
}

// telling is a callback whose body may still grow.
type telling struct {
	callback
	body any
}

func (r *recorder) encode() ([]byte, error) {
	list := make([]callback, len(r.list))
	for i, t := range r.list {
		body, err := json.Marshal(t.body)
		if err != nil {
			return nil, err
		}
		list[i] = t.callback
		list[i].Body = body
	}
	return json.Marshal(list)
}

// all makes the callbacks.
func (r *recorder) all() {
	if r.creates() {
		r.created(r.entry.Events[0].Cause)
		return
	}
	last := -1
	for i := range r.entry.Events {
		if r.changesSeats(i) {
			last = i
		}
	}
	for i, e := range r.entry.Events {
		if e.Heartbeat != nil {
			r.heartbeat(*e.Heartbeat)
			continue
		}
		if e.For == room.ForMembers {
			continue // the app is told of each
		}
		if e.Battle != nil {
			r.battle(e.Cause, *e.Battle)
			continue
		}
		switch ev := e.Event.(type) {
		case signaling.UsersEntered:
			r.members("Online", "Enter", ids(ev.Users))
		case signaling.UsersLeft:
			r.members("Offline", "Leave", ids(ev.Users))
		case signaling.SeatsChanged:
			if i == last { // one callback has the whole list as it is after the entry
				r.seats(e.Cause)
			}
		case signaling.RoomUpdated:
			r.updated(e.Cause, ev)
		case signaling.MetadataChanged:
			r.metadata(e.Cause, ev)
		case signaling.RoomDismissed:
			r.destroyed(e.Cause)
		}
		// What later versions of rooms tell gets its case here, and its body in body.go.
	}
}

// creates reports whether the entry is a room's first: its seats are told, all of them as new.
func (r *recorder) creates() bool {
	e := r.entry
	if len(e.Events) != 1 || e.Members != 0 || !e.State.Exists() || e.State.Info.CreateTime != e.At {
		return false
	}
	seats, ok := e.Events[0].Event.(signaling.SeatsChanged)
	if !ok || len(seats.Seats) != len(e.State.Seats) || len(seats.Seated)+len(seats.Left) > 0 {
		return false
	}
	for i, s := range seats.Seats {
		if s != (signaling.SeatInfo{Index: signaling.SeatIndex(i)}) {
			return false
		}
	}
	return true
}

// changesSeats reports whether an event changes something of a seat that the app is told. A user's new name does not:
// it is a seat's event before the user's own.
func (r *recorder) changesSeats(i int) bool {
	list := r.entry.Events
	seats, ok := list[i].Event.(signaling.SeatsChanged)
	if !ok {
		return false
	}
	if i+1 == len(list) || len(seats.Seats) != 1 || len(seats.Seated)+len(seats.Left) > 0 {
		return true
	}
	renamed, ok := list[i+1].Event.(signaling.UserInfoChanged)
	return !ok || renamed.User.UserID != seats.Seats[0].UserID
}

func ids(users []signaling.UserInfo) []signaling.UserID {
	list := make([]signaling.UserID, len(users))
	for i, u := range users {
		list[i] = u.UserID
	}
	return list
}

// tell adds a callback, if the app wants it.
func (r *recorder) tell(command string, cause *room.Cause, body any) {
	if !r.wants(command) {
		return
	}
	c := callback{Command: command}
	if command != memberChanged { // documents: of many at once
		c.Platform = signaling.PlatformUnknown
		if cause != nil {
			c.IP, c.Platform = cause.IP, cause.Platform
		}
		if c.Platform == "" {
			c.Platform = signaling.PlatformUnknown
		}
	}
	r.list = append(r.list, telling{c, body})
}

// countLimit is how long counting an app's rooms may hold up the recording of a creation.
const countLimit = time.Second

// threshold tells of a creation that brings the app to 70 % of the rooms that it may have. The store remembers which
// one did, so that others tell of it no more, and this one again when it is asked again.
func (r *recorder) threshold(cause *room.Cause) {
	s := r.service
	if s.cfg.RoomLimit == 0 || !r.wants(reachingThreshold) {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, countLimit)
	defer cancel()
	n, crosses, err := s.crossing(ctx, r.key, r.rev)
	if err != nil {
		s.log.Warn("cannot tell whether the app has nearly all the rooms it may have; the next creation tells", "app", r.key.App, "error", err)
		return
	}
	if crosses {
		r.tell(reachingThreshold, cause, thresholdBody{
			CallbackCommand: reachingThreshold, RoomID: r.key.Room, RoomCount: n, RoomLimit: s.cfg.RoomLimit,
			EventTime: r.entry.At,
		})
	}
}
