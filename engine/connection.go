package engine

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Connections is how a room is connected with other rooms, which then hear each other (documents: co-host,
// LiveConnectionManager). Only owners connect rooms, each for their own; up to [signaling.MaxConnectedRooms] rooms, with
// [signaling.MaxConnectedUsers] seats in all.
type Connections struct{ room *Room }

// Connections returns the connections of the room.
func (r *Room) Connections() *Connections { return &Connections{r} }

// Connected returns the rooms that are connected, this one among them, by the time when they joined; none when this one is
// connected with nobody.
func (c *Connections) Connected() []ConnectionUser {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if v := c.room.view.Connection; v != nil {
		return slices.Clone(v.Connected)
	}
	return nil
}

// Requests returns the pending requests of this room, and the one to it; for its owner alone.
func (c *Connections) Requests() []ConnectionRequest {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if v := c.room.view.Connection; v != nil {
		return slices.Clone(v.Requests)
	}
	return nil
}

// Muted returns the connected rooms that are not heard in this one.
func (c *Connections) Muted() []RoomID {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if v := c.room.view.Connection; v != nil {
		return slices.Clone(v.Muted)
	}
	return nil
}

// Seats returns all seats of a room that this one is connected with; nil for others, and for a moment before they are known.
func (c *Connections) Seats(connected RoomID) []SeatInfo {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	if !c.room.connectedWith(connected) {
		return nil
	}
	return slices.Clone(c.room.neighbors[connected])
}

// connectedWith reports whether the room is connected with another; r.mu is held.
func (r *Room) connectedWith(id RoomID) bool {
	v := r.view.Connection
	return v != nil && id != r.id && slices.ContainsFunc(v.Connected, func(u ConnectionUser) bool { return u.RoomID == id })
}

// connectedSeatsChanged takes the seats of connected rooms. It runs on the connection's reading goroutine.
func (r *Room) connectedSeatsChanged(rooms []signaling.SeatsOfRoom) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	if r.neighbors == nil {
		r.neighbors = map[RoomID][]SeatInfo{}
	}
	for _, x := range rooms {
		if slices.Equal(r.neighbors[x.RoomID], x.Seats) {
			continue
		}
		r.neighbors[x.RoomID] = x.Seats
		if !r.joined { // before Enter has succeeded nothing is told
			continue
		}
		r.post("OnConnectedSeatListChanged", func(o *RoomObserver) {
			if o.OnConnectedSeatListChanged != nil {
				o.OnConnectedSeatListChanged(r.id, x.RoomID, slices.Clone(x.Seats))
			}
		})
	}
}

// RequestConnection asks up to eight rooms for a connection, or into the one that this room is in. It says of each room
// whether it is asked ([ConnectionSuccess]) or why not; how each request ends is told by OnConnectionRequestAccept, Reject
// and Timeout. A timeout of 0 is the longest, five minutes; parts of a second count as one. extensionInfo goes to the
// owners of the other rooms: 1 KiB at most.
//
// It fails with [ErrNeedOwner], with [signaling.ErrConnectionPending] when this room is asked itself and has not
// answered, and with [signaling.ErrConnectionTooFrequent] when more rooms are asked than one a second, 24 in a burst.
func (c *Connections) RequestConnection(ctx context.Context, rooms []RoomID, timeout time.Duration, extensionInfo string) (map[RoomID]ConnectionCode, error) {
	const op = "RequestConnection"
	if timeout < 0 {
		return nil, signaling.WithOp(op, signaling.Errorf(ErrInvalidParameter.Code, "the timeout is %v; it is 1 s to 5 min, and 0 is the longest", timeout))
	}
	var res signaling.ConnectionRequestResult
	err := c.room.Call(ctx, signaling.MethodRequestConnection, signaling.ConnectionRequestParams{
		CommandID: rand.Text(), RoomID: c.room.id, RoomIDs: rooms, Timeout: startedSeconds(timeout), ExtensionInfo: extensionInfo,
	}, &res)
	if err != nil {
		return nil, signaling.WithOp(op, err)
	}
	codes := make(map[RoomID]ConnectionCode, len(res.Results))
	for _, r := range res.Results {
		codes[r.RoomID] = r.Code
	}
	return codes, nil
}

// CancelConnectionRequest withdraws this room's requests to others. It is an error ([signaling.ErrConnectionProcessed])
// when all of them have ended before.
func (c *Connections) CancelConnectionRequest(ctx context.Context, rooms []RoomID) error {
	return c.do(ctx, "CancelConnectionRequest", signaling.MethodCancelConnection, signaling.ConnectionCancelParams{
		CommandID: rand.Text(), RoomID: c.room.id, RoomIDs: rooms,
	})
}

