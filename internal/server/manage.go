package server

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// manage carries out the calls about seats, other members and the room itself. ok is false for other methods.
func (ses *session) manage(ctx context.Context, m signaling.Message) (result any, ok bool, err error) {
	switch m.Method {
	case signaling.MethodMoveSeat:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.MoveSeatParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.MoveSeat{Index: p.Index})
		})
	case signaling.MethodMoveUser:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.MoveUserParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.MoveUser{User: p.UserID, Index: p.Index, Policy: p.Policy})
		})
	case signaling.MethodInvite:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.InviteParams) (signaling.Done, error) {
			timeout, err := seconds(p.Timeout)
			if err != nil {
				return signaling.Done{}, err
			}
			return ses.do(ctx, p.RoomID, p.CommandID, room.Invite{User: signaling.UserInfo{UserID: p.UserID}, Index: p.Index, Timeout: timeout})
		})
	case signaling.MethodKickOffSeat:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.UserParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.KickOffSeat{User: p.UserID})
		})
	case signaling.MethodLockSeat:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.LockSeatParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.LockSeat{Index: p.Index, Lock: p.SeatLock})
		})
	case signaling.MethodUpdateRoom:
		result, err = with(ctx, m, ses.updateRoom)
	case signaling.MethodSetMetadata:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.SetMetadataParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.SetMetadata{Metadata: p.Metadata})
		})
	case signaling.MethodDeleteMetadata:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.DeleteMetadataParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.DeleteMetadata{Keys: p.Keys})
		})
	case signaling.MethodChangeRole:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.ChangeRoleParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.ChangeRole{User: p.UserID, Role: p.Role})
		})
	case signaling.MethodListMembers:
		result, err = with(ctx, m, ses.listMembers)
	case signaling.MethodListAudience:
		result, err = with(ctx, m, ses.listAudience)
	case signaling.MethodKickOut:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.UserParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.KickOut{User: p.UserID})
		})
	default:
		return nil, false, nil
	}
	return result, true, err
}

func (ses *session) listMembers(ctx context.Context, p signaling.ListParams) (signaling.ListResult, error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return signaling.ListResult{}, err
	}
	if p.Limit, err = pageLimit(p.Limit, signaling.PageLimit); err != nil {
		return signaling.ListResult{}, err
	}
	if !signaling.ValidText(p.Keyword, room.MaxNameBytes) {
		return signaling.ListResult{}, signaling.Errorf(signaling.ErrInvalidParameter.Code, "keyword may have %d bytes of UTF-8 without control characters", room.MaxNameBytes)
	}
	if p.Keyword != "" && !ses.lists.Allow() { // each looks at every name
		return signaling.ListResult{}, signaling.ErrFreqLimit
	}
	page, err := ses.srv.node.List(ctx, m.replica.key, home.Query{After: p.After, Keyword: p.Keyword, Limit: p.Limit})
	return signaling.ListResult{Members: page.Members, Next: page.Next, Total: page.Total}, err
}

// seconds reads a time-out off the wire.
func seconds(s int64) (time.Duration, error) {
	if s < 0 || s > int64(room.MaxTimeout/time.Second) {
		return 0, signaling.Errorf(signaling.ErrInvalidParameter.Code, "timeout is in seconds, 0 (never) to %d", int64(room.MaxTimeout/time.Second))
	}
	return time.Duration(s) * time.Second, nil
}
