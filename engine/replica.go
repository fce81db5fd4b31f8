package engine

import (
	"context"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// snapshotWait bounds the question for what was missed.
const snapshotWait = 10 * time.Second

// Info returns the room.
func (r *Room) Info() RoomInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view.Room
}

// Self returns this user as a member of the room, with the role in it.
func (r *Room) Self() UserInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view.Self
}

// Seats returns all seats, vacant ones too: Seats()[i].Index == i.
func (r *Room) Seats() []SeatInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.view.Seats)
}

// Requests returns the pending requests that this user may know: a manager all, others their own.
func (r *Room) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.view.Requests)
}

// Await waits until a request of this user's has ended. Its id is the id of the command that made it, so waiting may
// begin before or after the command is sent.
func (r *Room) Await(ctx context.Context, requestID string) (RequestEnd, error) {
	r.mu.Lock()
	if end, known := r.ended[requestID]; known {
		delete(r.ended, requestID)
		r.mu.Unlock()
		return end, nil
	}
	if r.over {
		cause := r.cause
		r.mu.Unlock()
		if cause == nil {
			cause = ErrNotInRoom
		}
		return RequestEnd{}, cause
	}
	w := make(chan RequestEnd, 1)
	r.waiting[requestID] = w
	r.mu.Unlock()
	select {
	case end := <-w:
		return end, nil
	case <-ctx.Done():
		r.mu.Lock()
		delete(r.waiting, requestID)
		r.mu.Unlock()
		return RequestEnd{}, context.Cause(ctx)
	}
}

// received applies events in the order of their versions and queues the callbacks. It runs on the connection's reading
// goroutine, or on the one that enters.
func (r *Room) received(e signaling.RoomEvents) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.receive(e)
}

func (r *Room) receive(e signaling.RoomEvents) {
	switch {
	case r.over || r.joined && e.Version <= r.view.Version:
	case !r.joined || r.asking:
		r.early = append(r.early, e)
	case e.Prev != r.view.Version:
		r.asking = true
		r.early = append(r.early, e)
		r.spawn(r.catchUp)
	default:
		r.apply(e)
	}
}

