package engine

import (
	"context"
	"crypto/rand"
	"iter"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// UpdateRoomName renames the room: 1 to 100 bytes. Managers can.
func (r *Room) UpdateRoomName(ctx context.Context, name string) error {
	err := r.Call(ctx, signaling.MethodUpdateRoom, signaling.UpdateRoomParams{CommandID: rand.Text(), RoomID: r.id, Name: &name}, nil)
	return signaling.WithOp("UpdateRoomName", err)
}

// Members is who is in a room, and what managers do to them off the seats.
type Members struct{ room *Room }

// Members returns the members of the room.
func (r *Room) Members() *Members { return &Members{r} }

// MemberPage is some of a room's members, in the order of their ids.
type MemberPage struct {
	Members []UserInfo
	Next    UserID // for the next page; empty on the last
	Total   int    // members of the room
}

// List returns up to 50 members whose ids come after the given one; an empty one begins.
func (m *Members) List(ctx context.Context, after UserID) (MemberPage, error) {
	return m.page(ctx, "List", after, "")
}

// Search returns up to 50 members with this user id, or whose names hold the keyword, in upper or lower case. A login may
// ask five times a second, 20 times in a burst ([signaling.ErrFreqLimit]).
func (m *Members) Search(ctx context.Context, keyword string, after UserID) (MemberPage, error) {
	return m.page(ctx, "Search", after, keyword)
}

func (m *Members) page(ctx context.Context, op string, after UserID, keyword string) (MemberPage, error) {
	var res signaling.ListResult
	err := m.room.Call(ctx, signaling.MethodListMembers, signaling.ListParams{RoomID: m.room.id, After: after, Keyword: keyword}, &res)
	return MemberPage{Members: res.Members, Next: res.Next, Total: res.Total}, signaling.WithOp(op, err)
}

// All goes through all members, a page at a time. Who comes or goes meanwhile may be missed.
func (m *Members) All(ctx context.Context) iter.Seq2[UserInfo, error] {
	return func(yield func(UserInfo, error) bool) {
		for after := UserID(""); ; {
			page, err := m.List(ctx, after)
			if err != nil {
				yield(UserInfo{}, err)
				return
			}
			for _, u := range page.Members {
				if !yield(u, nil) {
					return
				}
			}
			if after = page.Next; after == "" {
				return
			}
		}
	}
}

// ChangeUserRole makes somebody an administrator (at most five; they need not be here yet) or a general user again.
// [RoomOwner] hands the room over to a member; the former owner becomes a general user. Only the owner can.
func (m *Members) ChangeUserRole(ctx context.Context, user UserID, role Role) error {
	err := m.room.Call(ctx, signaling.MethodChangeRole, signaling.ChangeRoleParams{CommandID: rand.Text(), RoomID: m.room.id, UserID: user, Role: role}, nil)
	return signaling.WithOp("ChangeUserRole", err)
}

// MoveUserToSeatByAdmin moves a seated member to another seat; policy says what becomes of whoever sits there.
// Owner and administrators can (else [ErrNeedManager]); only the owner decides about the owner's own seat, whether it is
// to be left or taken over ([ErrNoPermission]). A locked seat takes a general user by no policy ([ErrSeatLocked]), and
// the seat's audio lock, not the former seat's, then silences the one who was moved. An occupant who is replaced gets
// OnKickedOffSeat. Of oneself everybody may ask it, always as with [AbortWhenOccupied] (documents, MoveSeatPolicy). Other
// refusals: [ErrSeatOccupied], [ErrNotOnSeat], [ErrSeatNotExist].
func (m *Members) MoveUserToSeatByAdmin(ctx context.Context, user UserID, index SeatIndex, policy MoveSeatPolicy) error {
	err := m.room.Call(ctx, signaling.MethodMoveUser, signaling.MoveUserParams{
		CommandID: rand.Text(), RoomID: m.room.id, UserID: user, Index: index, Policy: policy,
	}, nil)
	return signaling.WithOp("MoveUserToSeatByAdmin", err)
}

// KickRemoteUserOutOfRoom takes a member out of the room. It is no ban: they may come back. Managers can; the owner
// cannot be taken out.
func (m *Members) KickRemoteUserOutOfRoom(ctx context.Context, user UserID) error {
	err := m.room.Call(ctx, signaling.MethodKickOut, signaling.UserParams{CommandID: rand.Text(), RoomID: m.room.id, UserID: user}, nil)
	return signaling.WithOp("KickRemoteUserOutOfRoom", err)
}

// RoleOf returns what somebody may do in the room, whether they are in it or not.
func (r *Room) RoleOf(user UserID) Role {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roleOf(user)
}

// roleOf returns the role by what this replica knows; r.mu is held.
func (r *Room) roleOf(user UserID) Role {
	switch {
	case user == r.view.Room.OwnerID:
		return RoomOwner
	case slices.Contains(r.view.Admins, user):
		return Administrator
	}
	return GeneralUser
}

// sitter returns who sits on a seat; r.mu is held.
func (r *Room) sitter(s SeatInfo) UserInfo {
	return UserInfo{UserID: s.UserID, UserName: s.UserName, AvatarURL: s.AvatarURL, Role: r.roleOf(s.UserID)}
}

// roleChanged follows a change of role; r.mu is held. A new manager asks for the requests that it may see now.
func (r *Room) roleChanged(ev signaling.RoleChanged) {
	r.view.Admins = slices.DeleteFunc(slices.Clone(r.view.Admins), func(u UserID) bool { return u == ev.UserID })
	switch ev.Role {
	case RoomOwner:
		r.view.Room.OwnerID, r.view.Room.OwnerName = ev.UserID, ev.UserName
	case Administrator:
		r.view.Admins = append(r.view.Admins, ev.UserID)
	}
	r.audienceRole(ev)
	r.post("OnUserRoleChanged", func(o *RoomObserver) {
		if o.OnUserRoleChanged != nil {
			o.OnUserRoleChanged(r.id, ev.UserID, ev.Role)
		}
	})
	self := r.view.Self.UserID
	if ev.UserID != self {
		return
	}
	r.view.Self.Role = ev.Role
	if ev.Role.Manages() {
		r.asking = true
		r.spawn(r.catchUp)
		return
	}
	r.connectionRequestsLost()
	r.battleRequestsLost()
	for _, q := range r.view.Requests { // they go on without this user
		if q.From.UserID != self && q.To != self {
			r.requestEnded(signaling.RequestEnded{Request: q, Result: Cancelled, By: q.From})
		}
	}
}
