package room

import (
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// ConnectedRoom is a room that is connected with this one, or asks, or is asked.
type ConnectedRoom struct {
	signaling.ConnectionUser
	Created int64 `json:"created"` // its CreateTime: another room may get its id
}

// ConnectionAsk is a pending request for a connection, of this room or to it. It names rooms of Connection.Users.
type ConnectionAsk struct {
	ID       string             `json:"id"`
	From     signaling.RoomID   `json:"from"`
	To       signaling.RoomID   `json:"to"`
	With     []signaling.RoomID `json:"with,omitempty"` // who is asked with it, To included; of one to this room
	Ext      string             `json:"ext,omitempty"`
	Created  int64              `json:"created"`
	Deadline int64              `json:"deadline"`
}

// ConnectionEnd is a request that has ended.
type ConnectionEnd struct {
	ConnectionAsk
	Result signaling.RequestResultType `json:"result"`
	Seq    uint64                      `json:"seq"` // the connection's with which it did
}

// ShowConnection has a room show how a connection stands that it is in, or was in, or is asked into. It may come again,
// late, and in another order. Only the app may; package connection decides what is shown.
type ShowConnection struct {
	Room int64  `json:"room"` // the CreateTime of the room that is shown it
	ID   string `json:"id"`
	Turn uint64 `json:"turn"` // of two stays in connections the later one's is higher
	Seq  uint64 `json:"seq"`  // of two states of one connection the later one's is higher
	Over bool   `json:"over,omitempty"`

	Users     []ConnectedRoom    `json:"users,omitempty"`     // whom the rest names
	Connected []signaling.RoomID `json:"connected,omitempty"` // this room too
	Asks      []ConnectionAsk    `json:"asks,omitempty"`
	Ended     []ConnectionEnd    `json:"ended,omitempty"`
}

// MuteConnection says whether a connected room is heard in this one.
type MuteConnection struct {
	Room signaling.RoomID `json:"room"`
	Mute bool             `json:"mute"`
}

func (ShowConnection) actionType() string { return "showConnection" }
func (MuteConnection) actionType() string { return "muteConnection" }

// Connection is the connection that a room is in, or was in last; then only its first three fields are set.
type Connection struct {
	ID        string             `json:"id"`
	Turn      uint64             `json:"turn"`
	Seq       uint64             `json:"seq"`
	Users     []ConnectedRoom    `json:"users,omitempty"` // whom the rest names; never changed
	Connected []signaling.RoomID `json:"connected,omitempty"`
	Asks      []ConnectionAsk    `json:"asks,omitempty"`
	Muted     []signaling.RoomID `json:"muted,omitempty"`
}

// showConnection tells what is news. What comes late is passed over.
func (d *decision) showConnection(a ShowConnection) error {
	if !d.app {
		return signaling.ErrNoPermission
	}
	if a.Room != d.state.Info.CreateTime {
		return signaling.ErrRoomNotExist
	}
	old, same := Connection{}, false
	if d.state.Connection != nil {
		old = *d.state.Connection
		same = old.Turn == a.Turn
		if a.Turn < old.Turn || same && a.Seq <= old.Seq {
			return nil
		}
	}
	next := &Connection{ID: a.ID, Turn: a.Turn, Seq: a.Seq}
	if !a.Over {
		next.Users, next.Connected, next.Asks = a.Users, a.Connected, a.Asks
	}
	next.Muted = slices.DeleteFunc(slices.Clone(old.Muted), func(id signaling.RoomID) bool { return !slices.Contains(next.Connected, id) })
	if len(next.Muted) == 0 {
		next.Muted = nil
	}
	before := d.state.connectionBytes()
	d.state.Connection = next
	if after := d.state.connectionBytes(); after > before && d.state.crowded() {
		return signaling.Errorf(signaling.ErrLimit.Code, "the room's metadata, robots and requests leave no place for a connection")
	}
	d.tellAsks(a, old, same)
	d.tellConnected(old)
	return nil
}

// tellAsks tells the owner which requests have come and which have ended. One of this room's own is told even if it has
// ended before it was seen; one to it that was never seen is not.
func (d *decision) tellAsks(a ShowConnection, old Connection, same bool) {
	next, owner := d.state.Connection, []signaling.UserID{d.state.Info.OwnerID}
	is := func(x ConnectionAsk) func(ConnectionAsk) bool {
		return func(y ConnectionAsk) bool { return x.ID == y.ID && x.To == y.To && x.Created == y.Created }
	}
	for _, x := range old.Asks {
		if slices.ContainsFunc(next.Asks, is(x)) {
			continue
		}
		end := signaling.ConnectionRequestEnded{Request: old.request(x, false), Result: signaling.Cancelled}
		if i := slices.IndexFunc(a.Ended, func(e ConnectionEnd) bool { return is(x)(e.ConnectionAsk) }); i >= 0 {
			end.Result = a.Ended[i].Result
		}
		d.tell(owner, end)
	}
	shown := Connection{Users: a.Users}
	for _, e := range a.Ended {
		unseen := e.From == d.state.Info.RoomID && (!same || e.Seq > old.Seq)
		if unseen && !slices.ContainsFunc(old.Asks, is(e.ConnectionAsk)) {
			d.tell(owner, signaling.ConnectionRequestEnded{Request: shown.request(e.ConnectionAsk, false), Result: e.Result})
		}
	}
	for _, x := range next.Asks {
		if !slices.ContainsFunc(old.Asks, is(x)) {
			d.tell(owner, signaling.ConnectionRequestReceived{Request: next.request(x, true)})
		}
	}
}

// tellConnected tells who is connected from now on and who no longer. Where nothing of that has changed the owner alone is
// told: what the room has been shown is noted only with an event.
func (d *decision) tellConnected(old Connection) {
	ev := signaling.ConnectionUserListChanged{Connected: d.state.Connection.connected()}
	before := old.connected()
	other := func(list []signaling.ConnectionUser, u signaling.ConnectionUser) bool {
		return !slices.ContainsFunc(list, func(x signaling.ConnectionUser) bool {
			return x.RoomID == u.RoomID && x.JoinConnectionTime == u.JoinConnectionTime
		})
	}
	for _, u := range ev.Connected {
		if other(before, u) {
			ev.Joined = append(ev.Joined, u)
		}
	}
	for _, u := range before {
		if other(ev.Connected, u) {
			ev.Left = append(ev.Left, u)
		}
	}
	switch {
	case !slices.Equal(before, ev.Connected):
		d.tell(nil, ev)
	case len(d.events) == 0:
		d.tell([]signaling.UserID{d.state.Info.OwnerID}, ev)
	}
}

func (d *decision) muteConnection(a MuteConnection) error {
	if err := d.needManager(); err != nil {
		return err
	}
	c := d.state.Connection
	switch {
	case a.Room == d.state.Info.RoomID:
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "connectedRoomId is the room itself; name one that it is connected with")
	case c == nil || len(c.Connected) == 0:
		return signaling.ErrConnectionNotExist
	case !slices.Contains(c.Connected, a.Room):
		return signaling.ErrNotInConnection
	case slices.Contains(c.Muted, a.Room) == a.Mute:
		return nil
	}
	next := *c
	next.Muted = slices.DeleteFunc(slices.Clone(c.Muted), func(id signaling.RoomID) bool { return id == a.Room })
	if a.Mute {
		next.Muted = append(next.Muted, a.Room)
	}
	if len(next.Muted) == 0 {
		next.Muted = nil
	}
	d.state.Connection = &next
	d.tell(nil, signaling.ConnectionMuted{RoomID: a.Room, Muted: a.Mute, By: d.by})
	return nil
}

