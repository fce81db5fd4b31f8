package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	snapshotWait  = 10 * time.Second // for the answer to one question for what was missed
	snapshotPause = time.Second      // between two of them
)

// Info returns the room.
func (r *Room) Info() RoomInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	info := r.view.Room
	info.Categories = slices.Clone(info.Categories)
	return info
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
	case !r.joined || r.asking || r.returning:
		r.early = append(r.early, e)
	case e.Prev != r.view.Version:
		r.asking = true
		r.early = append(r.early, e)
		r.spawn(r.catchUp)
	default:
		r.apply(e)
	}
}

// catchUp replaces the replica by the server's, because events were missed. It asks until it has caught up or the room
// has ended: without an answer nothing would ever ask again in a quiet room.
func (r *Room) catchUp() {
	for {
		s, err := r.snapshot()
		if err != nil {
			r.log.Warn("missed events and got no snapshot", "error", err)
		}
		r.mu.Lock()
		done := r.caughtUp(s, err)
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-r.done:
			return
		case <-time.After(snapshotPause):
		}
	}
}

func (r *Room) snapshot() (s signaling.Snapshot, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), snapshotWait)
	defer cancel()
	err = r.eng.call(ctx, signaling.MethodSnapshot, signaling.RoomParams{RoomID: r.id}, &s)
	return s, err
}

// caughtUp takes over a snapshot, or learns from the refusal that the room is over. It returns false when it has to be
// asked for again. r.mu is held.
func (r *Room) caughtUp(s signaling.Snapshot, err error) bool {
	switch {
	case r.over:
		return true
	case errors.Is(err, signaling.ErrRoomNotExist): // its end is among what was missed
		r.dismissed(DismissedByServer)
		return true
	case errors.Is(err, ErrNotInRoom):
		why := r.whyOut()
		r.kickedOut(why.Reason, why.Message)
		return true
	case err != nil || s.Version < r.view.Version:
		return false
	}
	old := r.view
	r.show(s)
	r.missed(old)
	early := r.early
	r.early = nil
	for _, e := range early {
		switch {
		case e.Version <= r.view.Version:
		case e.Prev == r.view.Version:
			r.apply(e)
		default: // a gap again
			r.early = append(r.early, e)
		}
	}
	r.asking = len(r.early) > 0
	if !r.asking {
		r.settle()
		r.tellCaughtUp()
	}
	return !r.asking
}

// whyOut looks for the reason among the events that wait behind a gap; r.mu is held.
func (r *Room) whyOut() signaling.KickedOutOfRoom {
	for _, e := range r.early {
		for _, ev := range e.Events {
			if out, ok := ev.(signaling.KickedOutOfRoom); ok {
				return out
			}
		}
	}
	return signaling.KickedOutOfRoom{Reason: KickedForStatusInvalid, Message: "the server does not know this member any more"}
}

// missed tells the observers what a snapshot shows to have changed; r.mu is held.
func (r *Room) missed(old signaling.Snapshot) {
	r.infoChanged(old.Room)
	r.statisticsDiffer(old.Statistics, nil)
	r.metadataDiffers(old.Metadata)
	r.audienceMissed()
	if r.view.MutedUntil != old.MutedUntil {
		r.muteTold(r.view.Self.UserID, r.view.MutedUntil)
	}
	r.connectionMissed(old.Connection)
	r.battleMissed(old)
	var seated, left []UserInfo
	for i, seat := range r.view.Seats {
		if i >= len(old.Seats) || old.Seats[i].UserID == seat.UserID {
			continue
		}
		if before := old.Seats[i]; before.UserID != "" {
			left = append(left, r.sitter(before))
		}
		if seat.UserID != "" {
			seated = append(seated, r.sitter(seat))
		}
	}
	r.seatsChanged(seated, left)
	r.missedAudio(old)
	if r.view.Room.MemberCount != old.Room.MemberCount {
		r.countChanged(r.view.Room.MemberCount, nil, func(o *RoomObserver) func(RoomID, UserInfo) { return o.OnRemoteUserEnterRoom })
	}
	for _, q := range r.view.Requests {
		if !slices.ContainsFunc(old.Requests, func(o Request) bool { return o.RequestID == q.RequestID }) {
			r.requestReceived(q)
		}
	}
	for _, q := range old.Requests {
		if slices.ContainsFunc(r.view.Requests, func(n Request) bool { return n.RequestID == q.RequestID }) {
			continue
		}
		if !r.mine(q) { // how it ended was missed
			r.requestEnded(signaling.RequestEnded{Request: q, Result: Cancelled, By: q.From})
		}
	}
}

// missedAudio tells who is heard now and was not before, or the other way round; r.mu is held.
func (r *Room) missedAudio(old signaling.Snapshot) {
	before := heard(old.Seats)
	now := heard(r.view.Seats)
	for _, s := range old.Seats {
		if before[s.UserID] && !now[s.UserID] {
			r.audioTold(r.sitter(s), false, BySelf)
		}
	}
	for _, s := range r.view.Seats {
		if now[s.UserID] && !before[s.UserID] {
			r.audioTold(r.sitter(s), true, BySelf)
		}
	}
}

