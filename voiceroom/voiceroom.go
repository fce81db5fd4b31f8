package voiceroom

import (
	"context"
	"errors"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// CreateRoomParams describes a room that is created. The zero value is the documents' default: ten seats, and the
// audience applies for them.
type CreateRoomParams struct {
	RoomName       string            // at most 100 bytes; empty means the room's id
	MaxAnchorCount int               // seats; 0 means 10
	SeatMode       seatgrid.SeatMode // 0 means seatgrid.ApplyToTake
	Password       string            // the others enter with it: 1 to 64 bytes; empty means that there is none
}

// Room is a room that this user is in.
type Room struct {
	*seatgrid.Grid
	Members *engine.Members // who is here
	Chat    *engine.Chat    // what is said here
	Gifts   *engine.Gifts   // what is given here
	Music   *engine.Music   // this user's background music and short sounds

	room *engine.Room // also when it is over
}

// closeWait bounds what Close says to the server.
const closeWait = 5 * time.Second

// CreateRoom creates a room, enters it, takes the first seat and opens the microphone if the login has one: all of it
// or nothing. An owner whose room exists already goes back into it.
func CreateRoom(ctx context.Context, eng *engine.Engine, id engine.RoomID, p CreateRoomParams) (*Room, error) {
	grid := seatgrid.New(eng)
	_, err := grid.StartVoiceRoom(ctx, engine.RoomInfo{RoomID: id, Name: p.RoomName, MaxSeatCount: p.MaxAnchorCount, SeatMode: p.SeatMode, Password: p.Password})
	if err != nil {
		return nil, signaling.WithOp("CreateRoom", err)
	}
	r := newRoom(grid)
	err = grid.StartMicrophone(ctx)
	if errors.Is(err, engine.ErrNoMic) && !errors.Is(err, audio.ErrNoDevice) { // none was configured, as against unplugged
		err = nil
	}
	if err != nil {
		return nil, signaling.WithOp("CreateRoom", errors.Join(err, r.Close()))
	}
	return r, nil
}

// EnterRoom enters somebody's room as audience. What is said there is heard from then on. An owner who comes back is
// the owner again, and seated, with the microphone closed. Of several options the last counts.
func EnterRoom(ctx context.Context, eng *engine.Engine, id engine.RoomID, options ...seatgrid.JoinOptions) (*Room, error) {
	grid := seatgrid.New(eng)
	if _, err := grid.JoinVoiceRoom(ctx, id, options...); err != nil {
		return nil, signaling.WithOp("EnterRoom", err)
	}
	return newRoom(grid), nil
}

func newRoom(grid *seatgrid.Grid) *Room {
	room := grid.Room()
	return &Room{Grid: grid, Members: room.Members(), Chat: room.Chat(), Gifts: room.Gifts(), Music: room.Music(), room: room}
}

// Close ends the owner's room, and leaves anybody else's (LeaveVoiceRoom leaves one's own, where that is permitted). A room that is over already is no error. It waits for
// everything that the room has started; the login stays.
func (r *Room) Close() error {
	room := r.Room()
	if room == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	var err error
	if room.Self().Role == engine.RoomOwner {
		_, err = r.StopVoiceRoom(ctx)
	} else {
		err = r.LeaveVoiceRoom(ctx)
	}
	if err != nil && !errors.Is(err, engine.ErrNotInRoom) && !errors.Is(err, engine.ErrRoomNotExist) {
		return signaling.WithOp("Close", err)
	}
	return nil
}
