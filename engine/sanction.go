package engine

import (
	"context"
	"crypto/rand"
	"iter"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// MutedUntil returns until when this user may not chat, by the server's clock; the zero time when they may. It is known
// from the moment of the entry, and OnSendMessageForUserDisableChanged tells of changes.
func (r *Room) MutedUntil() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return mutedUntil(r.view.MutedUntil)
}

func mutedUntil(ms int64) (t time.Time) {
	if ms != 0 {
		t = time.UnixMilli(ms)
	}
	return t
}

// MuteUser keeps somebody from chatting for a time of 1 to 4,294,967,295 seconds, parts of a second counting as one; a
// later call sets another end. They need not be here: it lasts over departures, returns and restarts of the server, and
// ends by itself. Owner and administrators can (else [ErrNeedManager]); nobody can mute the owner, and administrators
// not each other ([ErrNoPermission]), nor anybody themselves ([ErrInvalidParameter]). A room has 10,000 mutes at most
// ([signaling.ErrLimit]).
func (m *Members) MuteUser(ctx context.Context, user UserID, d time.Duration) error {
	const op = "MuteUser"
	if d <= 0 {
		return signaling.WithOp(op, signaling.Errorf(ErrInvalidParameter.Code, "a mute lasts longer than %v; UnmuteUser ends one", d))
	}
	return signaling.WithOp(op, m.mute(ctx, user, d))
}

// UnmuteUser lets somebody chat again; who may is as in [Members.MuteUser]. It is no error that they may already.
func (m *Members) UnmuteUser(ctx context.Context, user UserID) error {
	return signaling.WithOp("UnmuteUser", m.mute(ctx, user, 0))
}

// DisableSendingMessageForAllUserByAdmin lets only the owner and the administrators chat from now on, or everybody again: it
// is the room's, so it lasts until somebody changes it, over restarts of the server, and whoever comes in has it in
// [RoomInfo].MessageDisabled. Owner and administrators can (else [ErrNeedManager]); the others' messages fail with
// [ErrAllMessagesDisabled]. It is [Room.SetLiveInfo] with LiveModifyDisableMessage.
func (m *Members) DisableSendingMessageForAllUserByAdmin(ctx context.Context, disable bool) error {
	err := m.room.Call(ctx, signaling.MethodUpdateRoom, signaling.UpdateRoomParams{CommandID: rand.Text(), RoomID: m.room.id, MessageDisabled: &disable}, nil)
	return signaling.WithOp("DisableSendingMessageForAllUserByAdmin", err)
}

func (m *Members) mute(ctx context.Context, user UserID, d time.Duration) error {
	return m.room.Call(ctx, signaling.MethodMute, signaling.MuteParams{
		CommandID: rand.Text(), RoomID: m.room.id, Users: []UserID{user}, Duration: startedSeconds(d),
	}, nil)
}

// BanUser takes somebody out of the room, if they are in it, and keeps them out for a time, which is as in
// [Members.MuteUser], and so is who may. They are told by OnKickedOutOfRoom, with the reason (at most 200 bytes), and
// entering is refused with [ErrMemberBanned]. A room has 10,000 bans at most ([signaling.ErrLimit]).
func (m *Members) BanUser(ctx context.Context, user UserID, d time.Duration, reason string) error {
	err := m.room.Call(ctx, signaling.MethodBan, signaling.BanParams{
		CommandID: rand.Text(), RoomID: m.room.id, Users: []UserID{user}, Duration: startedSeconds(d), Reason: reason,
	}, nil)
	return signaling.WithOp("BanUser", err)
}

// UnbanUser lets somebody enter again; who may is as in [Members.MuteUser]. It is no error that they may already.
func (m *Members) UnbanUser(ctx context.Context, user UserID) error {
	err := m.room.Call(ctx, signaling.MethodUnban, signaling.UnbanParams{CommandID: rand.Text(), RoomID: m.room.id, Users: []UserID{user}}, nil)
	return signaling.WithOp("UnbanUser", err)
}

// startedSeconds is how the wire has a duration.
func startedSeconds(d time.Duration) int64 {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return s
}

// Sanctioned is somebody who is banned or muted.
type Sanctioned struct {
	UserID UserID
	Until  time.Time // by the server's clock
}

// MutedUsers goes through those who may not chat, by their ids, a page of 50 at a time, here or not. Owner and
// administrators can (else [ErrNeedManager]). A login may ask for five pages a second, 20 in a burst; it waits for more.
func (m *Members) MutedUsers(ctx context.Context) iter.Seq2[Sanctioned, error] {
	return m.sanctioned(ctx, "MutedUsers", signaling.MethodListMuted)
}

// BannedUsers goes through those who may not enter, as [Members.MutedUsers] does.
func (m *Members) BannedUsers(ctx context.Context) iter.Seq2[Sanctioned, error] {
	return m.sanctioned(ctx, "BannedUsers", signaling.MethodListBanned)
}

func (m *Members) sanctioned(ctx context.Context, op, method string) iter.Seq2[Sanctioned, error] {
	return func(yield func(Sanctioned, error) bool) {
		for after := UserID(""); ; {
			var page signaling.SanctionListResult
			err := patiently(ctx, func() error {
				return m.room.Call(ctx, method, signaling.SanctionListParams{RoomID: m.room.id, After: after}, &page)
			})
			if err != nil {
				yield(Sanctioned{}, signaling.WithOp(op, err))
				return
			}
			for _, s := range page.Users {
				if !yield(Sanctioned{s.UserID, time.UnixMilli(s.Until)}, nil) {
					return
				}
			}
			if after = page.Next; after == "" {
				return
			}
		}
	}
}

// muteChanged follows a mute or its end; r.mu is held.
func (r *Room) muteChanged(ev signaling.SendMessageDisabledChanged) {
	for _, u := range ev.Users {
		if u == r.view.Self.UserID {
			if r.view.MutedUntil == ev.Until { // who enters while muted has it from the snapshot already
				continue
			}
			r.view.MutedUntil = ev.Until
		}
		r.muteTold(u, ev.Until)
	}
}

func (r *Room) muteTold(u UserID, until int64) {
	r.post("OnSendMessageForUserDisableChanged", func(o *RoomObserver) {
		if o.OnSendMessageForUserDisableChanged != nil {
			o.OnSendMessageForUserDisableChanged(r.id, u, until != 0, mutedUntil(until))
		}
	})
}
