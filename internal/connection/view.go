package connection

import (
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// View is what one room is shown of a connection, for one of its stays. The zero View, with Over, is of a room that is out.
type View struct {
	Over      bool
	Users     []User             // the rooms that the rest names, each once
	Connected []signaling.RoomID // the room itself among them; none where it is not connected
	Requests  []ViewRequest      // pending: of the room, or to it
	Ended     []ViewRequest      // that have ended lately
}

// User is a room as others are shown it.
type User struct {
	signaling.ConnectionUser
	Created int64
}

// ViewRequest is a request. Of one that has ended Seq says with which of the connection's.
type ViewRequest struct {
	ID       string
	From, To signaling.RoomID
	With     []signaling.RoomID // who else was asked with it, To included; of one to the room
	Ext      string             // of one to the room
	Created  int64
	Deadline int64
	Seq      uint64
	Result   signaling.RequestResultType
}

// View returns what a room is shown for a stay of its own.
func (c Connection) View(of Stay) View {
	v := View{Over: of.Status == Out}
	name := func(id signaling.RoomID) {
		i := c.last(id)
		if i < 0 || slices.ContainsFunc(v.Users, func(u User) bool { return u.RoomID == id }) {
			return
		}
		s := c.Stays[i]
		u := signaling.ConnectionUser{RoomID: id, UserID: s.Owner, UserName: s.OwnerName, AvatarURL: s.AvatarURL}
		if of.Status == Connected && s.Status == Connected {
			u.JoinConnectionTime = s.Joined
		}
		v.Users = append(v.Users, User{u, s.Created})
	}
	if of.Status == Connected {
		for _, s := range c.Connected() {
			v.Connected = append(v.Connected, s.RoomID)
			name(s.RoomID)
		}
	}
	for _, s := range c.Stays {
		if s.Request == nil || s.Status == Reserved {
			continue
		}
		mine := s.Request.From == of.RoomID && s.Request.FromTurn == of.Turn
		toMe := s.RoomID == of.RoomID && s.Turn == of.Turn
		if !mine && !toMe {
			continue
		}
		r := ViewRequest{
			ID: s.Request.ID, From: s.Request.From, To: s.RoomID, Created: s.Request.Created,
			Deadline: s.Request.Created + s.Request.Timeout, Seq: s.Request.Ended, Result: s.Request.Result,
		}
		name(r.From)
		name(r.To)
		if !s.Pending() {
			v.Ended = append(v.Ended, r)
			continue
		}
		if toMe {
			r.Ext = s.Request.Ext
			for _, x := range c.Stays {
				if x.Live() && x.by(r.ID, r.From) {
					r.With = append(r.With, x.RoomID)
					name(x.RoomID)
				}
			}
		}
		v.Requests = append(v.Requests, r)
	}
	return v
}
