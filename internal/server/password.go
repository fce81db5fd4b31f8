package server

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// How often a session may enter rooms with a password, or set one: each costs this node milliseconds.
const (
	passwordsPerSecond = 1
	passwordsBurst     = 5
)

// mayHash admits what costs the derivation of a key.
func (ses *session) mayHash(password string) error {
	switch {
	case password == "" || ses.passwords.Allow():
		return nil
	default:
		return signaling.Errorf(signaling.ErrFreqLimit.Code, "too many passwords in a short time; wait a moment and try again")
	}
}

// newPassword makes what is kept of a room's password.
func (ses *session) newPassword(text string) (room.Password, error) {
	if err := ses.mayHash(text); err != nil {
		return room.Password{}, err
	}
	return home.NewPassword(text)
}

func (ses *session) updateRoom(ctx context.Context, p signaling.UpdateRoomParams) (signaling.Done, error) {
	update := room.Update{
		Name: p.Name, Notice: p.Notice, SeatMode: p.SeatMode, CoverURL: p.CoverURL, BackgroundURL: p.BackgroundURL, Categories: p.Categories,
		ActivityStatus: p.ActivityStatus, CustomInfo: p.CustomInfo, Hidden: p.Hidden, MessageDisabled: p.MessageDisabled, GiftDisabled: p.GiftDisabled, LikeDisabled: p.LikeDisabled,
	}
	if p.Password != nil {
		if _, err := ses.membership(p.RoomID); err != nil {
			return signaling.Done{}, err
		}
		kept, err := ses.newPassword(*p.Password)
		if err != nil {
			return signaling.Done{}, err
		}
		update.Password = &kept
	}
	return ses.do(ctx, p.RoomID, p.CommandID, update)
}

// Password implements [adminapi.Rooms].
func (r *restRooms) Password(text string) (room.Password, error) { return home.NewPassword(text) }