// AcceptConnection accepts the request of a room: this one is connected from now on, with all that are in its
// connection. [signaling.ErrConnectionProcessed] says that the request has ended.
func (c *Connections) AcceptConnection(ctx context.Context, inviter RoomID) error {
	return c.do(ctx, "AcceptConnection", signaling.MethodAcceptConnection, signaling.ConnectionAnswerParams{
		CommandID: rand.Text(), RoomID: c.room.id, Inviter: inviter,
	})
}

// RejectConnection rejects the request of a room. Errors are those of AcceptConnection.
func (c *Connections) RejectConnection(ctx context.Context, inviter RoomID) error {
	return c.do(ctx, "RejectConnection", signaling.MethodRejectConnection, signaling.ConnectionAnswerParams{
		CommandID: rand.Text(), RoomID: c.room.id, Inviter: inviter,
	})
}

// Disconnect takes this room out of the connection; the others stay connected while there are two. Requests of this room
// end as cancelled. Without a connection it is [signaling.ErrConnectionNotExist].
func (c *Connections) Disconnect(ctx context.Context) error {
	return c.do(ctx, "Disconnect", signaling.MethodDisconnect, signaling.RoomParams{CommandID: rand.Text(), RoomID: c.room.id})
}

// MuteConnection says whether a connected room is heard in this one. Owner and administrators can; the other room is not
// told. It lasts as long as the other room is connected. A room that is not is [signaling.ErrNotInConnection].
func (c *Connections) MuteConnection(ctx context.Context, connected RoomID, mute bool) error {
	return c.do(ctx, "MuteConnection", signaling.MethodMuteConnection, signaling.ConnectionMuteParams{
		CommandID: rand.Text(), RoomID: c.room.id, Connected: connected, Mute: mute,
	})
}

func (c *Connections) do(ctx context.Context, op, method string, params any) error {
	return signaling.WithOp(op, c.room.Call(ctx, method, params, nil))
}

// viewConnection returns what is to be changed of the connection; r.mu is held.
func (r *Room) viewConnection() *signaling.Connection {
	var next signaling.Connection
	if r.view.Connection != nil {
		next = *r.view.Connection
	}
	r.view.Connection = &next
	return &next
}

// connectionUsersChanged follows the list of connected rooms; r.mu is held.
func (r *Room) connectionUsersChanged(ev signaling.ConnectionUserListChanged) {
	v := r.viewConnection()
	same := slices.Equal(v.Connected, ev.Connected)
	v.Connected = ev.Connected
	v.Muted = slices.DeleteFunc(slices.Clone(v.Muted), func(id RoomID) bool {
		return !slices.ContainsFunc(ev.Connected, func(u ConnectionUser) bool { return u.RoomID == id })
	})
	if !same {
		r.forgetNeighbors()
		r.connectionUsersTold(ev)
	}
}

// forgetNeighbors forgets the seats of rooms that are connected no longer; r.mu is held.
func (r *Room) forgetNeighbors() {
	for id := range r.neighbors {
		if !r.connectedWith(id) {
			delete(r.neighbors, id)
		}
	}
}

func (r *Room) connectionUsersTold(ev signaling.ConnectionUserListChanged) {
	r.post("OnConnectionUserListChanged", func(o *RoomObserver) {
		if o.OnConnectionUserListChanged != nil {
			o.OnConnectionUserListChanged(r.id, slices.Clone(ev.Connected), slices.Clone(ev.Joined), slices.Clone(ev.Left))
		}
	})
}

// connectionRequested follows a request of this room, or to it; r.mu is held.
func (r *Room) connectionRequested(q ConnectionRequest) {
	v := r.viewConnection()
	v.Requests = append(slices.Clip(v.Requests), q)
	r.connectionRequestTold(q)
}

func (r *Room) connectionRequestTold(q ConnectionRequest) {
	if q.Invitee.RoomID != r.id {
		return
	}
	r.post("OnConnectionRequestReceived", func(o *RoomObserver) {
		if o.OnConnectionRequestReceived != nil {
			o.OnConnectionRequestReceived(r.id, q.Inviter, slices.Clone(q.InviteeList), q.ExtensionInfo)
		}
	})
}

// sameRequest returns what finds a request again.
func sameRequest(q ConnectionRequest) func(ConnectionRequest) bool {
	return func(x ConnectionRequest) bool {
		return x.RequestID == q.RequestID && x.Invitee.RoomID == q.Invitee.RoomID && x.Created == q.Created
	}
}

