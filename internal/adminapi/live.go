package adminapi

import (
	"context"
	"errors"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The service live_engine_http_srv: rooms. Members and administrators are in members.go, the list in list.go.

// roomInfo is what create_room and update_room_info have in common of the documents' RoomInfo.
type roomInfo struct {
	RoomID            signaling.RoomID `json:"RoomId"`
	RoomName          *string
	MaxMemberCount    *int
	TakeSeatMode      *string
	CoverURL          *string
	IsMessageDisabled *bool
	Category          *[]int
	IsPublicVisible   *bool
	ActivityStatus    *int

	Password      *string // ours
	IsLikeEnabled *bool   // the documents have it in their clients' LiveInfo alone
}

// update says what is given, for a change of the room; nil is what is not.
func (a *API) update(r roomInfo) (room.Update, error) {
	u := room.Update{
		Name: r.RoomName, CoverURL: r.CoverURL, MessageDisabled: r.IsMessageDisabled, Categories: r.Category, ActivityStatus: r.ActivityStatus,
	}
	if r.IsPublicVisible != nil {
		hidden := !*r.IsPublicVisible
		u.Hidden = &hidden
	}
	if r.IsLikeEnabled != nil {
		disabled := !*r.IsLikeEnabled
		u.LikeDisabled = &disabled
	}
	mode, err := seatMode(r.TakeSeatMode)
	if err != nil {
		return u, err
	}
	if r.Password != nil {
		kept, err := a.cfg.Rooms.Password(*r.Password)
		if err != nil {
			return u, err
		}
		u.Password = &kept
	}
	if mode != 0 {
		u.SeatMode = &mode
	}
	limit, err := a.maxMembers(r.MaxMemberCount)
	if limit != 0 {
		u.MaxMembers = &limit
	}
	return u, err
}

type createParams struct {
	RoomInfo *struct {
		roomInfo
		RoomType      string
		Owner         *signaling.UserID `json:"Owner_Account"`
		IsSeatEnabled bool
		MaxSeatCount  *int

		// How the vendor mixes voices for large audiences. Here every room serves them, so both values are right, and the app is
		// told its own again.
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
	owner := who.user
	if r.Owner != nil {
		owner = *r.Owner
	}
	if err := owner.Valid(); err != nil {
		return nil, refuse(codeParameter, "Owner_Account is not an account: 1 to 32 bytes of UTF-8 without control characters")
	}
	info, err := a.update(r.roomInfo)
	if err != nil {
		return nil, err
	}
	by, err := a.owner(ctx, who, owner)
	if err != nil {
		return nil, err
	}
	create := room.Create{Info: signaling.RoomInfo{RoomID: r.RoomID}, NoSeats: !r.IsSeatEnabled, Unlimited: r.IsUnlimitedRoomEnabled}
	info.Give(&create.Info)
	if info.Password != nil {
		create.Password = *info.Password
	}
	seats, _ := a.cfg.Rooms.Limits()
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
	c := who.command(owner, create)
	c.By = by
	err = a.cfg.Rooms.Create(ctx, who.app, c)
	return beside{struct {
		RoomID signaling.RoomID `json:"RoomId"`
	}{r.RoomID}}, err
}

// owner returns an account as the owner of a room. Who calls need not have one: it is the default (documents).
func (a *API) owner(ctx context.Context, who caller, user signaling.UserID) (signaling.UserInfo, error) {
	acc, err := a.cfg.Accounts.Get(ctx, who.app, user)
	if errors.Is(err, account.ErrUnknown) && user == who.user {
		err = nil
	}
	if errors.Is(err, account.ErrUnknown) {
		err = refuse(codeParameter, "Owner_Account is no account of the app: import it with account_import, or have the user log in once")
	}
	u := signaling.UserInfo{UserID: user}
	u.UserName, u.AvatarURL = acc.Shown()
	u.Level = acc.Level()
	return u, err
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
		CustomInfo *string
	}
}

func (a *API) updateRoomInfo(ctx context.Context, who caller, p updateParams) (any, error) {
	r := p.RoomInfo
	if r == nil {
		return nil, missing("RoomInfo", "an object with RoomId and what is to change")
	}
	update, err := a.update(r.roomInfo)
	if err != nil {
		return nil, err
	}
	update.CustomInfo = r.CustomInfo
	return nil, a.do(ctx, who, r.RoomID, update)
}

type roomAnswer struct {
	RoomInfo struct {
		RoomID            signaling.RoomID `json:"RoomId"`
		RoomName          string
		RoomType          string
		Owner             signaling.UserID `json:"Owner_Account"`
		CreateTime        int64            // Unix seconds
		IsSeatEnabled     bool
		TakeSeatMode      string
		MaxSeatCount      int
		MaxMemberCount    int
		IsMessageDisabled bool
		CoverURL          string
		Category          []int
		ActivityStatus    int
		ViewCount         int64
		IsPublicVisible   bool
		CustomInfo        string // the documents have it in update_room_info alone
		IsLikeEnabled     bool   // and this in their clients alone
		HasPassword       bool   // ours, as the password itself is
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
	i.IsMessageDisabled, i.CoverURL, i.Category = r.Info.MessageDisabled, r.Info.CoverURL, list(r.Info.Categories)
	i.ActivityStatus, i.ViewCount, i.IsPublicVisible, i.CustomInfo = r.Info.ActivityStatus, r.Info.ViewCount, !r.Info.Hidden, r.Info.CustomInfo
	i.IsLikeEnabled, i.HasPassword = !r.Info.LikeDisabled, r.Info.HasPassword
	return ans, nil
}

// list makes an empty array of none, where JSON has null.
func list[T any](l []T) []T { return append([]T{}, l...) }
