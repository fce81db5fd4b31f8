package engine

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// UpdateRoomName renames the room: 1 to 100 bytes. Managers can.
func (r *Room) UpdateRoomName(ctx context.Context, name string) error {
	err := r.Call(ctx, signaling.MethodUpdateRoom, signaling.UpdateRoomParams{CommandID: rand.Text(), RoomID: r.id, Name: &name}, nil)
	return signaling.WithOp("UpdateRoomName", err)
}

// ChangeUserRole makes somebody an administrator (at most five; they need not be here yet) or a general user again.
// [RoomOwner] hands the room over to a member; the former owner becomes a general user. Only the owner can.
func (r *Room) ChangeUserRole(ctx context.Context, user UserID, role Role) error {
	err := r.Call(ctx, signaling.MethodChangeRole, signaling.ChangeRoleParams{CommandID: rand.Text(), RoomID: r.id, UserID: user, Role: role}, nil)
	return signaling.WithOp("ChangeUserRole", err)
}

// KickRemoteUserOutOfRoom takes a member out of the room. It is no ban: they may come back. Managers can; the owner
// cannot be taken out.
func (r *Room) KickRemoteUserOutOfRoom(ctx context.Context, user UserID) error {
	err := r.Call(ctx, signaling.MethodKickOut, signaling.UserParams{CommandID: rand.Text(), RoomID: r.id, UserID: user}, nil)
	return signaling.WithOp("KickRemoteUserOutOfRoom", err)
}

// roomUpdated follows a change of name or mode; r.mu is held.
func (r *Room) roomUpdated(info RoomInfo) {
	old := r.view.Room
	info.MemberCount = old.MemberCount // it has events of its own
	r.view.Room = info
	if info.Name != old.Name {
		r.post("OnRoomNameChanged", func(o *RoomObserver) {
			if o.OnRoomNameChanged != nil {
				o.OnRoomNameChanged(r.id, info.Name)
			}
		})
	}
	if info.SeatMode != old.SeatMode {
		r.post("OnRoomSeatModeChanged", func(o *RoomObserver) {
			if o.OnRoomSeatModeChanged != nil {
				o.OnRoomSeatModeChanged(r.id, info.SeatMode)
			}
		})
	}
}

// roleChanged follows a change of role; r.mu is held. A new manager asks for the requests that it may see now.
func (r *Room) roleChanged(ev signaling.RoleChanged) {
	if ev.Role == RoomOwner {
		r.view.Room.OwnerID, r.view.Room.OwnerName = ev.UserID, ""
	}
	if self := r.view.Self.UserID; ev.UserID == self {
		r.view.Self.Role = ev.Role
		if ev.Role.Manages() {
			r.asking = true
			r.spawn(r.catchUp)
		} else {
			r.view.Requests = slices.DeleteFunc(slices.Clone(r.view.Requests), func(q Request) bool {
				return q.From.UserID != self && q.To != self
			})
		}
	}
	r.post("OnUserRoleChanged", func(o *RoomObserver) {
		if o.OnUserRoleChanged != nil {
			o.OnUserRoleChanged(r.id, ev.UserID, ev.Role)
		}
	})
}
