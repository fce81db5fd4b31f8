package adminapi

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The service live_engine_http_srv: rooms. Members and administrators are in members.go, the list in list.go.

// roomInfo is the documents' RoomInfo as it comes in. What a room here has no field for is in notYet.
type roomInfo struct {
	RoomID         signaling.RoomID `json:"RoomId"`
	RoomName       *string
	MaxMemberCount *int
	TakeSeatMode   *string
	notYet
}

// notYet are fields that rooms do not have yet. They may be sent with the values that say that nothing is wanted.
type notYet struct {
	CoverURL          string
	IsMessageDisabled bool
	Category          []int
	IsPublicVisible   *bool
	ActivityStatus    int
}

func (n notYet) check() error {
	for _, f := range []struct {
		name string
		used bool
	}{
		{"CoverURL", n.CoverURL != ""},
		{"IsMessageDisabled", n.IsMessageDisabled},
		{"Category", len(n.Category) > 0},
		{"IsPublicVisible", n.IsPublicVisible != nil && !*n.IsPublicVisible},
		{"ActivityStatus", n.ActivityStatus != 0},
	} {
		if f.used {
			return notThere(f.name)
		}
	}
	return nil
}

func notThere(field string) error {
	return refuse(codeParameter, "rooms of this server have no %s yet; leave the field out", field)
}

type createParams struct {
	RoomInfo *struct {
		roomInfo
		RoomType      string
		Owner         *signaling.UserID `json:"Owner_Account"`
		IsSeatEnabled bool
		MaxSeatCount  *int

		// How the vendor mixes voices for large audiences. Here every room serves them, so both values are right.
		IsUnlimitedRoomEnabled bool
	}
}

func (a *API) createRoom(ctx context.Context, who caller, p createParams) (any, error) {
	r := p.RoomInfo
	if r == nil {
		return nil, missing("RoomInfo", "an object with RoomId and RoomType at least")
	}
	if err := r.RoomID.Valid(); err != nil {
		return nil, err
	}
	if r.RoomType != "Live" {
		return nil, refuse(codeRoomType, "RoomType is %.20q; it is Live", r.RoomType)
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	owner := who.user
	if r.Owner != nil {
		owner = *r.Owner
	}
	if err := owner.Valid(); err != nil {
		return nil, refuse(codeParameter, "Owner_Account is not an account: 1 to 32 bytes of UTF-8 without control characters")
	}
	seats, _ := a.cfg.Rooms.Limits()
	create := room.Create{Info: signaling.RoomInfo{RoomID: r.RoomID}, NoSeats: !r.IsSeatEnabled}
	if r.RoomName != nil {
		create.Info.Name = *r.RoomName
	}
	switch {
	case !r.IsSeatEnabled && (r.MaxSeatCount != nil || r.TakeSeatMode != nil):
		return nil, refuse(codeParameter, "MaxSeatCount and TakeSeatMode are of rooms with seats: set IsSeatEnabled to true")
	case r.MaxSeatCount != nil && *r.MaxSeatCount < 1:
		return nil, refuse(codeParameter, "MaxSeatCount is %d; this server allows 1 to %d", *r.MaxSeatCount, seats)
	case r.MaxSeatCount != nil && *r.MaxSeatCount > seats:
		return nil, refuse(codeLimit, "MaxSeatCount is %d; this server allows 1 to %d", *r.MaxSeatCount, seats)
	case r.MaxSeatCount != nil:
		create.Info.MaxSeatCount = *r.MaxSeatCount
	case r.IsSeatEnabled:
		create.Info.MaxSeatCount = seats // documents: as many as the package allows
	}
	var err error
	if create.Info.SeatMode, err = seatMode(r.TakeSeatMode); err != nil {
		return nil, err
	}
	if create.Info.MaxMemberCount, err = a.maxMembers(r.MaxMemberCount); err != nil {
		return nil, err
	}
	// Under which name the others know the owner is known when the owner comes in.
	err = a.cfg.Rooms.Create(ctx, who.app, who.command(owner, create))
	return created(r.RoomID), err
}

// seatMode reads a TakeSeatMode; 0 stands for none.
func seatMode(name *string) (signaling.SeatMode, error) {
	if name == nil {
		return 0, nil
	}
	for _, m := range []signaling.SeatMode{signaling.FreeToTake, signaling.ApplyToTake} {
		if m.String() == *name {
			return m, nil
		}
	}
	return 0, refuse(codeParameter, "TakeSeatMode is %.20q; it is FreeToTake or ApplyToTake", *name)
}

// maxMembers reads a MaxMemberCount; 0 stands for none.
func (a *API) maxMembers(n *int) (int, error) {
	if n == nil {
		return 0, nil
	}
	_, most := a.cfg.Rooms.Limits()
	if *n < 1 {
		return 0, refuse(codeParameter, "MaxMemberCount is %d; this server allows 1 to %d", *n, most)
	}
	if *n > most {
		return 0, refuse(codeLimit, "MaxMemberCount is %d; this server allows 1 to %d", *n, most)
	}
	return *n, nil
}

func (a *API) destroyRoom(ctx context.Context, who caller, p roomParams) (any, error) {
	return nil, a.do(ctx, who, p.RoomID, room.Dismiss{})
}

type updateParams struct {
	RoomInfo *struct {
		roomInfo
		CustomInfo string
	}
}

func (a *API) updateRoomInfo(ctx context.Context, who caller, p updateParams) (any, error) {
	r := p.RoomInfo
	if r == nil {
		return nil, missing("RoomInfo", "an object with RoomId and what is to change")
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.CustomInfo != "" {
		return nil, notThere("CustomInfo")
	}
	update := room.Update{Name: r.RoomName}
	mode, err := seatMode(r.TakeSeatMode)
	if err != nil {
		return nil, err
	}
	if mode != 0 {
		update.SeatMode = &mode
	}
	limit, err := a.maxMembers(r.MaxMemberCount)
	if err != nil {
		return nil, err
	}
	if limit != 0 {
		update.MaxMembers = &limit
	}
	return nil, a.do(ctx, who, r.RoomID, update)
}

type roomAnswer struct {
	RoomInfo struct {
		RoomID         signaling.RoomID `json:"RoomId"`
		RoomName       string
		RoomType       string
		Owner          signaling.UserID `json:"Owner_Account"`
		CreateTime     int64            // Unix seconds
		IsSeatEnabled  bool
		TakeSeatMode   string
		MaxSeatCount   int
		MaxMemberCount int
	}
}

func (a *API) getRoomInfo(ctx context.Context, who caller, p roomParams) (any, error) {
	r, err := a.look(ctx, who, p.RoomID)
	if err != nil {
		return nil, err
	}
	var ans roomAnswer
	i := &ans.RoomInfo
	i.RoomID, i.RoomName, i.RoomType = r.Info.RoomID, r.Info.Name, "Live"
	i.Owner, i.CreateTime = r.Info.OwnerID, r.Info.CreateTime/1000
	i.IsSeatEnabled, i.TakeSeatMode, i.MaxSeatCount = len(r.Seats) > 0, r.Info.SeatMode.String(), r.Info.MaxSeatCount
	_, i.MaxMemberCount = a.cfg.Rooms.Limits()
	if n := r.Info.MaxMemberCount; n > 0 {
		i.MaxMemberCount = min(n, i.MaxMemberCount)
	}
	return ans, nil
}
