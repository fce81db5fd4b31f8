package server

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// maxRooms is how many rooms one session may be in (the documents' engine: three live rooms a device). Entering one more
// ends the oldest stay.
const maxRooms = 3

// call carries out one call of a client that is logged in.
func (ses *session) call(ctx context.Context, m signaling.Message) (any, error) {
	switch m.Method {
	case signaling.MethodPing:
		return signaling.Empty{}, nil
	case signaling.MethodRenew:
		return with(ctx, m, ses.renew)
	case signaling.MethodSetSelfInfo:
		return with(ctx, m, ses.setSelfInfo)
	case signaling.MethodCreateRoom:
		return with(ctx, m, ses.createRoom)
	case signaling.MethodGetRoom:
		return with(ctx, m, ses.getRoom)
	case signaling.MethodListRooms:
		return with(ctx, m, ses.listRooms)
	case signaling.MethodJoinRoom:
		return with(ctx, m, ses.join)
	case signaling.MethodSnapshot:
		return with(ctx, m, ses.snapshot)
	case signaling.MethodLeaveRoom:
		return with(ctx, m, ses.leave)
	case signaling.MethodDismissRoom:
		return with(ctx, m, ses.dismiss)
	case signaling.MethodTakeSeat:
		return with(ctx, m, ses.takeSeat)
	case signaling.MethodLeaveSeat:
		return with(ctx, m, func(ctx context.Context, p signaling.RoomParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.LeaveSeat{})
		})
	case signaling.MethodRespondRequest:
		return with(ctx, m, func(ctx context.Context, p signaling.RespondParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.Respond{RequestID: p.RequestID, Agree: p.Agree})
		})
	case signaling.MethodCancelRequest:
		return with(ctx, m, func(ctx context.Context, p signaling.CancelParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.Cancel{RequestID: p.RequestID})
		})
	case signaling.MethodSetAudio:
		return with(ctx, m, func(ctx context.Context, p signaling.AudioParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.SetAudio{On: p.On})
		})
	case signaling.MethodRestartMedia:
		return with(ctx, m, ses.restart)
	case signaling.MethodBarrageHistory:
		return with(ctx, m, ses.barrageHistory)
	case signaling.MethodListGifts:
		return with(ctx, m, ses.listGifts)
	}
	for _, handle := range []func(context.Context, signaling.Message) (any, bool, error){ses.manage, ses.sanction, ses.giftCall, ses.connect, ses.fight, ses.like} {
		if result, ok, err := handle(ctx, m); ok {
			return result, err
		}
	}
	if result, ok, err := ses.relate(ctx, m); ok {
		return result, err
	}
	return nil, signaling.Errorf(signaling.ErrBadRequest.Code, "unknown method %.64q; docs/protocol.md lists the methods", m.Method)
}

// with decodes a call's parameters for its handler.
func with[P, R any](ctx context.Context, m signaling.Message, handler func(context.Context, P) (R, error)) (any, error) {
	var p P
	if err := signaling.DecodeParams(m.Params, &p); err != nil {
		return nil, err
	}
	return handler(ctx, p)
}

func (ses *session) createRoom(ctx context.Context, p signaling.CreateRoomParams) (signaling.CreateRoomResult, error) {
	if err := p.Room.RoomID.Valid(); err != nil { // before it becomes a key
		return signaling.CreateRoomResult{}, err
	}
	id, err := commandID(p.CommandID)
	if err != nil {
		return signaling.CreateRoomResult{}, err
	}
	key := store.Key{App: ses.app, Room: p.Room.RoomID}
	password, err := ses.newPassword(p.Password)
	if err != nil {
		return signaling.CreateRoomResult{}, err
	}
	out, err := ses.srv.create(ctx, key, room.Command{ID: id, By: ses.self(), Origin: ses.origin, Action: room.Create{Info: p.Room, Password: password}})
	return signaling.CreateRoomResult{Room: out.State.Info}, err
}

// getRoom asks the room's home: only that knows how many are there now, and a room that has lost its home gets one. It
// costs about what a join's refusal costs, and is bounded by the rate of calls.
func (ses *session) getRoom(ctx context.Context, p signaling.GetRoomParams) (signaling.GetRoomResult, error) {
	if err := p.RoomID.Valid(); err != nil {
		return signaling.GetRoomResult{}, err
	}
	info, err := ses.srv.node.Info(ctx, store.Key{App: ses.app, Room: p.RoomID})
	return signaling.GetRoomResult{Room: info}, err
}

