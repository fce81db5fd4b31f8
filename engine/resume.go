package engine

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// rejoinPause lies between two attempts to join a room again, when no node could decide.
const rejoinPause = 500 * time.Millisecond

// loginParams is what this user logs in with, each time.
func (e *Engine) loginParams(ctx context.Context) (signaling.LoginParams, error) {
	sig, err := e.credential.userSig(ctx)
	self := e.Self()
	return signaling.LoginParams{
		SDKAppID: e.cfg.SDKAppID, UserID: e.cfg.UserID, UserSig: sig,
		UserName: self.UserName, AvatarURL: self.AvatarURL, Client: "openvoiceroom-go",
		Platform: platform(runtime.GOOS),
	}, err
}

// platform is what the documents call an operating system.
func platform(goos string) signaling.Platform {
	switch goos {
	case "windows":
		return signaling.PlatformWindows
	case "darwin":
		return signaling.PlatformMac
	case "ios":
		return signaling.PlatformIOS
	case "android":
		return signaling.PlatformAndroid
	case "js":
		return signaling.PlatformWeb
	}
	return signaling.PlatformUnknown
}

func (e *Engine) allRooms() []*Room {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*Room, 0, len(e.rooms))
	for _, r := range e.rooms {
		list = append(list, r)
	}
	return list
}

// versions returns what the replicas have seen last. A room that is being entered has seen nothing: its join is
// repeated by itself.
func (e *Engine) versions() map[RoomID]uint64 {
	m := map[RoomID]uint64{}
	for _, r := range e.allRooms() {
		r.mu.Lock()
		if r.known && !r.over {
			m[r.id] = r.view.Version
		}
		r.mu.Unlock()
	}
	return m
}

// restore brings the rooms back after a new connection: those that the server has kept go on by themselves, the others
// are joined again.
func (e *Engine) restore(ctx context.Context, res signaling.LoginResult, call signaling.CallFunc) {
	e.credential.loggedIn(res)
	var wg sync.WaitGroup
	e.mu.Lock()
	abandoned := e.abandoned
	e.abandoned = nil
	e.mu.Unlock()
	for _, id := range abandoned { // before anything is sent that enters one of them again
		if e.isIn(id) {
			continue
		}
		if err := call(ctx, signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: id}, nil); err != nil {
			e.log.Debug("half-entered room not left", "room", id, "error", err)
		}
	}
	for _, r := range e.allRooms() {
		r.mu.Lock()
		in, returning := r.known && !r.over, r.returning
		r.mu.Unlock()
		switch {
		case !in:
		case !returning && res.Resumed && slices.Contains(res.Rooms, r.id):
			if r.media != nil {
				r.media.check()
			}
		default:
			wg.Go(func() { r.rejoin(ctx, call) })
		}
	}
	wg.Wait()
}

// isIn reports whether the server has let this user into a room.
func (e *Engine) isIn(id RoomID) bool {
	r := e.room(id)
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known
}

func (e *Engine) away(cause error) {
	e.post("OnReconnecting", func(o *Observer) {
		if o.OnReconnecting != nil {
			o.OnReconnecting(cause)
		}
	})
}

func (e *Engine) back() {
	for _, r := range e.allRooms() {
		r.missedBarrages()
		r.pushLikes()
	}
	e.post("OnReconnected", func(o *Observer) {
		if o.OnReconnected != nil {
			o.OnReconnected()
		}
	})
}

// post queues a callback of the login's observers.
func (e *Engine) post(name string, f func(*Observer)) {
	e.events.Post(name, func() { e.observers.Each(f) })
}

// rejoin joins the room again, with the seat and the requests that this user has in it, until that has succeeded, is
// refused, or ctx ends.
func (r *Room) rejoin(ctx context.Context, call signaling.CallFunc) {
	for {
		err := r.tryRejoin(ctx, call)
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case errors.Is(err, signaling.ErrRoomNotExist):
			r.mu.Lock()
			r.dismissed(DismissedByServer)
			r.mu.Unlock()
			return
		case errors.Is(err, signaling.ErrKickedOffLine): // from this room, by another device of this user
			r.mu.Lock()
			r.kickedOut(KickedByLoginOnOtherDevice, messageOf(err))
			r.mu.Unlock()
			return
		case signaling.CodeOf(err).Retryable(), errors.Is(err, context.DeadlineExceeded), // no answer is no refusal
			errors.Is(err, signaling.ErrMediaNotNegotiated): // the network is only coming back, here or there
			r.log.Info("not back in the room yet", "error", err)
		default:
			r.mu.Lock()
			r.kickedOut(KickedForStatusInvalid, err.Error())
			r.mu.Unlock()
			return
		}
		select {
		case <-time.After(rejoinPause):
		case <-ctx.Done():
			return
		}
	}
}

func (r *Room) tryRejoin(ctx context.Context, call signaling.CallFunc) error {
	r.mu.Lock()
	r.returning = true
	params := signaling.JoinParams{RoomID: r.id, Since: r.view.Version, Password: r.key}
	r.mu.Unlock()
	var l *line
	if r.media != nil {
		var err error
		if l, err = r.media.newLine(); err != nil {
			return &Error{Code: signaling.ErrMediaNotNegotiated.Code, Err: err}
		}
		params.Offer = l.peer.Offer()
		r.media.next.Store(l)
		defer r.media.next.Store(nil)
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotWait)
	defer cancel()
	var res signaling.JoinResult
	if err := call(ctx, signaling.MethodJoinRoom, params, &res); err != nil {
		l.close(r.log)
		return err
	}
	r.mu.Lock()
	stays := r.returned(res)
	r.mu.Unlock()
	if !stays {
		l.close(r.log)
		return call(ctx, signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: r.id}, nil)
	}
	if l == nil {
		return nil
	}
	if err := r.media.change(ctx, l, res); err != nil {
		r.log.Warn("no media after the return", "error", err)
	}
	return nil
}

// returned takes over what the server says after a return, and reports whether this is still the room that it was;
// r.mu is held.
func (r *Room) returned(res signaling.JoinResult) (stays bool) {
	old := r.view
	switch {
	case r.over:
		return false
	case res.Snapshot.Room.CreateTime != old.Room.CreateTime: // another has been made with its id
		r.dismissed(DismissedByServer)
		return false
	case res.Missed != nil && res.Missed.Prev == old.Version:
		if res.Missed.Version > old.Version {
			r.apply(*res.Missed)
		}
		before := r.view.Statistics
		r.show(res.Snapshot)
		r.statisticsDiffer(before, nil)
	case res.Snapshot.Version > old.Version:
		r.show(res.Snapshot)
		r.missed(old)
	}
	r.returning = false
	if !r.over && r.media != nil {
		r.media.mic.seatChanged(r.mySeat())
	}
	r.drain()
	if !r.over && !r.asking {
		r.settle()
	}
	r.tellCaughtUp()
	return !r.over
}

// drain applies the events that had to wait; r.mu is held.
func (r *Room) drain() {
	early := r.early
	r.early = nil
	for _, e := range early {
		if !r.over {
			r.receive(e)
		}
	}
}