func (c Connection) user(id signaling.RoomID) signaling.ConnectionUser {
	for _, u := range c.Users {
		if u.RoomID == id {
			return u.ConnectionUser
		}
	}
	return signaling.ConnectionUser{RoomID: id}
}

// connected returns the rooms that are connected, as members see them.
func (c Connection) connected() []signaling.ConnectionUser {
	list := make([]signaling.ConnectionUser, 0, len(c.Connected))
	for _, id := range c.Connected {
		list = append(list, c.user(id))
	}
	return list
}

// request returns a request as owners see it.
func (c Connection) request(x ConnectionAsk, whole bool) signaling.ConnectionRequest {
	r := signaling.ConnectionRequest{RequestID: x.ID, Inviter: c.user(x.From), Invitee: c.user(x.To), Created: x.Created, Deadline: x.Deadline}
	if whole {
		r.ExtensionInfo = x.Ext
		for _, id := range x.With {
			r.InviteeList = append(r.InviteeList, c.user(id))
		}
	}
	return r
}

// viewConnection returns what a member may see of the connection: the owner the requests, too.
func (s State) viewConnection(role signaling.Role) *signaling.Connection {
	c := s.Connection
	if c == nil || len(c.Connected) == 0 && (len(c.Asks) == 0 || role != signaling.RoomOwner) {
		return nil
	}
	v := &signaling.Connection{Muted: slices.Clone(c.Muted)}
	if len(c.Connected) > 0 {
		v.Connected = c.connected()
	}
	if role == signaling.RoomOwner {
		for _, x := range c.Asks {
			v.Requests = append(v.Requests, c.request(x, true))
		}
	}
	return v
}

// ConnectedWith is a room that this one is connected with.
type ConnectedWith struct {
	RoomID  signaling.RoomID
	Created int64 // its CreateTime
	Muted   bool  // it is not heard here
}

// ConnectedWith returns the rooms that this one is connected with, itself not among them, in the order in which they have
// joined.
func (s State) ConnectedWith() []ConnectedWith {
	if s.Connection == nil || !s.Exists() {
		return nil
	}
	var list []ConnectedWith
	for _, id := range s.Connection.Connected {
		for _, u := range s.Connection.Users {
			if u.RoomID == id && id != s.Info.RoomID {
				list = append(list, ConnectedWith{RoomID: id, Created: u.Created, Muted: slices.Contains(s.Connection.Muted, id)})
			}
		}
	}
	return list
}

// connectionBytes is what the connection takes as JSON at most, muted or not.
func (s State) connectionBytes() int {
	c := s.Connection
	if c == nil {
		return 0
	}
	n := 200 + textSize(c.ID)
	for _, u := range c.Users {
		n += 180 + textSize(string(u.RoomID)) + textSize(string(u.UserID)) + textSize(u.UserName) + textSize(u.AvatarURL)
	}
	for _, id := range c.Connected {
		n += 2 * (3 + textSize(string(id))) // connected, and muted
	}
	for _, x := range c.Asks {
		n += 160 + textSize(x.ID) + textSize(string(x.From)) + textSize(string(x.To)) + textSize(x.Ext)
		for _, id := range x.With {
			n += 3 + textSize(string(id))
		}
	}
	return n
}