// catchUp replaces the replica by the server's, because events were missed.
func (r *Room) catchUp() {
	ctx, cancel := context.WithTimeout(context.Background(), snapshotWait)
	defer cancel()
	var s signaling.Snapshot
	err := r.eng.call(ctx, signaling.MethodSnapshot, signaling.RoomParams{RoomID: r.id}, &s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asking = false
	if err != nil {
		r.log.Warn("missed events and got no snapshot; the next event asks again", "error", err)
		return
	}
	old := r.view
	r.view = s
	r.missed(old)
	early := r.early
	r.early = nil
	for _, e := range early {
		if e.Version > r.view.Version && e.Prev == r.view.Version {
			r.apply(e)
		}
	}
}

// missed tells the observers what a snapshot shows to have changed; r.mu is held.
func (r *Room) missed(old signaling.Snapshot) {
	var seated, left []UserInfo
	for i, seat := range r.view.Seats {
		if i >= len(old.Seats) || old.Seats[i].UserID == seat.UserID {
			continue
		}
		if before := old.Seats[i]; before.UserID != "" {
			left = append(left, UserInfo{UserID: before.UserID, UserName: before.UserName, AvatarURL: before.AvatarURL})
		}
		if seat.UserID != "" {
			seated = append(seated, UserInfo{UserID: seat.UserID, UserName: seat.UserName, AvatarURL: seat.AvatarURL})
		}
	}
	r.seatsChanged(seated, left)
	for _, q := range r.view.Requests {
		if !slices.ContainsFunc(old.Requests, func(o Request) bool { return o.RequestID == q.RequestID }) {
			r.requestReceived(q)
		}
	}
	for _, q := range old.Requests {
		if slices.ContainsFunc(r.view.Requests, func(n Request) bool { return n.RequestID == q.RequestID }) {
			continue
		}
		// How it ended was missed. One's own shows in the seats.
		end := signaling.RequestEnded{Request: q, Result: Cancelled, By: q.From}
		if r.mySeat() != nil && q.From.UserID == r.view.Self.UserID {
			end.Result = Accepted
		}
		r.requestEnded(end)
	}
}

// apply changes the replica and queues callbacks; r.mu is held.
func (r *Room) apply(e signaling.RoomEvents) {
	r.view.Version = e.Version
	for _, ev := range e.Events {
		switch ev := ev.(type) {
		case signaling.SeatsChanged:
			r.view.Seats = slices.Clone(r.view.Seats)
			for _, s := range ev.Seats {
				if int(s.Index) >= 0 && int(s.Index) < len(r.view.Seats) {
					r.view.Seats[s.Index] = s
				}
			}
			r.seatsChanged(ev.Seated, ev.Left)
		case signaling.AudioChanged:
			r.audioChanged(ev)
		case signaling.RequestReceived:
			r.view.Requests = append(slices.Clip(r.view.Requests), ev.Request)
			r.requestReceived(ev.Request)
		case signaling.RequestEnded:
			r.requestEnded(ev)
		case signaling.UsersEntered:
			r.countChanged(ev.Count, ev.Users, func(o *RoomObserver) func(RoomID, UserInfo) { return o.OnRemoteUserEnterRoom })
		case signaling.UsersLeft:
			r.countChanged(ev.Count, ev.Users, func(o *RoomObserver) func(RoomID, UserInfo) { return o.OnRemoteUserLeaveRoom })
		case signaling.RoomDismissed:
			r.ends(signaling.ErrRoomNotExist)
			r.post("OnRoomDismissed", func(o *RoomObserver) {
				if o.OnRoomDismissed != nil {
					o.OnRoomDismissed(r.id, ev.Reason)
				}
			})
		case signaling.KickedOutOfRoom:
			r.ends(ErrNotInRoom)
			r.post("OnKickedOutOfRoom", func(o *RoomObserver) {
				if o.OnKickedOutOfRoom != nil {
					o.OnKickedOutOfRoom(r.id, ev.Reason, ev.Message)
				}
			})
		}
	}
}

// ends closes the room from outside: the server has ended it. The media cannot be closed on this goroutine, which it
// may be waiting for.
func (r *Room) ends(cause error) {
	r.eng.wg.Go(func() {
		r.finish(cause)
		r.close()
	})
}

func (r *Room) seatsChanged(seated, left []UserInfo) {
	seats := slices.Clone(r.view.Seats)
	if r.media != nil {
		r.media.mic.seatChanged(r.mySeat())
	}
	r.post("OnSeatListChanged", func(o *RoomObserver) {
		if o.OnSeatListChanged != nil {
			o.OnSeatListChanged(seats, seated, left)
		}
	})
}

// mySeat returns this user's seat, nil off the seats; r.mu is held.
func (r *Room) mySeat() *SeatInfo {
	for i := range r.view.Seats {
		if r.view.Seats[i].UserID == r.view.Self.UserID {
			s := r.view.Seats[i]
			return &s
		}
	}
	return nil
}

func (r *Room) audioChanged(ev signaling.AudioChanged) {
	user := UserInfo{UserID: ev.UserID, Role: GeneralUser}
	r.view.Seats = slices.Clone(r.view.Seats)
	for i := range r.view.Seats {
		s := &r.view.Seats[i]
		if s.UserID != ev.UserID {
			continue
		}
		user.UserName, user.AvatarURL = s.UserName, s.AvatarURL
		switch {
		case ev.HasAudio:
			s.Mic = MicOn
		case ev.Reason == ByAdmin:
			s.Mic = MicOffByAdmin
		default:
			s.Mic = MicOff
		}
	}
	if ev.UserID == r.view.Room.OwnerID {
		user.Role = RoomOwner
	}
	if r.media != nil && ev.UserID == r.view.Self.UserID {
		r.media.mic.seatChanged(r.mySeat())
	}
	r.post("OnUserAudioStateChanged", func(o *RoomObserver) {
		if o.OnUserAudioStateChanged != nil {
			o.OnUserAudioStateChanged(user, ev.HasAudio, ev.Reason)
		}
	})
}

// received by others concerns this user unless it sent it.
func (r *Room) mine(q Request) bool { return q.From.UserID == r.view.Self.UserID }

func (r *Room) requestReceived(q Request) {
	if r.mine(q) {
		return
	}
	r.post("OnRequestReceived", func(o *RoomObserver) {
		if o.OnRequestReceived != nil {
			o.OnRequestReceived(q)
		}
	})
}

func (r *Room) requestEnded(ev signaling.RequestEnded) {
	r.view.Requests = slices.DeleteFunc(slices.Clone(r.view.Requests), func(q Request) bool {
		return q.RequestID == ev.Request.RequestID
	})
	end := RequestEnd{Type: ev.Result, User: ev.By, Code: ev.Code}
	if r.mine(ev.Request) {
		if w := r.waiting[ev.Request.RequestID]; w != nil {
			delete(r.waiting, ev.Request.RequestID)
			w <- end // never blocks: capacity one, one end per request
		} else {
			r.ended[ev.Request.RequestID] = end
		}
		return
	}
	answered := ev.Result == Accepted || ev.Result == Rejected
	switch {
	case answered && ev.By.UserID == r.view.Self.UserID: // one's own answer is no news
	case answered:
		r.post("OnRequestProcessed", func(o *RoomObserver) {
			if o.OnRequestProcessed != nil {
				o.OnRequestProcessed(ev.Request, ev.By)
			}
		})
	default:
		r.post("OnRequestCancelled", func(o *RoomObserver) {
			if o.OnRequestCancelled != nil {
				o.OnRequestCancelled(ev.Request, ev.By)
			}
		})
	}
}

func (r *Room) countChanged(count int, users []UserInfo, callback func(*RoomObserver) func(RoomID, UserInfo)) {
	r.view.Room.MemberCount = count
	self := r.view.Self.UserID
	r.post("OnRemoteUserEnterRoom/LeaveRoom", func(o *RoomObserver) {
		if f := callback(o); f != nil {
			for _, u := range users {
				if u.UserID != self {
					f(r.id, u)
				}
			}
		}
		if o.OnRoomUserCountChanged != nil {
			o.OnRoomUserCountChanged(r.id, count)
		}
	})
}
