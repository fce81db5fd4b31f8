package server

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/battle"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// battleRooms are the rooms as battles see them.
type battleRooms struct{ srv *Server }

var _ battle.Rooms = battleRooms{}

func (s *Server) newBattles() (*battle.Battles, error) {
	return battle.New(battle.Config{Values: s.cfg.Store, Apps: slices.Collect(maps.Keys(s.cfg.Apps)), Rooms: battleRooms{s}, Logger: s.log})
}

// Room implements [battle.Rooms].
func (r battleRooms) Room(ctx context.Context, app signaling.AppID, id signaling.RoomID) (battle.Room, error) {
	info, err := r.srv.node.Info(ctx, store.Key{App: app, Room: id})
	if err != nil {
		return battle.Room{}, err
	}
	b := battle.Room{RoomID: id, Owner: info.OwnerID, OwnerName: info.OwnerName, Created: info.CreateTime}
	if acc, err := r.srv.accounts.Get(ctx, app, info.OwnerID); err == nil { // a battle can do without a picture
		_, b.AvatarURL = acc.Shown()
	}
	return b, nil
}

// Show implements [battle.Rooms].
func (r battleRooms) Show(ctx context.Context, app signaling.AppID, in battle.Room, b battle.Battle) error {
	show := room.ShowBattle{Battle: b.Info(), Seq: b.Seq, Over: b.Over(), Reason: b.Reason, Tells: in.RoomID == teller(b), Room: in.Created}
	// Who has begun the battle is not who ends it: that is the app's matter as a whole.
	by, from := signaling.UserInfo{UserID: account.Administrator}, room.Origin{}
	if !b.Over() {
		by.UserID = b.Operator
		from = room.Origin{IP: b.IP, Platform: signaling.PlatformRESTAPI}
	}
	// An id of its own each time: that it is shown once is the rules' business, and a room that is over must say so.
	_, err := r.srv.node.Do(ctx, store.Key{App: app, Room: in.RoomID}, room.Command{ID: rand.Text(), By: by, App: true, Origin: from, Action: show})
	return err
}

// Near implements [battle.Rooms].
func (r battleRooms) Near(app signaling.AppID, id signaling.RoomID) bool {
	return r.srv.node.Decides(store.Key{App: app, Room: id})
}

// teller is the room from which the app hears of a battle's end, so that it does once. Without the first room a battle of
// two is over, and that room's end has told it (package webhook); of more rooms one that is still in it does.
func teller(b battle.Battle) signaling.RoomID {
	if len(b.Rooms) > 2 {
		for _, r := range b.Rooms {
			if !r.Left {
				return r.RoomID
			}
		}
	}
	return b.Rooms[0].RoomID
}