func heard(seats []SeatInfo) map[UserID]bool {
	m := make(map[UserID]bool, len(seats))
	for _, s := range seats {
		if s.UserID != "" && s.Mic == MicOn {
			m[s.UserID] = true
		}
	}
	return m
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
			r.view.Room.ViewCount = ev.ViewCount
			r.audienceEntered(ev)
			stats := r.view.Statistics
			stats.TotalViewers = max(stats.TotalViewers, ev.ViewCount)
			r.statisticsChanged(stats, nil)
			r.countChanged(ev.Count, ev.Users, func(o *RoomObserver) func(RoomID, UserInfo) { return o.OnRemoteUserEnterRoom })
		case signaling.UsersLeft:
			r.audienceLeft(ev)
			r.countChanged(ev.Count, ev.Users, func(o *RoomObserver) func(RoomID, UserInfo) { return o.OnRemoteUserLeaveRoom })
		case signaling.KickedOffSeat:
			r.post("OnKickedOffSeat", func(o *RoomObserver) {
				if o.OnKickedOffSeat != nil {
					o.OnKickedOffSeat(ev.Index, ev.By)
				}
			})
		case signaling.RoomUpdated:
			r.roomUpdated(ev.Room)
		case signaling.MetadataChanged:
			r.metadataChanged(ev)
		case signaling.SendMessageDisabledChanged:
			r.muteChanged(ev)
		case signaling.RoleChanged:
			r.roleChanged(ev)
		case signaling.UserInfoChanged:
			r.userInfoChanged(ev.User)
		case signaling.GiftReceived:
			r.giftReceived(ev)
		case signaling.ConnectionUserListChanged:
			r.connectionUsersChanged(ev)
		case signaling.ConnectionRequestReceived:
			r.connectionRequested(ev.Request)
		case signaling.ConnectionRequestEnded:
			r.connectionRequestEnded(ev)
		case signaling.ConnectionMuted:
			r.connectionMuted(ev.RoomID, ev.Muted)
		case signaling.BattleRequestReceived:
			r.battleRequested(ev.Request)
		case signaling.BattleRequestEnded:
			r.battleRequestEnded(ev)
		case signaling.BattleStarted:
			r.battleStarted(ev.Battle)
		case signaling.BattleScoreChanged:
			r.battleScored(ev.BattleID, ev.Users)
		case signaling.BattleUserLeft:
			r.battleUserLeft(ev.BattleID, ev.User)
		case signaling.BattleEnded:
			r.battleEnded(ev.Battle, ev.Reason)
		case signaling.BattlePunishmentEnded:
			r.battlePunishmentEnded(ev.Battle)
		case signaling.RoomDismissed:
			r.dismissed(ev.Reason)
		case signaling.KickedOutOfRoom:
			r.kickedOut(ev.Reason, ev.Message)
		}
	}
}

// dismissed ends the room for everybody; r.mu is held.
func (r *Room) dismissed(reason DismissedReason) {
	if !r.ends(signaling.ErrRoomNotExist) {
		return
	}
	r.post("OnRoomDismissed", func(o *RoomObserver) {
		if o.OnRoomDismissed != nil {
			o.OnRoomDismissed(r.id, reason)
		}
	})
}

// kickedOut ends the room for this user; r.mu is held.
func (r *Room) kickedOut(reason KickedOutReason, message string) {
	if !r.ends(ErrNotInRoom) {
		return
	}
	r.post("OnKickedOutOfRoom", func(o *RoomObserver) {
		if o.OnKickedOutOfRoom != nil {
			o.OnKickedOutOfRoom(r.id, reason, message)
		}
	})
}

// ends closes the room because the server has ended it; r.mu is held. It is over at once, so that callbacks find it so
// and may enter it again. The media is closed on another goroutine, since it may be waiting for this one. It reports
// whether the observers are to be told: once, and not while Enter's error says it.
func (r *Room) ends(cause error) (news bool) {
	if !r.finishLocked(cause) {
		return false
	}
	r.eng.spawn(r.close)
	return r.joined
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
	user := UserInfo{UserID: ev.UserID, Role: r.roleOf(ev.UserID)}
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
	if r.media != nil && ev.UserID == r.view.Self.UserID {
		r.media.mic.seatChanged(r.mySeat())
	}
	r.audioTold(user, ev.HasAudio, ev.Reason)
}

func (r *Room) audioTold(user UserInfo, hasAudio bool, reason ChangeReason) {
	r.post("OnUserAudioStateChanged", func(o *RoomObserver) {
		if o.OnUserAudioStateChanged != nil {
			o.OnUserAudioStateChanged(user, hasAudio, reason)
		}
	})
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
