package adminapi

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The service room_engine_http_mic: the seats of a room.

type roomParams struct {
	RoomID signaling.RoomID `json:"RoomId"`
}

type seat struct {
	Index   signaling.SeatIndex
	Member  signaling.UserID `json:"Member_Account,omitempty"` // none: the seat is vacant
	Locked  bool             `json:"IsTakenDisabled"`
	NoVideo bool             `json:"IsVideoDisabled"`
	NoAudio bool             `json:"IsAudioDisabled"`
}

type seatList struct {
	SeatList []seat
}

func (a *API) getSeatList(ctx context.Context, who caller, p roomParams) (any, error) {
	r, err := a.look(ctx, who, p.RoomID)
	if err != nil {
		return nil, err
	}
	list := seatList{SeatList: make([]seat, len(r.Seats))}
	for i, s := range r.Seats {
		list.SeatList[i] = seat{Index: s.Index, Member: s.UserID, Locked: s.Locked, NoVideo: s.VideoLocked, NoAudio: s.AudioLocked}
	}
	return list, nil
}

type pickParams struct {
	RoomID signaling.RoomID     `json:"RoomId"`
	Member signaling.UserID     `json:"Member_Account"`
	Index  *signaling.SeatIndex // -1: any seat, as for clients
}

func (a *API) pickUserOnSeat(ctx context.Context, who caller, p pickParams) (any, error) {
	if err := p.Member.Valid(); err != nil {
		return nil, missing("Member_Account", "the account of a member of the room")
	}
	if p.Index == nil {
		return nil, missing("Index", "a seat's number from 0, or -1 for any")
	}
	return nil, a.do(ctx, who, p.RoomID, room.PutOnSeat{User: signaling.UserInfo{UserID: p.Member}, Index: *p.Index})
}

type kickOffParams struct {
	RoomID signaling.RoomID `json:"RoomId"`
	Member signaling.UserID `json:"Member_Account"`
	Data   *string          // goes to the member with the notice
}

func (a *API) kickUserOffSeat(ctx context.Context, who caller, p kickOffParams) (any, error) {
	if err := p.Member.Valid(); err != nil {
		return nil, missing("Member_Account", "the account of who sits there")
	}
	if p.Data == nil {
		return nil, missing("Data", "what the member is told, perhaps \"\"")
	}
	return nil, a.do(ctx, who, p.RoomID, room.KickOffSeat{User: p.Member, Data: *p.Data})
}

type lockParams struct {
	RoomID                                signaling.RoomID `json:"RoomId"`
	Index                                 *signaling.SeatIndex
	ForbidTaken, ForbidVideo, ForbidAudio *bool // absent: as it is
}

func (a *API) lockSeat(ctx context.Context, who caller, p lockParams) (any, error) {
	if p.Index == nil {
		return nil, missing("Index", "a seat's number from 0")
	}
	var lock signaling.SeatLock
	for _, f := range []struct {
		given *bool
		value *bool
		flag  signaling.LockFlag
	}{
		{p.ForbidTaken, &lock.Seat, signaling.LockFlagSeat},
		{p.ForbidVideo, &lock.Video, signaling.LockFlagVideo},
		{p.ForbidAudio, &lock.Audio, signaling.LockFlagAudio},
	} {
		if f.given != nil {
			*f.value = *f.given
			lock.Which |= f.flag
		}
	}
	if lock.Which == 0 { // to a room this would mean all three
		return nil, refuse(codeParameter, "nothing to change: give ForbidTaken, ForbidVideo or ForbidAudio")
	}
	return nil, a.do(ctx, who, p.RoomID, room.LockSeat{Index: *p.Index, Lock: lock})
}

func missing(field, what string) error {
	return refuse(codeParameter, "%s is required: %s", field, what)
}