// join enters a room: the media is negotiated, the home told, and the events start. A second join of a room replaces
// the first when it has succeeded, and changes nothing otherwise.
func (ses *session) join(ctx context.Context, p signaling.JoinParams) (res signaling.JoinResult, err error) {
	if err := p.RoomID.Valid(); err != nil {
		return res, err
	}
	if err := ses.mayHash(p.Password); err != nil {
		return res, err
	}
	ses.forgetEnded()
	old := ses.rooms[p.RoomID]
	if old == nil {
		if err := ses.leaveOldest(ctx); err != nil { // one too many, because an earlier attempt failed
			return res, err
		}
	}
	r, err := ses.srv.acquire(ctx, store.Key{App: ses.app, Room: p.RoomID})
	if err != nil {
		return res, err
	}
	m := &membership{replica: r, session: ses, user: ses.self(), came: time.Now(), entering: true}
	if old != nil {
		m.came = old.came
	}
	defer func() {
		if err != nil {
			m.end()
		}
	}()
	if p.Since > 0 && r.expelledSince(ctx, ses.user.UserID, p.Since) {
		return res, signaling.ErrNotInRoom // taken out while away: only a join of its own brings this user back
	}
	// The media first: of an offer that cannot be used nobody else learns anything.
	if p.Offer != "" {
		peer, err := r.media.Join(ctx, ses.user.UserID, p.Offer, m.onSlots)
		switch {
		case err != nil && r.isOver(): // its media has ended with it
			return res, signaling.ErrRoomNotExist
		case err != nil:
			return res, mediaError(err)
		}
		res.Answer, res.Slots = peer.Answer(), m.startMedia(peer)
	}
	r.add(m)
	who := m.member()
	who.Password = p.Password
	entry, err := ses.srv.node.Enter(ctx, r.key, who)
	if err != nil {
		return res, err
	}
	if r.letIn(m, entry.Epoch) {
		ses.srv.node.Announce(r.key)
	}
	m.muteKnown(entry.MutedUntil, entry.Version)
	if p.Since > 0 {
		err = ses.overtaken(p.RoomID, entry)
	}
	if err == nil {
		err = r.await(ctx, entry.Version)
	}
	if err == nil {
		res.Snapshot, res.Missed, err = r.admit(ctx, m, p.Since)
	}
	if err != nil {
		if old == nil { // else the session is still in the room
			err = errors.Join(err, ses.srv.node.Exit(ctx, r.key, m.member()))
		}
		return res, err
	}
	res.Snapshot.Room.MemberCount = max(res.Snapshot.Room.MemberCount, entry.Members) // the entry counts this one already
	res.Snapshot.Room.ViewCount = max(res.Snapshot.Room.ViewCount, entry.State.Info.ViewCount)
	res.Snapshot.Statistics.TotalViewers = res.Snapshot.Room.ViewCount
	if old != nil && p.Since > 0 { // the same stay
		m.likeSeq = old.likeSeq
	}
	ses.joined(p.RoomID, m, old)
	ses.renamedMeanwhile(m)
	r.network.newcomer()
	r.seating.arm()
	if old != nil {
		old.end()
	}
	m.onlyStay(ctx, old == nil && p.Since == 0)
	if err := ses.leaveOldest(ctx); err != nil {
		ses.log.Warn("in one room too many", "error", err) // until the next join
	}
	return res, nil
}

func mediaError(err error) error {
	if bad, ok := errors.AsType[*sfu.OfferError](err); ok {
		return &signaling.Error{Code: signaling.ErrBadRequest.Code, Message: "the media offer cannot be used: " + bad.Reason}
	}
	return &signaling.Error{Code: signaling.ErrMediaNotNegotiated.Code, Err: err}
}

// forgetEnded leaves the rooms that have ended by themselves: they count no more, and hold their media.
func (ses *session) forgetEnded() {
	for id, m := range ses.rooms {
		if m.replica.isOver() || m.isOut() {
			ses.leaveLocally(id)
		}
	}
}

