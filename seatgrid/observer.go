package seatgrid

import "github.com/openvoiceroom/openvoiceroom/engine"

// Observer is SeatGridViewObserver: what others do. Every function is optional.
type Observer struct {
	// OnRoomDismissed: the room has ended; the grid is in no room.
	OnRoomDismissed func(room RoomID)
	// OnKickedOutOfRoom: this user is out of the room, and why.
	OnKickedOutOfRoom func(room RoomID, reason KickedOutReason, message string)
	// OnSeatRequestReceived: user applies for a seat (managers are told), or invites this user.
	OnSeatRequestReceived func(t RequestType, user UserInfo)
	// OnSeatRequestCancelled: a received request needs no answer any more: withdrawn, timed out, or answered by another
	// manager. user is its sender.
	OnSeatRequestCancelled func(t RequestType, user UserInfo)
	// OnKickedOffSeat: a manager has taken this user off the seat; user is the manager.
	OnKickedOffSeat func(user UserInfo)
	// OnUserAudioStateChanged: somebody, oneself included, is heard from now on or no longer.
	OnUserAudioStateChanged func(user UserInfo, hasAudio bool, reason ChangeReason)
	// OnSeatViewClicked: ClickSeatView was called for the seat. view is what the adapter made, nil without one.
	OnSeatViewClicked func(view any, seat SeatInfo)
	// OnConnectedSeatViewClicked: ClickConnectedSeatView was called for the seat of a connected room. view is nil without a
	// [ConnectedSeatViewAdapter].
	OnConnectedSeatViewClicked func(view any, room RoomID, seat SeatInfo)
}

// AddObserver registers an observer, before or in a room, and returns how to remove it.
func (g *Grid) AddObserver(o *Observer) (remove func()) {
	return g.observers.Add(o, g.eng.InCallback)
}

// RemoveObserver removes an observer by the pointer it was added with. When it has returned (unless called from inside
// a callback), the observer is not called any more.
func (g *Grid) RemoveObserver(o *Observer) { g.observers.Remove(o, g.eng.InCallback) }

// translate turns the engine's callbacks into the grid's. It runs on the login's one callback goroutine, so the order
// stays. What a former room has queued may come when the grid is in another already: of that one only its end is told,
// which says whose it is.
func (g *Grid) translate(stay int) *engine.RoomObserver {
	each := func(f func(*Observer)) {
		if g.isIn(stay) {
			g.observers.Each(f)
		}
	}
	cancelled := func(r Request, _ UserInfo) {
		each(func(o *Observer) {
			if o.OnSeatRequestCancelled != nil {
				o.OnSeatRequestCancelled(r.Type, r.From)
			}
		})
	}
	return &engine.RoomObserver{
		OnRoomDismissed: func(id RoomID, _ engine.DismissedReason) {
			g.forget(id)
			g.observers.Each(func(o *Observer) {
				if o.OnRoomDismissed != nil {
					o.OnRoomDismissed(id)
				}
			})
		},
		OnKickedOutOfRoom: func(id RoomID, reason KickedOutReason, message string) {
			g.forget(id)
			g.observers.Each(func(o *Observer) {
				if o.OnKickedOutOfRoom != nil {
					o.OnKickedOutOfRoom(id, reason, message)
				}
			})
		},
		OnRequestReceived: func(r Request) {
			each(func(o *Observer) {
				if o.OnSeatRequestReceived != nil {
					o.OnSeatRequestReceived(r.Type, r.From)
				}
			})
		},
		OnKickedOffSeat: func(_ SeatIndex, by UserInfo) {
			each(func(o *Observer) {
				if o.OnKickedOffSeat != nil {
					o.OnKickedOffSeat(by)
				}
			})
		},
		OnRequestCancelled: cancelled,
		OnRequestProcessed: cancelled,
		OnUserAudioStateChanged: func(u UserInfo, hasAudio bool, reason ChangeReason) {
			each(func(o *Observer) {
				if o.OnUserAudioStateChanged != nil {
					o.OnUserAudioStateChanged(u, hasAudio, reason)
				}
			})
		},
	}
}
