package engine

import (
	"context"
	"crypto/rand"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// LiveModifyFlag says which fields of a [RoomInfo] are meant, as a bit mask with the documents' numbers.
type LiveModifyFlag int

// The fields that [Room.SetLiveInfo] changes. The documents have no number for CustomInfo and the password.
const (
	LiveModifyName           LiveModifyFlag = 1       // Name
	LiveModifyNotice         LiveModifyFlag = 2       // Notice
	LiveModifyDisableMessage LiveModifyFlag = 4       // MessageDisabled
	LiveModifyEnableGift     LiveModifyFlag = 8       // GiftDisabled
	LiveModifyEnableLike     LiveModifyFlag = 16      // LikeDisabled
	LiveModifyPublic         LiveModifyFlag = 32      // Hidden
	LiveModifyTakeSeatMode   LiveModifyFlag = 64      // SeatMode
	LiveModifyCoverURL       LiveModifyFlag = 128     // CoverURL
	LiveModifyBackgroundURL  LiveModifyFlag = 256     // BackgroundURL
	LiveModifyCategory       LiveModifyFlag = 512     // Categories
	LiveModifyActivityStatus LiveModifyFlag = 1024    // ActivityStatus
	LiveModifyCustomInfo     LiveModifyFlag = 1 << 20 // CustomInfo
	LiveModifyPassword       LiveModifyFlag = 1 << 21 // HasPassword, of OnLiveInfoChanged; UpdateRoomPasswordByAdmin changes it
)

const liveModifyAll = LiveModifyName | LiveModifyNotice | LiveModifyDisableMessage | LiveModifyEnableGift | LiveModifyEnableLike | LiveModifyPublic | LiveModifyTakeSeatMode | LiveModifyCoverURL |
	LiveModifyBackgroundURL | LiveModifyCategory | LiveModifyActivityStatus | LiveModifyCustomInfo

// SetLiveInfo changes those fields of the room that flags name, together or not at all: empty, 0 and false are values,
// too. The limits are those of [RoomInfo]. Owner and administrators can (else [ErrNeedManager]); what breaks a limit, no
// flag and an unknown one are [ErrInvalidParameter], and a bad name is [signaling.ErrInvalidRoomName]. Everybody is told
// by OnLiveInfoChanged, unless nothing is different.
func (r *Room) SetLiveInfo(ctx context.Context, info RoomInfo, flags LiveModifyFlag) error {
	const op = "SetLiveInfo"
	if flags == 0 || flags&^liveModifyAll != 0 {
		return signaling.WithOp(op, signaling.Errorf(ErrInvalidParameter.Code, "flags are %d: use a sum of the LiveModify constants, which say what is to change", flags))
	}
	categories := append([]int{}, info.Categories...) // none is a list, too
	err := r.Call(ctx, signaling.MethodUpdateRoom, signaling.UpdateRoomParams{
		CommandID: rand.Text(), RoomID: r.id,
		Name:            meant(flags&LiveModifyName, info.Name),
		Notice:          meant(flags&LiveModifyNotice, info.Notice),
		SeatMode:        meant(flags&LiveModifyTakeSeatMode, info.SeatMode),
		CoverURL:        meant(flags&LiveModifyCoverURL, info.CoverURL),
		BackgroundURL:   meant(flags&LiveModifyBackgroundURL, info.BackgroundURL),
		Categories:      meant(flags&LiveModifyCategory, categories),
		ActivityStatus:  meant(flags&LiveModifyActivityStatus, info.ActivityStatus),
		CustomInfo:      meant(flags&LiveModifyCustomInfo, info.CustomInfo),
		Hidden:          meant(flags&LiveModifyPublic, info.Hidden),
		MessageDisabled: meant(flags&LiveModifyDisableMessage, info.MessageDisabled),
		GiftDisabled:    meant(flags&LiveModifyEnableGift, info.GiftDisabled),
		LikeDisabled:    meant(flags&LiveModifyEnableLike, info.LikeDisabled),
	}, nil)
	return signaling.WithOp(op, err)
}

// UpdateRoomPasswordByAdmin has the room entered with a password from now on, of 1 to 64 bytes, or, with "", without one.
// Who is in the room stays, and who was returns within the grace period, also after a change. Owner and administrators can
// (else [ErrNeedManager]), and need no password themselves. Everybody sees whether there is one (RoomInfo.HasPassword,
// OnLiveInfoChanged), and nobody which.
func (r *Room) UpdateRoomPasswordByAdmin(ctx context.Context, password string) error {
	err := r.Call(ctx, signaling.MethodUpdateRoom, signaling.UpdateRoomParams{CommandID: rand.Text(), RoomID: r.id, Password: &password}, nil)
	return signaling.WithOp("UpdateRoomPasswordByAdmin", err)
}

// meant returns a field's value to send, nil where the flag is not set.
func meant[T any](flag LiveModifyFlag, value T) *T {
	if flag == 0 {
		return nil
	}
	return &value
}

// roomUpdated follows a change of the room; r.mu is held.
func (r *Room) roomUpdated(info RoomInfo) {
	old := r.view.Room
	info.MemberCount = old.MemberCount // it has events of its own
	r.view.Room = info
	r.infoChanged(old)
}

// infoChanged tells how the room differs from what it was; r.mu is held.
func (r *Room) infoChanged(old RoomInfo) {
	info := r.view.Room
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
	if info.MessageDisabled != old.MessageDisabled {
		r.post("OnSendMessageForAllUserDisableChanged", func(o *RoomObserver) {
			if o.OnSendMessageForAllUserDisableChanged != nil {
				o.OnSendMessageForAllUserDisableChanged(r.id, info.MessageDisabled)
			}
		})
	}
	if flags := changes(old, info); flags != 0 {
		r.post("OnLiveInfoChanged", func(o *RoomObserver) {
			if o.OnLiveInfoChanged != nil {
				told := info
				told.Categories = slices.Clone(info.Categories)
				o.OnLiveInfoChanged(told, flags)
			}
		})
	}
}

// changes returns in which fields two states of a room differ.
func changes(old, info RoomInfo) (flags LiveModifyFlag) {
	for _, field := range []struct {
		same bool
		flag LiveModifyFlag
	}{
		{old.Name == info.Name, LiveModifyName},
		{old.Notice == info.Notice, LiveModifyNotice},
		{old.MessageDisabled == info.MessageDisabled, LiveModifyDisableMessage},
		{old.GiftDisabled == info.GiftDisabled, LiveModifyEnableGift},
		{old.LikeDisabled == info.LikeDisabled, LiveModifyEnableLike},
		{old.Hidden == info.Hidden, LiveModifyPublic},
		{old.SeatMode == info.SeatMode, LiveModifyTakeSeatMode},
		{old.CoverURL == info.CoverURL, LiveModifyCoverURL},
		{old.BackgroundURL == info.BackgroundURL, LiveModifyBackgroundURL},
		{slices.Equal(old.Categories, info.Categories), LiveModifyCategory},
		{old.ActivityStatus == info.ActivityStatus, LiveModifyActivityStatus},
		{old.CustomInfo == info.CustomInfo, LiveModifyCustomInfo},
		{old.HasPassword == info.HasPassword, LiveModifyPassword},
	} {
		if !field.same {
			flags |= field.flag
		}
	}
	return flags
}