// membership returns the session's stay in a room, or -2101.
func (ses *session) membership(id signaling.RoomID) (*membership, error) {
	m := ses.rooms[id]
	if m != nil && m.replica.isOver() {
		ses.leaveLocally(id)
		return nil, signaling.ErrRoomNotExist
	}
	if m != nil && m.isOut() {
		ses.leaveLocally(id)
		m = nil
	}
	if m == nil {
		return nil, signaling.ErrNotInRoom
	}
	return m, nil
}

func (ses *session) snapshot(ctx context.Context, p signaling.RoomParams) (signaling.Snapshot, error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return signaling.Snapshot{}, err
	}
	if err := m.learnMute(ctx); err != nil {
		return signaling.Snapshot{}, err
	}
	return m.replica.snapshot(m), nil
}

func (ses *session) leave(ctx context.Context, p signaling.RoomParams) (signaling.Done, error) {
	done, err := ses.do(ctx, p.RoomID, p.CommandID, room.Leave{})
	if err != nil {
		return done, err
	}
	if m := ses.leaveLocally(p.RoomID); m != nil {
		// Said twice, because a new home may have been told of the member between the command and now.
		if err := ses.srv.node.Exit(ctx, m.replica.key, m.member()); err != nil {
			ses.log.Debug("exit not told", "room", p.RoomID, "error", err)
		}
	}
	return done, nil
}

func (ses *session) takeSeat(ctx context.Context, p signaling.TakeSeatParams) (signaling.TakeSeatResult, error) {
	timeout, err := seconds(p.Timeout)
	if err != nil {
		return signaling.TakeSeatResult{}, err
	}
	out, err := ses.decide(ctx, p.RoomID, p.CommandID, room.TakeSeat{Index: p.Index, Timeout: timeout})
	return signaling.TakeSeatResult{Version: out.Version, Pending: out.Pending, Index: out.Index}, err
}

func (ses *session) restart(ctx context.Context, p signaling.RestartParams) (signaling.RestartResult, error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return signaling.RestartResult{}, err
	}
	if m.peer == nil {
		return signaling.RestartResult{}, signaling.Errorf(signaling.ErrMediaNotNegotiated.Code, "this member joined without an offer: there is no media to restart")
	}
	answer, err := m.peer.Restart(ctx, p.Offer)
	if err != nil {
		return signaling.RestartResult{}, mediaError(err)
	}
	return signaling.RestartResult{Answer: answer}, nil
}

// do has a command decided whose answer is nothing but the version.
func (ses *session) do(ctx context.Context, id signaling.RoomID, command string, a room.Action) (signaling.Done, error) {
	out, err := ses.decide(ctx, id, command, a)
	return signaling.Done{Version: out.Version}, err
}

// decide sends a command to the room's home and waits until its events have been queued for this client: the answer
// comes after the events that it speaks of.
func (ses *session) decide(ctx context.Context, id signaling.RoomID, command string, a room.Action) (home.Outcome, error) {
	m, err := ses.membership(id)
	if err != nil {
		return home.Outcome{}, err
	}
	if command, err = commandID(command); err != nil {
		return home.Outcome{}, err
	}
	out, err := ses.srv.node.Do(ctx, m.replica.key, room.Command{ID: command, By: ses.self(), Origin: ses.origin, Action: a})
	if err != nil {
		return out, err
	}
	if err := m.replica.await(ctx, out.Version); err != nil { // decided, but this node has not heard what came of it
		return out, &signaling.Error{Code: signaling.ErrServerTimeout.Code, Err: err}
	}
	return out, nil
}

// commandID checks the id that a client has chosen, and makes one where it has not.
func commandID(id string) (string, error) {
	if id == "" {
		return rand.Text(), nil
	}
	if !signaling.ValidText(id, 64) {
		return "", signaling.Errorf(signaling.ErrBadRequest.Code, "commandId may have 64 bytes without control characters")
	}
	return id, nil
}

// pageLimit is how many a page has for which a client has asked for so many; 0 stands for most.
func pageLimit(limit, most int) (int, error) {
	if limit == 0 {
		return most, nil
	}
	if limit < 1 || limit > most {
		return 0, signaling.Errorf(signaling.ErrInvalidParameter.Code, "limit is %d; it is 1 to %d", limit, most)
	}
	return limit, nil
}