// connectionRequestEnded follows the end of a request; r.mu is held.
func (r *Room) connectionRequestEnded(ev signaling.ConnectionRequestEnded) {
	v := r.viewConnection()
	v.Requests = slices.DeleteFunc(slices.Clone(v.Requests), sameRequest(ev.Request))
	inviter, invitee := ev.Request.Inviter, ev.Request.Invitee
	mine := invitee.RoomID != r.id
	switch ev.Result {
	case Accepted:
		if mine {
			r.post("OnConnectionRequestAccept", func(o *RoomObserver) {
				if o.OnConnectionRequestAccept != nil {
					o.OnConnectionRequestAccept(r.id, invitee)
				}
			})
		}
	case Rejected:
		if mine {
			r.post("OnConnectionRequestReject", func(o *RoomObserver) {
				if o.OnConnectionRequestReject != nil {
					o.OnConnectionRequestReject(r.id, invitee)
				}
			})
		}
	case Timeout:
		r.post("OnConnectionRequestTimeout", func(o *RoomObserver) {
			if o.OnConnectionRequestTimeout != nil {
				o.OnConnectionRequestTimeout(r.id, inviter, invitee)
			}
		})
	default:
		if !mine {
			r.post("OnConnectionRequestCancelled", func(o *RoomObserver) {
				if o.OnConnectionRequestCancelled != nil {
					o.OnConnectionRequestCancelled(r.id, inviter)
				}
			})
		}
	}
}

// connectionMuted follows the muting of a connected room; r.mu is held.
func (r *Room) connectionMuted(room RoomID, muted bool) {
	v := r.viewConnection()
	v.Muted = slices.DeleteFunc(slices.Clone(v.Muted), func(id RoomID) bool { return id == room })
	if muted {
		v.Muted = append(v.Muted, room)
	}
	r.connectionMuteTold(room, muted)
}

func (r *Room) connectionMuteTold(room RoomID, muted bool) {
	r.post("OnConnectionMuted", func(o *RoomObserver) {
		if o.OnConnectionMuted != nil {
			o.OnConnectionMuted(r.id, room, muted)
		}
	})
}

// connectionRequestsLost ends the requests for who owns the room no longer: they are for another now. r.mu is held.
func (r *Room) connectionRequestsLost() {
	if v := r.view.Connection; v != nil {
		for _, q := range v.Requests {
			r.connectionRequestEnded(signaling.ConnectionRequestEnded{Request: q, Result: Cancelled})
		}
	}
}

// connectionMissed tells what a snapshot shows to have changed. How a request of this room ended was missed: what shows
// in no connection is told as a time-out. r.mu is held.
func (r *Room) connectionMissed(old *signaling.Connection) {
	var was, is signaling.Connection
	if old != nil {
		was = *old
	}
	if r.view.Connection != nil {
		is = *r.view.Connection
	}
	in := func(list []ConnectionUser, u ConnectionUser) bool {
		return slices.ContainsFunc(list, func(x ConnectionUser) bool {
			return x.RoomID == u.RoomID && x.JoinConnectionTime == u.JoinConnectionTime
		})
	}
	for _, q := range was.Requests {
		if slices.ContainsFunc(is.Requests, sameRequest(q)) {
			continue
		}
		result := Cancelled
		switch joined := slices.ContainsFunc(is.Connected, func(u ConnectionUser) bool { return u.RoomID == q.Invitee.RoomID }); {
		case joined:
			result = Accepted
		case q.Invitee.RoomID != r.id:
			result = Timeout
		}
		r.connectionRequestEnded(signaling.ConnectionRequestEnded{Request: q, Result: result})
	}
	for _, q := range is.Requests {
		if !slices.ContainsFunc(was.Requests, sameRequest(q)) {
			r.connectionRequestTold(q)
		}
	}
	if !slices.Equal(was.Connected, is.Connected) {
		r.forgetNeighbors()
		ev := signaling.ConnectionUserListChanged{Connected: is.Connected}
		for _, u := range is.Connected {
			if !in(was.Connected, u) {
				ev.Joined = append(ev.Joined, u)
			}
		}
		for _, u := range was.Connected {
			if !in(is.Connected, u) {
				ev.Left = append(ev.Left, u)
			}
		}
		r.connectionUsersTold(ev)
	}
	for _, id := range was.Muted {
		if !slices.Contains(is.Muted, id) && slices.ContainsFunc(is.Connected, func(u ConnectionUser) bool { return u.RoomID == id }) {
			r.connectionMuteTold(id, false)
		}
	}
	for _, id := range is.Muted {
		if !slices.Contains(was.Muted, id) {
			r.connectionMuteTold(id, true)
		}
	}
}
